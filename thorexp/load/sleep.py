"""Sleep until, never for: a gap that is slept after each piece of work adds the work to the gap."""

import asyncio
from collections.abc import Callable

NS_PER_S = 1_000_000_000


async def sleep_until(due_ns: int, clock: Callable[[], int]) -> None:
    """Until the clock says so, and not before."""
    while (left_ns := due_ns - clock()) > 0:
        await asyncio.sleep(left_ns / NS_PER_S)
