"""Memory between two servers: wait until it is back, and give the page cache back where that is asked for.

On unified memory the next server fails if it starts before the last one's memory is free, and CUDA counts the
page cache as used (vllm #48140, ollama #12283).
"""

import logging
import os
import time
from pathlib import Path

import psutil

from thorexp.errors import ConfigError
from thorexp.superuser import Superuser

GIB = 1 << 30
DROP_CACHES = Path("/proc/sys/vm/drop_caches")
SYSCTL = ("sysctl", "-w", "vm.drop_caches=3")
DROP_S = 60.0

_log = logging.getLogger(__name__)


def available() -> int:
    """MemAvailable, in bytes."""
    return int(psutil.virtual_memory().available)


def wait_until_back(before: int, timeout_s: float) -> None:
    """Until as much is available as `before` (bytes), or nearly; said when it does not come in time."""
    enough = before - max(GIB, psutil.virtual_memory().total // 20)
    deadline, now = time.monotonic() + timeout_s, available()
    if now < enough:
        _log.info(
            "server: waiting for its memory, %.1f of %.1f GiB are back (at most %g s: server.memory_timeout_s)",
            now / GIB,
            before / GIB,
            timeout_s,
        )
    while now < enough:
        if time.monotonic() >= deadline:
            _log.warning(
                "%.1f GiB were free before the server, %.1f GiB are after it; "
                "if the next one lacks memory: hardware.prepare.drop_caches=true, else a reboot",
                before / GIB,
                now / GIB,
            )
            return
        time.sleep(0.2)
        now = available()


def require_dropped(superuser: Superuser, through: Path = DROP_CACHES) -> None:
    """Give back the page cache; ConfigError where that is not possible."""
    os.sync()
    try:
        through.write_text("3\n")
    except OSError:
        superuser.run(SYSCTL, DROP_S)  # which a line for sudoers can allow


def drop_page_cache(superuser: Superuser, through: Path = DROP_CACHES) -> bool:
    """Give back the page cache; whether that was possible, and said where it was not."""
    try:
        require_dropped(superuser, through)
    except ConfigError as failed:
        _log.warning(
            "hardware.prepare.drop_caches: the page cache was not dropped; as root: %s\n%s", " ".join(SYSCTL), failed
        )
        return False
    return True
