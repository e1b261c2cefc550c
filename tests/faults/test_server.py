"""A server that does what it should not: as data in the records of its requests, or as the failure of a job."""

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.command_line import Running, command_of, running, servers_below, thorexp
from tests.faults.raw_server import (
    DONE,
    END,
    HEAD,
    MODEL,
    Answer,
    chunk,
    raw_server,
    saying,
    stream,
    token,
    usage,
    whole,
)
from tests.faults.soundness import JOB, UNTRACKED, assert_replayed, assert_sound
from tests.load.asking import an_exchange, run
from thorexp.load.client import Client
from thorexp.load.patience import Timeouts
from thorexp.load.target import Target
from thorexp.measure.records import RequestRecord
from thorexp.rundir import REQUESTS, VERDICT

MiB = 1 << 20
STATUSES = {
    "401 Unauthorized": "Unauthorized",
    "404 Not Found": "The model `raw` does not exist.",
    "413 Content Too Large": "Request body is too large.",
    "400 Bad Request": "This model's maximum context length is 8 tokens.",
    "429 Too Many Requests": "Too many requests.",
    "500 Internal Server Error": "EngineCore encountered an issue.",
    "503 Service Unavailable": "The server is overloaded.",
}
GOOD = stream(*[token()] * 4, usage(2, 4), DONE)
SMALL = ("workload.input_len=32", "workload.output_len=4", "load.num_prompts=8", "load.num_warmups=1")
ONE_AFTER_THE_OTHER = ("load=low", "load.num_prompts=4", "load.num_warmups=1", "workload.output_len=4")


def asked(answer: Answer, requests: int = 1, **timeouts: float) -> list[RequestRecord]:
    """The records of so many requests, one after the other."""

    async def send(url: str) -> list[RequestRecord]:
        target = Target(url, MODEL, timeouts=Timeouts(**timeouts))
        exchanges = [an_exchange(target, (1, 2), index=index, tokens=4) for index in range(requests)]
        async with Client(target, 1) as client:
            for exchange in exchanges:
                await client.send(exchange)
        return [exchange.record() for exchange in exchanges]

    with raw_server(answer) as url:
        return run(send(url))


def first(odd: bytes, *, closes: bool = False) -> Answer:
    """The first stream is answered by this, the others as they should be."""

    def answer(connection: socket.socket, number: int) -> None:
        connection.sendall(GOOD if number else odd)
        if closes and not number:
            connection.shutdown(socket.SHUT_RDWR)

    return answer


def test_a_stream_as_it_should_be_is_a_success() -> None:
    """What all others here differ from."""
    (record,) = asked(saying(GOOD))
    assert (None, 4, 2, 4) == (record.error, len(record.token_ns), record.input_tokens, record.output_tokens)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("has_body", [True, False], ids=["in words", "without a body"])
def test_a_refusal_is_data(status: str, has_body: bool) -> None:
    """By its status, and the server's words where it has some; the next request is answered."""
    words = STATUSES[status]
    body = f'{{"error":{{"message":"{words}","code":{status[:3]}}}}}'.encode() if has_body else b""
    refused, after = asked(first(whole(status, body)), 2)
    assert f"HTTP {status}" + (f": {words}" if has_body else "") == refused.error
    assert after.ok


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (HEAD + b"%x\r\n" % 500 + token(), "Client"),
        (HEAD + chunk(token()) + b"nonsense\r\n", "nonsense"),
        (whole("200 OK", b"<html>It works!</html>", "text/html"), "the stream ended without a token"),
        (stream(b'data: {"choices":[{"text":"\xff\xfe"}]}\n\n', DONE), "not a completion message"),
        (stream(b"data: " + b"x" * 10 * MiB), "not a completion message"),
        (HEAD + b"9" * 10 * MiB, "hunk"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10 * MiB, ""),
        (stream(*[token()] * 4, usage(2, 4), DONE, token()), "sent after [DONE]"),
        (b"", ""),
    ],
    ids=[
        "half a chunk",
        "a chunk without a size",
        "wrong content type",
        "invalid UTF-8",
        "10 MiB without a newline",
        "10 MiB of a chunk's size",
        "10 MiB of a header",
        "tokens after [DONE]",
        "nothing at all",
    ],
)
def test_what_is_no_completion_is_data(odd: bytes, words: str) -> None:
    """Said in few words; the next request is answered."""
    broken, after = asked(first(odd, closes=not odd.endswith((END, b"</html>"))), 2)
    assert (False, True, True) == (broken.ok, words in str(broken.error), len(str(broken.error)) < 2100), broken.error
    assert after.ok


