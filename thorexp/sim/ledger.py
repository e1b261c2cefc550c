"""What became of each request, as vLLM counts it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from thorexp.sim.driver import NS_PER_S, Clock
from thorexp.sim.engine import Request

TTFT = "time_to_first_token_seconds"
QUEUE = "request_queue_time_seconds"
PREFILL = "request_prefill_time_seconds"
DECODE = "request_decode_time_seconds"
E2EL = "e2e_request_latency_seconds"

Observe = Callable[[str, float], None]


@dataclass(slots=True)
class Stamps:
    """When a request arrived, reached the scheduler's queue, was first scheduled and got its first token, by the clock;
    absent until it was.
    """

    arrived_ns: int
    queued_ns: int | None = None
    scheduled_ns: int | None = None
    first_ns: int | None = None


class Ledger:
    """Counts tokens and finished requests, and tells `observe` how long each phase took, in seconds of the
    simulation: a phase of the clock, times `speedup`.

    As in vLLM, the way to the scheduler is no part of the time in its queue; TTFT and prompt tokens are told at the
    first token, the other phases when a request has finished.
    """

    def __init__(self, clock: Clock, observe: Observe, *, speedup: float) -> None:
        self.prompt_tokens = self.generation_tokens = self.finished = 0
        self._clock = clock
        self._observe = observe
        self._s_per_ns = speedup / NS_PER_S
        self._stamps: dict[Request, Stamps] = {}
        self._unscheduled: dict[Request, Stamps] = {}

    def arrived(self, request: Request) -> None:
        """It is submitted now."""
        self._stamps[request] = self._unscheduled[request] = Stamps(self._clock())

    def step_began(self, waiting: Collection[Request]) -> None:
        """Now, perhaps as the first of some requests; these wait for a later one. Queued is who was there for it."""
        if not self._unscheduled:
            return
        now_ns, queued = self._clock(), set(waiting)
        for request, stamps in tuple(self._unscheduled.items()):
            if stamps.queued_ns is None and (request in queued or request.cached is not None):
                stamps.queued_ns = now_ns
            if request.cached is not None:
                stamps.scheduled_ns = now_ns
                del self._unscheduled[request]

    def told(self, request: Request) -> None:
        """It has a token more now."""
        self.generation_tokens += 1
        stamps = self._stamps[request]
        if stamps.first_ns is None:
            stamps.first_ns = self._clock()
            self.prompt_tokens += request.prompt_len
            self._observe(TTFT, self._seconds(stamps.arrived_ns, stamps.first_ns))
        if request.finished:
            self._finish(self._stamps.pop(request))

    def dropped(self, request: Request) -> None:
        """Nobody waits for it any longer; nothing of one that is finished."""
        self._stamps.pop(request, None)
        self._unscheduled.pop(request, None)

    def _finish(self, stamps: Stamps) -> None:
        assert stamps.queued_ns is not None
        assert stamps.scheduled_ns is not None
        assert stamps.first_ns is not None
        now_ns = self._clock()
        self.finished += 1
        self._observe(QUEUE, self._seconds(stamps.queued_ns, stamps.scheduled_ns))
        self._observe(PREFILL, self._seconds(stamps.scheduled_ns, stamps.first_ns))
        self._observe(DECODE, self._seconds(stamps.first_ns, now_ns))
        self._observe(E2EL, self._seconds(stamps.arrived_ns, now_ns))

    def _seconds(self, begin_ns: int, end_ns: int) -> float:
        return (end_ns - begin_ns) * self._s_per_ns
