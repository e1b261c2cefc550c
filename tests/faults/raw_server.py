"""A server of raw bytes: it is ready, says which model it serves, and answers each stream as a test has it.

Threads on real sockets. What is not streamed is answered as it should be, so that a job gets as far as its load.
"""

import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

MODEL = "raw"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
DONE = b"data: [DONE]\n\n"
END = b"0\r\n\r\n"

Answer = Callable[[socket.socket, int], None]
"""How a stream is answered; the number counts streams from 0."""


def chunk(data: bytes) -> bytes:
    """One of chunked transfer encoding."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def message(value: Any) -> bytes:
    """One event of a stream."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def token(text: str = " word") -> bytes:
    """An event of one token."""
    return message({"choices": [{"index": 0, "text": text, "finish_reason": None}]})


def usage(prompt: int, completion: int) -> bytes:
    """The event that counts them."""
    return message({"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}})


def whole(status: str, body: bytes, kind: str = "application/json") -> bytes:
    """A response in one piece."""
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def stream(*events: bytes) -> bytes:
    """A response of these events, a chunk each, and its end."""
    return HEAD + b"".join(map(chunk, events)) + END


def saying(answer: bytes) -> Answer:
    """Each stream is this."""
    return lambda connection, _number: connection.sendall(answer)


@contextmanager
def raw_server(answer: Answer) -> Iterator[str]:
    """The address of one that listens until the block ends."""
    numbers = count()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(ConnectionError, ValueError):
                while line := self.rfile.readline():
                    self._answer(line.split()[1].decode(), self._body())

        def _body(self) -> bytes:
            length = 0
            while (header := self.rfile.readline()).strip():
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            return self.rfile.read(length)

        def _answer(self, path: str, body: bytes) -> None:
            asked = json.loads(body) if body else {}
            if path == "/v1/completions" and asked.get("stream"):
                answer(self.connection, next(numbers))
            else:
                self.connection.sendall(_answer_whole(path, asked))

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            """A client that has gone is no news."""

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def _answer_whole(path: str, asked: dict[str, Any]) -> bytes:
    if path == "/health":
        return whole("200 OK", b"")
    if path == "/v1/models":
        return whole("200 OK", json.dumps({"data": [{"id": MODEL, "max_model_len": 4096}]}).encode())
    if path != "/v1/completions":
        return whole("404 Not Found", b'{"detail":"Not Found"}')
    counted = {"prompt_tokens": len(asked["prompt"]), "completion_tokens": asked["max_tokens"]}
    said = {"choices": [{"index": 0, "text": " word", "finish_reason": "length"}], "usage": counted}
    return whole("200 OK", json.dumps(said).encode())
