"""Two runs of one point of a real vLLM, held against each other."""

from pathlib import Path

import pytest

from tests.command_line import Ran, thorexp
from tests.real.vllm_command import vllm_command
from thorexp.compare.__main__ import main
from thorexp.rundir import VERDICT

# What starts may spread over on two cores that vLLM, its client and others share; 5 % on a machine of its own.
NOISE = "verdict.spread=0.2"


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Ran]:
    """The same words in two folders: each with a server of its own, and the same load plan."""
    words = ("-m", "hardware=cpu", "model=tiny_qwen3", "load=high", "tracking.enabled=false", "sweep.repeats=2", NOISE)
    command = f"server.command='{vllm_command()}'"
    first, second = (thorexp(tmp_path_factory.mktemp(name), *words, command, timeout_s=600) for name in ("a", "b"))
    assert (0, 0) == (first.code, second.code), first.err[-3000:] + second.err[-3000:]
    return first, second


def compared(twice: tuple[Ran, Ran], capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """The exit code, and what was printed."""
    code = main([*(str(ran.folder / "outputs") for ran in twice), *words])
    out = capsys.readouterr().out
    with capsys.disabled():
        print(f"\n{out}")
    return code, out


def intervals(out: str) -> dict[str, tuple[float, float, float]]:
    """By metric: the low end, the ratio, and the high end."""
    rows = ([cell.strip() for cell in line.strip("│").split("│")] for line in out.splitlines() if "│" in line)
    ends = {key: (interval.split(" to "), ratio) for key, _, _, ratio, interval, _ in rows}
    return {key: (float(low), float(ratio), float(high)) for key, ((low, high), ratio) in ends.items()}


def test_two_runs_of_the_same_point_differ_by_noise(twice: tuple[Ran, Ran], capsys: pytest.CaptureFixture[str]) -> None:
    """Every metric that both have; what the machine did to either is in its verdict."""
    standings = [ran.run_dirs[0].read_json(VERDICT)["standing"] for ran in twice]
    code, out = compared(twice, capsys)
    assert 0 == code, standings
    assert "within noise: all 15 metrics" in out


def test_every_interval_holds_no_change_and_its_ratio(
    twice: tuple[Ran, Ran], capsys: pytest.CaptureFixture[str]
) -> None:
    """From two repeats of each side."""
    _, out = compared(twice, capsys)
    assert "from 2 and 2 repeats" in out
    found = intervals(out)
    assert 15 == len(found)
    assert {} == {
        key: told for key, told in found.items() if not told[0] <= min(1, told[1]) <= max(1, told[1]) <= told[2]
    }


@pytest.mark.parametrize(
    ("condition", "code", "outcome"),
    [
        ("mean_tpot_ms>+0%", 0, "holds"),
        ("mean_tpot_ms>-5%", 1, "broken"),
        ("p77_tpot_ms>+0%", 2, "unanswered"),
    ],
)
def test_noise_breaks_no_limit_and_keeps_no_demand(
    twice: tuple[Ran, Ran], capsys: pytest.CaptureFixture[str], condition: str, code: int, outcome: str
) -> None:
    """Who forbids any growth of TPOT goes on, and who demands that it fell does not."""
    ended, out = compared(twice, capsys, "--fail-if", condition)
    assert (code, 1) == (ended, out.count(f"\n{outcome}: {condition}: "))


def test_the_page_of_both_is_written(
    twice: tuple[Ran, Ran], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """With all of their requests in it, below 5 MB."""
    page = tmp_path / "compared.html"
    code, _ = compared(twice, capsys, "--html", str(page))
    assert (0, True) == (code, 1_000_000 < page.stat().st_size < 5_000_000)
