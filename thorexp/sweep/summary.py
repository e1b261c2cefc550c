"""The sweep as one table, and as one run of its own in MLflow."""

import io
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from thorexp import tracking
from thorexp.config import TrackingConfig
from thorexp.errors import TrackingError
from thorexp.rundir import RECORD, RESULT, SWEEP, RunDir, sweep_id

log = logging.getLogger(__name__)

WIDTH = 100
SUMMARY = "summary.txt"
COLUMNS = (
    ("tok/s", "output_throughput"),
    ("TTFT p50", "median_ttft_ms"),
    ("TTFT p99", "p99_ttft_ms"),
    ("TPOT p50", "median_tpot_ms"),
    ("ITL p99", "p99_itl_ms"),
)


@dataclass(frozen=True, slots=True)
class Point:
    """One point that has ended; `error` is absent when it finished and is tracked."""

    overrides: tuple[str, ...]
    directory: Path
    error: str | None


@dataclass(frozen=True, slots=True)
class SweepResult:
    """A sweep that has ended, with the points that ran of those `asked` for. `started_at` in Unix seconds."""

    directory: Path
    points: tuple[Point, ...]
    asked: int
    started_at: float

    @property
    def failed(self) -> int:
        """How many points have an error."""
        return sum(point.error is not None for point in self.points)


def keep_sweep(sweep: SweepResult) -> tracking.SweepRecord:
    """Print the table, and keep it in the sweep directory with what a replay of tracking needs."""
    kept, record = RunDir(sweep.directory), _record(sweep)
    kept.write_text(SUMMARY, text(sweep))
    kept.write_json(SWEEP, asdict(record) | {"directory": str(record.directory)})
    print(text(sweep), end="", flush=True)
    return record


def track_sweep(record: tracking.SweepRecord, to: TrackingConfig) -> None:
    """Give the sweep a run of its own in MLflow; a store that is down is said, and does not fail the sweep."""
    if to.enabled:
        try:
            tracking.track_sweep(record, tracking.Store(to.uri, to.experiment, to.artifacts))
        except TrackingError as failed:
            log.error("%s", failed)


def text(sweep: SweepResult) -> str:
    """One row a point: what it measured, or the first line of why it did not. Fits 100 columns."""
    page = io.StringIO()
    console = Console(file=page, width=WIDTH, no_color=True)
    title = f"{len(sweep.points)} of {sweep.asked} points ran, {sweep.failed} failed: {sweep.directory}"
    table = Table(title=title, title_justify="left")
    table.add_column("point", overflow="fold")
    for heading, _ in COLUMNS:
        table.add_column(heading, justify="right")
    names = _names(sweep.points)
    for name, point in zip(names, sweep.points, strict=True):
        table.add_row(name, *_cells(point))
    console.print(table)
    for name, point in zip(names, sweep.points, strict=True):
        if point.error is not None:
            console.print(f"{name}\n{point.error}\n", markup=False, highlight=False)
    return page.getvalue()


def _names(points: Sequence[Point]) -> list[str]:
    """Each point by what sets it apart: the overrides that all share are left out."""
    shared = set.intersection(*(set(point.overrides) for point in points)) if len(points) > 1 else set()
    return [" ".join(word for word in point.overrides if word not in shared) or "-" for point in points]


def _cells(point: Point) -> Sequence[str]:
    result = _result(point)
    if not result:
        return ("failed", *("-" for _ in COLUMNS[1:]))
    values = (result.get(key) for _, key in COLUMNS)
    return ["-" if value is None else f"{value:.2f}" for value in values]


def _result(point: Point) -> dict[str, float]:
    run_dir = RunDir(point.directory)
    finished = run_dir.has(RECORD) and run_dir.record().status == "finished"
    return dict(run_dir.read_json(RESULT)) if finished else {}


def _record(sweep: SweepResult) -> tracking.SweepRecord:
    return tracking.SweepRecord(
        id=sweep_id(sweep.directory),
        command=" ".join(sys.argv[1:]),
        started_at=sweep.started_at,
        ended_at=time.time(),
        finished=len(sweep.points) - sweep.failed,
        failed=sweep.failed,
        tags={},
        directory=sweep.directory,
    )
