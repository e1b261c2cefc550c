"""A sweep from the command line, against a fake vLLM."""

import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from tests.command_line import FAKE, Ran, servers_below, thorexp
from tests.serve.test_process import a_spec
from thorexp.rundir import ENGINE_ARGS, ERROR, SERVER_LOG
from thorexp.serve.process import start

SMALL = (
    "hardware=cpu",
    f"server.command='{FAKE}'",
    "workload.input_len=64",
    "workload.output_len=4",
    "load.num_prompts=6",
    "load.num_warmups=1",
)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Two models by two loads, the loads first on the command line."""
    folder = tmp_path_factory.mktemp("sweep")
    return thorexp(folder, "-m", "load=high,low", "model=tiny_qwen3,tiny_qwen3_moe", *SMALL)


def test_a_sweep_without_failures_exits_with_zero(sweep: Ran) -> None:
    """A sweep whose points all finish exits with 0."""
    assert (0, "") == (sweep.code, sweep.err if sweep.code else "")


def test_every_point_has_a_record(sweep: Ran) -> None:
    """Two models by two loads are four finished records of one sweep."""
    assert 4 * ["finished"] == [record.status for record in sweep.records]
    assert 1 == len({record.sweep for record in sweep.records})


def test_each_server_starts_once_whatever_the_order_of_overrides(sweep: Ran) -> None:
    """Two models start two servers although the loads were asked for first."""
    assert 2 == len(list(sweep.folder.glob("outputs/*/servers/*.log")))


def test_token_counts_are_exact(sweep: Ran) -> None:
    """Six requests of 64 tokens in and 4 out are 384 and 24 tokens by the server's own count."""
    counts = Counter((r["total_input_tokens"], r["total_output_tokens"]) for r in sweep.results)
    assert Counter({(6 * 64, 6 * 4): 4}) == counts


def test_the_second_load_on_a_server_finds_nothing_cached(sweep: Ran) -> None:
    """The same prompts on the same server are cold again, since the cache was reset and that was verified."""
    cold = [(r["thorexp"]["cold_cache"], r["thorexp"]["prefix_cache_hits_tokens"]) for r in sweep.results]
    assert 4 * [("verified", 0)] == cold


def test_every_point_is_one_finished_run_in_mlflow_and_the_sweep_another(sweep: Ran) -> None:
    """Four flat runs and one for the sweep itself, all FINISHED."""
    assert Counter({"FINISHED": 5}) == Counter(_statuses(sweep.folder))


def test_the_end_of_a_sweep_is_a_table(sweep: Ran) -> None:
    """It names every point, by the words that set it apart; below it stands where things are, and no more."""
    kept = next(sweep.folder.glob("outputs/*/summary.txt"))
    table, place = kept.read_text(), kept.parent.relative_to(sweep.folder)
    files = f"summary  {place}/summary.md\npage     {place}/report.html\n"
    ui = "To compare runs: mlflow ui --backend-store-uri sqlite:///mlruns/mlflow.db\n"
    assert sweep.out.endswith(f"{table}{files}{ui}")
    assert "load model" in table
    assert 4 == sum("tiny_qwen3" in line for line in table.splitlines() if line.startswith("│"))


def test_no_server_outlives_the_sweep(sweep: Ran) -> None:
    """When thorexp has ended nothing that it started is there."""
    assert [] == servers_below(sweep.folder)


def test_a_server_that_dies_at_start_fails_its_points_and_no_others(tmp_path: Path) -> None:
    """One model's server dies at start: its points fail with the cause, the other model's finish."""
    dies = {"die_at_start": "torch.OutOfMemoryError: CUDA out of memory.", "only_model": "moe"}
    ran = thorexp(tmp_path, "-m", "model=tiny_qwen3,tiny_qwen3_moe", "load=high,low", *SMALL, fake=dies)
    assert 1 == ran.code
    by_model = {(record.tags["model"], record.status) for record in ran.records}
    assert {("tiny_qwen3", "finished"), ("tiny_qwen3_moe", "failed")} == by_model
    failed = [d for d in ran.run_dirs if d.record().status == "failed"]
    assert 2 * [True] == ["CUDA out of memory" in d.read_text(ERROR) for d in failed]
    assert 2 * [True] == ["CUDA out of memory" in d.read_text(SERVER_LOG) for d in failed]
    assert Counter({"FINISHED": 2, "FAILED": 3}) == Counter(_statuses(tmp_path))
    assert 2 == ran.out.count("engine.gpu_memory_utilization")


