"""What a running server says to three fixed prompts."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.golden import GoldenServer, Settings, golden_server
from tests.serve.saying import saying
from thorexp.load.target import Target
from thorexp.samples import MAX_TOKENS, PROMPTS, sample_texts
from thorexp.serve.engine_counters import EngineCounters, Spent, counters
from thorexp.serve.http import HttpError, get_text

FAKE = Path(__file__).with_name("fake_vllm.py")


@contextmanager
def fake_vllm(**behaviour: Any) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, FAKE, "serve", "tiny", "--host", "127.0.0.1", "--port", str(port)],
        env={**os.environ, "FAKE_VLLM": json.dumps(behaviour)},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url)
        yield url
    finally:
        process.kill()
        process.wait()


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(HttpError):
            get_text(f"{url}/health")
            return
        time.sleep(0.05)
    raise AssertionError("the fake vLLM is not ready")


def answered(said: object) -> bytes:
    body = json.dumps(said)
    return f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


def chatted(message: Mapping[str, object]) -> bytes:
    return answered({"choices": [{"index": 0, "message": message}], "usage": {"completion_tokens": 5}})


@contextmanager
def completing(complete: Callable[[str], str]) -> Iterator[str]:
    """The URL of a server that answers many at once, each prompt by what this says to it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.wfile.write(answered({"choices": [{"text": complete(asked["prompt"])}]}))

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="module")
def golden() -> Iterator[GoldenServer]:
    with golden_server(Settings(require_key="secret")) as server:
        yield server


def test_every_prompt_is_answered_in_order() -> None:
    """By what the model says, for as many tokens as were asked for."""
    with fake_vllm(says="!") as url:
        samples = sample_texts(Target(url, "tiny"))
    assert list(PROMPTS) == [sample.prompt for sample in samples]
    assert [("!" * MAX_TOKENS, MAX_TOKENS, None)] * 3 == [(each.text, each.tokens, each.error) for each in samples]


def test_all_prompts_are_asked_at_the_same_time() -> None:
    """None is answered before the last has come."""
    together = threading.Barrier(len(PROMPTS))

    def complete(_: str) -> str:
        together.wait(20)
        return "together"

    with completing(complete) as url:
        assert ["together"] * 3 == [sample.text for sample in sample_texts(Target(url, "tiny"))]


def test_samples_keep_the_order_of_the_prompts() -> None:
    """Though the first is answered last."""
    others = threading.Semaphore(0)

    def complete(prompt: str) -> str:
        if prompt == PROMPTS[0]:
            for _ in PROMPTS[1:]:
                others.acquire(timeout=20)
        else:
            others.release()
        return f"answer to {prompt}"

    with completing(complete) as url:
        samples = sample_texts(Target(url, "tiny"))
    assert [(prompt, f"answer to {prompt}") for prompt in PROMPTS] == [(each.prompt, each.text) for each in samples]


def test_a_chat_is_answered_by_a_message() -> None:
    """The same, on the other endpoint."""
    with fake_vllm(says="Paris ") as url:
        samples = sample_texts(Target(url, "tiny", api="chat"))
    assert ["Paris " * MAX_TOKENS] * 3 == [sample.text for sample in samples]


def test_the_servers_own_counters_see_the_samples() -> None:
    """So they are to be sent before a load is counted."""
    with fake_vllm(preemptions=2, queue_time_s=0.5) as url:
        sample_texts(Target(url, "tiny"))
        counted = counters(get_text(f"{url}/metrics"))
    words = sum(len(prompt.split()) for prompt in PROMPTS)
    expected = EngineCounters(
        preemptions=3 * 2, queue=Spent(3 * 0.5, 3), prompt_tokens=words, generation_tokens=3 * MAX_TOKENS, requests=3
    )
    assert expected == counted


def test_the_headers_of_the_load_are_sent(golden: GoldenServer) -> None:
    """A server that wants a key gets it."""
    target = Target(golden.base_url, "golden", headers={"Authorization": "Bearer secret"})
    assert [None] * 3 == [sample.error for sample in sample_texts(target)]


def test_a_refusal_is_data(golden: GoldenServer) -> None:
    """In the server's words, without a text."""
    first, *_ = sample_texts(Target(golden.base_url, "golden"))
    assert (None, None) == (first.text, first.tokens)
    assert "HTTP 401" in (first.error or "")


def test_a_sample_is_greedy_whole_and_ends_by_itself(golden: GoldenServer) -> None:
    """After 32 tokens at most."""
    sample_texts(Target(golden.base_url, "golden", headers={"Authorization": "Bearer secret"}))
    asked = golden.truth().served[-1].body
    assert (0, False, False, 32) == (asked["temperature"], asked["stream"], asked["ignore_eos"], asked["max_tokens"])


def test_the_extra_body_of_the_load_is_not_sent(golden: GoldenServer) -> None:
    """A `stop` there would cut the text of a sound model."""
    extra = {"temperature": 0.7, "stop": ["."]}
    sample_texts(Target(golden.base_url, "golden", headers={"Authorization": "Bearer secret"}, extra_body=extra))
    asked = golden.truth().served[-1].body
    assert (0, False) == (asked["temperature"], "stop" in asked)


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": None, "reasoning": "I think."},
        {"role": "assistant", "content": None, "reasoning_content": "I think."},
        {"role": "assistant", "content": "think.", "reasoning": "I "},
        {"role": "assistant", "content": "I think.", "reasoning": None},
        {"role": "assistant", "content": "I think."},
    ],
)
def test_what_a_model_reasons_is_text(message: Mapping[str, object]) -> None:
    """Under each of its names, before what it answers."""
    with saying(chatted(message)) as url:
        samples = sample_texts(Target(url, "tiny", api="chat"))
    assert [("I think.", 5)] * 3 == [(sample.text, sample.tokens) for sample in samples]


def test_an_empty_answer_is_an_empty_text() -> None:
    """Nothing was said, which is no failure to ask; how many tokens it was, nobody counted."""
    with saying(answered({"choices": [{"text": ""}], "usage": None})) as url:
        samples = sample_texts(Target(url, "tiny"))
    assert [("", None, None)] * 3 == [(sample.text, sample.tokens, sample.error) for sample in samples]


@pytest.mark.parametrize(
    "said",
    [
        [],
        "no",
        None,
        5,
        {"choices": []},
        {"choices": None},
        {"choices": ["text"]},
        {"choices": [{"text": None}]},
        {"choices": [{"message": "hello"}]},
        {"choices": [{"message": {"content": 5}}]},
        {"choices": [{"text": "hello"}], "usage": "many"},
    ],
)
def test_what_is_no_completion_is_an_error(said: object) -> None:
    """With what was said instead."""
    with saying(answered(said)) as url:
        first, *_ = sample_texts(Target(url, "tiny"))
    assert first.text is None
    assert f"no answer of completions: {json.dumps(said)}" in (first.error or "")


def test_nobody_there_is_an_error() -> None:
    """Nothing is raised."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    samples = sample_texts(Target(f"http://127.0.0.1:{port}", "tiny"))
    assert [None] * 3 == [sample.text for sample in samples]
    assert all(sample.error for sample in samples)
