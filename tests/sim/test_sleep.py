"""Sleeping until a moment, by a clock that is finer than the loop's timers."""

import asyncio
import time
from itertools import count

import pytest

from thorexp.sim.sleep import sleep_until

MS = 1_000_000


@pytest.mark.parametrize("ahead_ns", [-MS, 0, MS // 3, 3 * MS])
def test_nobody_wakes_before_the_time(ahead_ns: int) -> None:
    """By the clock that was given."""
    due_ns = time.monotonic_ns() + ahead_ns
    asyncio.run(sleep_until(due_ns, time.monotonic_ns))
    assert time.monotonic_ns() >= due_ns


def test_the_loop_goes_on_in_the_last_stretch() -> None:
    """A millisecond before, others have their turns: ten, while a clock ticks ten times."""

    async def main() -> int:
        ticks, turns = count(), 0
        sleeping = asyncio.create_task(sleep_until(MS, lambda: next(ticks) * MS // 10))
        while not sleeping.done():
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert asyncio.run(main()) >= 9
