"""An engine in the time of a clock, or in that time sped up: what happens when."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from thorexp.sim.engine import Engine, Request

NS_PER_S = 1_000_000_000

Clock = Callable[[], int]
SleepUntil = Callable[[int], Awaitable[None]]
OnToken = Callable[[Request], None]


@dataclass(slots=True)
class Pace:
    """How well steps ended when they should have. `busy_s`: what all steps took by the clock, `late_s`: by how much
    they were told late, all together.
    """

    busy_s: float = 0.0
    late_s: float = 0.0


class Driver:
    """Runs one step after the other while there is work.

    `clock` in ns; `speedup`: seconds of the engine in one of the clock. `request_s`, in the engine's seconds: what the
    API server takes for a request, one after the other, until the scheduler sees it. `on_way_s`, by the clock: what
    HTTP takes to and fro between a client and us, which is no time of the engine's: when a request is finished while
    others go on, its client is waited for so long before it is decided who is in the next step, and what comes until
    then has come at once. `on_step` is called when that is decided.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        sleep_until: SleepUntil,
        *,
        speedup: float = 1.0,
        request_s: float = 0.0,
        on_way_s: float = 0.0,
        on_step: Callable[[], None] = lambda: None,
    ) -> None:
        self.engine = engine
        self.pace = Pace()
        self._clock = clock
        self._sleep_until = sleep_until
        self._on_step = on_step
        self._ns_per_s = NS_PER_S / speedup
        self._request_ns = round(request_s * self._ns_per_s)
        self._on_way_ns = round(on_way_s * NS_PER_S)
        self._now_ns = 0  # up to here the engine has come
        self._finished_ns = 0  # when a request was finished last
        self._taken_in_ns = 0  # when the API server has done with the last request
        self._coming: deque[tuple[int, Request]] = deque()
        self._told: dict[Request, OnToken] = {}
        self._came = asyncio.Event()

    def submit(self, request: Request, on_token: OnToken, came_ns: int | None = None) -> None:
        """It is on its way, since it came; absent for now. `on_token` is called at each token of its answer; ValueError
        for one that never fits.
        """
        if (why := self.engine.refusal(request)) is not None:
            raise ValueError(why)
        self._told[request] = on_token
        came_ns = self._clock() if came_ns is None else came_ns
        if self.engine.busy and came_ns - self._finished_ns <= self._on_way_ns:
            came_ns = self._finished_ns
        self._taken_in_ns = max(came_ns, self._taken_in_ns) + self._request_ns
        self._coming.append((self._taken_in_ns, request))
        self._came.set()

    def cancel(self, request: Request) -> None:
        """Nobody waits for it any longer; one that is finished stays so."""
        if self._told.pop(request, None) is not None:
            self._coming = deque(each for each in self._coming if each[1] is not request)
            self.engine.remove(request)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._until_there_is_work()
            while self.engine.busy:
                await self._step()

    async def _until_there_is_work(self) -> None:
        while not self._coming:
            self._came.clear()
            await self._came.wait()
        self._now_ns = max(self._coming[0][0], self._now_ns)
        await self._sleep_until(self._now_ns)
        self._admit()

    async def _step(self) -> None:
        step_ns = round(self.engine.begin_step() * self._ns_per_s)
        self._on_step()
        self.pace.busy_s += step_ns / NS_PER_S
        self._now_ns += step_ns
        await self._sleep_until(self._now_ns)
        self.pace.late_s += max(0, self._clock() - self._now_ns) / NS_PER_S
        if self._end_step():
            self._finished_ns = self._now_ns
            await self._sleep_until(self._now_ns + self._on_way_ns)
        await asyncio.sleep(0)  # what comes in is read even where steps are behind their time
        self._admit()

    def _end_step(self) -> bool:
        """Whether a request is finished by it."""
        told = self.engine.end_step()
        for request in told:
            on_token = self._told.pop(request, None) if request.finished else self._told.get(request)
            if on_token is not None:  # else it was cancelled by one that was told before it
                on_token(request)
        return any(request.finished for request in told)

    def _admit(self) -> None:
        while self._coming and self._coming[0][0] <= self._now_ns:
            self.engine.add(self._coming.popleft()[1])
