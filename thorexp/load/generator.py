"""Plays a plan against a server: every request when it is due, as many at once as the plan allows."""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from threading import Lock

import uvloop

from thorexp.errors import ServerError
from thorexp.load.client import Client, Clock, Exchange, Target, encode_bodies
from thorexp.load.signals import DeferredSignals
from thorexp.load.watch import LoadState, Onlooker
from thorexp.measure.plan import LoadPlan
from thorexp.measure.records import RunRecord

NS_PER_S = 1_000_000_000
CHECK_EVERY_S = 1.0


def play(
    plan: LoadPlan,
    target: Target,
    *,
    timeout_s: float,
    check_alive: Callable[[], None],
    watch: Callable[[LoadState], None] | None = None,
    clock: Clock = time.monotonic_ns,
) -> RunRecord:
    """Play it to its end on an event loop of its own.

    A request that fails is data in its record. `check_alive` is asked every second; when it raises, what is
    still in flight is given up and marked so, and the records until then are returned. `watch` is told every
    second how it goes, and once more at the end: by other threads than the one that plays, one at a time.
    """
    with (
        _uncollected(),
        DeferredSignals() as signals,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_play(plan, target, timeout_s, check_alive, watch, clock, signals))


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage collection meanwhile: walking what MLflow alone leaves in memory stops the loop for ms."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def _play(
    plan: LoadPlan,
    target: Target,
    timeout_s: float,
    check_alive: Callable[[], None],
    watch: Callable[[LoadState], None] | None,
    clock: Clock,
    signals: DeferredSignals,
) -> RunRecord:
    signals.arm(asyncio.get_running_loop())
    bodies = encode_bodies(plan, target.model)
    async with Client(target, plan.streams, timeout_s, clock) as client:
        await client.open_connections()
        start_ns = clock()
        exchanges = tuple(
            Exchange(request.index, body, start_ns + request.due_ns)
            for request, body in zip(plan.requests, bodies, strict=True)
        )
        slots = asyncio.Semaphore(plan.streams)
        tasks = [asyncio.create_task(_request(client, slots, clock, each)) for each in exchanges]
        look = None if watch is None else _looking(exchanges, tasks, start_ns, watch, clock)
        await _while_alive(check_alive, look, tasks)
        end_ns = clock()
    if look is not None:
        await asyncio.to_thread(look)
    return RunRecord(start_ns, end_ns, tuple(exchange.record() for exchange in exchanges))


def _looking(
    exchanges: Sequence[Exchange],
    tasks: Sequence[asyncio.Task[None]],
    start_ns: int,
    watch: Callable[[LoadState], None],
    clock: Clock,
) -> Callable[[], None]:
    """One look at the load, told to `watch`: for a thread that may take its time over a terminal."""
    lock = Lock()  # the load may end, and be looked at once more, while the look before is under way

    @cache
    def onlooker() -> Onlooker:
        """Made at the first look: requests are due when the load begins."""
        return Onlooker(((exchange, task.done) for exchange, task in zip(exchanges, tasks, strict=True)), start_ns)

    def look() -> None:
        with lock:
            watch(onlooker().look(clock()))

    return look


async def _while_alive(
    check_alive: Callable[[], None], look: Callable[[], None] | None, requests: Sequence[asyncio.Task[None]]
) -> None:
    guard = asyncio.create_task(_until_dead(check_alive, look))
    played = asyncio.create_task(asyncio.wait(requests))
    await asyncio.wait((played, guard), return_when=asyncio.FIRST_COMPLETED)
    for task in (*requests, guard):
        task.cancel()
    await asyncio.wait((*requests, guard))
    for task in (*requests, guard):
        if not task.cancelled():
            task.result()


async def _until_dead(check_alive: Callable[[], None], look: Callable[[], None] | None) -> None:
    while True:
        await asyncio.sleep(CHECK_EVERY_S)
        try:
            await asyncio.to_thread(check_alive)
        except ServerError:
            return
        if look is not None:
            await asyncio.to_thread(look)


async def _request(client: Client, slots: asyncio.Semaphore, clock: Clock, exchange: Exchange) -> None:
    try:
        await _sleep_until(exchange.scheduled_ns, clock)
        exchange.released_ns = clock()
        async with slots:
            await client.send(exchange)
    except asyncio.CancelledError:
        exchange.error = "given up: the server had ended"
        exchange.released_ns = exchange.released_ns or clock()
        raise


async def _sleep_until(due_ns: int, clock: Clock) -> None:
    while (left_ns := due_ns - clock()) > 0:
        await asyncio.sleep(left_ns / NS_PER_S)
