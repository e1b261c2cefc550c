"""`python -m thorexp.compare`, as a user runs it: over runs against a fake vLLM, and over the published table."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import FAKE, Ran, environment, thorexp
from tests.compare.makers import RATE, TTFT, a_run_dir, some_requests
from thorexp.compare.__main__ import main
from thorexp.measure.records import RequestRecord
from thorexp.results.summary import COLUMNS
from thorexp.rundir import RESULT, RunDir

WORDS = (
    "hardware=cpu",
    "model=tiny_qwen3",
    f"server.command='{FAKE}'",
    "tracking=off",
    "telemetry=off",
    "workload.input_len=64",
    "workload.output_len=32",
    "load.num_prompts=20",
    "load.max_concurrency=2",
    "load.num_warmups=1",
)
TABLE = "thor_blog_2025_10"
TPOT = "median_tpot_ms"
HEADINGS = [column.heading for column in COLUMNS]


def compare(folder: Path, *words: str | Path) -> Ran:
    """`python -m thorexp.compare words…` in that folder."""
    done = subprocess.run(
        [sys.executable, "-m", "thorexp.compare", *map(str, words)],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr, folder)


def a_job(folder: Path, *words: str, token_delay_s: float) -> RunDir:
    """The only record of a job against a server that takes so long for a token."""
    folder.mkdir()
    ran = thorexp(folder, *WORDS, *words, fake={"token_delay_s": token_delay_s})
    assert 0 == ran.code, ran.err
    (run_dir,) = ran.run_dirs
    return run_dir


@dataclass(frozen=True, slots=True)
class Jobs:
    """One point, measured on a server, on one that takes three times as long for a token, and with other prompts."""

    folder: Path
    fast: RunDir
    slow: RunDir
    reseeded: RunDir


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Jobs:
    folder = tmp_path_factory.mktemp("jobs")
    return Jobs(
        folder,
        fast=a_job(folder / "fast", token_delay_s=0.010),
        slow=a_job(folder / "slow", token_delay_s=0.030),
        reseeded=a_job(folder / "reseeded", "workload.seed=7", token_delay_s=0.030),
    )


@pytest.fixture(scope="module")
def slowed(jobs: Jobs) -> Ran:
    """The slow one against the fast one, with a condition that it breaks."""
    return compare(jobs.folder, jobs.fast.path, jobs.slow.path, "--fail-if", f"{TPOT}>+5%")


def row(ran: Ran, key: str) -> list[str]:
    """Its cells: metric, A, B, B / A, interval, effect."""
    (line,) = (line for line in ran.out.splitlines() if line.startswith(f"│{key} "))
    return [cell.strip() for cell in line.strip("│").split("│")]


def median_tpot_ms(requests: tuple[RequestRecord, ...]) -> float:
    """By hand, of the middle two of twenty: 32 tokens each, so 31 gaps."""
    each = sorted((request.token_ns[-1] - request.token_ns[0]) / 31 / 1e6 for request in requests)
    assert 20 == len(each)
    return (each[9] + each[10]) / 2


def test_a_slower_server_is_worse(slowed: Ran) -> None:
    """By the time for a token."""
    assert "worse" == row(slowed, TPOT)[-1]


def test_the_interval_has_what_the_server_did_and_not_1(jobs: Jobs, slowed: Ran) -> None:
    """The ratio of both medians, by the stamps of their tokens."""
    fast, slow = (median_tpot_ms(run_dir.requests()) for run_dir in (jobs.fast, jobs.slow))
    low, high = map(float, row(slowed, TPOT)[4].split(" to "))
    assert 1 < low <= round(slow / fast, 3) <= high


def test_both_numbers_are_those_of_the_results(jobs: Jobs, slowed: Ran) -> None:
    """To five digits, with their marks."""
    results = [run_dir.read_json(RESULT)[TPOT] for run_dir in (jobs.fast, jobs.slow)]
    assert [f"{value:.5g}" for value in results] == [cell.rstrip("?") for cell in row(slowed, TPOT)[1:3]]


def test_it_is_said_where_both_were_measured(jobs: Jobs, slowed: Ran) -> None:
    """A, then B."""
    assert [f"A  {jobs.fast.path}", f"B  {jobs.slow.path}"] == slowed.out.splitlines()[:2]


def test_a_condition_that_is_broken_exits_with_1(slowed: Ran) -> None:
    """And says by how much."""
    assert 1 == slowed.code, slowed.err
    (said,) = (line for line in slowed.out.splitlines() if line.startswith("broken: "))
    assert re.fullmatch(rf"broken: {TPOT}>\+5%: .*: \+\d+\.\d % \(\+\d+\.\d to \+\d+\.\d %\)", said)


def test_without_a_condition_nothing_fails(jobs: Jobs) -> None:
    """Whatever got worse."""
    ran = compare(jobs.folder, jobs.fast.path, jobs.slow.path)
    assert (0, "worse") == (ran.code, row(ran, TPOT)[-1])


def test_a_run_against_itself_is_within_noise(jobs: Jobs) -> None:
    """All of it that twenty requests can tell of, which is no P99; and no condition is broken."""
    ran = compare(jobs.folder, jobs.fast.path, jobs.fast.path, "--fail-if", f"{TPOT}>+5%")
    assert (0, "1.000", "within noise") == (ran.code, *(row(ran, TPOT)[i] for i in (3, -1)))
    assert re.search(r": within noise in \d+, no interval in \d+ of \d+ metrics\n", ran.out)
    assert f"holds: {TPOT}>+5%: model=tiny_qwen3 load=high: +0.0 %" in ran.out


def test_a_run_of_other_prompts_is_not_ranked(jobs: Jobs) -> None:
    """The load plan is named, and nobody can tell of a condition."""
    ran = compare(jobs.folder, jobs.fast.path, jobs.reseeded.path, "--fail-if", f"{TPOT}>+5%")
    digests = (run_dir.read_json(RESULT)["thorexp"]["plan_digest"] for run_dir in (jobs.fast, jobs.reseeded))
    assert (2, "not ranked") == (ran.code, row(ran, TPOT)[-1])
    assert f"not ranked, since not measured alike: load plan {' against '.join(digests)}\n" in ran.out


def test_a_broken_condition_counts_more_than_one_that_nobody_can_answer(jobs: Jobs) -> None:
    """1, where one number is there and another is not."""
    conditions = ("--fail-if", "p77_ttft_ms>+5%", "--fail-if", f"{TPOT}>+5%")
    ran = compare(jobs.folder, jobs.fast.path, jobs.slow.path, *conditions)
    assert (1, 1, 1) == (ran.code, ran.out.count("\nunanswered: "), ran.out.count("\nbroken: "))


def test_several_are_each_held_against_the_first(jobs: Jobs) -> None:
    """A line a pair: itself, and the slow one."""
    ran = compare(jobs.folder, jobs.fast.path, jobs.fast.path, jobs.slow.path)
    pairs = [line.strip("│").split("│") for line in ran.out.splitlines() if line.startswith("│model=tiny_qwen3 ")]
    assert ["=", "-"] == [cells[HEADINGS.index("TPOT p50") + 1].strip()[-1] for cells in pairs]


def test_markdown_is_written_to_a_file(jobs: Jobs) -> None:
    """With a row for each metric."""
    ran = compare(jobs.folder, jobs.fast.path, jobs.slow.path, "--markdown", "report.md")
    assert 0 == ran.code, ran.err
    (line,) = (line for line in (jobs.folder / "report.md").read_text().splitlines() if line.startswith(f"| {TPOT} | "))
    assert row(ran, TPOT) == [cell.strip() for cell in line.strip("|").split("|")]


def test_a_record_tells_what_was_typed_for_it(jobs: Jobs) -> None:
    """Word by word."""
    assert (*WORDS, "workload.seed=7") == jobs.reseeded.record().overrides


def said(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command in this process."""
    code = main(words)
    out, err = capsys.readouterr()
    return code, out, err


