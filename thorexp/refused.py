"""What a machine refuses a process (room on a disk, rights, memory, open files), said with its place and a remedy."""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from thorexp.errors import MachineError

ELSEWHERE = "another directory to work in, or hydra.run.dir=… (of a sweep hydra.sweep.dir=…) on another disk"
MEMORY = "There is no memory left for thorexp itself."


@dataclass(frozen=True, slots=True)
class _Kind:
    headline: str
    remedy: str
    numbers: tuple[int, ...]


KINDS = (
    _Kind("There is no room left on a disk.", f"room on that disk (du -sh outputs mlruns), or {ELSEWHERE}",
          (errno.ENOSPC, errno.EDQUOT)),
    _Kind("A disk can only be read.", ELSEWHERE, (errno.EROFS,)),
    _Kind("A file is where a directory should be.", f"another name for one of them, or {ELSEWHERE}", (errno.ENOTDIR,)),
    _Kind("This user has not the right to do that.", f"its owner, or a chown of it; else {ELSEWHERE}",
          (errno.EACCES, errno.EPERM)),
    _Kind("This process may not open another file.", "a shell with `ulimit -n 4096`, or a lower load.max_concurrency",
          (errno.EMFILE, errno.ENFILE)),
    _Kind(MEMORY, "a higher limit of memory (ulimit -v, ulimit -u, the cgroup's), or a smaller "
          "engine.gpu_memory_utilization on a board whose memory is shared", (errno.ENOMEM,)),
    _Kind("A disk does not do its work.", f"`dmesg` says why; else {ELSEWHERE}", (errno.EIO, errno.ESTALE)),
)  # fmt: skip
_BY_NUMBER = {number: kind for kind in KINDS for number in kind.numbers}
_NO_THREAD = "can't start new thread"  # CPython's only word for it, of a RuntimeError


def is_refusal(wrong: BaseException) -> bool:
    """Whether it is the machine's, and no error of a program."""
    return _kind(wrong) is not None


def refused_by(wrong: BaseException) -> BaseException | None:
    """What the machine refused, of an error and what it was raised from: logging has a word of its own over it."""
    return next(filter(is_refusal, causes(wrong)), None)


def causes(wrong: BaseException) -> Iterator[BaseException]:
    """It, and what it was raised from; not what somebody was just about to handle."""
    error: BaseException | None = wrong
    while error is not None:
        yield error
        error = error.__cause__


def refusal(wrong: BaseException, path: Path | None = None, needs: int | None = None) -> MachineError:
    """It in words. `path`: what was to be written, absent where the error itself names it; `needs`: its bytes."""
    kind = _kind(wrong)
    assert kind is not None
    name = path or getattr(wrong, "filename", None)
    where = Path(os.fsdecode(name)).absolute() if isinstance(name, str | bytes | os.PathLike) else None
    return MachineError(kind.headline, *_facts(wrong, where, needs), ("try", kind.remedy))


def _kind(wrong: BaseException) -> _Kind | None:
    if isinstance(wrong, MemoryError) or (isinstance(wrong, RuntimeError) and str(wrong) == _NO_THREAD):
        return _BY_NUMBER[errno.ENOMEM]
    return _BY_NUMBER.get(wrong.errno or 0) if isinstance(wrong, OSError) else None


def _facts(wrong: BaseException, where: Path | None, needs: int | None) -> Iterator[tuple[str, str]]:
    if where is not None:
        yield "where", str(where)
        if isinstance(wrong, OSError) and wrong.errno in (errno.ENOSPC, errno.EDQUOT):
            yield from _disk(where)
    if needs is not None:
        yield "needs", f"{needs:,} bytes"
    yield "says", (wrong.strerror or str(wrong)) if isinstance(wrong, OSError) else str(wrong) or type(wrong).__name__


def _disk(where: Path) -> Iterator[tuple[str, str]]:
    """Where it is mounted and what it has, as far as this can be asked."""
    there = next(path for path in (where, *where.parents) if os.path.exists(path))  # noqa: PTH110  one that raises nothing
    mount = next((path for path in (there, *there.parents) if path.is_mount()), Path("/"))
    disk = os.statvfs(mount)
    yield "disk", f"{mount}, {disk.f_bavail * disk.f_frsize:,} of {disk.f_blocks * disk.f_frsize:,} bytes are free"
