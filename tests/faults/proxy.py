"""A proxy before a server, that can be told to be slow, to fail or to be gone."""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

FINISHED = "/api/2.0/mlflow/runs/update"  # what MLflow's client asks to end a run
SEARCH = "/api/2.0/mlflow/runs/search"  # what it asks once more behind that
OWN = ("connection", "transfer-encoding", "host", "content-length")


class Manner(Enum):
    """How a request is met."""

    PASSES = auto()
    SLOW = auto()  # passed on 0.1 s later
    FAILS = auto()  # answered 500
    FAILS_OFTEN = auto()  # every third is
    GONE = auto()  # the connection is closed
    SILENT = auto()  # never answered


class Proxy(ThreadingHTTPServer):
    """`manner` may be changed at any time; `gone_after`: once so many runs were ended, absent for never."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = urlsplit(upstream).netloc
        self.manner = Manner.PASSES
        self.gone_after: int | None = None
        self.ended = self.asked = 0
        self.lock = threading.Lock()

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def meet(self, path: str) -> Manner:
        """The manner for this request."""
        with self.lock:
            self.asked += 1
            if self.gone_after is not None and self.ended >= self.gone_after and not path.startswith(SEARCH):
                return Manner.GONE
            self.ended += path.startswith(FINISHED)
            if self.manner is Manner.FAILS_OFTEN:
                return Manner.PASSES if self.asked % 3 else Manner.FAILS
            return self.manner


@contextmanager
def proxy_of(upstream: str) -> Iterator[Proxy]:
    """One that listens until the block ends."""
    with Proxy(upstream) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.shutdown()


class _Handler(BaseHTTPRequestHandler):
    server: Proxy

    def handle_one_request(self) -> None:
        with suppress(ConnectionError):
            super().handle_one_request()

    def _meet(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        manner = self.server.meet(self.path)
        if manner is Manner.GONE:
            self.close_connection = True
        elif manner is Manner.SILENT:
            time.sleep(20)
        elif manner is Manner.FAILS:
            self._answer(500, [], b"Internal Server Error")
        else:
            time.sleep(0.1 if manner is Manner.SLOW else 0)
            self._pass(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _meet  # noqa: N815  the names that the base class looks for

    def _pass(self, body: bytes) -> None:
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=60)
        upstream.request(self.command, self.path, body, {k: v for k, v in self.headers.items() if k.lower() not in OWN})
        answer = upstream.getresponse()
        self._answer(answer.status, answer.getheaders(), answer.read())
        upstream.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in OWN:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""
