"""One streamed request becomes one record.

Everything that could be in the way of a time stamp happens before the load or after it: bodies are encoded
before, streams are decoded after, sends go out one per turn of the event loop so that the loop reads sockets
between them.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import aiohttp

from thorexp.load.sse import Read, Stream, decode
from thorexp.measure.plan import LoadPlan
from thorexp.measure.records import RequestRecord

Clock = Callable[[], int]

# vLLM closes a connection that was idle for 5 s (VLLM_HTTP_TIMEOUT_KEEP_ALIVE). One that is reused as it
# closes loses its request, and a POST is not sent again, so idle ones are dropped before that.
KEEPALIVE_S = 4.0
READ_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class Target:
    """Where a plan is played: `base_url` without path, and the name the server knows its model by."""

    base_url: str
    model: str


@dataclass(slots=True)
class Exchange:
    """A request in flight: what is stamped while it runs, decoded only afterwards."""

    index: int
    body: bytes
    scheduled_ns: int
    released_ns: int = 0
    sent_ns: int | None = None
    reads: list[Read] = field(default_factory=list)
    error: str | None = None

    def record(self) -> RequestRecord:
        """What happened, once it has ended."""
        stream = decode(self.reads)
        return RequestRecord(
            index=self.index,
            scheduled_ns=self.scheduled_ns,
            released_ns=self.released_ns,
            sent_ns=self.sent_ns,
            token_ns=stream.token_ns,
            input_tokens=stream.input_tokens,
            output_tokens=stream.output_tokens,
            finish_reason=stream.finish_reason,
            text=stream.text,
            error=self.error or stream.error or _without_tokens(stream),
        )


def _without_tokens(stream: Stream) -> str | None:
    return None if stream.token_ns else "the stream ended without a token"


def encode_bodies(plan: LoadPlan, model: str) -> tuple[bytes, ...]:
    """The JSON bodies of /v1/completions: prompts as token ids, the rest as vLLM's own client has it."""
    return tuple(
        json.dumps(
            {
                "model": model,
                "prompt": request.ask.prompt,
                "max_tokens": request.ask.output_len,
                "ignore_eos": plan.ignore_eos,
                "repetition_penalty": 1.0,
                "stream": True,
                "stream_options": {"include_usage": True},
            },
            separators=(",", ":"),
        ).encode()
        for request in plan.requests
    )


class Client:
    """Sends requests to one server over connections that it opens beforehand."""

    def __init__(self, target: Target, streams: int, timeout_s: float, clock: Clock = time.monotonic_ns) -> None:
        self._url = f"{target.base_url}/v1/completions"
        self._health = f"{target.base_url}/health"
        self._streams = streams
        self._clock = clock
        self._gate = asyncio.Lock()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=streams, keepalive_timeout=KEEPALIVE_S),
            timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=30.0),
            read_bufsize=READ_BUFFER,
            headers={"Content-Type": "application/json"},
            trace_configs=[self._tracing()],
            trust_env=False,
        )

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._session.close()

    async def open_connections(self) -> None:
        """Open as many as the plan has streams, so that no request waits for a handshake."""

        async def visit() -> None:
            async with self._session.get(self._health) as response:
                await response.read()

        await asyncio.gather(*(visit() for _ in range(self._streams)), return_exceptions=True)

    async def send(self, exchange: Exchange) -> None:
        """Play one exchange to its end. What fails is written into it; only cancellation is raised."""
        try:
            await self._gate.acquire()
            await self._stream(exchange)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as failed:
            exchange.error = _words(failed)

    async def _stream(self, exchange: Exchange) -> None:
        passage = _Passage(self._gate, exchange, self._clock)
        try:
            async with self._session.post(self._url, data=exchange.body, trace_request_ctx=passage) as response:
                if response.status != 200:
                    exchange.error = await _refusal(response)
                    return
                await self._read(response, exchange)
        finally:
            passage.leave()

    async def _read(self, response: aiohttp.ClientResponse, exchange: Exchange) -> None:
        clock, reads, content = self._clock, exchange.reads, response.content
        while True:
            data = await content.readany()
            at_ns = clock()
            if not data:
                return
            reads.append(Read(at_ns, data))

    @staticmethod
    def _tracing() -> aiohttp.TraceConfig:
        async def chunk_sent(_session: object, context: SimpleNamespace, _params: object) -> None:
            passage = context.trace_request_ctx
            if passage is not None:
                passage.sent()

        tracing = aiohttp.TraceConfig()
        tracing.on_request_chunk_sent.append(chunk_sent)
        return tracing


class _Passage:
    """One request's way through the gate: let the next one through as soon as this one is on the wire."""

    __slots__ = ("_clock", "_exchange", "_gate", "_inside")

    def __init__(self, gate: asyncio.Lock, exchange: Exchange, clock: Clock) -> None:
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


async def _refusal(response: aiohttp.ClientResponse) -> str:
    """The status and the server's own words, which say what the status does not."""
    body = (await response.read()).decode("utf-8", "replace")
    return ": ".join(filter(None, (f"HTTP {response.status} {response.reason}", _message_in(body))))


def _message_in(body: str) -> str:
    try:
        value: Any = json.loads(body)
        error = value.get("error", value)
        return str(error.get("message", error) if isinstance(error, dict) else error)
    except (ValueError, AttributeError, RecursionError):
        return body


def _words(failed: BaseException) -> str:
    return f"{type(failed).__name__}: {failed}" if str(failed) else type(failed).__name__
