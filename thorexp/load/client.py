"""One request is sent, and what comes back is stamped.

Everything that could be in the way of a time stamp happens before the load or after it: bodies are encoded
before, streams are decoded after, sends go out one per turn of the event loop so that the loop reads sockets
between them.
"""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import aiohttp
from yarl import URL

from thorexp.load.exchange import Exchange
from thorexp.load.gate import Passage, tracing
from thorexp.load.patience import deadline, look_again_s
from thorexp.load.tap import Tap, transport_of_chunks
from thorexp.load.target import Target

Clock = Callable[[], int]

# vLLM closes a connection that was idle for 5 s (VLLM_HTTP_TIMEOUT_KEEP_ALIVE). One that is reused as it
# closes loses its request, and a POST is not sent again, so idle ones are dropped before that.
KEEPALIVE_S = 4.0
READ_BUFFER = 1 << 20
# One send a turn of the loop cost a client of 1,024 streams 1 % of its requests/s, and 5 cost its mean TTFT 0.1 ms.
STREAMS_A_SEND = 256
LONGEST_WORDS = 2000
MOST_OPENED = 1024  # beforehand: an open loop without a limit may have as many streams as requests, and needs few


class Client:
    """Sends requests to one server over connections that it opens beforehand."""

    def __init__(self, target: Target, streams: int, clock: Clock = time.monotonic_ns) -> None:
        self._target = target
        self._streams = streams
        self._clock = clock
        self._gate = asyncio.Semaphore(1 + min(streams, MOST_OPENED) // STREAMS_A_SEND)
        self._url = URL(target.url)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=target.timeouts.connect_s),
            read_bufsize=READ_BUFFER,
            headers={"Content-Type": "application/json", "Accept-Encoding": "identity", **target.headers},
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[tracing()],
            trust_env=False,
        )

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._session.close()

    async def open_connections(self) -> None:
        """Open as many as the plan has streams, or the most, so that no request waits for a handshake."""
        limit = aiohttp.ClientTimeout(total=self._target.timeouts.connect_s)

        async def visit() -> None:
            async with self._session.get(f"{self._target.base_url}/health", timeout=limit) as response:
                await response.read()

        visits = (visit() for _ in range(min(self._streams, MOST_OPENED)))
        await asyncio.gather(*visits, return_exceptions=True)

    async def send(self, exchange: Exchange) -> None:
        """Play one exchange to its end. What fails is written into it; only cancellation is raised."""
        await self._gate.acquire()
        passage = Passage(self._gate, exchange, self._clock)
        playing = asyncio.create_task(self._play(exchange, passage))
        try:
            await self._patiently(exchange, playing)
            playing.result()
        except Exception as failed:  # noqa: BLE001 - a failed request is a record
            exchange.error = _words(failed)
        finally:
            if not playing.done():
                playing.cancel()
                await asyncio.wait((playing,))
            passage.leave()

    async def _patiently(self, exchange: Exchange, playing: "asyncio.Task[None]") -> None:
        """Wait until it is done; TimeoutError when a part of the answer does not come in time."""
        begun_ns, timeouts = self._clock(), self._target.timeouts
        while not playing.done():
            now_ns = self._clock()
            due = deadline(exchange, begun_ns, timeouts)
            if due is not None and due.at_ns <= now_ns:
                raise TimeoutError(due.words)
            await asyncio.wait((playing,), timeout=look_again_s(due, now_ns, timeouts))

    async def _play(self, exchange: Exchange, passage: Passage) -> None:
        try:
            async with self._session.post(
                self._url, data=exchange.body, trace_request_ctx=passage, allow_redirects=False
            ) as response:
                if response.status == 200:
                    await self._read(response, exchange)
                else:
                    exchange.error = await _refusal(response)
        finally:
            passage.leave()

    async def _read(self, response: aiohttp.ClientResponse, exchange: Exchange) -> None:
        clock, reads, content = self._clock, exchange.reads, response.content
        if begin := content.read_nowait():
            reads.append((clock(), begin))
        elif exchange.streamed and (transport := transport_of_chunks(response)) is not None:
            exchange.tapped = True
            await Tap(transport, reads, clock).until_finished()
            exchange.tapped = bool(reads)
        while data := await content.readany():
            reads.append((clock(), data))


async def _refusal(response: aiohttp.ClientResponse) -> str:
    """The status and the server's own words, which say what the status does not."""
    body = (await response.read()).decode("utf-8", "replace")
    return _shown(": ".join(filter(None, (f"HTTP {response.status} {response.reason}", _message_in(body)))))


def _message_in(body: str) -> str:
    try:
        value: Any = json.loads(body)
        error = value.get("error", value)
        return str(error.get("message", error) if isinstance(error, dict) else error)
    except (ValueError, AttributeError, RecursionError):
        return body


def _words(failed: BaseException) -> str:
    return _shown(f"{type(failed).__name__}: {failed}" if str(failed) else type(failed).__name__)


def _shown(words: str) -> str:
    """As much of it as tells; a server's words may be of any length, and stand in every report."""
    return words if len(words) <= LONGEST_WORDS else f"{words[:LONGEST_WORDS]} … ({len(words):,} characters)"