def test_two_published_results_have_the_ratio_of_their_reports(capsys: pytest.CaptureFixture[str]) -> None:
    """As one divides them by hand."""
    code, out, _ = said([TABLE, "load=high"], capsys)
    (line,) = (line for line in out.splitlines() if line.startswith("│qwen3_30b_a3b "))
    cells = [float(cell.strip().rstrip("?")) for cell in line.strip("│").split("│")[1:]]
    printed = (70.74 / 27.06, 1486.42 / 6419.03, 4474.52 / 19086.70, 96.12 / 238.28, 130.45 / 295.35, 77.16 / 92.45)
    assert 0 == code
    assert pytest.approx((*printed, 728.40 / 3155.36), abs=0.001) == tuple(cells)


def test_a_published_table_is_held_against_its_first_model(capsys: pytest.CaptureFixture[str]) -> None:
    """Seven models at one load are six pairs."""
    _, out, _ = said([TABLE, "load=high"], capsys)
    assert "6 pairs, B / A, where A is model=qwen3_32b_awq" == out.splitlines()[0]


def test_nobody_can_tell_of_a_published_change(capsys: pytest.CaptureFixture[str]) -> None:
    """No request of it was kept, so nothing tells the noise: all six make more tokens/s."""
    code, out, _ = said([TABLE, "load=high", "--fail-if", f"{RATE}>+5%"], capsys)
    assert (2, 6) == (code, out.count("nothing tells how much of it is noise"))


