"""A server of known truth, for completions and chats: it does what it is told, then says what it did and when.

Raw asyncio in a process of its own, so that its work is not the client's. Its stamps are `time.monotonic_ns`,
one clock for every process of a Linux machine: they compare with a client's. A token is stamped just before
its last byte is written, so nobody can have read it earlier; a request when its last byte was read, so nobody
can have sent it later.

What it writes is in `golden_messages`. Its /tokenize and /detokenize are `fake_vllm`'s, and no part of the truth.
It runs as `python -m tests.golden`, on the standard library alone; tests start it with `golden_server`.
"""

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from tests.fake_vllm import detokenized, tokenized
from tests.golden_messages import (
    MID_STREAM_WORDS,
    Answer,
    Manner,
    Step,
    answer_to,
    asked_text,
    refusal,
    stream_steps,
    text_of,
    whole_body,
    whole_step,
)

__all__ = ["MID_STREAM_WORDS", "GoldenServer", "Manner", "Served", "Settings", "Truth", "golden_server", "text_of"]

NS_PER_S = 1_000_000_000
STOP_S = 10.0
MAX_MODEL_LEN = 4096
CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
UNENDING = (Manner.STALLS, Manner.SILENT)
ROOT = Path(__file__).parents[1]

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Settings:
    """What the server shall do.

    `by_prompt` gives requests a manner of their own, by the first token id of their prompt; `by_text` does by the
    first word of a prompt that is text, or of a chat's last message. Nobody gets a token before `together` requests
    have been in flight at one moment. Without `require_key` as their bearer, requests below /v1/ are answered 401.
    """

    ttft_s: float = 0.0
    itl_s: float = 0.0
    manner: Manner = Manner.PLAIN
    by_prompt: dict[int, Manner] = field(default_factory=dict)
    together: int = 0
    by_text: dict[str, Manner] = field(default_factory=dict)
    require_key: str | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """One completion or chat, as the server met it. Times in monotonic ns.

    `token_ns`: just before each token was written; the one stamp of an answer that is not streamed.
    `ended_ns`: just before the end of the answer was written; absent while there is none. `headers`: by name, in
    lower case.
    """

    connection: int
    body: dict[str, Any]
    arrived_ns: int
    token_ns: tuple[int, ...]
    ended_ns: int | None
    headers: dict[str, str]
    path: str

    @property
    def prompt(self) -> tuple[int, ...]:
        """The token ids that were asked; none where text was."""
        return tuple(self.body["prompt"]) if self.text is None else ()

    @property
    def text(self) -> str | None:
        """The text that was asked, of a chat its last message; absent where token ids were."""
        return asked_text(self.body)


@dataclass(frozen=True, slots=True)
class Truth:
    """What the server did: when each connection was opened, and every request in order of arrival."""

    opened_ns: tuple[int, ...]
    served: tuple[Served, ...]

    def of(self, prompt: Sequence[int]) -> Served:
        """The one request that asked this prompt."""
        (found,) = (each for each in self.served if each.prompt == tuple(prompt))
        return found

    def of_text(self, text: str) -> Served:
        """The one request whose prompt, or whose last message, is this text."""
        (found,) = (each for each in self.served if each.text == text)
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
    command = [sys.executable, "-m", "tests.golden", json.dumps(asdict(settings))]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
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


