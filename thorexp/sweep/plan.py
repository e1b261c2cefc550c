"""What a sweep will do, as a table, before it does any of it."""

import math
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from thorexp.capacity import Capacity, capacity
from thorexp.config_sweep import Executor
from thorexp.docker_plan import image_remark
from thorexp.prediction import Forecast, forecast
from thorexp.prepare import PreparedJob
from thorexp.results.apart import apart_in_columns
from thorexp.results.page import page
from thorexp.rooflines import GB
from thorexp.secret import masked
from thorexp.sweep.estimate import UNKNOWN, Estimate, History, measure_time, pace_of, sweep_time
from thorexp.sweep.jobs import ComposedJob, by_server, refusal, speedup_of

ABSENT = "-"
UNCHECKED = "No vLLM was there to say which engine arguments it knows: they are not checked."
REHEARSAL = "A rehearsal: each model is a tiny one of random weights, on a CPU. Its figures are of no board."
CHECKED_THERE = (
    "Which engine arguments vLLM knows is checked on the boards.\n"
    "The boards' vLLM is no part of a point: after an upgrade sweep.resume=false measures anew."
)


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
        elsewhere = self.jobs[0].sweep.executor is not Executor.local
        remark = CHECKED_THERE if elsewhere else UNCHECKED
        unchecked = [remark] if any(job.unchecked for job in self.jobs) else []
        rehearsal = [REHEARSAL] if any(job.rehearsed for job in self.jobs) else []
        images = dict.fromkeys(job.image for job in self.jobs if job.image is not None)
        remarks = (*rehearsal, *images, *unchecked, *refusals)
        return _text(self._title(len(bases)), heading, tuple(self._rows(names, bases)), remarks)

    def _title(self, points: int) -> str:
        left, servers = self.to_run, {job.server for job in self.to_run}
        jobs = "" if points == len(self.jobs) else f", {_count(len(self.jobs), 'job')}"
        refused = sum(job.refused is not None for job in self.jobs)
        is_predicted = all(math.isinf(job.speedup) for job in self.jobs)
        verb = "to rehearse" if any(job.rehearsed for job in self.jobs) else "to run"
        to_run = "to predict" if is_predicted else f"{verb} on {_count(len(servers), 'server start')}"
        on_one = "" if self.jobs[0].sweep.executor is Executor.local else " on one board"
        time = f"; {sweep_time(left, self.known, self.jobs)}{on_one}" if left and not is_predicted else ""
        return (
            f"{_count(points, 'point')}{jobs}: {len(self.done)} done already, {len(left)} {to_run}"
            f"{f', {refused} refused' if refused else ''}{time}"
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
                forecast=first.forecast,
                time=ABSENT if first.refused is not None else str(measure_time(first, self.known, pace)),
                state=_state(jobs, self.done),
            )


def plan_of_one(job: PreparedJob) -> str:
    """The same table for a job that is no sweep."""
    needs = capacity(job)
    refused = refusal(job, needs)
    expected = forecast(job)
    if expected is not None:
        time = Estimate(expected.duration_s / speedup_of(job.config), at_least=False, simulated=True)
    else:
        time = UNKNOWN if needs.floor_s is None else Estimate(needs.floor_s, at_least=True)
    name = f"model={job.config.model.name} load={job.config.load.name}"
    row = _Row(name, "1", needs, expected, str(time), "to run" if refused is None else "refused")
    rehearsal = [REHEARSAL] if job.config.rehearse else []
    of_server = [*filter(None, (image_remark(job.config), _command(job)))]
    return _text("1 point", "point", (row,), (*rehearsal, *of_server, *([UNCHECKED] if job.unchecked else [])))


def _command(job: PreparedJob) -> str | None:
    """That runs its container, without secrets; absent for a server that runs in none."""
    launch = job.launch
    if launch is None or launch.container is None or job.config.predict:
        return None
    words = launch.container.run_words("NAME", launch.argv(launch.port or "PORT"), launch.model)
    return masked(shlex.join(words))


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    server: str
    needs: Capacity
    forecast: Forecast | None
    time: str
    state: str


def _text(title: str, heading: str, rows: Sequence[_Row], remarks: Sequence[str]) -> str:
    table = Table(padding=(0, 0), pad_edge=False)
    table.add_column(Text(heading), overflow="fold")
    told = [row.forecast for row in rows if row.forecast is not None]
    expected = tuple(_EXPECTED) if any(_keeps(each) is not None for each in told) else tuple(_EXPECTED)[:-1]
    for each in ("server", "weights + KV GB", "of GB", "time", *(expected if told else ())):
        table.add_column(each, justify="right")
    table.add_column("state")
    for row in rows:
        figures = [_EXPECTED[name](row.forecast) for name in expected] if told else []
        table.add_row(Text(row.name), row.server, *_memory(row.needs), row.time, *figures, row.state)
    remarks = (*(["~ simulated, nothing was measured; times in ms"] if told else []), *remarks)
    return page(title, table, (f"{remark}\n" for remark in remarks))


def _keeps(forecast: Forecast | None) -> float | None:
    """The share of requests that keep the SLO; absent without one."""
    return None if forecast is None else forecast.summary.goodput_fraction


def _throughput(forecast: Forecast | None) -> str:
    return ABSENT if forecast is None else f"{forecast.summary.output_throughput:.1f}~"


def _ttft(forecast: Forecast | None) -> str:
    return ABSENT if forecast is None or (ttft := forecast.summary.ttft_ms) is None else f"{ttft.median:.0f}~"


def _tpot(forecast: Forecast | None) -> str:
    return ABSENT if forecast is None or (tpot := forecast.summary.tpot_ms) is None else f"{tpot.median:.1f}~"


def _in_slo(forecast: Forecast | None) -> str:
    share = _keeps(forecast)
    return ABSENT if share is None else f"{100 * share:.0f} %~"


_EXPECTED: Mapping[str, Callable[[Forecast | None], str]] = {
    "tok/s": _throughput,
    "TTFT p50": _ttft,
    "TPOT p50": _tpot,
    "in SLO": _in_slo,
}


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
