"""An answer on its way to a client: token by token, or when all of it is there."""

import asyncio
from typing import Protocol

from thorexp.sim.engine import Request
from thorexp.sim.messages import Answer, around_token, closing, opening


class Telling(Protocol):
    """Who is told of the tokens of a request."""

    def tell(self, request: Request) -> None:
        """It has a token more."""

    async def ended(self) -> None:
        """Once it has been told of the last."""


class Gathered:
    """Waits for the last token."""

    def __init__(self) -> None:
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def tell(self, request: Request) -> None:
        """Nothing is said before the end."""
        if request.finished and not self._ended.done():
            self._ended.set_result(None)

    async def ended(self) -> None:
        """Once it has been told of the last."""
        await self._ended


class Streamed(Gathered):
    """Writes each token at once, as an HTTP chunk of its own, past aiohttp's writer: that is a coroutine, and to wake
    a task for each token takes as long as all the rest.

    The head of the response must have been written; its last chunk is aiohttp's to write.
    """

    def __init__(self, transport: asyncio.Transport, answer: Answer) -> None:
        super().__init__()
        self._transport = transport
        self._before = framed(opening(answer)) if answer.chat else b""
        self._around, self._around_last = around_token(answer, None), around_token(answer, "length")
        self._closing = closing(answer)

    def tell(self, request: Request) -> None:
        """Write it, if somebody reads."""
        if self._transport.is_closing():
            return
        digits = b"%d" % request.tokens[-1]
        if not request.finished:
            self._transport.write(self._before + framed(digits.join(self._around)))
        else:
            self._transport.write(self._before + framed(digits.join(self._around_last)))
            self._transport.write(framed(self._closing))
        self._before = b""
        super().tell(request)


def framed(data: bytes) -> bytes:
    """One chunk of chunked transfer encoding."""
    return b"%x\r\n%b\r\n" % (len(data), data)
