"""The end of a sweep: its table, its files, and its own run in MLflow."""

import logging
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from thorexp import tracking
from thorexp.config import TrackingConfig
from thorexp.errors import TrackingError
from thorexp.rundir import RunDir
from thorexp.sweep.files import as_csv, frontier_html, markdown, text
from thorexp.sweep.plan import SweepPlan
from thorexp.sweep.summary import Point, rows
from thorexp.sweepdir import SweepRecord, read_sweep, sweep_id

SUMMARY_TXT = "summary.txt"
SUMMARY_CSV = "summary.csv"
SUMMARY_MD = "summary.md"
FRONTIER = "frontier.html"

log = logging.getLogger(__name__)


def command() -> str:
    """What was typed behind `python -m thorexp`, to be typed again."""
    return shlex.join(sys.argv[1:])


def sweep_record(plan: SweepPlan, points: tuple[str, ...]) -> SweepRecord:
    """The sweep as it begins, in its directory; one that goes on keeps its beginning and, for now, its end."""
    plan.directory.mkdir(parents=True, exist_ok=True)
    earlier = read_sweep(plan.directory)
    started_at = time.time() if earlier is None else earlier.started_at
    record = SweepRecord(sweep_id(plan.directory), command(), points, started_at, plan.directory)
    record = record if earlier is None else replace(record, ended_at=earlier.ended_at)
    (replace(record, ended_at=None) if plan.to_run else record).write()
    return record


def keep_sweep(record: SweepRecord, points: Sequence[Point], *, ended: bool, ran: bool) -> SweepRecord:
    """Print the table, and keep it in the sweep's directory with what a replay of tracking needs.

    A sweep that has not `ended` says how it goes on; one in which nothing `ran` ended when it did.
    """
    finished = sum(point.state == "finished" for point in points)
    failed = sum(point.state == "failed" for point in points)
    title = f"{finished} of {len(points)} jobs finished, {failed} failed: {record.directory}"
    ended_at = record.ended_at if record.ended_at is not None and not ran else time.time()
    now = replace(record, ended_at=ended_at if ended else None, finished=finished, failed=failed)
    (heading, table), kept = rows(points), RunDir(record.directory)
    print(shown := text(table, heading, title), end="", flush=True)
    kept.write_text(SUMMARY_TXT, shown)
    kept.write_text(SUMMARY_CSV, as_csv(table))
    kept.write_text(SUMMARY_MD, markdown(table, title))
    if (plot := frontier_html(table, record.id)) is not None:
        kept.write_text(FRONTIER, plot)
    now.write()
    if not ended:
        print(f"To go on where this stopped: python -m thorexp {record.command}", flush=True)
    return now


def track_sweep(record: SweepRecord, to: TrackingConfig) -> None:
    """Give the sweep a run of its own in MLflow, and end what killed processes left there.

    A store that is down is said, and does not fail the sweep.
    """
    if to.enabled:
        store = tracking.Store(to.uri, to.experiment, to.artifacts)
        try:
            tracking.close_abandoned(store)
            tracking.track_sweep(record, store)
        except TrackingError as failed:
            log.error("%s", failed)
