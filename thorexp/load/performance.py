"""A plan being played: stage after stage, each conversation when it is due and there is room for it."""

import asyncio
from collections.abc import Iterator
from typing import Protocol

from thorexp.load.backlog import Backlog
from thorexp.load.client import Clock
from thorexp.load.conversation import Talk, talks_of
from thorexp.load.exchange import Exchange
from thorexp.load.sleep import NS_PER_S, sleep_until
from thorexp.load.slots import Slots
from thorexp.load.target import Target
from thorexp.measure.plan import LoadPlan, Stage
from thorexp.measure.records import RequestRecord, StageRecord


class Sends(Protocol):
    """Whoever gets an exchange answered."""

    async def send(self, exchange: Exchange) -> None:
        """Play it to its end. What fails is written into it; only cancellation is raised."""


class Performance:
    """`begun` grows by each exchange as it is sent, or found to be impossible."""

    def __init__(self, plan: LoadPlan, target: Target, client: Sends, clock: Clock) -> None:
        self._plan = plan
        self._client = client
        self._clock = clock
        self._talks = tuple(
            tuple(talks_of(stage, number, target, plan.ignore_eos)) for number, stage in enumerate(plan.stages)
        )
        self._starts_ns: list[int] = []
        self._slots = Slots()
        self._backlog = Backlog()
        self.begun: list[Exchange] = []

    @property
    def total(self) -> int | None:
        """How many requests are played; absent where that depends on what the server manages in a time."""
        timed = any(stage.is_timed for stage in self._plan.stages)
        return None if timed else sum(len(stage.requests) for stage in self._plan.stages)

    async def play(self) -> None:
        """All of it. Cancelled, it gives up what is in flight."""
        reducing = asyncio.create_task(self._backlog.reduce())
        try:
            await self._play_stages()
        finally:
            reducing.cancel()

    async def _play_stages(self) -> None:
        start_ns = self._clock()
        async with asyncio.TaskGroup() as tasks:
            for number, stage in enumerate(self._plan.stages):
                waits = self._plan.drain or stage is self._plan.stages[-1]
                self._starts_ns.append(start_ns)
                limiting = tasks.create_task(self._limit(stage, start_ns))
                under_way = await self._begin_all(number, start_ns, tasks)
                while waits and under_way:
                    await asyncio.wait(under_way)
                start_ns = self._clock() if waits else start_ns + (stage.length_ns or 0)
                await sleep_until(start_ns, self._clock)
                limiting.cancel()

    def stages(self) -> tuple[StageRecord, ...]:
        """When those that were begun were played, once all is over."""
        ends = (
            max([start_ns, *(turn.ended_ns or start_ns for talk in talks for turn in talk.turns)])
            for start_ns, talks in zip(self._starts_ns, self._talks, strict=False)
        )
        named = zip(self._plan.stages, self._starts_ns, ends, strict=False)
        return tuple(StageRecord(stage.name, start_ns, end_ns) for stage, start_ns, end_ns in named)

    def records(self, end_ns: int, given_up: str | None) -> Iterator[RequestRecord]:
        """Of every request, once all is over; but for those of a timed closed loop that never came to their turn.

        `given_up`: why what had not ended did not go on; absent when all did.
        """
        for stage, talks in zip(self._plan.stages, self._talks, strict=True):
            for talk in talks:
                if stage.is_timed and not talk.turns[0].begun:
                    continue
                for turn in talk.turns:
                    if not turn.ended:
                        turn.give_up(f"given up: {given_up}", end_ns)
                    yield turn.record()

    async def _limit(self, stage: Stage, start_ns: int) -> None:
        for offset_ns, limit in stage.limits or ((0, None),):
            await sleep_until(start_ns + offset_ns, self._clock)
            self._slots.set_limit(limit)

    async def _begin_all(self, number: int, start_ns: int, tasks: asyncio.TaskGroup) -> "set[asyncio.Task[None]]":
        """What has not ended of it by the time that all have begun; the set loses each that ends."""
        stage = self._plan.stages[number]
        under_way: set[asyncio.Task[None]] = set()
        left_ns = start_ns + (stage.length_ns or 0) - self._clock()
        try:
            async with asyncio.timeout(left_ns / NS_PER_S if stage.is_timed else None) as limit:
                await asyncio.sleep(0)  # the stage's limit is set
                for talk in self._talks[number]:
                    await self._begin(talk, stage, start_ns)
                    talking = tasks.create_task(self._talk(talk, has_room=stage.closed))
                    under_way.add(talking)
                    talking.add_done_callback(under_way.discard)
                    await asyncio.sleep(0)  # sends go out between those that are due together
        except TimeoutError:
            if not limit.expired():
                raise
        return under_way

    async def _begin(self, talk: Talk, stage: Stage, start_ns: int) -> None:
        """Until it is due, which in a closed loop is when there is room."""
        first = talk.turns[0]
        if stage.closed:
            await self._slots.enter()
            first.scheduled_ns = first.released_ns = self._clock()
        else:
            first.scheduled_ns += start_ns
            await sleep_until(first.scheduled_ns, self._clock)
            first.released_ns = self._clock()

    async def _talk(self, talk: Talk, *, has_room: bool) -> None:
        if not has_room:
            await self._slots.enter()
        try:
            for number, turn in enumerate(talk.turns):
                if number:
                    await self._think(talk, number)
                await self._ask(turn)
        finally:
            self._slots.leave()

    async def _think(self, talk: Talk, number: int) -> None:
        before, turn = talk.turns[number - 1], talk.turns[number]
        turn.scheduled_ns += before.ended_ns or 0
        await asyncio.to_thread(talk.go_on, number)  # reading an answer of 1,000 tokens takes ms
        if turn.error is None:
            await sleep_until(turn.scheduled_ns, self._clock)
        turn.released_ns = self._clock()

    async def _ask(self, turn: Exchange) -> None:
        turn.begun = True
        self.begun.append(turn)
        if turn.error is None:
            await self._client.send(turn)
        turn.ended_ns = self._clock()
        turn.body = b""
        self._backlog.add(turn)
