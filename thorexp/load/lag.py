"""How late the event loop is: what the client itself may have added to a time stamp."""

import asyncio
from array import array
from collections.abc import Callable

TICK_NS = 10_000_000
HELD_NS = 2_000_000
NS_PER_S = 1_000_000_000


async def watch_lag(lag_ns: "array[int]", held_ns: list[tuple[int, int]], clock: Callable[[], int]) -> None:
    """Until cancelled, at every tick, append by how much the loop came late to it; ticks it slept over count once.

    From when to when it was held up by HELD_NS or more goes into `held_ns` too.

    Uvloop's timers are of whole ms, so lags below one mean nothing. Not waiting for the rest of it saves a client
    of 256 streams a tenth of its CPU.
    """
    due_ns = clock()
    while True:
        due_ns += TICK_NS
        await asyncio.sleep((due_ns - clock()) / NS_PER_S)
        late_ns = max(0, clock() - due_ns)
        lag_ns.append(late_ns)
        if late_ns >= HELD_NS:
            held_ns.append((due_ns, due_ns + late_ns))
        due_ns += late_ns // TICK_NS * TICK_NS
