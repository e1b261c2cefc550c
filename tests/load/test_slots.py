"""Room is given in the order it was asked for, as much as the limit of the moment has."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from thorexp.load.slots import Slots


class Crowd:
    """Who has asked for room, and who has got it, in order."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self.inside: list[int] = []
        self.asking: dict[int, asyncio.Task[None]] = {}

    async def ask(self, *numbers: int) -> None:
        """One after the other; who finds room is inside when this is over."""
        for number in numbers:
            self.asking[number] = asyncio.create_task(self._enter(number))
        await self.settle()

    async def leave(self, number: int) -> None:
        self.inside.remove(number)
        self._slots.leave()
        await self.settle()

    async def limit(self, limit: int | None) -> None:
        self._slots.set_limit(limit)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    async def _enter(self, number: int) -> None:
        await self._slots.enter()
        self.inside.append(number)


def played(script: Callable[[Crowd], Awaitable[None]]) -> None:
    async def main() -> None:
        crowd = Crowd(Slots())
        await script(crowd)
        for asking in crowd.asking.values():
            asking.cancel()

    asyncio.run(main())


def test_without_a_limit_there_is_always_room() -> None:
    """As it is before any limit is set, and after one is lifted."""

    async def script(crowd: Crowd) -> None:
        await crowd.ask(*range(5))
        assert [0, 1, 2, 3, 4] == crowd.inside
        await crowd.limit(1)
        await crowd.ask(5, 6)
        assert 5 == len(crowd.inside)
        await crowd.limit(None)
        assert [0, 1, 2, 3, 4, 5, 6] == crowd.inside

    played(script)


def test_first_come_is_first_served() -> None:
    """Each that leaves lets in who has waited longest."""

    async def script(crowd: Crowd) -> None:
        await crowd.limit(2)
        await crowd.ask(0, 1, 2, 3, 4)
        assert [0, 1] == crowd.inside
        await crowd.leave(1)
        assert [0, 2] == crowd.inside
        await crowd.leave(0)
        assert [2, 3] == crowd.inside

    played(script)


def test_who_comes_later_does_not_pass_who_waits() -> None:
    """Room that is given back in the same moment is for the first in line."""

    async def script(crowd: Crowd) -> None:
        await crowd.limit(1)
        await crowd.ask(0, 1)
        crowd.inside.remove(0)
        crowd._slots.leave()  # and before the loop turns
        await crowd.ask(2)
        assert [1] == crowd.inside

    played(script)


def test_a_higher_limit_lets_in_at_once() -> None:
    """As many as there is room for now."""

    async def script(crowd: Crowd) -> None:
        await crowd.limit(1)
        await crowd.ask(0, 1, 2, 3)
        await crowd.limit(3)
        assert [0, 1, 2] == crowd.inside

    played(script)


def test_a_lower_limit_is_reached_as_they_leave() -> None:
    """Nobody is put out, and nobody is let in until there is room below the limit."""

    async def script(crowd: Crowd) -> None:
        await crowd.limit(3)
        await crowd.ask(0, 1, 2, 3, 4)
        await crowd.limit(1)
        assert [0, 1, 2] == crowd.inside
        await crowd.leave(0)
        await crowd.leave(1)
        assert [2] == crowd.inside
        await crowd.leave(2)
        assert [3] == crowd.inside

    played(script)


@pytest.mark.parametrize("moment", ["waiting", "let in"])
def test_who_gives_up_takes_no_room(moment: str) -> None:
    """Neither who still waits nor who was let in but does not know it yet."""

    async def script(crowd: Crowd) -> None:
        await crowd.limit(1)
        await crowd.ask(0, 1, 2)
        if moment == "let in":
            crowd.inside.remove(0)
            crowd._slots.leave()
        crowd.asking[1].cancel()
        await crowd.settle()
        if moment == "waiting":
            await crowd.leave(0)
        assert [2] == crowd.inside
        await crowd.leave(2)
        await crowd.ask(3, 4)
        assert [3] == crowd.inside

    played(script)
