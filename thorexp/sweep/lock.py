"""One thorexp measures on a board at a time."""

import fcntl
import json
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

from thorexp.config import SweepConfig
from thorexp.errors import BusyError

POLL_S = 0.5
LOCK = "thorexp-board.lock"

log = logging.getLogger(__name__)


def take_board(options: SweepConfig) -> int | None:
    """A descriptor that holds the board until it is closed, which is best left to the end of the process: its
    server must have ended before. Absent when `sweep.lock` is off.

    BusyError, with pid and start of the holder, when it is not free within `sweep.lock_wait_s`. The kernel takes
    the lock back when its holder dies, however that happens.
    """
    if not options.lock:
        return None
    path = Path(tempfile.gettempdir()) / LOCK
    descriptor = _open(path)
    try:
        _acquire(descriptor, path, options.lock_wait_s)
    except BaseException:
        os.close(descriptor)
        raise
    _sign(descriptor)
    return descriptor


def _open(path: Path) -> int:
    """For every user of the board. An existing file is opened without O_CREAT, which the kernel refuses in a
    sticky directory for another user's file (fs.protected_regular).
    """
    try:
        return os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CREAT, 0o666)
        os.fchmod(descriptor, 0o666)
        return descriptor
    except OSError as refused:
        raise BusyError(
            "The lock of this board cannot be opened.",
            ("lock", str(path)),
            ("says", refused.strerror or str(refused)),
            ("try", "sweep.lock=false, if nothing else measures here"),
        ) from None


def _acquire(descriptor: int, path: Path, wait_s: float) -> None:
    deadline, waiting = time.monotonic() + wait_s, False
    while not _try(descriptor):
        if time.monotonic() >= deadline:
            raise BusyError(
                "Another thorexp measures on this board.",
                *_holder(path),
                ("lock", str(path)),
                ("try", "sweep.lock_wait_s=.inf to wait for it, or sweep.lock=false to disturb it"),
            )
        if not waiting:
            log.info("waiting for the board: %s", ", ".join(f"{label} {text}" for label, text in _holder(path)))
            waiting = True
        time.sleep(POLL_S)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sign(descriptor: int) -> None:
    signature = {
        "pid": os.getpid(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        "command": " ".join(sys.argv[1:]),
        "in": str(Path.cwd()),
    }
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(signature).encode(), 0)


def _holder(path: Path) -> tuple[tuple[str, str], ...]:
    """Who has signed; nothing of one that has not come to it yet."""
    try:
        signature = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return ()
    return tuple((key, str(signature[key])) for key in ("pid", "since", "command", "in") if key in signature)
