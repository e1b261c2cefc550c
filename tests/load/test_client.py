"""One streamed request becomes one record, against a server that knows what it did."""

import asyncio
import socket
import time
from collections.abc import Iterator
from itertools import count

import pytest

from tests.golden import MID_STREAM_WORDS, GoldenServer, Manner, Served, Settings, golden_server, text_of
from tests.records import a_plan
from thorexp.load.client import Client, Exchange, Target, encode_bodies
from thorexp.measure.records import RequestRecord
from thorexp.measure.workload import Ask

PATIENCE_S = 60.0
FIRST_ID = {manner: 100 + i for i, manner in enumerate(Manner)}
READABLE = (Manner.PLAIN, Manner.JOINED, Manner.SPLIT, Manner.CRLF, Manner.COMMENTS)
CUT_SHORT = (Manner.CLOSES, Manner.ERROR_MESSAGE, Manner.STALLS)

_ids = count()


@pytest.fixture(scope="module")
def server() -> Iterator[GoldenServer]:
    """One server for all: a prompt's first token id is how it shall be answered."""
    by_prompt = {first: manner for manner, first in FIRST_ID.items()}
    with golden_server(Settings(ttft_s=0.02, itl_s=0.005, by_prompt=by_prompt)) as running:
        yield running


def a_prompt(manner: Manner = Manner.PLAIN) -> tuple[int, ...]:
    """A prompt that no other test asks."""
    return (FIRST_ID[manner], next(_ids))


def ask(
    server: GoldenServer,
    *prompts: tuple[int, ...],
    tokens: int = 4,
    ignore_eos: bool = True,
    timeout_s: float = PATIENCE_S,
) -> list[RequestRecord]:
    """Send these one after the other over one connection."""

    async def send() -> list[RequestRecord]:
        plan = a_plan(*(Ask(prompt, tokens) for prompt in prompts), ignore_eos=ignore_eos)
        records = []
        async with Client(Target(server.base_url, "golden"), 1, timeout_s) as client:
            await client.open_connections()
            for index, body in enumerate(encode_bodies(plan, "golden")):
                now_ns = time.monotonic_ns()
                exchange = Exchange(index, body, scheduled_ns=now_ns, released_ns=now_ns)
                await client.send(exchange)
                records.append(exchange.record())
        return records

    return asyncio.run(send())


def met(server: GoldenServer, prompt: tuple[int, ...]) -> Served:
    """What the server knows of the request."""
    return server.truth().of(prompt)


@pytest.mark.parametrize("manner", READABLE)
@pytest.mark.parametrize("tokens", [1, 2, 16])
def test_a_completion_is_read_whole_however_it_is_written(server: GoldenServer, manner: Manner, tokens: int) -> None:
    """Every token, its text and the server's counts, no more and no less."""
    (record,) = ask(server, a_prompt(manner), tokens=tokens)
    assert (None, tokens, text_of(tokens)) == (record.error, len(record.token_ns), record.text)
    assert (2, tokens, "length") == (record.input_tokens, record.output_tokens, record.finish_reason)


@pytest.mark.parametrize("manner", READABLE)
def test_no_token_arrives_before_it_was_written(server: GoldenServer, manner: Manner) -> None:
    """Every arrival is later than the server's write of that token."""
    prompt = a_prompt(manner)
    (record,) = ask(server, prompt, tokens=16)
    written_ns = met(server, prompt).token_ns
    assert 16 == len(written_ns)
    assert all(written < arrived for written, arrived in zip(written_ns, record.token_ns, strict=True))


def test_a_request_is_sent_before_the_server_has_it(server: GoldenServer) -> None:
    """The stamp of the send lies between the client's waking and the server's last byte."""
    prompt = a_prompt()
    (record,) = ask(server, prompt)
    assert record.sent_ns is not None
    assert record.released_ns <= record.sent_ns < met(server, prompt).arrived_ns


