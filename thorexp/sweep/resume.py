"""Which points already have a record, and in which directory a sweep goes on."""

import fcntl
import logging
import os
import platform
from collections.abc import Iterator, Set
from contextlib import suppress
from itertools import count
from pathlib import Path

from thorexp.errors import RecordError
from thorexp.rundir import RECORD, Record, RunDir, find_run_dirs
from thorexp.sweepdir import SWEEP, SweepRecord, read_sweep

log = logging.getLogger(__name__)


def directories_for(configured: Path, points: Set[str], command: str) -> Iterator[Path]:
    """Where a sweep of these points may be kept, the best first: it goes on where it stopped, or begins.

    It goes on in an earlier sweep that it repeats or extends: one beside it all of whose points are asked for
    again, or some of them by the same command, as by a sweeper that comes in batches. The one with the most
    finished points comes first, then the latest. It begins as configured, or beside that.
    """
    if not (configured / SWEEP).exists():
        earlier = [sweep for sweep in _sweeps_beside(configured) if _continues(sweep, points, command)]
        finished = {sweep.directory: len(finished_points(sweep.directory).keys() & points) for sweep in earlier}
        earlier.sort(key=lambda sweep: (finished[sweep.directory], sweep.started_at), reverse=True)
        yield from (sweep.directory for sweep in earlier)
    yield from fresh_directories(configured)


def _continues(sweep: SweepRecord, points: Set[str], command: str) -> bool:
    common = points & set(sweep.points)
    return bool(common) and (len(common) == len(set(sweep.points)) or sweep.command == command)


def fresh_directories(configured: Path) -> Iterator[Path]:
    """As configured; then, for a sweep that began in the same second, with a number behind it."""
    yield configured
    yield from (configured.with_name(f"{configured.name}_{number}") for number in count(2))


def hold(directory: Path) -> bool:
    """Take it for this process, until that ends; false when another one that lives has it.

    A network file system may not lock directories: there it is said, and not held.
    """
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    except OSError as cannot:
        log.warning("%s cannot be locked (%s): start no second sweep in it", directory, cannot.strerror)
    return True


def finished_points(directory: Path) -> dict[str, RunDir]:
    """The measurements of this host below a directory, by point: complete records of jobs that finished."""
    here = platform.node()
    records = ((run_dir, _record(run_dir)) for run_dir in find_run_dirs(directory))
    return {
        record.point: run_dir
        for run_dir, record in records
        if record is not None and record.status == "finished" and record.tags.get("hostname") == here
    }


def forget(made: Path) -> None:
    """Take away the directory that Hydra made for what is not kept there, and the one above, if they are empty."""
    (made / "multirun.yaml").unlink(missing_ok=True)
    for directory in (made, made.parent):
        with suppress(OSError):  # it is not empty, or was never made
            directory.rmdir()


def _sweeps_beside(configured: Path) -> Iterator[SweepRecord]:
    """Each sweep that can be read."""
    for path in configured.parent.glob(f"*/{SWEEP}"):
        try:
            sweep = read_sweep(path.parent)
        except RecordError as damaged:
            log.warning("%s", damaged)
        else:
            if sweep is not None:
                yield sweep


def _record(run_dir: RunDir) -> Record | None:
    """What it says of itself; absent when that cannot be read, or is of another schema: it is run again."""
    try:
        return run_dir.record()
    except RecordError as unreadable:
        log.warning("not taken for a record: %s (%s)", run_dir.path / RECORD, unreadable.headline)
        return None
