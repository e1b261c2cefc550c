"""Which points already have a record."""

import logging
import platform
from pathlib import Path

from thorexp.errors import RecordError
from thorexp.rundir import CONFIG, RECORD, RESULT, Record, RunDir, find_run_dirs

log = logging.getLogger(__name__)


def finished_points(directory: Path) -> dict[str, RunDir]:
    """The measurements of this host below a directory, by point: complete records of jobs that finished."""
    here = platform.node()
    records = ((run_dir, _record(run_dir)) for run_dir in find_run_dirs(directory))
    return {
        record.point: run_dir
        for run_dir, record in records
        if record is not None and record.status == "finished" and record.tags.get("hostname") == here
    }


def _record(run_dir: RunDir) -> Record | None:
    """What it says of itself; absent when that or what it stands for cannot be read: it is run again."""
    try:
        record = run_dir.record()
        if record.status == "finished":
            run_dir.read_json(RESULT)
            run_dir.read_text(CONFIG)
    except RecordError as unreadable:
        log.warning("not taken for a record: %s (%s)", run_dir.path / RECORD, unreadable.headline)
        return None
    return record
