"""Plays a plan against a server until it ends, the server does, or it is hopeless."""

import asyncio
import gc
import resource
import sys
import time
from array import array
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Protocol

import uvloop

from thorexp.errors import LoadError, ServerError
from thorexp.load.client import MOST_OPENED, Client, Clock
from thorexp.load.lag import watch_lag
from thorexp.load.performance import Performance
from thorexp.load.signals import DeferredSignals
from thorexp.load.stop import Stopper, StopWhen
from thorexp.load.target import Target
from thorexp.load.watch import LoadState, Onlooker
from thorexp.measure.plan import LoadPlan
from thorexp.measure.records import RunRecord

CHECK_EVERY_S = 1.0
OTHER_FILES = 256  # that this process may have open beside the connections of a load
SWITCH_S = 0.0005  # beside a stop_when that decodes answers the loop was late by up to 50 ms, with this by up to 6
DIED = "the server had ended"

Look = Callable[[], str | None]


class Show(Protocol):
    """One look at the load, for the eye."""

    def __call__(self, *, over: bool) -> None:
        """`over`: whether it is the last."""


def play(
    plan: LoadPlan,
    target: Target,
    *,
    check_alive: Callable[[], None],
    watch: Callable[[LoadState], None] | None = None,
    stop_when: StopWhen | None = None,
    clock: Clock = time.monotonic_ns,
) -> RunRecord:
    """Play it to its end on an event loop of its own.

    A request that fails is data in its record. `check_alive` is asked every second; when it raises, or
    `stop_when` is met, what is still in flight is given up and marked so, and the records until then are
    returned. `watch` is told every second how it goes, and once more at the end: by other threads than the one
    that plays, one at a time. LoadError when this machine does not let it open enough connections.
    """
    _allow_files(plan.streams + OTHER_FILES, at_least=min(plan.streams, MOST_OPENED) + OTHER_FILES)
    with (
        _undisturbed(),
        DeferredSignals() as signals,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_play(plan, target, check_alive, watch, stop_when or StopWhen(), clock, signals))


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No garbage collection meanwhile: walking what MLflow alone leaves in memory stops the loop for ms. And no other
    thread is left the interpreter for Python's 5 ms, which the loop would wait at each of its turns.
    """
    before_s = sys.getswitchinterval()
    gc.disable()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before_s)
        gc.enable()


def _allow_files(wanted: int, *, at_least: int) -> None:
    """An open loop without a limit wants one for each request, and will hardly need as many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < at_least:
        raise LoadError(
            f"The load needs {at_least} open files, most of them connections.",
            ("has", f"{hard}, the hard limit of this process"),
            ("try", f"a lower load.max_concurrency, or a shell with `ulimit -Hn {at_least}`"),
        )
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


async def _play(
    plan: LoadPlan,
    target: Target,
    check_alive: Callable[[], None],
    watch: Callable[[LoadState], None] | None,
    stop_when: StopWhen,
    clock: Clock,
    signals: DeferredSignals,
) -> RunRecord:
    signals.arm(asyncio.get_running_loop())
    lag_ns, held_ns = array("q"), list[tuple[int, int]]()
    async with Client(target, plan.streams, clock) as client:
        performance = Performance(plan, target, client, clock)
        await client.open_connections()
        start_ns, used_ns = clock(), time.process_time_ns()
        looks: list[Look] = [lambda: _dead(check_alive)]
        if stop_when.is_set:
            looks.append(Stopper(stop_when, performance.begun, performance.total).reason)
        show = None if watch is None else _showing(performance, start_ns, watch, clock)
        if show is not None:
            looks.append(lambda: show(over=False))
        given_up = await until_over(performance, looks, watch_lag(lag_ns, held_ns, clock))
        end_ns, used_ns = clock(), time.process_time_ns() - used_ns
    if show is not None:
        await asyncio.to_thread(show, over=True)
    return RunRecord(
        start_ns,
        end_ns,
        tuple(performance.records(end_ns, given_up)),
        performance.stages(),
        tuple(lag_ns),
        None if given_up is DIED else given_up,
        used_ns / (end_ns - start_ns),
        tuple(held_ns),
    )


async def until_over(
    performance: Performance, looks: Sequence[Look], *beside: Coroutine[None, None, None]
) -> str | None:
    """Why it was given up; absent when it was played to its end. What goes on `beside` it ends with it."""
    playing, others = asyncio.create_task(performance.play()), [asyncio.create_task(each) for each in beside]
    looking = asyncio.create_task(_look(looks))
    watched = [playing, looking, *others]
    await asyncio.wait((playing, looking), return_when=asyncio.FIRST_COMPLETED)
    played = playing.done()
    for task in watched:
        task.cancel()
    await asyncio.wait(watched)
    for task in (playing, *others):
        if not task.cancelled():
            task.result()
    why = None if looking.cancelled() else looking.result()
    return None if played else why


async def _look(looks: Sequence[Look]) -> str | None:
    """Every second, until one has a reason to end the load."""
    while True:
        await asyncio.sleep(CHECK_EVERY_S)
        for look in looks:
            if (why := await asyncio.to_thread(look)) is not None:
                return why


def _dead(check_alive: Callable[[], None]) -> str | None:
    try:
        check_alive()
    except ServerError:
        return DIED
    return None


def _showing(performance: Performance, start_ns: int, watch: Callable[[LoadState], None], clock: Clock) -> Show:
    """One look at the load, told to `watch`: for a thread that may take its time over a terminal."""
    lock = Lock()  # the load may end, and be looked at once more, while the look before is under way
    onlooker = Onlooker(performance.begun, performance.total, start_ns)

    def show(*, over: bool) -> None:
        with lock:
            watch(onlooker.look(clock(), over=over))

    return show
