"""What was changed of a board, on disk before it is, so that a process that was killed leaves word of it."""

import json
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from thorexp.machine.changes import Change
from thorexp.machine.system_file import text

SAME_START_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """Changes in the order that they were made, by the process `pid` that began at `started` (Unix seconds)."""

    boot: str | None
    pid: int
    started: float
    changes: tuple[Change, ...]

    @property
    def is_of_living(self) -> bool:
        """Whether its process still is there: not another one that has got its number since."""
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started) < SAME_START_S
        except psutil.Error:
            return False


@dataclass(frozen=True, slots=True)
class Journal:
    """One file for each board and user."""

    path: Path
    root: Path = Path("/")

    def read(self) -> Entry | None:
        """Absent when nothing is changed. One that cannot be read is said, and put aside."""
        said = text(self.path)
        if said is None:
            return None
        try:
            values = json.loads(said)
            changes = tuple(Change(**change) for change in values["changes"])
            return Entry(values["boot"], int(values["pid"]), float(values["started"]), changes)
        except (ValueError, TypeError, KeyError) as broken:
            aside = self.path.with_suffix(".broken")
            self.path.replace(aside)
            _log.warning("what an earlier thorexp has changed of this board cannot be read (%s): %s", broken, aside)
            return None

    def left(self, entry: Entry) -> tuple[Change, ...]:
        """What of it a boot since then has not undone."""
        same = entry.boot == self._boot
        return tuple(change for change in entry.changes if same or change.outlives_boot)

    def write(self, changes: Sequence[Change]) -> None:
        """These are made by us, or about to be; none takes the file away."""
        if not changes:
            self.path.unlink(missing_ok=True)
            return
        entry = Entry(self._boot, os.getpid(), psutil.Process().create_time(), tuple(changes))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8") as file:
            json.dump(asdict(entry), file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path)

    @property
    def _boot(self) -> str | None:
        return text(self.root / "proc/sys/kernel/random/boot_id")
