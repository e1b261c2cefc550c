"""Reads of a streamed answer, stamped below aiohttp.

Through aiohttp's public reader a streamed token costs its parser, a buffer and the waking of a task. On a 2-core
machine that was 17.5 us of CPU at 256 streams and 20.3 us at 1,024 (`python -m thorexp.ruler`), which is a core full of
50 tokens/s a stream: the requests/s fell to 86 % of the server's and mean TTFT erred by 1.7 ms, with this by 0.7 ms at
97 %. A bare asyncio protocol that only reads takes 8 us. So while tokens come, the connection's protocol is this one,
which stamps and keeps; aiohttp has opened the connection, sent the request and read the head, and gets the connection
back with the end of the body.
"""

import asyncio
import re
from collections.abc import Callable

import aiohttp

from thorexp.load.chunked import Read

LAST_CHUNK = b"0\r\n\r\n"
TAIL_READS = 7  # of one byte each
SIZE_LINE = re.compile(rb"([0-9a-fA-F]+)\r\n")


def transport_of_chunks(response: aiohttp.ClientResponse) -> asyncio.Transport | None:
    """What an answer comes by, if it comes in chunks of plain bytes; absent otherwise, and when it has ended."""
    chunked = response.headers.get("Transfer-Encoding", "").lower() == "chunked"
    connection = response.connection
    if connection is None or not chunked or "Content-Encoding" in response.headers:
        return None
    return connection.transport


class Tap(asyncio.Protocol):
    """Between a connection and aiohttp, from the head of a chunked answer to its end.

    `reads` are what came, in chunked transfer encoding. Aiohttp is given the last chunk alone: an empty body, which
    ends when the real one does. Where it had begun to read a chunk with the head, it gets all, and `reads` nothing.
    """

    __slots__ = ("_beneath", "_clock", "_finished", "_reads", "_transport")

    def __init__(self, transport: asyncio.Transport, reads: list[Read], clock: Callable[[], int]) -> None:
        beneath = transport.get_protocol()
        assert isinstance(beneath, asyncio.Protocol), beneath  # aiohttp's is one
        self._transport = transport
        self._beneath = beneath
        self._reads = reads
        self._clock = clock
        self._finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """Stamped first. An end with trailers would not be seen: no server of models was found to send any."""
        self._reads.append((self._clock(), data))
        may_end = data.endswith(LAST_CHUNK) or len(data) < TAIL_READS
        if len(self._reads) == 1 and not _begins_with_a_chunk(data):
            self._reads.clear()
            self._give_back()
            self._beneath.data_received(data)
        elif may_end and self._tail().endswith(b"\r\n" + LAST_CHUNK):
            self._give_back()
            self._beneath.data_received(LAST_CHUNK)

    def connection_lost(self, exc: Exception | None) -> None:
        """Aiohttp knows that the body has not ended, and tells whoever reads it what it tells of a lost connection."""
        self._give_back()
        self._beneath.connection_lost(exc)

    def pause_writing(self) -> None:
        """A request that is still being written is aiohttp's."""
        self._beneath.pause_writing()

    def resume_writing(self) -> None:
        """The same."""
        self._beneath.resume_writing()

    async def until_finished(self) -> None:
        """Until the last chunk has come or the connection is lost; given up before, aiohttp closes it."""
        try:
            await self._finished
        finally:
            self._give_back()

    def _tail(self) -> bytes:
        """The last reads, enough of them to hold an end that came in pieces."""
        return b"\r\n" * (len(self._reads) < TAIL_READS) + b"".join([data for _, data in self._reads[-TAIL_READS:]])

    def _give_back(self) -> None:
        if self._transport.get_protocol() is self:
            self._transport.set_protocol(self._beneath)
        if not self._finished.done():
            self._finished.set_result(None)


def _begins_with_a_chunk(data: bytes) -> bool:
    """Not with the rest of one: then aiohttp has its begin, which only its parser knows."""
    size = SIZE_LINE.match(data)
    return size is not None and data.startswith(b"\r\n", size.end() + int(size[1], 16))
