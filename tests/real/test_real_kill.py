"""One sweep against a real vLLM, killed at every stage, one kill after the other; then it finishes."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.command_line import Running, command_of, running, servers_below, thorexp, tracked_runs
from tests.real.vllm_command import vllm_command
from tests.sweep.test_kill import before_tracking, composing, left_after_5_s, tracking
from thorexp.rundir import find_run_dirs
from thorexp.sweepdir import SWEEP

WORDS = ("-m", "hardware=cpu", "model=tiny_qwen3", "load=low,high", "load.num_prompts=16")


def loading(sweep: Running) -> None:
    """vLLM has started its engine, which has not answered yet."""
    sweep.until(lambda: any("EngineCore" in command_of(p) for p in servers_below(sweep.folder)), look_every_s=0.2)
    time.sleep(1)
    assert "server: ready" not in sweep.err.read_text()
    sweep.process.kill()


def mid_load(sweep: Running) -> None:
    """The first load is under way."""
    sweep.until_it_says(" load: ")
    time.sleep(1)
    sweep.process.kill()


STAGES: Sequence[tuple[str, Callable[[Running], None]]] = (
    ("composing", composing),
    ("a server loads", loading),
    ("mid-load", mid_load),
    ("between record and tracking", before_tracking),
    ("tracking", tracking),
)


def test_a_sweep_that_is_killed_at_every_stage_finishes(tmp_path: Path) -> None:
    """After each kill nothing is left within 5 s; at last both points are in MLflow once, FINISHED, none RUNNING."""
    words = (*WORDS, f"server.command='{vllm_command()}'")
    left = {}
    for name, meet in STAGES:
        began = time.monotonic()
        with running(tmp_path, *words) as sweep:
            meet(sweep)
            killed, there = time.monotonic(), len(servers_below(tmp_path))
        left[name] = left_after_5_s(tmp_path)
        print(
            f"{name:28}  killed after {killed - began:5.1f} s, {there} processes, {len(left[name])} left "
            f"{time.monotonic() - killed:.2f} s later; {len(find_run_dirs(tmp_path / 'outputs'))} records, "
            f"MLflow {dict(Counter(run.status for run in tracked_runs(tmp_path)))}",
            flush=True,
        )
    began = time.monotonic()
    ran = thorexp(tmp_path, *words)
    runs = tracked_runs(tmp_path)
    print(
        f"{'the same command again':28}  exit code {ran.code} after {time.monotonic() - began:.1f} s; "
        f"{len(ran.records)} records, MLflow {dict(Counter(f'{run.kind} {run.status}' for run in runs))}"
    )
    assert {name: [] for name, _ in STAGES} == left
    assert (0, 2 * ["finished"]) == (ran.code, [record.status for record in ran.records]), ran.err
    finished = Counter((run.kind, run.point) for run in runs if run.status == "FINISHED")
    assert Counter({("sweep", ""): 1} | {("job", record.point): 1 for record in ran.records}) == finished
    assert [] == [run for run in runs if run.status == "RUNNING"]
    assert (1, []) == (len(list(tmp_path.glob(f"outputs/*/{SWEEP}"))), servers_below(tmp_path))
