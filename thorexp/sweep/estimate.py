"""How long a sweep will take: from earlier records, else as simulated, else from the roofline."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from thorexp.errors import RecordError
from thorexp.progress import duration
from thorexp.rundir import RECORD, Record, RunDir
from thorexp.sweep.jobs import ComposedJob


@dataclass(frozen=True, slots=True)
class History:
    """What took how long, in seconds: to measure a point, by its digest; to start a server, by `server_name`."""

    measures: Mapping[str, float]
    starts: Mapping[str, float]

    def measure_s(self, job: ComposedJob) -> float | None:
        """Of the same point, else of another repeat of it; absent when neither was ever measured."""
        return self.measures.get(job.point, self.measures.get(job.base))

    def and_also(self, record: Record, base: str) -> "History":
        """With one more record, of a repeat of `base`."""
        whole = record.measure_s if _whole(record) else None
        measured = {} if whole is None else {record.point: whole, base: whole}
        starts = record.server_start_s
        started = {} if starts is None or _is_simulated(record) else {_server_of(record): starts}
        return History({**self.measures, **measured}, {**self.starts, **started})


@dataclass(frozen=True, slots=True)
class Estimate:
    """`at_least`: part of it is a limit of the hardware, or is not known and left out. `simulated`: part of it is."""

    seconds: float
    at_least: bool
    simulated: bool = False

    def __str__(self) -> str:
        if self.at_least and round(self.seconds) == 0:
            return "not known"
        return f"{'at least' if self.at_least else 'about'} {duration(self.seconds)}{'~' if self.simulated else ''}"


UNKNOWN = Estimate(0.0, at_least=True)


def history(root: Path) -> History:
    """The records of jobs two levels below a directory, later ones last; what cannot be read is passed over."""
    records = []
    for path in root.glob(f"*/*/{RECORD}"):
        try:
            records.append(RunDir(path.parent).record())
        except RecordError:
            continue
    records.sort(key=lambda record: record.ended_at)
    return History(
        {record.point: record.measure_s for record in records if _whole(record) and record.measure_s is not None},
        {
            _server_of(record): record.server_start_s
            for record in records
            if record.server_start_s is not None and not _is_simulated(record)
        },
    )


def _whole(record: Record) -> bool:
    return record.status == "finished" and "stopped" not in record.tags


def _server_of(record: Record) -> str:
    """What starts are told apart by."""
    return server_name(record.tags.get("model", ""), record.tags.get("origin") == "rehearsed")


def server_name(model: str, rehearsed: bool) -> str:
    """A model; that which stands for it in a rehearsal starts sooner, and is another."""
    return f"rehearsed {model}" if rehearsed else model


def _is_simulated(record: Record) -> bool:
    """One whose server loaded nothing."""
    return record.tags.get("origin") == "simulated"


def measure_time(job: ComposedJob, known: History, pace: float | None) -> Estimate:
    """Of one job on a running server: as measured before, else as it is simulated, else by the roofline. `pace`: how
    many times slower than that; absent where unknown.
    """
    if (measured := known.measure_s(job)) is not None:
        return Estimate(measured, at_least=False)
    if math.isinf(job.speedup):
        return Estimate(0.0, at_least=False)
    if job.forecast is not None:
        return Estimate(job.forecast.duration_s / job.speedup, at_least=False, simulated=True)
    if job.needs.floor_s is None:
        return UNKNOWN
    pace = None if job.simulated else pace
    return Estimate(job.needs.floor_s * (pace or 1.0) / job.speedup, at_least=pace is None)


def sweep_time(
    jobs: Sequence[ComposedJob], known: History, among: Sequence[ComposedJob] = (), running: str | None = None
) -> Estimate:
    """Of jobs that are still to run, one after the other, with the server starts and cool-downs between them.

    `among`: all jobs of the sweep, of which those measured tell the pace of the others. `running`: the server that
    is there already.
    """
    pace = pace_of(among or jobs, known)
    starting = [job for job in jobs if job.server != running and not job.simulated]
    servers = {job.server: server_name(job.model, job.rehearsed) for job in starting}
    parts = [
        *(measure_time(job, known, pace) for job in jobs),
        *(_start(known, model) for model in servers.values()),
        *(Estimate(job.sweep.cooldown_s, at_least=job.sweep.cooldown_below_c is not None) for job in jobs[1:]),
    ]
    seconds = sum(part.seconds for part in parts)
    return Estimate(seconds, any(part.at_least for part in parts), any(part.simulated for part in parts))


def pace_of(jobs: Sequence[ComposedJob], known: History) -> float | None:
    """Measured over least possible time, the median of the jobs where both are known; absent without one. Nothing is
    said by what was simulated.
    """
    paces = [
        measured / job.needs.floor_s
        for job in jobs
        if job.needs.floor_s and not job.simulated and (measured := known.measure_s(job)) is not None
    ]
    return median(paces) if paces else None


def _start(known: History, model: str) -> Estimate:
    started = known.starts.get(model)
    return UNKNOWN if started is None else Estimate(started, at_least=False)
