"""The directory of a sweep: which points were asked for, and what became of them."""

import hashlib
import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from thorexp.errors import RecordError
from thorexp.field_types import check_fields
from thorexp.rundir import RunDir

SWEEP = "sweep.json"


@dataclass(frozen=True, slots=True)
class SweepRecord:
    """A sweep, from its beginning on. `points`: the digests of all that it was asked for.

    `command` as typed last; times in Unix seconds, `ended_at` absent until it has ended. `finished` and `failed`
    count jobs: repeats of a point are several. `origin`: of all of its results, absent where they have several.
    `directory` holds its files; the jobs' directories below it have records of their own.
    """

    id: str
    command: str
    points: tuple[str, ...]
    started_at: float
    directory: Path
    ended_at: float | None = None
    finished: int = 0
    failed: int = 0
    origin: str | None = None

    def write(self) -> None:
        """Put it into its directory, whole."""
        values = {key: value for key, value in asdict(self).items() if key != "directory"}
        RunDir(self.directory).write_json(SWEEP, values)


def read_sweep(directory: Path) -> SweepRecord | None:
    """What is known of the sweep whose directory this is; absent when it is none. RecordError when damaged."""
    path = directory / SWEEP
    if not path.is_file():
        return None
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        check_fields(SweepRecord, values)
        return SweepRecord(**values | {"points": tuple(values["points"]), "directory": directory})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OSError) as broken:
        raise RecordError(
            "A file of a sweep's directory is damaged.",
            ("where", str(path)),
            ("says", str(broken)),
            ("try", "take the file away: the records of its jobs are kept"),
        ) from None


def sweep_id(directory: Path) -> str:
    """A sweep's name in a store that several boards write to: its directory's, and which directory of which host."""
    where = f"{platform.node()}:{directory.resolve()}"
    return f"{directory.name}-{hashlib.sha256(where.encode()).hexdigest()[:6]}"
