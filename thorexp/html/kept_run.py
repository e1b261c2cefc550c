"""A load as its run directory holds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from thorexp import rundir
from thorexp.counted import counted
from thorexp.measure.energy import Span
from thorexp.measure.power import Power, power_of
from thorexp.measure.records import RunRecord
from thorexp.measure.signals import Telemetry
from thorexp.rundir import RunDir, damaged

SEVERAL = 2  # stages


@dataclass(frozen=True, slots=True)
class KeptRun:
    """`counting`: the part of what was played that its summary is of. `idle`: the rest before the load, absent where
    there was none. `power`: the result's, absent where nothing tells. Only what lies in `shown` is in the telemetry.
    `stages`: name and begin of each, where there are several.
    """

    played: RunRecord
    counting: RunRecord
    idle: Span | None
    telemetry: Telemetry
    power: Power | None
    stages: tuple[tuple[str, int], ...] = ()

    @property
    def shown(self) -> Span:
        """From the rest before the load to its end."""
        return (self.played.start_ns if self.idle is None else self.idle[0], self.played.end_ns)

    @property
    def shown_ns(self) -> int:
        """How long that is."""
        start_ns, end_ns = self.shown
        return end_ns - start_ns


def kept_run(run_dir: RunDir) -> KeptRun | None:
    """Absent of a job that failed, and of a result that was imported; RecordError where a file is damaged."""
    summary = summary_of(run_dir)
    load, idle = _span(summary, "load_ns", run_dir), _span(summary, "idle_ns", run_dir)
    requests = run_dir.requests() if load is not None else ()
    if load is None or not requests:
        return None
    start_ns, end_ns = load
    played = RunRecord(start_ns, end_ns, requests)
    counting = counted(played, run_dir.config()) if summary.get("excluded") else played
    shown = run_dir.telemetry().within(start_ns if idle is None else idle[0], end_ns)
    return KeptRun(played, counting, idle, shown, power_of(shown, _gpus(summary)), _stages(played, run_dir))


def summary_of(run_dir: RunDir) -> Mapping[str, Any]:
    """Its summary.json, empty where there is none; RecordError where it is no mapping."""
    return run_dir.read_mapping(rundir.SUMMARY) if run_dir.has(rundir.SUMMARY) else {}


def _span(summary: Mapping[str, Any], key: str, run_dir: RunDir) -> Span | None:
    """Absent where an older summary does not say it."""
    match summary.get(key):
        case None:
            return None
        case [int(start_ns), int(end_ns)]:
            return start_ns, end_ns
        case other:
            raise damaged(run_dir.path / rundir.SUMMARY, f"{key}: {other}")


def _stages(played: RunRecord, run_dir: RunDir) -> tuple[tuple[str, int], ...]:
    """A stage begins when the first of its requests is due; one that an older plan does not name has a number."""
    begins: dict[int, int] = {}
    for record in played.requests:
        begins[record.stage] = min(record.scheduled_ns, begins.get(record.stage, record.scheduled_ns))
    if len(begins) < SEVERAL:
        return ()
    plan = run_dir.read_mapping(rundir.PLAN) if run_dir.has(rundir.PLAN) else {}
    names = {number: stage["name"] for number, stage in enumerate(plan.get("stages", ())) if "name" in stage}
    return tuple((names.get(stage, f"stage {stage}"), begin_ns) for stage, begin_ns in sorted(begins.items()))


def _gpus(summary: Mapping[str, Any]) -> tuple[int, ...] | None:
    """All where an older record does not say which."""
    gpus = summary.get("gpus")
    return None if gpus is None else tuple(gpus)