@pytest.mark.parametrize("endless", [chunk(token()), b"x" * 1000], ids=["tokens", "bytes"])
def test_a_stream_without_an_end_is_given_up(endless: bytes) -> None:
    """When all of a request has had its time, however much comes."""

    def answer(connection: socket.socket, number: int) -> None:
        if number:
            connection.sendall(GOOD)
            return
        connection.sendall(HEAD if endless.startswith(b"x") is False else HEAD + b"fffffff\r\n")
        while True:
            connection.sendall(endless)
            time.sleep(0.001)

    broken, after = asked(answer, 2, total_s=1.0)
    assert "its end did not come within endpoint.timeout_s=1" in str(broken.error)
    assert after.ok


def test_a_connection_that_closes_without_a_word_is_data() -> None:
    """Each of them, as often as that happens."""
    records = asked(lambda connection, _number: connection.shutdown(socket.SHUT_RDWR), 3)
    assert 3 * [False] == [record.ok for record in records]


@pytest.mark.parametrize("told", [(32, 2), (32, 400)], ids=["fewer than came", "more than were asked for"])
def test_counts_that_contradict_the_answer_are_a_doubt(tmp_path: Path, told: tuple[int, int]) -> None:
    """The job finishes, and its verdict names the lengths of the answers."""
    with raw_server(saying(stream(*[token()] * 4, usage(*told), DONE))) as url:
        ran = thorexp(tmp_path, "hardware=cpu", "server=attach", f"server.base_url={url}", *SMALL, "tracking=off")
    assert_sound(ran, 0)
    assert "answer_lengths" in ran.run_dirs[0].read_text(VERDICT)


@pytest.mark.parametrize("status", STATUSES)
def test_a_server_that_refuses_every_stream_fails_the_job(tmp_path: Path, status: str, store: Path) -> None:
    """In its own words, once."""
    body = f'{{"error":{{"message":"{STATUSES[status]}"}}}}'.encode()
    words = ("hardware=cpu", "server=attach", *SMALL, "tracking=off")
    with raw_server(saying(whole(status, body))) as url:
        ran = thorexp(tmp_path, *words, f"server.base_url={url}")
    assert_sound(ran, 1, "Not one of 1 requests of the warm-up succeeded.")
    assert f"HTTP {status}: {STATUSES[status]}" in ran.err
    assert_replayed(tmp_path / "outputs", store)


def test_a_server_that_hangs_at_start_is_ended(tmp_path: Path, store: Path) -> None:
    """After server.ready_timeout_s, with its log and what to try; then the same command finishes."""
    words = (*UNTRACKED, "server.ready_timeout_s=1")
    ran = thorexp(tmp_path, *words, fake={"never_ready": True, "fork_children": True})
    assert_sound(ran, 1, "The server was not ready after 1 s.")
    assert ["failed"] == [record.status for record in ran.records]
    assert_replayed(tmp_path / "outputs", store)
    assert_sound(thorexp(tmp_path, *UNTRACKED), 0)


def test_a_server_that_dies_mid_load_costs_its_job_alone(tmp_path: Path) -> None:
    """The other model's job finishes; the same command again runs what failed, and nothing twice."""
    words = ("-m", *UNTRACKED, "load=low", "load.num_prompts=4", "model=tiny_qwen3_moe,tiny_qwen3")
    ran = thorexp(tmp_path, *words, fake={"die_after_requests": 5, "only_model": "moe"})
    assert_sound(ran, 1, "vLLM exited with code 1: RuntimeError: the fake engine died under load")
    by_model = {record.tags["model"]: record for record in ran.records}
    assert {"tiny_qwen3": "finished", "tiny_qwen3_moe": "failed"} == {k: r.status for k, r in by_model.items()}
    again = thorexp(tmp_path, *words)
    assert_sound(again, 0)
    assert by_model["tiny_qwen3"].id in {record.id for record in again.records}


