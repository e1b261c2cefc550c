"""What a sweep will do, as a table, before it does any of it."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from thorexp.capacity import GB, Capacity, capacity
from thorexp.prepare import PreparedJob
from thorexp.sweep.estimate import UNKNOWN, Estimate, History, measure_time, pace_of, sweep_time
from thorexp.sweep.jobs import ComposedJob, apart_in_columns, by_server, refusal
from thorexp.sweep.page import page

ABSENT = "-"
UNCHECKED = "No vLLM is here to say which engine arguments it knows: they are not checked."


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """All jobs, once each; which points are done already; and what is known of how long things take."""

    jobs: tuple[ComposedJob, ...]
    done: Set[str]
    directory: Path
    known: History

    @property
    def to_run(self) -> tuple[ComposedJob, ...]:
        """The jobs that will occupy a server, in the order they will run."""
        left = [job for job in self.jobs if job.refused is None and job.point not in self.done]
        return tuple(by_server(left))

    def text(self) -> str:
        """The table, below a line that sums it up; then why points are refused. Fits 100 columns."""
        bases = _by_base(self.jobs)
        heading, names = apart_in_columns([jobs[0].overrides for jobs in bases.values()])
        refusals = [str(jobs[0].refused) for jobs in bases.values() if jobs[0].refused is not None]
        unchecked = [UNCHECKED] if any(job.unchecked for job in self.jobs) else []
        return _text(self._title(len(bases)), heading, tuple(self._rows(names, bases)), (*unchecked, *refusals))

    def _title(self, points: int) -> str:
        left, servers = self.to_run, {job.server for job in self.to_run}
        jobs = "" if points == len(self.jobs) else f", {_count(len(self.jobs), 'job')}"
        refused = sum(job.refused is not None for job in self.jobs)
        return (
            f"{_count(points, 'point')}{jobs}: {len(self.done)} done already, {len(left)} to run on "
            f"{_count(len(servers), 'server start')}{f', {refused} refused' if refused else ''}"
            f"{f'; {sweep_time(left, self.known, self.jobs)}' if left else ''}"
        )

    def _rows(self, names: Sequence[str], bases: Mapping[str, Sequence[ComposedJob]]) -> Iterator["_Row"]:
        pace = pace_of(self.jobs, self.known)
        servers = list(dict.fromkeys(job.server for job in self.jobs))
        for name, jobs in zip(names, bases.values(), strict=True):
            first = jobs[0]
            yield _Row(
                name=name,
                server=str(servers.index(first.server) + 1),
                needs=first.needs,
                time=ABSENT if first.refused is not None else str(measure_time(first, self.known, pace)),
                state=_state(jobs, self.done),
            )


def plan_of_one(job: PreparedJob) -> str:
    """The same table for a job that is no sweep."""
    needs = capacity(job)
    refused = refusal(job, needs)
    floor = UNKNOWN if needs.floor_s is None else Estimate(needs.floor_s, at_least=True)
    name = f"model={job.config.model.name} load={job.config.load.name}"
    row = _Row(name, "1", needs, str(floor), "to run" if refused is None else "refused")
    return _text("1 point", "point", (row,), (UNCHECKED,) if job.unchecked else ())


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    server: str
    needs: Capacity
    time: str
    state: str


def _text(title: str, heading: str, rows: Sequence[_Row], remarks: Sequence[str]) -> str:
    table = Table()
    table.add_column(Text(heading), overflow="fold")
    for each in ("server", "weights + KV GB", "of GB", "time"):
        table.add_column(each, justify="right")
    table.add_column("state")
    for row in rows:
        table.add_row(Text(row.name), row.server, *_memory(row.needs), row.time, row.state)
    return page(title, table, (f"{remark}\n" for remark in remarks))


def _memory(needs: Capacity) -> tuple[str, str]:
    if needs.fit is None:
        return (ABSENT, ABSENT)
    weights, kv, room = (each / GB for each in (needs.fit.weights_bytes, needs.fit.kv_bytes, needs.fit.room_bytes))
    return (f"{weights:.1f} + {kv:.1f}", f"{room:.1f}")


def _state(jobs: Sequence[ComposedJob], done: Set[str]) -> str:
    if jobs[0].refused is not None:
        return "refused"
    left, times = sum(job.point not in done for job in jobs), f" x {len(jobs)}" if len(jobs) > 1 else ""
    if left == len(jobs):
        return f"to run{times}"
    return f"done{times}" if not left else f"{len(jobs) - left} of {len(jobs)} done"


def _by_base(jobs: Sequence[ComposedJob]) -> Mapping[str, list[ComposedJob]]:
    bases: dict[str, list[ComposedJob]] = {}
    for job in jobs:
        bases.setdefault(job.base, []).append(job)
    return bases


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
