"""Waits for something to be so."""

import time
from collections.abc import Callable

PATIENCE_S = 30.0  # far above what any of it takes, however busy the machine


def until(so: Callable[[], bool]) -> bool:
    """Whether it became so in time."""
    deadline = time.monotonic() + PATIENCE_S
    while not (is_so := so()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return is_so