def test_a_server_that_dies_under_load_fails_its_point(tmp_path: Path) -> None:
    """A server that ends mid-load is a failed record that says so, and keeps the requests until then."""
    ran = thorexp(tmp_path, "model=tiny_qwen3", *SMALL, fake={"die_after_requests": 5})
    assert 1 == ran.code
    assert ["failed"] == [record.status for record in ran.records]
    assert "vLLM exited with code 1: RuntimeError: the fake engine died under load" in ran.err


def test_engine_args_are_recorded_with_where_they_came_from(tmp_path: Path) -> None:
    """A flag typed without a plus is in the record as typed, a tuned one as the board's."""
    ran = thorexp(tmp_path, "model=tiny_qwen3", "engine.max_num_seqs=16", *SMALL)
    assert 0 == ran.code, ran.err
    sources = {arg["name"]: (arg["value"], arg["source"]) for arg in ran.run_dirs[0].read_json(ENGINE_ARGS)}
    assert (16, "command line") == sources["max_num_seqs"]
    assert (True, "hardware cpu") == sources["enforce_eager"]


@pytest.mark.parametrize(
    ("typed", "wrong", "right"),
    [
        ("engine.max_num_seq=16", "engine.max_num_seq", "engine.max_num_seqs"),
        ("load.num_prompt=3", "load.num_prompt", "load.num_prompts"),
        ("load=hihg", "load=hihg", "high"),
        ("+workload.sed=1", "workload.sed", "workload.seed"),
        ("load.num_prompts=many", "load.num_prompts", "Integer"),
    ],
)
def test_a_wrong_word_is_refused_by_name_before_anything_starts(
    tmp_path: Path, typed: str, wrong: str, right: str
) -> None:
    """A misspelt flag, key, choice or value ends the sweep at once, names the right one, starts nothing."""
    ran = thorexp(tmp_path, "-m", "model=tiny_qwen3,tiny_qwen3_moe", *SMALL, typed)
    assert 1 == ran.code
    assert (True, True) == (wrong in ran.err, right in ran.err), ran.err
    assert "Traceback" not in ran.err
    assert [] == list(tmp_path.glob("outputs/**/*.log"))


def test_without_vllm_the_ways_on_are_named(tmp_path: Path) -> None:
    """A command that does not exist is refused with what can be done about it."""
    ran = thorexp(tmp_path, "hardware=cpu", "model=tiny_qwen3", "server.command='no-such-vllm serve'")
    assert 1 == ran.code
    assert 3 * [True] == [word in ran.err for word in ("no-such-vllm", "server.command", "server=attach")]


def _statuses(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "mlruns" / "mlflow.db") as store:
        return [status for (status,) in store.execute("select status from runs")]


def test_a_point_asked_for_twice_runs_once(tmp_path: Path) -> None:
    """An experiment that is narrowed on the command line does not repeat what is left of it."""
    ran = thorexp(tmp_path, "-m", "model=tiny_qwen3", "load=low", *SMALL, "workload.seed=3,3")
    assert (0, 1) == (ran.code, len(ran.records)), ran.err


def test_a_server_that_runs_already_is_measured_and_left_alone(tmp_path: Path) -> None:
    """server=attach plays the load, claims no engine arguments, and the server still answers afterwards."""
    server = start(a_spec(), tmp_path / "log")
    try:
        words = ("server=attach", f"server.base_url={server.endpoint.base_url}/v1", *SMALL[2:])
        ran = thorexp(tmp_path, "hardware=cpu", "model=tiny_qwen3", *words)
        assert (0, []) == (ran.code, ran.run_dirs[0].read_json(ENGINE_ARGS)), ran.err
        server.check_alive()
        assert [("verified", 0)] == [
            (r["thorexp"]["cold_cache"], r["thorexp"]["prefix_cache_hits_tokens"]) for r in ran.results
        ]
    finally:
        server.stop()


def test_a_directory_that_is_used_again_holds_only_the_last_job(tmp_path: Path) -> None:
    """A failed job and then a finished one in the same directory leave no error behind."""
    words = ("model=tiny_qwen3", *SMALL, "hydra.run.dir=outputs/here/run")
    thorexp(tmp_path, *words, fake={"die_at_start": "CUDA out of memory"})
    again = thorexp(tmp_path, *words)
    assert (0, False) == (again.code, again.run_dirs[0].has(ERROR)), again.err


def test_a_tracking_store_that_is_down_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record is complete and the report printed; the error has the command that tracks it later."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    ran = thorexp(tmp_path, "model=tiny_qwen3", *SMALL, "tracking.uri=http://127.0.0.1:9")
    assert (1, ["finished"]) == (ran.code, [record.status for record in ran.records])
    assert "Serving Benchmark Result" in ran.out
    assert f"python -m thorexp.tracking {ran.run_dirs[0].path}" in ran.err
