"""A completions server of known truth: it does what it is told, then says what it did and when.

Raw asyncio in a process of its own, so that its work is not the client's. Its stamps are `time.monotonic_ns`,
one clock for every process of a Linux machine: they compare with a client's. A token is stamped just before
its last byte is written, so nobody can have read it earlier; a request when its last byte was read, so nobody
can have sent it later.

It runs as a script, on the standard library alone; tests start it with `golden_server`.
"""

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

NS_PER_S = 1_000_000_000
JOINED_TOKENS = 3
STOP_S = 10.0

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Manner(StrEnum):
    """How a request is answered. What happens "mid-stream" happens after half of the tokens."""

    PLAIN = "as vLLM does"
    BAD_REQUEST = "400 in vLLM's words"
    SERVER_ERROR = "500 in vLLM's words"
    UNAVAILABLE = "503 without a body"
    CLOSES = "closes the connection mid-stream"
    ERROR_MESSAGE = "an error in a message mid-stream, then the end"
    STALLS = "stops mid-stream and never ends"
    JOINED = "several messages in one write"
    SPLIT = "every message over several writes"
    NO_USAGE = "no usage message"
    EMPTY_TEXT = "tokens of empty text"
    CRLF = "CRLF for line ends"
    COMMENTS = "comment lines between messages"
    NOT_JSON = "a message mid-stream that is not JSON"
    NO_TOKENS = "a stream without a token"


REFUSALS = {
    Manner.BAD_REQUEST: ("400 Bad Request", "This model's maximum context length is 8 tokens.", "BadRequestError"),
    Manner.SERVER_ERROR: ("500 Internal Server Error", "EngineCore encountered an issue.", "InternalServerError"),
}
MID_STREAM_WORDS = "EngineCore died while it was streaming."


@dataclass(frozen=True, slots=True)
class Settings:
    """What the server shall do.

    `by_prompt` gives requests a manner of their own, by the first token id of their prompt. Nobody gets a token
    before `together` requests have been in flight at one moment.
    """

    ttft_s: float = 0.0
    itl_s: float = 0.0
    manner: Manner = Manner.PLAIN
    by_prompt: dict[int, Manner] = field(default_factory=dict)
    together: int = 0


@dataclass(frozen=True, slots=True)
class Served:
    """One completion request, as the server met it. Times in monotonic ns.

    `token_ns`: just before each token was written. `ended_ns`: just before the end of the answer was written;
    absent while there is none.
    """

    connection: int
    body: dict[str, Any]
    arrived_ns: int
    token_ns: tuple[int, ...]
    ended_ns: int | None

    @property
    def prompt(self) -> tuple[int, ...]:
        """The token ids that were asked."""
        return tuple(self.body["prompt"])


@dataclass(frozen=True, slots=True)
class Truth:
    """What the server did: when each connection was opened, and every request in order of arrival."""

    opened_ns: tuple[int, ...]
    served: tuple[Served, ...]

    def of(self, prompt: Sequence[int]) -> Served:
        """The one request that asked this prompt."""
        (found,) = (each for each in self.served if each.prompt == tuple(prompt))
        return found

    @property
    def peak(self) -> int:
        """The most requests that were in flight at one moment."""
        ended = [(each.ended_ns, -1) for each in self.served if each.ended_ns is not None]
        level = highest = 0
        for _, change in sorted([*((each.arrived_ns, 1) for each in self.served), *ended]):
            level += change
            highest = max(highest, level)
        return highest


@dataclass(frozen=True, slots=True)
class GoldenServer:
    """A golden server that is running."""

    base_url: str

    def truth(self) -> Truth:
        """What it has done so far."""
        with _DIRECT.open(f"{self.base_url}/truth") as answer:
            told = json.load(answer)
        served = (Served(**{**each, "token_ns": tuple(each["token_ns"])}) for each in told["served"])
        return Truth(tuple(told["opened_ns"]), tuple(served))