@dataclass(slots=True)
class _Serving:
    connection: int
    path: str
    headers: dict[str, str]
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
        if self.together.is_set():
            return  # for good: nobody counts the many that follow
        if sum(each.ended_ns is None for each in self.served) >= self.settings.together:
            self.together.set()

    def answer(self, serving: _Serving) -> Answer:
        text = asked_text(serving.body)
        if text is None:
            manner = self.settings.by_prompt.get(serving.body["prompt"][0], self.settings.manner)
        else:
            manner = self.settings.by_text.get(text.partition(" ")[0], self.settings.manner)
        return answer_to(serving.body, chat=serving.path == CHAT, manner=manner)

    def admits(self, path: str, headers: dict[str, str]) -> bool:
        key = self.settings.require_key
        return key is None or not path.startswith("/v1/") or headers.get("authorization") == f"Bearer {key}"

    def truth(self) -> dict[str, Any]:
        return {"opened_ns": list(self.opened_ns.values()), "served": [asdict(each) for each in self.served]}


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
        request, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", 0))
        if not found or len(body) < length:
            return
        self._rest = body[length:]
        self._handle(request.split(" ")[1], headers, body[:length], arrived_ns)

    def _handle(self, path: str, headers: dict[str, str], body: bytes, arrived_ns: int) -> None:
        match path:
            case "/truth":
                self._json(self._server.truth())
                return
            case "/tokenize":
                tokens = tokenized(json.loads(body))
                self._json({"count": len(tokens), "max_model_len": MAX_MODEL_LEN, "tokens": tokens})
                return
            case "/detokenize":
                self._json({"prompt": detokenized(json.loads(body)["tokens"])})
                return
        self._server.opened_ns.setdefault(self._number, self._opened_ns)
        if not self._server.admits(path, headers):
            self._whole("401 Unauthorized", b'{"error":"Unauthorized"}')
        elif path in (COMPLETIONS, CHAT):
            serving = _Serving(self._number, path, headers, json.loads(body), arrived_ns)
            self._server.arrive(serving)
            self._answering = asyncio.create_task(self._complete(serving))
        else:
            self._whole("200 OK" if path == "/health" else "404 Not Found", b"")

    async def _complete(self, serving: _Serving) -> None:
        answer = self._server.answer(serving)
        await self._server.together.wait()
        refused = refusal(answer)
        if refused is not None:
            await _sleep_until(serving.arrived_ns + round(self._server.settings.ttft_s * NS_PER_S))
            serving.ended_ns = time.monotonic_ns()
            self._whole(*refused)
        elif answer.streamed:
            await self._stream(answer, serving)
        else:
            await self._answer_whole(answer, serving)

    async def _stream(self, answer: Answer, serving: _Serving) -> None:
        self._head("200 OK", "Content-Type: text/event-stream; charset=utf-8", "Transfer-Encoding: chunked")
        settings = self._server.settings
        for step in stream_steps(answer, settings.ttft_s, settings.itl_s):
            await self._take(step, serving, _chunk)
        if answer.manner in UNENDING:
            return
        serving.ended_ns = time.monotonic_ns()
        if answer.manner is Manner.CLOSES:
            self._transport.close()
        else:
            self._transport.write(b"0\r\n\r\n")

    async def _answer_whole(self, answer: Answer, serving: _Serving) -> None:
        body = whole_body(answer)
        step = whole_step(answer, body, self._server.settings.ttft_s, self._server.settings.itl_s)
        if answer.manner is not Manner.SILENT:
            await _sleep_until(serving.arrived_ns + round(step.at_s * NS_PER_S))
        self._head("200 OK", "Content-Type: application/json", f"Content-Length: {len(body)}")
        if answer.manner is Manner.SILENT:
            return
        written_ns = await self._take(step, serving, bytes)
        if answer.manner not in UNENDING:
            serving.ended_ns = written_ns
        if answer.manner is Manner.CLOSES:
            self._transport.close()

    async def _take(self, step: Step, serving: _Serving, framed: Callable[[bytes], bytes]) -> int:
        """Write it when it is due; when its last bytes were about to be written is given back."""
        await _sleep_until(serving.arrived_ns + round(step.at_s * NS_PER_S))
        for data in step.writes[:-1]:
            self._transport.write(framed(data))
            await asyncio.sleep(0.001)
        data = framed(step.writes[-1])
        written_ns = time.monotonic_ns()
        serving.token_ns += [written_ns] * step.tokens
        self._transport.write(data)
        return written_ns

    def _json(self, value: dict[str, Any]) -> None:
        self._whole("200 OK", json.dumps(value).encode())

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
    read = {
        "manner": Manner(told["manner"]),
        "by_prompt": {int(first): Manner(manner) for first, manner in told["by_prompt"].items()},
        "by_text": {word: Manner(manner) for word, manner in told["by_text"].items()},
    }
    return Settings(**{**told, **read})


if __name__ == "__main__":
    asyncio.run(_serve(_settings(json.loads(sys.argv[1]))))
