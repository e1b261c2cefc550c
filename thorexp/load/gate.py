"""Requests go out one after the other, each in a turn of the event loop of its own."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import aiohttp

from thorexp.load.exchange import Exchange


class Passage:
    """One request's way through the gate: let the next one through as soon as this one is on the wire, or has to
    connect, which may take long.
    """

    __slots__ = ("_clock", "_exchange", "_gate", "_inside")

    def __init__(self, gate: asyncio.Semaphore, exchange: Exchange, clock: Callable[[], int]) -> None:
        self._gate = gate
        self._exchange = exchange
        self._clock = clock
        self._inside = True

    def sent(self) -> None:
        """Called as each part of the body goes to the socket; the last call stamps."""
        self._exchange.sent_ns = self._clock()
        self.leave()

    def leave(self) -> None:
        """Open the gate, once."""
        if self._inside:
            self._inside = False
            self._gate.release()


def tracing() -> aiohttp.TraceConfig:
    """Tells the passage that a request goes with (`trace_request_ctx`) how far that is."""

    async def connecting(_session: object, context: SimpleNamespace, _params: object) -> None:
        if context.trace_request_ctx is not None:
            context.trace_request_ctx.leave()

    async def chunk_sent(_session: object, context: SimpleNamespace, _params: object) -> None:
        if context.trace_request_ctx is not None:
            context.trace_request_ctx.sent()

    told = aiohttp.TraceConfig()
    told.on_connection_create_start.append(connecting)
    told.on_request_chunk_sent.append(chunk_sent)
    return told