def test_a_table_against_another_is_held_by_model_and_load(capsys: pytest.CaptureFixture[str]) -> None:
    """Against itself each of the fourteen is itself."""
    _, out, _ = said([TABLE, TABLE], capsys)
    assert "14 pairs, B / A" == out.splitlines()[0]
    ratios = re.findall(r" (\d\.\d{3})", "".join(line for line in out.splitlines() if line.startswith("│")))
    assert {"1.000"} == set(ratios)


def test_points_are_chosen_on_all_sides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One load of two, in both sweeps."""
    for sweep in ("monday", "tuesday"):
        for load in ("high", "low"):
            a_run_dir(tmp_path / sweep / load, sweep=sweep, overrides=(f"load={load}",))
    _, out, _ = said([str(tmp_path / "monday"), str(tmp_path / "tuesday"), "load=low"], capsys)
    assert [f"A  {tmp_path}/monday/low", f"B  {tmp_path}/tuesday/low"] == out.splitlines()[:2]


def test_two_sweeps_are_held_against_each_other_point_by_point(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With repeats: twice as much throughput at the high load, the same at the low one."""
    for sweep, high in (("monday", 50.0), ("tuesday", 100.0)):
        for load, rate in (("high", high), ("low", 20.0)):
            for repeat in (0, 1):
                numbers = {RATE: rate * (1 + repeat / 100), TTFT: 100.0}
                a_run_dir(
                    tmp_path / sweep / f"{load}{repeat}", sweep=sweep, overrides=(f"load={load}",), numbers=numbers
                )
    _, out, _ = said([str(tmp_path / "monday"), str(tmp_path / "tuesday")], capsys)
    cells = [line.strip("│").split("│")[:2] for line in out.splitlines() if line.startswith(("│high", "│low"))]
    assert [["high", "2.000+"], ["low", "1.000="]] == [[cell.strip() for cell in row] for row in cells]


def test_a_choice_that_no_point_meets_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And says what there is."""
    a_run_dir(tmp_path / "run")
    code, out, err = said([str(tmp_path), str(tmp_path), "load=low"], capsys)
    assert (2, "") == (code, out)
    assert re.match(rf"No point of {re.escape(str(tmp_path))} was chosen\.\n +have +load=high\n", err)


def two_sweeps(folder: Path, **low: Any) -> list[str]:
    """Monday's and Tuesday's, alike but for this of Tuesday's low load."""
    for sweep in ("monday", "tuesday"):
        for load in ("high", "low"):
            said = low if (sweep, load) == ("tuesday", "low") else {}
            a_run_dir(folder / sweep / load, sweep=sweep, overrides=(f"load={load}",), **said)
    return [str(folder / "monday"), str(folder / "tuesday")]


LOOSE = ("--fail-if", f"{TTFT}>+50%")


