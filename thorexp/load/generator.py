"""Plays a plan against a server: every request when it is due, as many at once as the plan allows."""

import asyncio
import gc
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import uvloop

from thorexp.errors import ServerError
from thorexp.load.client import Client, Clock, Exchange, Target, encode_bodies
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
    clock: Clock = time.monotonic_ns,
) -> RunRecord:
    """Play it to its end on an event loop of its own.

    A request that fails is data in its record. `check_alive` is asked every second; when it raises, what is
    still in flight is given up and marked so, and the records until then are returned.
    """
    with _uncollected(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_play(plan, target, timeout_s, check_alive, clock))


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage collection meanwhile: walking what MLflow alone leaves in memory stops the loop for ms."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def _play(
    plan: LoadPlan, target: Target, timeout_s: float, check_alive: Callable[[], None], clock: Clock
) -> RunRecord:
    bodies = encode_bodies(plan, target.model)
    async with Client(target, plan.streams, timeout_s, clock) as client:
        await client.open_connections()
        start_ns = clock()
        exchanges = tuple(
            Exchange(request.index, body, start_ns + request.due_ns)
            for request, body in zip(plan.requests, bodies, strict=True)
        )
        slots = asyncio.Semaphore(plan.streams)
        await _while_alive(check_alive, [_request(client, slots, clock, each) for each in exchanges])
        end_ns = clock()
    return RunRecord(start_ns, end_ns, tuple(exchange.record() for exchange in exchanges))


async def _while_alive(check_alive: Callable[[], None], requests: Iterable[Coroutine[Any, Any, None]]) -> None:
    watch = asyncio.create_task(_until_dead(check_alive))
    tasks = [asyncio.create_task(request) for request in requests]
    played = asyncio.create_task(asyncio.wait(tasks))
    await asyncio.wait((played, watch), return_when=asyncio.FIRST_COMPLETED)
    for task in (*tasks, watch):
        task.cancel()
    await asyncio.wait((*tasks, watch))
    for task in (*tasks, watch):
        if not task.cancelled():
            task.result()


async def _until_dead(check_alive: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(CHECK_EVERY_S)
        try:
            await asyncio.to_thread(check_alive)
        except ServerError:
            return


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
