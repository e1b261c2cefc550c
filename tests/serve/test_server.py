"""What decides a server, and what its metrics say."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from thorexp.serve.engine_args import EngineArg
from thorexp.serve.http import HttpError, get_text
from thorexp.serve.server import LaunchSpec, PrefixCache, prefix_cache, reset_prefix_cache, url_of

SPEC = LaunchSpec(
    ("vllm", "serve"), "Qwen/Qwen3-8B", (EngineArg("max_num_seqs", 8, "x"),), (), "127.0.0.1", None, 1, 1, 1, 32
)
PAGE = """# HELP vllm:prefix_cache_queries_total Prefix cache queries, in number of queried tokens.
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0",model_name="q"} 2048.0
vllm:prefix_cache_queries_total{engine="1",model_name="q"} 52.0
# TYPE vllm:prefix_cache_hits_total counter
vllm:prefix_cache_hits_total{engine="0",model_name="q"} 1920.0
# TYPE vllm:prefix_cache_queries_created gauge
vllm:prefix_cache_queries_created{engine="0",model_name="q"} 1.7e9
"""


def test_vllm_serve_takes_the_model_as_its_argument() -> None:
    """The command that ends in `serve` gets the model bare, then host, port and flags."""
    words = "vllm serve Qwen/Qwen3-8B --host 127.0.0.1 --port 9 --max-num-seqs 8"
    assert tuple(words.split()) == SPEC.argv(9)


def test_the_module_takes_the_model_as_a_flag() -> None:
    """`python -m vllm.entrypoints.openai.api_server` gets --model."""
    spec = replace(SPEC, command=("python", "-m", "vllm.entrypoints.openai.api_server"))
    assert ("--model", "Qwen/Qwen3-8B") == spec.argv(9)[3:5]


@pytest.mark.parametrize(
    "change",
    [{"model": "x"}, {"args": ()}, {"env": (("A", "1"),)}, {"command": ("vllm2", "serve")}, {"port": 7}],
)
def test_what_the_server_sees_changes_its_fingerprint(change: dict[str, object]) -> None:
    """Model, flags, environment, command and address each make another server."""
    assert SPEC.fingerprint != replace(SPEC, **change).fingerprint  # type: ignore[arg-type]


def test_patience_and_provenance_do_not_change_the_fingerprint() -> None:
    """Time limits, and where a value came from, leave the server the same."""
    other = replace(SPEC, ready_timeout_s=99, args=(EngineArg("max_num_seqs", 8, "command line"),))
    assert SPEC.fingerprint == other.fingerprint


def test_prefix_cache_counters_are_summed_over_engines() -> None:
    """Queries of two engines are 2048 + 52 tokens; creation times are not counted."""
    assert PrefixCache(2048 + 52, 1920) == prefix_cache(PAGE)


def test_a_page_without_the_counters_has_none() -> None:
    """Absent, not zero."""
    assert prefix_cache("# TYPE process_cpu gauge\nprocess_cpu 1\n") is None


def test_counters_of_a_run_are_differences() -> None:
    """What a run looked up and found is after minus before."""
    assert PrefixCache(30, 4) == PrefixCache(130, 14) - PrefixCache(100, 10)


@contextmanager
def saying(answer: bytes) -> Iterator[str]:
    """The URL of a server that gives every request these bytes, then hangs up."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("status", "body", "done"),
    [
        ("200 OK", "", True),
        ("200 OK", '{"success":true}', True),
        ("200 OK", '{"success":false}', False),
        ("404 Not Found", "", False),
        ("500 Internal Server Error", "", False),
    ],
)
def test_a_reset_is_done_when_the_server_says_so(status: str, body: str, done: bool) -> None:
    """Older vLLM answers an empty 200; 0.32 says in the body whether it did."""
    with saying(f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()) as url:
        assert done == reset_prefix_cache(url)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", b"SSH-2.0\r\n", b""])
def test_an_answer_cut_short_is_no_answer(answer: bytes) -> None:
    """A server that dies while it answers is an HttpError like one that does not answer."""
    with saying(answer) as url, pytest.raises(HttpError):
        get_text(url)


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:9"), ("0.0.0.0", "http://127.0.0.1:9"), ("::", "http://[::1]:9")],
)
def test_a_server_on_all_addresses_is_reached_on_loopback(host: str, url: str) -> None:
    """The wildcard is an address to listen on, not one to connect to."""
    assert url == url_of(host, 9)
