"""Time that passes only when there is nothing left to do."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from tests.records import MS, S
from thorexp.load.sleep import sleep_until
from thorexp.load.virtual_time import VirtualLoop

T = TypeVar("T")


def played(main: Callable[[VirtualLoop], Awaitable[T]]) -> T:
    """What comes of it on such a loop."""
    loop = VirtualLoop()

    async def run() -> T:
        return await main(loop)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(run())


def test_it_begins_at_zero() -> None:
    """Whatever time it is."""

    async def main(loop: VirtualLoop) -> tuple[int, float]:
        return loop.now_ns(), loop.time()

    assert (0, 0.0) == played(main)


def test_a_sleep_passes_its_time_at_once() -> None:
    """A day of them, to the nanosecond."""

    async def main(loop: VirtualLoop) -> int:
        await asyncio.sleep(86_400)
        return loop.now_ns()

    assert 86_400 * S == played(main)


def test_no_time_passes_while_there_is_something_to_do() -> None:
    """A thousand turns of the loop take none."""

    async def main(loop: VirtualLoop) -> int:
        sleeping = asyncio.create_task(asyncio.sleep(1.0))
        for _ in range(1000):
            await asyncio.sleep(0)
        now_ns = loop.now_ns()
        sleeping.cancel()
        return now_ns

    assert 0 == played(main)


def test_sleepers_wake_in_the_order_of_their_times() -> None:
    """Each at its own, whoever lay down first."""

    async def main(loop: VirtualLoop) -> list[tuple[int, int]]:
        woken = []

        async def sleeper(number: int, due_ns: int) -> None:
            await sleep_until(due_ns, loop.now_ns)
            woken.append((number, loop.now_ns()))

        await asyncio.gather(sleeper(1, 30 * MS), sleeper(2, 10 * MS), sleeper(3, 20 * MS))
        return woken

    assert [(2, 10 * MS), (3, 20 * MS), (1, 30 * MS)] == played(main)


def test_nobody_wakes_before_its_time() -> None:
    """Nor more than a nanosecond after it, which a sleep in seconds is rounded up to."""
    due = [1, 2, 333_333_333, 333_333_334, S // 3 * 7, 86_400 * S + 1]

    async def main(loop: VirtualLoop) -> list[int]:
        woken = []
        for due_ns in due:
            await sleep_until(due_ns, loop.now_ns)
            woken.append(loop.now_ns() - due_ns)
        return woken

    assert {0, 1} >= set(played(main))


def test_what_would_be_done_in_a_thread_is_done_at_once() -> None:
    """In this one, and no time passes."""

    async def main(loop: VirtualLoop) -> tuple[int, int]:
        return await asyncio.to_thread(lambda: 6 * 7), loop.now_ns()

    assert (42, 0) == played(main)


def test_what_fails_in_place_of_a_thread_fails_where_it_is_waited_for() -> None:
    """As it would have from a thread."""

    async def main(_loop: VirtualLoop) -> None:
        await asyncio.to_thread(int, "none")

    with pytest.raises(ValueError, match="none"):
        played(main)


def test_to_wait_for_what_never_comes_is_an_error() -> None:
    """On no other loop would it end either."""

    async def main(loop: VirtualLoop) -> None:
        await loop.create_future()

    with pytest.raises(RuntimeError, match="nothing is left to do"):
        played(main)
