"""A small Docker API on a socket, which notes what a real client asks of it and creates nothing."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

REFUSED = "nothing is created here"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, its path without the API's version."""

    method: str
    path: str
    query: dict[str, list[str]]
    body: dict[str, Any]


@dataclass(slots=True)
class Api:
    """`answers`: a status and what is said, or what gives both, by method and path; 404 for all others."""

    host: str
    answers: dict[str, Any]
    asked: list[Asked] = field(default_factory=list)

    def of(self, method: str, path: str) -> Asked:
        """The one request of this kind."""
        (found,) = [each for each in self.asked if (each.method, each.path) == (method, path)]
        return found


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    api: Api


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        path = "/" + "/".join(word for word in parts.path.split("/")[1:] if not word.startswith("v1."))
        self.server.api.asked.append(Asked(self.command, path, parse_qs(parts.query), body))
        unknown = 200 if path == "/_ping" else 404, {"message": f"No such container: {path}"}
        answer = self.server.api.answers.get(f"{self.command} {path}", unknown)
        status, said = answer(self.server.api.asked[-1]) if callable(answer) else answer
        data = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("API-Version", "1.41")
        self.send_header("OSType", "linux")
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_POST = do_DELETE = do_HEAD = _answer  # noqa: N815  # the names that http.server looks for

    def address_string(self) -> str:
        """A socket's peer has none."""
        return "client"

    def log_message(self, *_words: Any) -> None:
        """Nothing: what was asked is kept."""


@contextmanager
def docker_api(folder: Path) -> Iterator[Api]:
    """One that refuses to create."""
    with _Server(str(folder / "docker.sock"), _Handler) as server:
        answers = {"POST /containers/create": (400, {"message": REFUSED})}
        server.api = Api(f"unix://{folder / 'docker.sock'}", answers)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.api
        server.shutdown()
