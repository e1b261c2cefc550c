"""Until a moment, to within what a turn of the event loop takes.

The timers of asyncio and uvloop are of whole milliseconds, and a step of a simulation that is sped up is not longer.
So the last stretch is spent turning the loop, which goes on reading sockets: a core is full only while there is work.
"""

import asyncio
from collections.abc import Callable

NS_PER_S = 1_000_000_000
TIMER_NS = 1_500_000  # what a timer may be late by: its own rounding, and the loop's stale idea of now


async def sleep_until(due_ns: int, clock: Callable[[], int]) -> None:
    """Until the clock says so, and not before."""
    while (left_ns := due_ns - clock()) > TIMER_NS:
        await asyncio.sleep((left_ns - TIMER_NS) / NS_PER_S)
    while clock() < due_ns:
        await asyncio.sleep(0)
