"""Small requests to a server, outside the load."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.serve.saying import saying
from thorexp.serve.http import HttpError, get_text

KEY = {"Authorization": "Bearer sk-mine"}


@contextmanager
def listening() -> Iterator[tuple[str, list[str | None]]]:
    """The URL of a server, and the keys that it was shown; /from/… sends on to what follows."""
    keys: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys.append(self.headers["Authorization"])
            is_sent_on = self.path.startswith("/from/")
            self.send_response(302 if is_sent_on else 200)
            if is_sent_on:
                self.send_header("Location", self.path.removeprefix("/from/"))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", keys
        server.shutdown()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", b"SSH-2.0\r\n", b""])
def test_an_answer_cut_short_is_no_answer(answer: bytes) -> None:
    """A server that dies while it answers is an HttpError like one that does not answer."""
    with saying(answer) as url, pytest.raises(HttpError):
        get_text(url)


def test_a_key_goes_to_no_other_server() -> None:
    """One that is sent on to another one is told so, and the other is asked nothing."""
    with listening() as (here, seen), listening() as (there, theirs):
        with pytest.raises(HttpError) as moved:
            get_text(f"{here}/from/{there}/", headers=KEY)
        assert (302, ["Bearer sk-mine"], []) == (moved.value.status, seen, theirs)


def test_a_path_of_the_same_server_is_gone_to() -> None:
    """With the key: it is the server's own."""
    with listening() as (here, seen):
        assert "" == get_text(f"{here}/from//elsewhere", headers=KEY)
        assert ["Bearer sk-mine"] * 2 == seen
