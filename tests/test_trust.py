"""What is said of a number beside it, from the command line: verdict, telemetry, energy; against a fake vLLM."""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import FAKE, Ran, thorexp
from thorexp.machine.telemetry import read_telemetry
from thorexp.rundir import MACHINE, PAGE, REPORT, SAMPLES, SUMMARY, TELEMETRY, VERDICT, RunDir

TINY = ("hardware=cpu", "model=tiny_qwen3")
SMALL = (
    f"server.command='{FAKE}'",
    "tracking=off",
    "workload.input_len=64",
    "workload.output_len=4",
    "load.num_prompts=6",
    "load.num_warmups=1",
)
# What a busy machine may add to any verdict.
NOISE = "verdict.accept=[client_lag,client_saturated,tokens_in_one_read,drift,server_queue,few_samples]"
TEGRASTATS = Path(__file__).with_name("fake_tegrastats.py")
RECORDED = Path(__file__).parent / "data" / "tegrastats_thor.log"
NS_PER_S = 1e9


def run(folder: Path, *words: str, fake: dict[str, Any] | None = None) -> RunDir:
    """The only record of a job that went well."""
    ran = thorexp(folder, *SMALL, *words, fake=fake)
    assert 0 == ran.code, ran.err
    (run_dir,) = ran.run_dirs
    return run_dir


def reasons(run_dir: RunDir) -> dict[str, dict[str, Any]]:
    """By name, those that count."""
    return {reason["name"]: reason for reason in run_dir.read_json(VERDICT)["reasons"]}


