"""Who started a thing that outlives processes, in words that a later process can check."""

import os
import platform
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def owner(pid: int | None = None) -> str:
    """Host, its boot, process id and when that started, in ticks since the boot, which no step of a clock moves.

    Of this process if absent. OSError when there is no such process.
    """
    asked = os.getpid() if pid is None else pid
    fields = Path(f"/proc/{asked}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    if fields[0] in "ZX":
        raise ProcessLookupError(asked)
    return f"{platform.node()} {BOOT_ID.read_text().strip()} {asked} {fields[19]}"


def is_dead(said: str) -> bool:
    """Whether it was a process of this host that has ended; not of any other host, nor of what cannot be read."""
    words = said.split()
    if len(words) != 4 or words[0] != platform.node() or not words[2].isdigit():
        return False
    try:
        return owner(int(words[2])) != said
    except OSError:
        return True