@pytest.mark.parametrize("ignore_eos", [True, False])
def test_the_server_gets_the_load_as_planned(server: GoldenServer, ignore_eos: bool) -> None:
    """Prompts are the plan's token ids, output lengths its lengths."""
    prompt = a_prompt()
    ask(server, prompt, tokens=7, ignore_eos=ignore_eos)
    expected = {
        "model": "golden",
        "prompt": list(prompt),
        "max_tokens": 7,
        "ignore_eos": ignore_eos,
        "repetition_penalty": 1.0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert expected == met(server, prompt).body


def test_a_long_prompt_arrives_to_its_last_id(server: GoldenServer) -> None:
    """A body of many writes is whole, and stamped before the server has all of it."""
    prompt = (*a_prompt(), *range(120_000))
    (record,) = ask(server, prompt)
    served = met(server, prompt)
    assert (None, prompt) == (record.error, served.prompt)
    assert record.sent_ns is not None
    assert record.sent_ns < served.arrived_ns


def test_counts_are_absent_where_the_server_gave_none(server: GoldenServer) -> None:
    """Without usage the request is still a success."""
    (record,) = ask(server, a_prompt(Manner.NO_USAGE))
    assert (None, None, None, 4) == (
        record.error,
        record.input_tokens,
        record.output_tokens,
        len(record.token_ns),
    )


def test_tokens_of_empty_text_are_tokens(server: GoldenServer) -> None:
    """They took the server as long as any other."""
    (record,) = ask(server, a_prompt(Manner.EMPTY_TEXT))
    assert (None, 4, "") == (record.error, len(record.token_ns), record.text)


@pytest.mark.parametrize(
    ("manner", "words"),
    [
        (Manner.BAD_REQUEST, "HTTP 400 Bad Request: This model's maximum context length is 8 tokens."),
        (Manner.SERVER_ERROR, "HTTP 500 Internal Server Error: EngineCore encountered an issue."),
        (Manner.ERROR_MESSAGE, MID_STREAM_WORDS),
        (Manner.NO_TOKENS, "the stream ended without a token"),
    ],
)
def test_a_failure_is_kept_in_the_servers_words(server: GoldenServer, manner: Manner, words: str) -> None:
    """The status and the message, not the JSON around it."""
    (record,) = ask(server, a_prompt(manner))
    assert (False, words) == (record.ok, record.error)


def test_a_refusal_without_words_is_its_status(server: GoldenServer) -> None:
    """There is nothing else to keep."""
    (record,) = ask(server, a_prompt(Manner.UNAVAILABLE))
    assert str(record.error).startswith("HTTP 503 Service Unavailable")


def test_a_refusal_has_no_tokens_but_was_sent(server: GoldenServer) -> None:
    """When it went out is known; latencies it has none."""
    (record,) = ask(server, a_prompt(Manner.BAD_REQUEST))
    assert () == record.token_ns
    assert record.sent_ns is not None


def test_a_connection_that_closes_mid_stream_is_a_failure(server: GoldenServer) -> None:
    """Fewer tokens than asked are no success."""
    (record,) = ask(server, a_prompt(Manner.CLOSES))
    assert str(record.error).startswith("ClientPayloadError")


def test_a_message_that_is_not_json_is_a_failure(server: GoldenServer) -> None:
    """The error shows what came instead."""
    (record,) = ask(server, a_prompt(Manner.NOT_JSON))
    assert "Segmentation fault" in str(record.error)


@pytest.mark.parametrize("manner", [Manner.CLOSES, Manner.ERROR_MESSAGE])
def test_what_came_before_a_failure_is_kept(server: GoldenServer, manner: Manner) -> None:
    """Half of the tokens came, and their times are evidence."""
    (record,) = ask(server, a_prompt(manner))
    assert (4 // 2, text_of(4 // 2)) == (len(record.token_ns), record.text)


def test_a_stream_that_never_ends_is_given_up(server: GoldenServer) -> None:
    """The time for one request is limited."""
    (record,) = ask(server, a_prompt(Manner.STALLS), timeout_s=0.2)
    assert "TimeoutError" in str(record.error)


@pytest.mark.parametrize("manner", [each for each in Manner if each not in CUT_SHORT])
def test_a_request_after_any_other_is_a_success(server: GoldenServer, manner: Manner) -> None:
    """How one request ended does not touch the next, which uses the same connection."""
    before, after = a_prompt(manner), a_prompt()
    _, record = ask(server, before, after)
    assert record.ok
    assert met(server, before).connection == met(server, after).connection


@pytest.mark.parametrize("manner", CUT_SHORT)
def test_a_request_after_a_broken_one_is_a_success(server: GoldenServer, manner: Manner) -> None:
    """A connection that is lost is replaced."""
    plan = a_plan(*(Ask(prompt, 4) for prompt in (a_prompt(manner), a_prompt())))

    async def send() -> RequestRecord:
        broken, good = (Exchange(i, body, 0) for i, body in enumerate(encode_bodies(plan, "golden")))
        async with Client(Target(server.base_url, "golden"), 1, PATIENCE_S) as client:
            breaking = asyncio.create_task(client.send(broken))
            while not (broken.reads or breaking.done()):
                await asyncio.sleep(0.001)
            if manner is Manner.STALLS:
                breaking.cancel()
            await asyncio.wait((breaking,))
            await client.send(good)
        return good.record()

    assert asyncio.run(send()).ok


def test_a_server_that_is_not_there_is_a_failure() -> None:
    """Nothing was sent, and the error names the address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    (record,) = ask(GoldenServer(f"http://127.0.0.1:{port}"), (1,))
    assert record.sent_ns is None
    assert f"127.0.0.1:{port}" in str(record.error)


def test_a_send_that_fails_lets_the_next_one_through() -> None:
    """Of two requests to nobody both end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    records = ask(GoldenServer(f"http://127.0.0.1:{port}"), (1,), (2,))
    assert [False, False] == [record.ok for record in records]


def test_a_proxy_of_the_environment_is_not_asked(server: GoldenServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured is the server, not the way to it."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    (record,) = ask(server, a_prompt())
    assert record.error is None
