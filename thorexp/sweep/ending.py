"""The end of a sweep: its table, its files, and its own run in MLflow."""

import logging
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from thorexp import tracking
from thorexp.answers import answer_lines
from thorexp.config import TrackingConfig
from thorexp.errors import ThorexpError, TrackingError
from thorexp.places import mlflow_ui, places_of_sweep
from thorexp.results.files import as_csv, text
from thorexp.results.html_page import html_page
from thorexp.results.images import images
from thorexp.results.markdown import markdown
from thorexp.results.summary import Point, Row, origins, rows
from thorexp.rundir import RunDir
from thorexp.secret import HIDDEN, shown_command
from thorexp.sweepdir import SweepRecord

SUMMARY_TXT = "summary.txt"
SUMMARY_CSV = "summary.csv"
SUMMARY_MD = "summary.md"
SWEEP_PAGE = "report.html"
SHOWN_FILES = (SUMMARY_MD, SWEEP_PAGE)

log = logging.getLogger(__name__)


def keep_sweep(record: SweepRecord, points: Sequence[Point], beside: Sequence[Row] = ()) -> SweepRecord:
    """Print the table, with what others published `beside`, and where its files are, and keep it in the sweep's
    directory with what a replay of tracking needs.

    A sweep that was asked for more before keeps the files that show all of it. The record is written before them, and
    one that cannot be made is said, and not raised.
    """
    finished = sum(point.state == "finished" for point in points)
    failed = sum(point.state == "failed" for point in points)
    heading, table = rows(points, beside)
    own = origins([row for row in table if row not in beside])
    now = replace(record, finished=finished, failed=failed, origin=next(iter(own)) if len(own) == 1 else None)
    unreal = f"{now.origin}: " if now.origin in ("simulated", "rehearsed") else ""
    title = f"{unreal}{finished} of {len(points)} jobs finished, {failed} failed: {record.directory}"
    found = answer_lines(record.directory)
    print(shown := text(table, heading, title) + "".join(f"{line}\n" for line in found), end="", flush=True)
    now.write()
    if len(points) == len(record.points):
        _keep(record.directory, "the table as text", lambda: {SUMMARY_TXT: shown})
        _keep(record.directory, "the table as CSV", lambda: {SUMMARY_CSV: as_csv(table)})
        _keep(record.directory, "the summary", lambda: {SUMMARY_MD: markdown(table, title, record.command, found)})
        _keep(record.directory, "the page", lambda: {SWEEP_PAGE: html_page(record, table, heading, title, found)})
        _keep(record.directory, "the images", lambda: images(table, heading))
    for line in places_of_sweep(record.directory, SHOWN_FILES, Path.cwd()):
        print(line, flush=True)
    return now


def _keep(directory: Path, what: str, made: Callable[[], Mapping[str, str | bytes]]) -> None:
    """Files by their names; what cannot be made is missing, which does not fail the sweep."""
    try:
        for name, content in made().items():
            run_dir = RunDir(directory)
            run_dir.write_text(name, content) if isinstance(content, str) else run_dir.write_bytes(name, content)
    except (ThorexpError, OSError, ValueError, MemoryError) as failed:
        words = str(failed) or type(failed).__name__
        log.error("%s of the sweep could not be written; the same command again tries it again: %s", what, words)


def how_to_go_on(record: SweepRecord) -> str:
    """What to type after an interruption, where all would otherwise be measured again."""
    words = shlex.split(record.command)
    if any(word.startswith("sweep.resume=") for word in words):
        words = [word for word in words if not word.startswith(("sweep.resume=", "hydra.sweep.dir="))]
        words.append(f"hydra.sweep.dir={record.directory}")
    command = f"python -m thorexp {shown_command(shlex.join(words))}"
    return f"{command}   (with your secret in place of {HIDDEN})" if HIDDEN in command else command


def _where_to_look(uri: str) -> str:
    return f"To compare runs: {mlflow_ui(uri)}"


def track_sweep(record: SweepRecord, to: TrackingConfig) -> None:
    """Give the sweep a run of its own in MLflow, and end what killed processes left there.

    A store that is down is said, and does not fail the sweep.
    """
    if to.enabled:
        store = tracking.Store.of(to)
        try:
            tracking.track_sweep(record, store)  # first: what it says of a store that is down names the replay
            tracking.close_abandoned(store)
            print(_where_to_look(to.uri), flush=True)
        except TrackingError as failed:
            log.error("%s", failed)
