"""One thorexp measures on a board at a time."""

import fcntl
import json
import logging
import os
import shlex
import sys
import time
from contextlib import suppress
from pathlib import Path

from thorexp.errors import BusyError
from thorexp.secret import shown_command

POLL_S = 0.5

log = logging.getLogger(__name__)


class Board:
    """The board, once it was taken: until this process has ended, and the server that it started."""

    def __init__(self) -> None:
        self._descriptor: int | None = None

    @property
    def held(self) -> tuple[int, ...]:
        """The descriptor that holds it, for a child that shall hold it too; none before it is taken."""
        return () if self._descriptor is None else (self._descriptor,)

    def take(self, lock: Path, wait_s: float) -> None:
        """Hold it by that file; twice is once.

        BusyError, with pid and start of the holder, when it is not free within `wait_s` seconds. The kernel takes
        the lock back when all who hold it have died, however that happens.
        """
        if self._descriptor is not None:
            return
        descriptor = _open(lock)
        try:
            _acquire(descriptor, lock, wait_s)
        except BaseException:
            os.close(descriptor)
            raise
        with suppress(OSError):  # on a full disk it is held all the same, and nobody sees by whom
            _sign(descriptor)
        self._descriptor = descriptor


def _open(path: Path) -> int:
    try:
        return _opened(path)
    except OSError as refused:
        raise BusyError(
            "The lock of this board cannot be opened.",
            ("where", f"sweep.lock_path={path}"),
            ("says", refused.strerror or str(refused)),
            ("try", "sweep.lock=false, if nothing else measures here"),
        ) from None


def _opened(path: Path) -> int:
    """For every user of the board. An existing file is opened without O_CREAT, which the kernel refuses in a
    sticky directory for another user's file (fs.protected_regular).
    """
    try:
        return os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CREAT, 0o666)
        os.fchmod(descriptor, 0o666)
        return descriptor


def _acquire(descriptor: int, path: Path, wait_s: float) -> None:
    deadline, waiting = time.monotonic() + wait_s, False
    while not _try(descriptor):
        if time.monotonic() >= deadline:
            raise BusyError(
                "Another thorexp measures on this board.",
                *_holder(path),
                ("lock", str(path)),
                ("try", "sweep.lock_wait_s=inf to wait for it, or sweep.lock=false to disturb it"),
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
        "command": shown_command(shlex.join(sys.argv[1:])),
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