def test_a_pipeline_does_not_pass_where_a_point_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The other holds, and nobody can tell of this one."""
    code, out, _ = said([*two_sweeps(tmp_path, status="failed"), *LOOSE], capsys)
    assert (2, 1) == (code, out.count("\nunanswered: failed in B: load=low\n"))
    assert f"\nholds: {TTFT}>+50%: load=high: +0.0 %" in out


def test_a_pipeline_does_not_pass_where_a_point_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It was not run, or was interrupted."""
    words = two_sweeps(tmp_path)
    RunDir(tmp_path / "tuesday" / "low").begin()
    code, out, _ = said([*words, *LOOSE], capsys)
    assert (2, 1) == (code, out.count("\nunanswered: not in B: load=low\n"))


def test_what_failed_is_said_without_a_condition_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing fails for it."""
    code, out, _ = said(two_sweeps(tmp_path, status="failed"), capsys)
    assert (0, 1) == (code, out.count("\nfailed in B: load=low\n"))


def test_a_choice_may_stand_behind_an_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Words and options in any order."""
    code, out, _ = said([*two_sweeps(tmp_path), *LOOSE, "load=low"], capsys)
    assert (0, f"B  {tmp_path}/tuesday/low") == (code, out.splitlines()[1])


@pytest.mark.parametrize("option", ["--html", "--markdown"])
def test_a_file_that_cannot_be_written_exits_with_2(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After all has been printed."""
    code, out, err = said([TABLE, "load=high", option, str(tmp_path / "no" / "such" / "file")], capsys)
    assert (2, "6 pairs") == (code, out[:7])
    assert re.match(
        rf"What was compared could not be written\.\n +where +{re.escape(str(tmp_path))}/no/such/file\n", err
    )


@pytest.mark.parametrize("spread", ["-1", "nan", "inf", "much"])
def test_a_spread_that_is_none_exits_with_2(spread: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As every option that is typed wrongly."""
    with pytest.raises(SystemExit) as ended:
        main([TABLE, f"--spread={spread}"])
    assert (2, True) == (ended.value.code, f"{spread} is no number of percent from 0 on" in capsys.readouterr().err)


def test_a_spread_is_taken_in_percent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In place of the 8 % of both configs."""
    for run in ("a", "b"):
        a_run_dir(tmp_path / run, requests=some_requests(50))
    _, out, _ = said([str(tmp_path / "a"), str(tmp_path / "b"), "--spread", "12.5"], capsys)
    assert "(verdict.spread, or --spread, of 12.5 %)" in out


def test_a_reader_who_has_seen_enough_is_no_failure(tmp_path: Path) -> None:
    """As behind `| head`: the exit code is that of the conditions, and nobody complains."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "thorexp.compare", TABLE, "load=high", "--fail-if", "p77_ttft_ms>+5%"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (2, b"") == (done.returncode, done.stderr)


def test_a_damaged_record_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not with 1, which says that a condition is broken."""
    words = two_sweeps(tmp_path)
    RunDir(tmp_path / "tuesday" / "low").write_json(RESULT, [])
    code, out, err = said([*words, *LOOSE], capsys)
    assert (2, "", "A file of a run directory is damaged.") == (code, out, err.splitlines()[0])


def test_a_word_that_is_too_long_for_a_path_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    """What nobody can look up is no condition that is broken."""
    code, out, _ = said([TABLE, "x" * 5_000], capsys)
    assert (2, "") == (code, out)


@pytest.mark.parametrize(
    ("words", "headline"),
    [
        (["load=high"], "Nothing was named to compare."),
        ([TABLE, TABLE, "--fail-if", "p99_ttft_ms"], "--fail-if 'p99_ttft_ms' is no condition."),
        (["no-such-thing", TABLE, "--uri", "sqlite:///no/such/store.db"], "There is no MLflow store."),
    ],
)
def test_what_cannot_be_compared_exits_with_2(
    words: list[str], headline: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a word on it, and nothing else."""
    code, out, err = said(words, capsys)
    assert (2, "", headline) == (code, out, err.splitlines()[0])