@contextmanager
def golden_server(settings: Settings) -> Iterator[GoldenServer]:
    """One that listens, in a process that ends with the block, or with us."""
    command = [sys.executable, str(Path(__file__)), json.dumps(asdict(settings))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield GoldenServer(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def text_of(tokens: int) -> str:
    """The text of a completion of so many tokens."""
    return "".join(f" {i}é" for i in range(tokens))


@dataclass(frozen=True, slots=True)
class _Step:
    """Something to write: when (from the arrival), in how many writes, and whether it carries tokens."""

    at_s: float
    writes: tuple[bytes, ...]
    tokens: int = 0


def _steps(manner: Manner, settings: Settings, asked: int, prompt_tokens: int) -> Iterator[_Step]:
    """All that is written for one completion, but for its end."""
    due_s = [settings.ttft_s + i * settings.itl_s for i in range(asked)]
    texts = [("" if manner is Manner.EMPTY_TEXT else f" {i}é") for i in range(asked)]
    tokens = [_token(text, "length" if i == asked - 1 else None) for i, text in enumerate(texts)]
    last_s = due_s[-1]
    match manner:
        case Manner.JOINED:
            for first in range(0, asked, JOINED_TOKENS):
                joined = tokens[first : first + JOINED_TOKENS]
                yield _Step(due_s[first + len(joined) - 1], (b"".join(joined),), len(joined))
        case Manner.SPLIT:
            yield from (
                _Step(at_s, (data[:3], data[3:20], data[20:-1], data[-1:]), 1)
                for at_s, data in zip(due_s, tokens, strict=True)
            )
        case Manner.CRLF:
            yield from _one_by_one(due_s, [data.replace(b"\n", b"\r\n") for data in tokens])
        case Manner.COMMENTS:
            yield from _one_by_one(due_s, [b": still here\n\n" + data for data in tokens])
        case Manner.CLOSES | Manner.STALLS:
            yield from _one_by_one(due_s[: asked // 2], tokens)
            return
        case Manner.ERROR_MESSAGE:
            yield from _one_by_one(due_s[: asked // 2], tokens)
            error = {"message": MID_STREAM_WORDS, "type": "InternalServerError", "param": None, "code": 500}
            yield _Step(last_s, (_message({"error": error}), b"data: [DONE]\n\n"))
            return
        case Manner.NOT_JSON:
            yield from _one_by_one(due_s[: asked // 2], tokens)
            yield _Step(last_s, (b"data: Segmentation fault\n\n",))
        case Manner.NO_TOKENS:
            pass
        case _:
            yield from _one_by_one(due_s, tokens)
    end = b"data: [DONE]\n\n" if manner is Manner.NO_USAGE else _usage(prompt_tokens, asked) + b"data: [DONE]\n\n"
    yield _Step(last_s, (end.replace(b"\n", b"\r\n") if manner is Manner.CRLF else end,))


def _one_by_one(due_s: Sequence[float], messages: Sequence[bytes]) -> Iterator[_Step]:
    return (_Step(at_s, (data,), 1) for at_s, data in zip(due_s, messages, strict=False))


@cache  # made once: 64 arrivals at a time must not wait for each other's messages
def _token(text: str, finish_reason: str | None) -> bytes:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish_reason, "stop_reason": None}
    return _message({**_HEAD, "choices": [choice]})


def _usage(prompt_tokens: int, tokens: int) -> bytes:
    usage = {"prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens + tokens, "completion_tokens": tokens}
    return _message({**_HEAD, "choices": [], "usage": usage})


def _message(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


_HEAD = {"id": "cmpl-golden", "object": "text_completion", "created": 1700000000, "model": "golden"}


@dataclass(slots=True)
class _Serving:
    connection: int
    body: dict[str, Any]
    arrived_ns: int
    token_ns: list[int] = field(default_factory=list)
    ended_ns: int | None = None


class _Server:
    """What all connections share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.connections = count()
        self.opened_ns: dict[int, int] = {}
        self.served: list[_Serving] = []
        self.together = asyncio.Event()

    def arrive(self, serving: _Serving) -> None:
        self.served.append(serving)
        if sum(each.ended_ns is None for each in self.served) >= self.settings.together:
            self.together.set()

    def manner_of(self, serving: _Serving) -> Manner:
        return self.settings.by_prompt.get(serving.body["prompt"][0], self.settings.manner)

    def truth(self) -> bytes:
        served = [asdict(each) for each in self.served]
        return json.dumps({"opened_ns": list(self.opened_ns.values()), "served": served}).encode()


class _Connection(asyncio.Protocol):
    """One keep-alive connection: a request, its answer, the next."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._number = next(server.connections)
        self._rest = b""
        self._answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._opened_ns = time.monotonic_ns()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answering is not None:
            self._answering.cancel()

    def data_received(self, data: bytes) -> None:
        arrived_ns = time.monotonic_ns()
        self._rest += data
        head, found, body = self._rest.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        length = int(headers.get("content-length", 0))
        if not found or len(body) < length:
            return
        self._rest = body[length:]
        self._handle(lines[0].split(" ")[1], body[:length], arrived_ns)

    def _handle(self, path: str, body: bytes, arrived_ns: int) -> None:
        if path == "/truth":
            self._whole("200 OK", self._server.truth())
            return
        self._server.opened_ns.setdefault(self._number, self._opened_ns)
        if path == "/v1/completions":
            serving = _Serving(self._number, json.loads(body), arrived_ns)
            self._server.arrive(serving)
            self._answering = asyncio.create_task(self._complete(serving))
        else:
            self._whole("200 OK" if path == "/health" else "404 Not Found", b"")

    async def _complete(self, serving: _Serving) -> None:
        manner = self._server.manner_of(serving)
        await self._server.together.wait()
        if manner in REFUSALS or manner is Manner.UNAVAILABLE:
            await _sleep_until(serving.arrived_ns + round(self._server.settings.ttft_s * NS_PER_S))
            serving.ended_ns = time.monotonic_ns()
            self._refuse(manner)
            return
        self._head("200 OK", "Content-Type: text/event-stream; charset=utf-8", "Transfer-Encoding: chunked")
        asked = serving.body["max_tokens"]
        for step in _steps(manner, self._server.settings, asked, len(serving.body["prompt"])):
            await self._take(step, serving)
        if manner is Manner.STALLS:
            return
        serving.ended_ns = time.monotonic_ns()
        if manner is Manner.CLOSES:
            self._transport.close()
        else:
            self._transport.write(b"0\r\n\r\n")

    async def _take(self, step: _Step, serving: _Serving) -> None:
        await _sleep_until(serving.arrived_ns + round(step.at_s * NS_PER_S))
        for data in step.writes[:-1]:
            self._transport.write(_chunk(data))
            await asyncio.sleep(0.001)
        data = _chunk(step.writes[-1])
        serving.token_ns += [time.monotonic_ns()] * step.tokens
        self._transport.write(data)

    def _refuse(self, manner: Manner) -> None:
        if manner not in REFUSALS:
            self._whole("503 Service Unavailable", b"")
            return
        status, message, kind = REFUSALS[manner]
        error = {"message": message, "type": kind, "param": None, "code": int(status[:3])}
        self._whole(status, json.dumps({"error": error}).encode())

    def _whole(self, status: str, body: bytes) -> None:
        self._head(status, "Content-Type: application/json", f"Content-Length: {len(body)}")
        self._transport.write(body)

    def _head(self, status: str, *headers: str) -> None:
        self._transport.write("\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode())


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _sleep_until(due_ns: int) -> None:
    while (left_ns := due_ns - time.monotonic_ns()) > 0:
        await asyncio.sleep(left_ns / NS_PER_S)


async def _serve(settings: Settings) -> None:
    """Listen, print the port, and go on until our standard input ends."""
    loop = asyncio.get_running_loop()
    server = _Server(settings)
    listening = await loop.create_server(lambda: _Connection(server), "127.0.0.1", 0, backlog=1024)
    orphaned = asyncio.Event()
    loop.add_reader(sys.stdin, orphaned.set)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await orphaned.wait()


def _settings(told: dict[str, Any]) -> Settings:
    by_prompt = {int(first): Manner(manner) for first, manner in told.pop("by_prompt").items()}
    return Settings(**{**told, "manner": Manner(told["manner"])}, by_prompt=by_prompt)


if __name__ == "__main__":
    asyncio.run(_serve(_settings(json.loads(sys.argv[1]))))
