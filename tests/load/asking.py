"""Requests of tests, sent one by one and without a plan."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

from thorexp.load.exchange import Exchange
from thorexp.load.target import Target, body
from thorexp.measure.plan import PlannedRequest
from thorexp.measure.workload import Ask, Prompt

T = TypeVar("T")


def an_exchange(
    target: Target, prompt: Prompt, *, index: int = 0, tokens: int = 4, ignore_eos: bool = True
) -> Exchange:
    """A request that is due now."""
    asked = body(
        PlannedRequest(index, 0, Ask(prompt, tokens)), target, history=(), ignore_eos=ignore_eos, followed=False
    )
    now_ns = time.monotonic_ns()
    return Exchange(index, asked, now_ns, streamed=target.stream, released_ns=now_ns)


def run(main: Coroutine[Any, Any, T]) -> T:
    """On the loop that loads are played on."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