def test_a_port_that_is_taken_is_told_with_its_holder(tmp_path: Path) -> None:
    """Nothing is started; with any port the same job finishes."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        ran = thorexp(tmp_path, *UNTRACKED, f"server.port={holder.getsockname()[1]}")
    assert_sound(ran, 1, "of 127.0.0.1 is taken.")
    assert f"pid {os.getpid()}" in ran.err
    assert_sound(thorexp(tmp_path, *UNTRACKED, "server.port=null"), 0)


def server_of(sweep: Running) -> psutil.Process:
    """The fake server, neither its guard nor thorexp, whose command names it too."""
    found = [p for p in servers_below(sweep.folder) if "fake_vllm.py serve /" in command_of(p)]
    return next(p for p in found if "guard.py" not in command_of(p))


def stopped_in_its_first_load(sweep: Running, then: Callable[[psutil.Process], None]) -> None:
    """Stop the server a moment after its first load has begun."""
    sweep.until(lambda: 1 == sweep.err.read_text().count(" load: "))
    time.sleep(0.3)
    server = server_of(sweep)
    server.send_signal(signal.SIGSTOP)
    then(server)


HANGS: dict[str, Any] = {"token_delay_s": 0.1}
PATIENT = ("endpoint.idle_timeout_s=1", "endpoint.first_token_timeout_s=1", "server.stop_timeout_s=1")


def test_a_server_that_hangs_mid_stream_is_told_and_replaced(tmp_path: Path, store: Path) -> None:
    """Its requests have timed out as data, its job has failed, and the other job of it has a server anew."""
    words = ("-m", *UNTRACKED, *ONE_AFTER_THE_OTHER, *PATIENT, "workload.seed=0,1")
    with running(tmp_path, *words, fake=HANGS) as sweep:
        stopped_in_its_first_load(sweep, lambda _: None)
        ran = sweep.ended()
    assert_sound(ran, 1, "The server hangs: it did not answer a short prompt within 4 s.")
    assert ["failed", "finished"] == sorted(record.status for record in ran.records)
    (hung,) = (run_dir for run_dir in ran.run_dirs if run_dir.record().status == "failed")
    assert "did not come within endpoint." in hung.read_text(REQUESTS)
    assert 2 == len(list(tmp_path.glob("outputs/*/servers/*.log")))
    assert_replayed(tmp_path / "outputs", store)
    assert_sound(thorexp(tmp_path, *words, fake=HANGS), 0)


def test_a_server_that_hangs_for_a_while_costs_requests_alone(tmp_path: Path) -> None:
    """Those of the while have timed out; the job finishes, and its verdict counts them."""

    def go_on(server: psutil.Process) -> None:
        time.sleep(2.5)
        server.send_signal(signal.SIGCONT)

    with running(tmp_path, *UNTRACKED, *ONE_AFTER_THE_OTHER, *PATIENT, "load.num_prompts=8", fake=HANGS) as job:
        stopped_in_its_first_load(job, go_on)
        ran = job.ended()
    assert_sound(ran, 0)
    (result,) = ran.results
    assert (True, 8) == (0 < result["failed"] < 8, result["failed"] + result["completed"])
    assert "failed_requests" in ran.run_dirs[0].read_text(VERDICT)


def test_a_server_that_is_slow_within_patience_does_not_hang(tmp_path: Path) -> None:
    """A whole answer may take what its tokens may, one after the other; requests that took too long are data."""
    lengths = ("workload.output_len=2", "workload.lengths=uniform", "workload.range_ratio=0.5", "load.num_prompts=8")
    words = (*UNTRACKED, *PATIENT, *lengths, "endpoint.timeout_s=1.1")
    ran = thorexp(tmp_path, *words, fake={"token_delay_s": 0.4})
    assert_sound(ran, 0)
    (result,) = ran.results
    assert 0 < result["failed"] < 8


STEP = """
import sys, time
real = time.time
began = time.monotonic()
time.time = lambda: real() - (3600 if time.monotonic() - began > {after_s} else 0)
"""


def test_a_clock_that_is_set_back_touches_no_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour, mid-load: no duration is negative, and a run ends after it began."""
    (tmp_path / "step").mkdir()
    (tmp_path / "step" / "sitecustomize.py").write_text(STEP.format(after_s=2.0))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'step'}:{Path(__file__).parents[2]}")
    ran = thorexp(tmp_path, *JOB, "workload.output_len=32", fake={"token_delay_s": 0.1})
    assert_sound(ran, 0)
    (record,) = ran.records
    assert 0 < record.ended_at - record.started_at < 600
    assert record.measure_s is not None
    assert 0 < record.measure_s <= record.ended_at - record.started_at
    assert 0.1 * 31 <= ran.results[0]["mean_e2el_ms"] / 1000 < 60
