"""The main job against a real vLLM: two models by two loads, and servers that fail."""

import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.command_line import Ran, environment, servers_below, thorexp
from tests.real.vllm_command import vllm_command
from thorexp.report import parse
from thorexp.rundir import ERROR, METRICS_AFTER, METRICS_BEFORE, REPORT, REQUESTS, SERVER_LOG, find_run_dirs


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The sweep that docs/howto/serve.md shows: 2,048 tokens in and 128 out, 100 at 8 at once and 10 at 1."""
    folder = tmp_path_factory.mktemp("real")
    return _real(folder, "-m", "hardware=cpu", "model=tiny_qwen3,tiny_qwen3_moe", "load=high,low")


def test_four_points_finish_on_two_servers(sweep: Ran) -> None:
    """Two models by two loads are four finished records of one sweep, on two server starts."""
    assert (0, 4 * ["finished"]) == (sweep.code, [r.status for r in sweep.records]), sweep.err[-3000:]
    assert 2 == len(list(sweep.folder.glob("outputs/*/servers/*.log")))
    assert 1 == len({record.sweep for record in sweep.records})


def test_token_counts_are_exact(sweep: Ran) -> None:
    """High is 100 x 2,048 tokens in and 100 x 128 out, low a tenth of it, by vLLM's own count."""
    counts = Counter((r["total_input_tokens"], r["total_output_tokens"]) for r in sweep.results)
    assert Counter({(204_800, 12_800): 2, (20_480, 1_280): 2}) == counts


def test_low_after_high_finds_nothing_cached(sweep: Ran) -> None:
    """Low plays the first ten prompts of high on the same server, and vLLM counts no hit."""
    low = [r["thorexp"] for r in sweep.results if r["num_prompts"] == 10]
    assert 2 * [("verified", 20_480, 0)] == [
        (ours["cold_cache"], ours["prefix_cache_queries_tokens"], ours["prefix_cache_hits_tokens"]) for ours in low
    ]


def test_every_point_is_a_finished_run_and_the_sweep_another(sweep: Ran) -> None:
    """MLflow holds four flat runs of one sweep and one for the sweep, all FINISHED."""
    assert Counter({"FINISHED": 5}) == _statuses(sweep.folder)


def test_the_report_reads_like_the_published_ones(sweep: Ran) -> None:
    """The parser of the published table finds in each report the numbers of its result.json."""
    for run_dir, result in zip(sweep.run_dirs, sweep.results, strict=True):
        (parsed,) = parse(run_dir.read_text(REPORT))
        assert {key: round(float(result[key]), 2) for key in parsed} == parsed


def test_the_record_keeps_log_and_metrics(sweep: Ran) -> None:
    """Each record has the server's log and its metrics before and after the load."""
    for run_dir in sweep.run_dirs:
        assert 3 * [True] == [run_dir.has(name) for name in (SERVER_LOG, METRICS_BEFORE, METRICS_AFTER)]


def test_nothing_is_left_running(sweep: Ran) -> None:
    """When thorexp has ended, no process of its servers is there."""
    assert [] == servers_below(sweep.folder)


def test_servers_that_die_as_they_load_stop_nothing_else(tmp_path: Path) -> None:
    """Two die for want of a kernel; both are diagnosed, and the point between them finishes.

    The FP8 one dies at load on most CPUs, and at its first request on one with AMX.
    """
    models = "model=tiny_qwen3_w8a16,tiny_qwen3,tiny_qwen3_moe_fp8"
    ran = _real(tmp_path, "-m", "hardware=cpu", models, "load=low", "load.num_prompts=2")
    assert 1 == ran.code
    statuses = {record.tags["model"]: record.status for record in ran.records}
    assert {"tiny_qwen3_w8a16": "failed", "tiny_qwen3": "finished", "tiny_qwen3_moe_fp8": "failed"} == statuses
    errors = {d.record().tags["model"]: d.read_text(ERROR) for d in ran.run_dirs if d.has(ERROR)}
    w8a16, fp8 = errors["tiny_qwen3_w8a16"], errors["tiny_qwen3_moe_fp8"]
    print(w8a16, fp8, sep="\n")
    assert "Failed to find a kernel that can implement the WNA16 linear layer" in w8a16
    assert any(words in fp8 for words in ("ScaledMM linear layer", "CHECK_EQ(mat1.size(1), K) failed"))
    assert 2 * [True] == ["another quantization" in error for error in (w8a16, fp8)]
    assert Counter({"FINISHED": 1, "FAILED": 3}) == _statuses(tmp_path)
    assert [] == servers_below(tmp_path)


def test_an_engine_that_dies_under_load_is_diagnosed_and_its_log_kept(tmp_path: Path) -> None:
    """When the engine's worker is killed mid-load, the point fails as a death, with requests and log kept."""
    with _loading(tmp_path) as process:
        (worker,) = (p for p in servers_below(tmp_path) if "Worker" in p.name())
        worker.kill()
        assert 1 == process.wait(timeout=120)
    (run_dir,) = find_run_dirs(tmp_path / "outputs")
    print(run_dir.read_text(ERROR))
    assert "failed" == run_dir.record().status
    assert "Worker proc VllmWorker-0 died unexpectedly" in run_dir.read_text(ERROR).splitlines()[0]
    assert (True, True) == (run_dir.has(SERVER_LOG), run_dir.has(REQUESTS))
    assert Counter({"FAILED": 1}) == _statuses(tmp_path)
    assert [] == servers_below(tmp_path)


def test_nothing_outlives_a_thorexp_that_is_killed_mid_load(tmp_path: Path) -> None:
    """SIGKILL of thorexp ends a real vLLM, all of its processes, within 5 s."""
    with _loading(tmp_path) as process:
        tree = [p for p in servers_below(tmp_path) if p.pid != process.pid]
        print(sorted(p.name() for p in tree))
        process.kill()
        began = time.monotonic()
        gone, left = psutil.wait_procs(tree, timeout=5)
    print(f"{len(gone)} processes gone {time.monotonic() - began:.2f} s after SIGKILL")
    assert [] == left
    assert len(gone) >= 4
    assert [] == servers_below(tmp_path)


@contextmanager
def _loading(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """thorexp, in the middle of the high load."""
    words = ("hardware=cpu", "model=tiny_qwen3", "load=high", f"server.command='{vllm_command()}'")
    with (folder / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "thorexp", *words], cwd=folder, env=environment(folder), stderr=stderr
        )
        try:
            while " load: " not in (said := (folder / "stderr").read_text()):
                assert process.poll() is None, said
                time.sleep(0.2)
            time.sleep(3)
            yield process
        finally:
            process.kill()
            process.wait()


def _real(folder: Path, *words: str) -> Ran:
    return thorexp(folder, *words, f"server.command='{vllm_command()}'", timeout_s=1800)


def _statuses(folder: Path) -> Counter[str]:
    with sqlite3.connect(folder / "mlruns" / "mlflow.db") as store:
        return Counter(status for (status,) in store.execute("select status from runs"))
