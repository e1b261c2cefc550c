"""What tests of a sweep hand to it: jobs, points, records and directories, complete but for what a test says."""

import platform
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from tests.records import BELIEVED, a_record, a_result, a_summary
from thorexp.baseline import shipped
from thorexp.capacity import Capacity
from thorexp.conf_tree import conf_dir, register
from thorexp.config import TrackingConfig
from thorexp.config_sweep import Executor, RayConfig, SlurmConfig, SweepConfig
from thorexp.measure.roofline import Fit
from thorexp.measure.verdict import Origin, Reason, Thresholds, Verdict
from thorexp.report import Result, as_json, render
from thorexp.results.summary import Point
from thorexp.rundir import CONFIG, REPORT, RESULT, VERDICT, Record, RunDir
from thorexp.sweep.jobs import ComposedJob
from thorexp.sweepdir import SweepRecord

# No vLLM is asked which flags it has: a dry run does without one.
WITHOUT_VLLM = ("dry_run=true", "server.command=no-such-vllm", "load.num_prompts=2")
MODELS = sorted(path.stem for path in (conf_dir() / "model").glob("*.yaml"))

SWEEP = SweepConfig(
    resume=True,
    repeats=1,
    cooldown_s=0.0,
    cooldown_below_c=None,
    cooldown_timeout_s=900.0,
    lock=True,
    lock_path="/tmp/board.lock",
    lock_wait_s=0.0,
    executor=Executor.local,
    retries=2,
    board_dir="boards",
    ray=RayConfig(address=None),
    slurm=SlurmConfig(cluster="local", folder="outputs/slurm"),
)
JOB = ComposedJob(
    number=0,
    overrides=("model=a", "load=high"),
    tree=OmegaConf.create({}),
    point="p",
    base="p",
    repeat=0,
    model="a",
    server="server of a",
    subdir="a_high",
    needs=Capacity(fit=None, floor_s=None),
    forecast=None,
    refused=None,
    unchecked=False,
    sweep=SWEEP,
    tracking=TrackingConfig(False, "", "", ""),
    believed=BELIEVED,
    baseline=shipped("none"),
    dry_run=False,
)
FINISHED = Record(
    schema=1,
    id="0123456789abcdef",
    point="p",
    status="finished",
    started_at=1_700_000_000.0,
    ended_at=1_700_000_060.0,
    sweep="sweep",
    tags={"model": "a", "load": "high", "hostname": platform.node()},
)

FAST = {"output_throughput": 300.0, "median_ttft_ms": 90.5, "median_tpot_ms": 40.0}
SLOW = {"output_throughput": 100.0, "median_ttft_ms": 30.25, "median_tpot_ms": 20.0}
FEW = Reason("few_samples", "SUSPECT", ("p99_ttft_ms",), "P99 of 10 values: p99_ttft_ms", "load.num_prompts=100")
CACHED = Reason("prefix_cache_hits", "INVALID", ("ttft", "throughput"), "96 of 128 prompt tokens", "another seed")


def a_job(point: str, **changes: Any) -> ComposedJob:
    """A point of its own, run once."""
    return replace(JOB, **{"point": point, "base": point, **changes})


def needing(weights_gb: float, kv_gb: float, room_gb: float) -> Capacity:
    """Memory, and a time that nobody knows."""
    return Capacity(Fit(weights_gb * 1e9, kv_gb * 1e9, room_gb * 1e9), floor_s=None)


def a_run_dir(path: Path, point: str, **changes: Any) -> RunDir:
    """The complete record of a job of this host that finished."""
    run_dir = RunDir(path)
    run_dir.write_text(CONFIG, "model: {name: a}\n")
    run_dir.write_json(RESULT, {})
    run_dir.complete(replace(FINISHED, point=point, **changes))
    return run_dir


def a_sweep(directory: Path, *points: str, started_at: float = 10.0) -> SweepRecord:
    """A sweep that was begun there."""
    record = SweepRecord("sweep", "load=high,low", points, started_at, directory)
    record.write()
    return record


def a_point(
    folder: Path,
    *overrides: str,
    base: str | None = None,
    result: Mapping[str, Any],
    reasons: tuple[Reason, ...] = (),
    believed: Thresholds = BELIEVED,
    now: Thresholds | None = None,
    origin: Origin = "measured",
) -> Point:
    """A job that finished with this result, VALID without reasons, kept in a directory of its own.

    `believed` when it was judged, and `now`.
    """
    path = folder / str(sum(1 for _ in folder.iterdir()))
    run_dir = a_run_dir(path, "p")
    run_dir.write_json(RESULT, dict(result))
    run_dir.write_json(VERDICT, Verdict(reasons, origin=origin).as_json() | {"thresholds": asdict(believed)})
    return Point(overrides, base or " ".join(overrides), path, "finished", believed=now)


def a_reported_point(
    folder: Path, *overrides: str, result: Result | None = None, tags: Mapping[str, str] | None = None, **changes: Any
) -> Point:
    """One with its report.txt as well, of this result: else of two requests of the seed's high load."""
    told = result or a_result(a_summary(a_record(token_ns=(100, 200), output_tokens=2), a_record(sent_ns=50)))
    origin: Origin = "measured" if told.verdict is None else told.verdict.origin
    point = a_point(folder, *overrides, result=as_json(told), origin=origin, **changes)
    assert point.directory is not None
    run_dir = RunDir(point.directory)
    run_dir.write_text(REPORT, render(told))
    run_dir.complete(replace(FINISHED, tags={**FINISHED.tags, "origin": origin, **(tags or {})}))
    return point


def an_unjudged_point(folder: Path, *overrides: str, result: Mapping[str, Any]) -> Point:
    """One of a thorexp that did not know verdicts."""
    point = a_point(folder, *overrides, result=result)
    assert point.directory is not None
    (point.directory / VERDICT).unlink()
    return point


def a_failed_point(*overrides: str, base: str | None = None, error: str = "It failed.") -> Point:
    """A job that was refused, so it has no directory."""
    return Point(overrides, base or " ".join(overrides), None, "failed", error)


def a_tree(*overrides: str) -> DictConfig:
    """The shipped config with its `hydra` node, as a launcher gets it."""
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return compose("config", [*WITHOUT_VLLM, *overrides], return_hydra_config=True)