@pytest.fixture(scope="module")
def contaminated(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """High, then low with the same prompts, on a server whose cache nobody can reset: what was published for years."""
    words = ("-m", "load=high,low", *TINY, *SMALL, NOISE, "+server.env.VLLM_SERVER_DEV_MODE='0'", "tracking=mlflow")
    return thorexp(tmp_path_factory.mktemp("contaminated"), *words)


def test_prompts_from_the_cache_are_invalid(contaminated: Ran) -> None:
    """Of 6 prompts of 64 tokens three blocks of 16 each were there; the fourth is always computed."""
    _, low = contaminated.run_dirs
    assert "INVALID" == low.read_json(VERDICT)["standing"]
    assert f"{6 * 48} of {6 * 64} prompt tokens" in reasons(low)["prefix_cache_hits"]["evidence"]


def test_the_load_before_it_is_valid(contaminated: Ran) -> None:
    """Nobody had asked its prompts before, and the counters say so, though the cache was not reset."""
    high, _ = contaminated.run_dirs
    assert ("VALID", {}) == (high.read_json(VERDICT)["standing"], reasons(high))


def test_the_report_says_it_below_vllms_part(contaminated: Ran) -> None:
    """With the evidence, and what to try."""
    _, low = contaminated.run_dirs
    vllms, _, ours = low.read_text(REPORT).partition(f"{' verdict ':=^50}")
    assert "Output token throughput (tok/s):" in vllms
    assert "INVALID" not in vllms
    assert "INVALID" == ours.splitlines()[1]
    assert ours.splitlines()[2].startswith("prefix_cache_hits: INVALID ttft, e2el, mfu, throughput")
    assert "try: a server started with VLLM_SERVER_DEV_MODE=1" in ours


def test_the_sweeps_table_marks_what_it_touches(contaminated: Ran) -> None:
    """TTFT and throughput of low, and nothing of it is the best of its column."""
    _, _, table = contaminated.out.partition("2 of 2 jobs finished, 0 failed")
    (low,) = [line for line in table.splitlines() if line.startswith("│low")]
    cells = [cell.strip() for cell in low.strip("│").split("│")]
    assert "INVALID" == cells[-1]
    assert [True, True, True] == [cell.endswith("!") for cell in cells[1:4]]
    assert [False, False] == [cell.endswith("!") for cell in cells[4:6]]


def test_mlflow_is_told(contaminated: Ran) -> None:
    """By tags that runs are filtered by."""
    tags = [record.tags for record in contaminated.records]
    assert [("VALID", None), ("INVALID", "prefix_cache_hits")] == [
        (each["verdict"], each.get("verdict_reasons")) for each in tags
    ]


@pytest.mark.parametrize(
    ("fake", "name", "standing"),
    [
        ({"fail_requests": 8}, "failed_requests", "INVALID"),
        ({"preemptions": 1}, "preemptions", "SUSPECT"),
        ({"kv_cache_usage": 1.0}, "kv_cache_full", "SUSPECT"),
        ({"queue_time_s": 3600.0}, "server_queue", "SUSPECT"),
        (
            {"log_lines": ["WARNING Using default MoE config. Performance might be sub-optimal!"]},
            "slow_kernels",
            "SUSPECT",
        ),
    ],
    ids=["failed", "preempted", "KV cache full", "queue", "slow kernel"],
)
def test_what_a_server_says_of_itself_counts(tmp_path: Path, fake: dict[str, Any], name: str, standing: str) -> None:
    """Each ground by the server's own counters or log."""
    run_dir = run(tmp_path, *TINY, "load=low", "telemetry.server_interval_s=0.02", fake={"token_delay_s": 0.01} | fake)
    assert standing == reasons(run_dir)[name]["standing"]


def test_a_model_that_says_nothing_is_invalid(tmp_path: Path) -> None:
    """However fast: answers to plain questions are looked at before the load, and kept."""
    run_dir = run(tmp_path, "hardware=cpu", "model=qwen3_32b_awq", "load=low", fake={"says": "!"})
    assert 3 == len(run_dir.read_json(SAMPLES))
    assert "INVALID" == reasons(run_dir)["degenerate_text"]["standing"]
    assert "'!' 32 times" in reasons(run_dir)["degenerate_text"]["evidence"]


def test_random_weights_are_not_asked(tmp_path: Path) -> None:
    """They have nothing to say, and no file says that they had."""
    run_dir = run(tmp_path, *TINY, "load=low", fake={"says": "!"})
    assert not run_dir.has(SAMPLES)
    assert "degenerate_text" not in reasons(run_dir)


def test_a_server_faster_than_its_hardware_is_invalid(tmp_path: Path) -> None:
    """2048 tokens of Qwen3-32B take a Thor half a second, and its decode 67 ms a token: this one waits for nothing."""
    run_dir = run(
        tmp_path,
        "hardware=jetson_agx_thor",
        "model=qwen3_32b_awq",
        "load=low",
        "workload.input_len=2048",
        "workload.output_len=16",
    )
    named = reasons(run_dir)
    assert ["ttft_below_prefill_limit", "tpot_below_decode_limit"] == list(named)[:2]
    assert "6 of 6" in named["ttft_below_prefill_limit"]["evidence"]
    assert "493.3 ms" not in named["tpot_below_decode_limit"]["evidence"]


def test_a_result_by_the_name_of_other_hardware_is_suspect(tmp_path: Path) -> None:
    """No test runs on a Thor, and its name would be a claim."""
    run_dir = run(tmp_path, "hardware=jetson_orin_nx_16gb", "model=tiny_qwen3", "load=low")
    assert "hardware=jetson_orin_nx_16gb" in reasons(run_dir)["other_machine"]["evidence"]


def test_an_accepted_reason_is_kept_and_does_not_count(tmp_path: Path) -> None:
    """The user knows of it."""
    run_dir = run(tmp_path, *TINY, "load=low", "verdict.accept=[preemptions]", fake={"preemptions": 1})
    assert "preemptions" not in reasons(run_dir)
    assert ["preemptions"] == [reason["name"] for reason in run_dir.read_json(VERDICT)["accepted"]]
    assert "preemptions: accepted" in run_dir.read_text(REPORT)


def test_a_threshold_can_be_typed(tmp_path: Path) -> None:
    """And stands in the record."""
    words = ("load=low", "verdict.kv_cache=0.5", "telemetry.server_interval_s=0.02")
    run_dir = run(tmp_path, *TINY, *words, fake={"kv_cache_usage": 0.6, "token_delay_s": 0.01})
    assert 0.5 == run_dir.read_json(VERDICT)["thresholds"]["kv_cache"]
    assert "60 % of the KV cache" in reasons(run_dir)["kv_cache_full"]["evidence"]


def test_thresholds_do_not_make_another_point(tmp_path: Path) -> None:
    """A night's measurements are not thrown away for a word about them; the table heeds what is accepted since."""
    words = ("-m", *TINY, *SMALL, "load=low", NOISE)
    first = thorexp(tmp_path, *words, fake={"preemptions": 1})
    again = thorexp(tmp_path, *words, f"{NOISE[:-1]},preemptions]", "telemetry=off", fake={"preemptions": 1})
    assert (0, 0, 1) == (first.code, again.code, len(again.run_dirs))
    assert ["SUSPECT", "VALID"] == [standing_in(ran) for ran in (first, again)]


def standing_in(ran: Ran) -> str:
    """The last cell of the only row of the last table."""
    row = [line for line in ran.out.splitlines() if line.startswith("│")][-1]
    return row.strip("│").split("│")[-1].strip()


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("verdict.accept=[powermode]", "verdict.accept has powermode"),
        ("verdict.drift=inf", "verdict.drift=inf"),
        ("telemetry.interval_s=0", "telemetry.interval_s=0"),
        ("hardware.match='('", "hardware.match=("),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(tmp_path: Path, word: str, says: str) -> None:
    """By its full key."""
    ran = thorexp(tmp_path, *SMALL, *TINY, "load=low", word)
    assert (1, ()) == (ran.code, ran.run_dirs)
    assert says in ran.err


@pytest.fixture(scope="module")
def on_a_board(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDir, list[tuple[int, float]]]:
    """Some seconds beside a tegrastats of Thor that replays a recording; with what it said when, in watts."""
    folder = tmp_path_factory.mktemp("board")
    emitted = folder / "emitted.csv"
    tegrastats = f"telemetry.tegrastats='{sys.executable} {TEGRASTATS} {RECORDED} {emitted} --again'"
    words = (*TINY, "load=low", tegrastats, "telemetry.interval_s=0.05", "telemetry.idle_s=1", "load.num_prompts=20")
    run_dir = run(folder, *words, fake={"token_delay_s": 0.05})
    rows = [line.split(",") for line in emitted.read_text().splitlines()[1:]]
    return run_dir, [(int(ns), float(watts)) for ns, watts in rows if watts]


def integral_j(said: list[tuple[int, float]], start_ns: int, end_ns: int) -> float:
    """Of the power as tegrastats said it, straight between two lines."""
    total = 0.0
    for (a_ns, a_w), (b_ns, b_w) in pairwise(said):
        low, high = max(a_ns, start_ns), min(b_ns, end_ns)
        if low < high:
            slope = (b_w - a_w) / (b_ns - a_ns)
            total += (a_w + slope * ((low + high) / 2 - a_ns)) * (high - low) / NS_PER_S
    return total


def span(run_dir: RunDir) -> tuple[int, int]:
    """The load's begin and end."""
    start_ns, end_ns = run_dir.read_json(SUMMARY)["load_ns"]
    return start_ns, end_ns


def test_energy_is_the_integral_of_what_tegrastats_said(on_a_board: tuple[RunDir, list[tuple[int, float]]]) -> None:
    """To a thousandth, through the real sampler: total board power of a Thor is VIN."""
    run_dir, said = on_a_board
    energy = run_dir.read_json(SUMMARY)["energy"]
    expected = integral_j(said, *span(run_dir))
    print(f"energy {energy['energy_j']:.4f} J, integral {expected:.4f} J, ratio {energy['energy_j'] / expected:.6f}")
    assert ("board", "tegrastats.VIN_w") == (energy["scope"], energy["source"])
    assert pytest.approx(expected, rel=0.001) == energy["energy_j"]


def test_energy_is_told_per_token_gross_and_above_idle(on_a_board: tuple[RunDir, list[tuple[int, float]]]) -> None:
    """Both, by the tokens that were served: 20 answers of 4."""
    run_dir, _ = on_a_board
    energy = run_dir.read_json(SUMMARY)["energy"]
    assert pytest.approx(energy["energy_j"] / 80) == energy["energy_per_output_token_j"]
    assert pytest.approx(energy["energy_above_idle_j"] / 20) == energy["energy_above_idle_per_request_j"]
    assert "energy per output token j:" in run_dir.read_text(REPORT)


def test_what_was_sampled_is_kept(on_a_board: tuple[RunDir, list[tuple[int, float]]]) -> None:
    """Every signal of the recording, beside those of the server; and a page to look at that names them."""
    run_dir, _ = on_a_board
    signals = read_telemetry(run_dir.path / TELEMETRY).signals.keys()
    assert {"tegrastats.VIN_w", "tegrastats.VDD_GPU_w", "tegrastats.tj_c", "server.running"} <= signals
    assert "board (tegrastats.VIN_w), W" in run_dir.read_text(PAGE)


def test_the_hottest_sensor_is_told(on_a_board: tuple[RunDir, list[tuple[int, float]]]) -> None:
    """The highest reading of any zone during the load, by its name."""
    run_dir, _ = on_a_board
    ours = run_dir.read_json("result.json")["thorexp"]
    zone = read_telemetry(run_dir.path / TELEMETRY).within(*span(run_dir)).signals[ours["hottest_sensor"]]
    assert max(zone.values) == ours["hottest_c"]


def test_without_a_sensor_there_is_no_energy(tmp_path: Path) -> None:
    """Absent, never 0; said once in a sweep, and kept in each record."""
    ran = thorexp(tmp_path, "-m", *TINY, *SMALL, "load=high,low", "telemetry.tegrastats=no-such-command")
    for run_dir in ran.run_dirs:
        absent = run_dir.read_json(MACHINE)["telemetry"]["absent"]
        assert 1 == sum(word.startswith("tegrastats") for word in absent)
    said = [line for line in (ran.out + ran.err).splitlines() if "not sampled here: tegrastats" in line]
    assert (2, 1) == (len(ran.run_dirs), len(said))


def test_telemetry_can_be_left_out(tmp_path: Path) -> None:
    """No file of it, and no figure; the requests are on the page all the same."""
    run_dir = run(tmp_path, *TINY, "load=low", "telemetry=off")
    assert not run_dir.has(TELEMETRY)
    assert (True, False) == tuple(words in run_dir.read_text(PAGE) for words in ("Over time", "Sampled during"))
    assert run_dir.read_json(MACHINE)["telemetry"] is None
