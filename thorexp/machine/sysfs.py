"""Files of sysfs: a number that is read again and again, a name that is read once."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from thorexp.machine.system_file import text


class NumberFile:
    """An integer that the kernel writes anew for each read. Kept open: opening costs more than reading."""

    __slots__ = ("_descriptor", "_path")

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._descriptor: int | None = None

    def read(self) -> int | None:
        """Absent when the device refuses (EAGAIN of a gated GPU, EIO), is gone, or says no number. May block."""
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            return int(os.pread(self._descriptor, 64, 0))
        except BlockingIOError:
            return None
        except (OSError, ValueError):
            self._close()
            return None

    def _close(self) -> None:
        """So that a device that comes back is found."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def name_in(path: Path) -> str | None:
    """What a file calls its device, fit for a signal's name; absent when it does not say."""
    said = text(path)
    return None if said is None else re.sub(r"[^\w.-]+", "_", said)


def in_order(paths: Iterable[Path]) -> list[Path]:
    """By number: hwmon2 before hwmon10."""
    return sorted(paths, key=lambda path: (len(path.name), path.name))


def distinct(names: Iterable[str]) -> Iterator[str]:
    """The names; the second `acpitz` becomes `acpitz2`."""
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name}{seen[name]}"
