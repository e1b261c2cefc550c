"""A server of known truth: every token at its time, and a record of when each was really written.

In a process of its own, so that its work is not the client's. Its stamps are `time.monotonic_ns`, one clock for
every process of a Linux machine, so they compare with a client's. A token is stamped just before it is written,
so nobody can have read it earlier; a request when its last byte was read, so nobody can have sent it later.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import uvloop

NS_PER_S = 1_000_000_000
STOP_S = 10.0
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


@dataclass(slots=True)
class Served:
    """One request as the server met it, in monotonic ns: read whole, and each token just before it was written.

    `number`: the first token id of its prompt; of a text its place among the requests.
    """

    number: int
    arrived_ns: int
    token_ns: list[int] = field(default_factory=list)


@contextmanager
def truth_server(ttft_s: float, itl_s: float, core: int | None) -> Iterator[str]:
    """The base URL of one that listens, on that core alone if given; it ends with the block, or with us."""
    command = [sys.executable, "-m", __name__, str(ttft_s), str(itl_s), "" if core is None else str(core)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
            process.wait(STOP_S)


def truth(base_url: str) -> dict[int, Served]:
    """What it has done since it was asked last, by the number of the request."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{base_url}/truth") as answer:
        return {each["number"]: Served(**each) for each in json.load(answer)}


class _Connection(asyncio.Protocol):
    """One keep-alive connection: a request, its answer, the next."""

    def __init__(self, ttft_s: float, itl_s: float, served: list[Served]) -> None:
        self._ttft_ns, self._itl_ns = round(ttft_s * NS_PER_S), round(itl_s * NS_PER_S)
        self._served = served
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        at_ns = time.monotonic_ns()
        self._rest += data
        head, whole, body = self._rest.partition(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0)
        if not whole or len(body) < length:
            return
        self._rest = body[length:]
        path = head.split(b" ", 2)[1]
        if path == b"/v1/completions":
            self._begin(json.loads(body[:length]), at_ns)
        else:
            self._whole(self._tell() if path == b"/truth" else b"")

    def _begin(self, asked: dict[str, Any], at_ns: int) -> None:
        prompt = asked["prompt"]
        self._now = Served(len(self._served) if isinstance(prompt, str) else prompt[0], at_ns)
        self._served.append(self._now)
        self._asked = asked["max_tokens"]
        self._due_ns = at_ns + self._ttft_ns
        self._transport.write(HEAD)
        self._sleep()

    def _sleep(self) -> None:
        left_s = max(0, self._due_ns - time.monotonic_ns()) / NS_PER_S
        asyncio.get_running_loop().call_later(left_s, self._token)

    def _token(self) -> None:
        at_ns = time.monotonic_ns()
        if at_ns < self._due_ns:  # the loop's own clock is one of milliseconds
            self._sleep()
            return
        stamps = self._now.token_ns
        stamps.append(at_ns)
        self._transport.write(TOKEN)
        if len(stamps) < self._asked:
            self._due_ns += self._itl_ns
            self._sleep()
        else:
            self._transport.write(_usage(self._asked) + END)

    def _tell(self) -> bytes:
        told = json.dumps([asdict(each) for each in self._served]).encode()
        self._served.clear()
        return told

    def _whole(self, body: bytes) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


def _chunk(message: dict[str, Any]) -> bytes:
    data = b"data: " + json.dumps(message, separators=(",", ":")).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


def _usage(tokens: int) -> bytes:
    return _chunk({**WRAP, "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": tokens}})


# As long as vLLM's own: what a client reads of each is part of its work.
WRAP = {"id": "cmpl-" + 32 * "0", "object": "text_completion", "created": 1700000000, "model": "truth"}
CHOICE = {"index": 0, "text": " token", "logprobs": None, "finish_reason": None, "stop_reason": None}
TOKEN = _chunk({**WRAP, "choices": [CHOICE]})


async def _serve(ttft_s: float, itl_s: float) -> None:
    """Listen, print the port, and go on until our standard input ends."""
    loop = asyncio.get_running_loop()
    served: list[Served] = []
    listening = await loop.create_server(lambda: _Connection(ttft_s, itl_s, served), "127.0.0.1", 0, backlog=4096)
    print(listening.sockets[0].getsockname()[1], flush=True)
    orphaned = asyncio.Event()
    loop.add_reader(sys.stdin, orphaned.set)
    await orphaned.wait()


if __name__ == "__main__":
    if sys.argv[3]:
        os.sched_setaffinity(0, {int(sys.argv[3])})
    uvloop.run(_serve(float(sys.argv[1]), float(sys.argv[2])))
