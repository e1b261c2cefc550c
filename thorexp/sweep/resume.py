"""Which points already have a record, and by what it was measured."""

import logging
import platform
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from thorexp.config_sweep import Executor
from thorexp.errors import RecordError
from thorexp.rundir import CONFIG, RECORD, RESULT, Record, RunDir, find_run_dirs

log = logging.getLogger(__name__)


def finished_points(directory: Path, by: Executor = Executor.local) -> dict[str, RunDir]:
    """The measurements below a directory, by point: complete records of jobs that finished.

    Of this host, unless an executor chose among boards: then of any.
    """
    here = platform.node()
    records = ((run_dir, _record(run_dir)) for run_dir in find_run_dirs(directory))
    return {
        record.point: run_dir
        for run_dir, record in records
        if record is not None
        and record.status == "finished"
        and (by is not Executor.local or record.tags.get("hostname") == here)
    }


def warn_of_versions(directories: Iterable[Path | None]) -> None:
    """Say which vLLM measured how many of these, where several did: on many boards no point says which."""
    records = (_record(RunDir(directory)) for directory in directories if directory is not None)
    versions = Counter(record.tags["vllm_version"] for record in records if record and "vllm_version" in record.tags)
    if len(versions) > 1:
        told = ", ".join(f"{version} ({count} jobs)" for version, count in sorted(versions.items()))
        log.warning("measured by several versions of vLLM: %s; sweep.resume=false measures all anew", told)


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
