"""A file that is written whole or not at all."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from thorexp.refused import is_refusal, refusal


def write_whole(target: Path, content: bytes | Iterable[bytes]) -> Path:
    """Put it, or its parts, in place, with the directories above it, or leave what was there; MachineError where it
    cannot be.

    What was written by half is taken away: on a full disk it would be in the way of all that follows.
    """
    parts, needs = iter((content,) if isinstance(content, bytes) else content), 0
    partial = target.with_name(f".{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            for part in parts:
                needs += len(part)
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except BaseException as wrong:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if not isinstance(wrong, OSError) or not is_refusal(wrong):
            raise
        raise refusal(wrong, target, needs + sum(map(len, parts))) from wrong
    return target
