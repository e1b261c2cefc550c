"""What a running vLLM says of itself on its /metrics page."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from thorexp.machine.server_metrics import ServerMetrics, server_signals
from thorexp.machine.source import AbsentError

PAGE = """# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="q"} 8.0
vllm:num_requests_running{engine="1",model_name="q"} 4.0
vllm:num_requests_waiting{engine="0",model_name="q"} 92.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="q",reason="capacity"} 92.0
vllm:kv_cache_usage_perc{engine="0",model_name="q"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="q"} 0.75
vllm:num_preemptions_total{engine="0",model_name="q"} 3.0
vllm:num_preemptions_created{engine="0",model_name="q"} 1.79e+09
vllm:generation_tokens_total{engine="0",model_name="q"} 1.234567e+06
vllm:request_generation_tokens_bucket{engine="0",le="1.0",model_name="q"} 1.0
"""
SAID = {
    "server.running": 8.0 + 4.0,
    "server.waiting": 92.0,
    "server.kv_cache_percent": 75.0,
    "server.preemptions": 3.0,
    "server.generation_tokens": 1_234_567.0,
}


@contextmanager
def a_server(answer: Callable[[BaseHTTPRequestHandler], tuple[int, str]]) -> Iterator[str]:
    """The URL of a page of a server that keeps connections."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body = answer(self)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/metrics"
        server.shutdown()


def read(metrics: ServerMetrics) -> dict[str, float]:
    return {signal: value for _, signal, value in metrics.read()}


def test_a_page_of_two_engines() -> None:
    """Requests and tokens are summed; of the cache's use the largest is taken, in percent."""
    assert SAID == server_signals(PAGE)


def test_a_full_engine_among_idle_ones_shows() -> None:
    """It preempts while the others have room."""
    page = "".join(
        f'vllm:kv_cache_usage_perc{{engine="{engine}"}} {used}\n' for engine, used in enumerate((0, 1, 0, 0))
    )
    assert {"server.kv_cache_percent": 100.0} == server_signals(page)


def test_the_older_name_of_the_caches_use_is_understood() -> None:
    """It was called after the GPU."""
    assert {"server.kv_cache_percent": 31.0} == server_signals('vllm:gpu_cache_usage_perc{model_name="q"} 0.31\n')


@pytest.mark.parametrize("page", ["", "<html>", "vllm:num_requests_running{", "vllm:num_requests_running NaN\n"])
def test_a_page_that_does_not_say_has_no_signals(page: str) -> None:
    """Not 0."""
    assert {} == server_signals(page)


def test_pages_come_over_one_connection() -> None:
    """Which is kept from one to the next."""
    clients = []

    def answer(request: BaseHTTPRequestHandler) -> tuple[int, str]:
        clients.append(request.client_address)
        return 200, PAGE

    with a_server(answer) as url:
        metrics = ServerMetrics(url, {})
        assert [SAID, SAID] == [read(metrics), read(metrics)]
    assert (2, 1) == (len(clients), len(set(clients)))


def test_a_connection_that_the_server_closed_is_opened_anew() -> None:
    """Servers close those that were idle for some seconds."""

    def answer(request: BaseHTTPRequestHandler) -> tuple[int, str]:
        request.close_connection = True  # without saying so
        return 200, PAGE

    with a_server(answer) as url:
        metrics = ServerMetrics(url, {})
        assert [SAID, SAID] == [read(metrics), read(metrics)]


def test_a_server_that_wants_a_key_gets_it() -> None:
    """As a header."""
    with a_server(lambda request: (200 if request.headers["Authorization"] == "Bearer k" else 401, PAGE)) as url:
        assert SAID == read(ServerMetrics(url, {"Authorization": "Bearer k"}))
        with pytest.raises(AbsentError, match="HTTP 401"):
            ServerMetrics(url, {}).read()


def test_a_server_in_trouble_has_no_row() -> None:
    """It may have one again next time."""
    answers = iter([(500, "oh"), (200, PAGE)])
    with a_server(lambda _: next(answers)) as url:
        metrics = ServerMetrics(url, {})
        assert [{}, SAID] == [read(metrics), read(metrics)]


def test_a_server_that_is_gone_has_no_row() -> None:
    """Nobody listens there any more."""
    with a_server(lambda _: (200, PAGE)) as url:
        pass
    assert {} == read(ServerMetrics(url, {}))
