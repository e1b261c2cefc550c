"""One request becomes one record, against a server that knows what it did."""

import asyncio
import math
import socket
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from tests.golden import MID_STREAM_WORDS, GoldenServer, Manner, Served, Settings, golden_server, text_of
from tests.load.asking import an_exchange, run
from thorexp.load.client import Client
from thorexp.load.patience import Timeouts
from thorexp.load.target import Api, Target
from thorexp.measure.records import RequestRecord

FIRST_ID = {manner: 100 + i for i, manner in enumerate(Manner)}
APIS: tuple[Api, ...] = ("completions", "chat")
TEMPLATE_TOKENS = {"completions": 0, "chat": 3}
READABLE = (Manner.PLAIN, Manner.JOINED, Manner.SPLIT, Manner.CRLF, Manner.COMMENTS, Manner.EARLY_ROLE)
CUT_SHORT = (Manner.CLOSES, Manner.ERROR_MESSAGE, Manner.STALLS, Manner.SILENT)
PATIENCE_S = 1.5  # a hundred times what the server takes

Asked = tuple[int, ...] | str

_ids = count()


@pytest.fixture(scope="module")
def server() -> Iterator[GoldenServer]:
    """One for all: a prompt's first token id, or its first word, is how it shall be answered."""
    by_prompt = {first: manner for manner, first in FIRST_ID.items()}
    by_text = {manner.name: manner for manner in Manner}
    with golden_server(Settings(ttft_s=0.02, itl_s=0.005, by_prompt=by_prompt, by_text=by_text)) as running:
        yield running


def a_prompt(manner: Manner = Manner.PLAIN, api: Api = "completions") -> Asked:
    """Two tokens that no other test asks."""
    number = next(_ids)
    return (FIRST_ID[manner], number) if api == "completions" else f"{manner.name} {number}"


def ask(server: GoldenServer, *prompts: Asked, tokens: int = 4, ignore_eos: bool = True, **more: Any) -> list[Any]:
    """Send these one after the other over one connection."""
    target = Target(server.base_url, "golden", **more)

    async def send() -> list[RequestRecord]:
        records = []
        async with Client(target, 1) as client:
            await client.open_connections()
            for index, prompt in enumerate(prompts):
                exchange = an_exchange(target, prompt, index=index, tokens=tokens, ignore_eos=ignore_eos)
                await client.send(exchange)
                records.append(exchange.record())
        return records

    return run(send())


def met(server: GoldenServer, prompt: Asked) -> Served:
    """What the server knows of the request."""
    return server.truth().of_text(prompt) if isinstance(prompt, str) else server.truth().of(prompt)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("manner", READABLE)
@pytest.mark.parametrize("tokens", [1, 2, 16])
def test_a_stream_is_read_whole_however_it_is_written(
    server: GoldenServer, manner: Manner, api: Api, tokens: int
) -> None:
    """Every token, its text and the server's counts, no more and no less."""
    (record,) = ask(server, a_prompt(manner, api), tokens=tokens, api=api)
    assert (None, tokens, text_of(tokens)) == (record.error, len(record.token_ns), record.text)
    assert (2 + TEMPLATE_TOKENS[api], tokens, "length") == (
        record.input_tokens,
        record.output_tokens,
        record.finish_reason,
    )
    assert record.streamed


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("manner", [*READABLE, Manner.MULTI_TOKEN])
@pytest.mark.parametrize("tokens", [1, 16])
def test_an_answer_in_one_piece_has_one_arrival(server: GoldenServer, manner: Manner, api: Api, tokens: int) -> None:
    """After the server wrote the last of it, whose tokens are all in that one chunk."""
    prompt = a_prompt(manner, api)
    (record,) = ask(server, prompt, tokens=tokens, api=api, stream=False)
    assert (None, text_of(tokens), tokens, (tokens,)) == (
        record.error,
        record.text,
        record.output_tokens,
        record.chunk_tokens,
    )
    (arrived_ns,) = record.token_ns
    (written_ns,) = met(server, prompt).token_ns
    assert written_ns < arrived_ns
    assert not record.streamed


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("manner", READABLE)
def test_no_token_arrives_before_it_was_written(server: GoldenServer, manner: Manner, api: Api) -> None:
    """Every arrival is later than the server's write of that token."""
    prompt = a_prompt(manner, api)
    (record,) = ask(server, prompt, tokens=16, api=api)
    written_ns = met(server, prompt).token_ns
    assert 16 == len(written_ns)
    assert all(written < arrived for written, arrived in zip(written_ns, record.token_ns, strict=True))


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_a_request_is_sent_before_the_server_has_it(server: GoldenServer, stream: bool) -> None:
    """The stamp of the send lies between the client's waking and the server's last byte."""
    prompt = a_prompt()
    (record,) = ask(server, prompt, stream=stream)
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


def test_a_chat_is_asked_by_messages(server: GoldenServer) -> None:
    """At its own address, with its own word for the most tokens; what is not streamed has no stream options."""
    prompt = a_prompt(api="chat")
    ask(server, prompt, tokens=7, api="chat", stream=False)
    served = met(server, prompt)
    expected = {
        "model": "golden",
        "messages": [{"role": "user", "content": prompt}],
        "max_completion_tokens": 7,
        "ignore_eos": True,
        "stream": False,
    }
    assert ("/v1/chat/completions", expected) == (served.path, served.body)


def test_an_extra_body_goes_over_the_rest(server: GoldenServer) -> None:
    """What is asked by itself is replaced, what is not is added."""
    prompt = a_prompt()
    (record,) = ask(server, prompt, tokens=7, extra_body={"max_tokens": 2, "temperature": 0.5})
    asked = met(server, prompt).body
    assert (2, 2, 0.5) == (len(record.token_ns), asked["max_tokens"], asked["temperature"])


@pytest.mark.parametrize("api", APIS)
def test_headers_arrive(server: GoldenServer, api: Api) -> None:
    """Beside the type of the content, which is not lost."""
    prompt = a_prompt(api=api)
    ask(server, prompt, api=api, headers={"X-Request-Id": "Mine"})
    headers = met(server, prompt).headers
    assert ("Mine", "application/json") == (headers["x-request-id"], headers["content-type"])


def test_a_key_opens_the_door() -> None:
    """Without one the server's own word is the error."""
    with golden_server(Settings(require_key="s3cret")) as closed:
        (let_in,) = ask(closed, (1,), headers={"Authorization": "Bearer s3cret"})
        (refused,) = ask(closed, (2,))
    assert (None, "HTTP 401 Unauthorized: Unauthorized") == (let_in.error, refused.error)


def test_a_key_is_never_shown() -> None:
    """Neither where the target is printed nor where it is part of what is."""
    target = Target("http://127.0.0.1:8000", "golden", headers={"Authorization": "Bearer s3cret"})
    assert "127.0.0.1" in repr(target)
    assert "s3cret" not in f"{target!r} {target} {[target]}"


def test_a_long_prompt_arrives_to_its_last_id(server: GoldenServer) -> None:
    """A body of many writes is whole, and stamped before the server has all of it."""
    prompt = (FIRST_ID[Manner.PLAIN], next(_ids), *range(120_000))
    (record,) = ask(server, prompt)
    served = met(server, prompt)
    assert (None, prompt) == (record.error, served.prompt)
    assert record.sent_ns < served.arrived_ns


@pytest.mark.parametrize("api", APIS)
def test_two_tokens_in_a_message_are_one_chunk(server: GoldenServer, api: Api) -> None:
    """How many it carried is known where token ids are asked for."""
    (record,) = ask(server, a_prompt(Manner.MULTI_TOKEN, api), tokens=5, api=api, extra_body={"return_token_ids": True})
    assert (None, 3, (2, 2, 1), 5) == (
        record.error,
        len(record.token_ns),
        record.chunk_tokens,
        record.output_tokens,
    )
    assert text_of(5) == record.text


@pytest.mark.parametrize("api", APIS)
def test_tokens_of_a_chunk_are_absent_where_nobody_says_them(server: GoldenServer, api: Api) -> None:
    """One a chunk would be a guess."""
    (record,) = ask(server, a_prompt(Manner.MULTI_TOKEN, api), tokens=5, api=api)
    assert (math.ceil(5 / 2), None, 5) == (len(record.token_ns), record.chunk_tokens, record.output_tokens)


def test_reasoning_is_tokens_and_no_text(server: GoldenServer) -> None:
    """The first half of the answer, which the server took its time for."""
    prompt = a_prompt(Manner.REASONING, "chat")
    (record,) = ask(server, prompt, tokens=8, api="chat")
    assert (None, 8, text_of(4), text_of(4, 4)) == (
        record.error,
        len(record.token_ns),
        record.reasoning,
        record.text,
    )
    assert all(w < a for w, a in zip(met(server, prompt).token_ns, record.token_ns, strict=True))


@pytest.mark.parametrize(("stream", "arrivals"), [(True, 8), (False, 1)])
def test_a_call_of_a_tool_is_tokens(server: GoldenServer, stream: bool, arrivals: int) -> None:
    """It is a success, without a text."""
    (record,) = ask(server, a_prompt(Manner.TOOL_CALLS, "chat"), tokens=8, api="chat", stream=stream)
    assert (None, arrivals, "", 8) == (record.error, len(record.token_ns), record.text, record.output_tokens)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(("stream", "arrivals"), [(True, 4), (False, 1)])
def test_counts_are_absent_where_the_server_gave_none(
    server: GoldenServer, api: Api, stream: bool, arrivals: int
) -> None:
    """Without usage the request is still a success."""
    (record,) = ask(server, a_prompt(Manner.NO_USAGE, api), api=api, stream=stream)
    assert (None, None, None, arrivals) == (
        record.error,
        record.input_tokens,
        record.output_tokens,
        len(record.token_ns),
    )


@pytest.mark.parametrize("api", APIS)
def test_tokens_of_empty_text_are_tokens(server: GoldenServer, api: Api) -> None:
    """They took the server as long as any other."""
    (record,) = ask(server, a_prompt(Manner.EMPTY_TEXT, api), api=api)
    assert (None, 4, "") == (record.error, len(record.token_ns), record.text)


FAILURES = [
    (Manner.BAD_REQUEST, "HTTP 400 Bad Request: This model's maximum context length is 8 tokens."),
    (Manner.SERVER_ERROR, "HTTP 500 Internal Server Error: EngineCore encountered an issue."),
    (Manner.NO_TOKENS, "the stream ended without a token"),
]


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(("manner", "words"), FAILURES)
def test_a_failure_is_kept_in_the_servers_words(
    server: GoldenServer, manner: Manner, words: str, api: Api, stream: bool
) -> None:
    """The status and the message, not the JSON around it."""
    (record,) = ask(server, a_prompt(manner, api), api=api, stream=stream)
    assert (False, words) == (record.ok, record.error)


@pytest.mark.parametrize(
    ("stream", "words"), [(True, MID_STREAM_WORDS), (False, f"HTTP 500 Internal Server Error: {MID_STREAM_WORDS}")]
)
@pytest.mark.parametrize("api", APIS)
def test_an_error_in_the_middle_is_in_the_servers_words(
    server: GoldenServer, api: Api, stream: bool, words: str
) -> None:
    """In a stream there is no status any more that could say it."""
    (record,) = ask(server, a_prompt(Manner.ERROR_MESSAGE, api), api=api, stream=stream)
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


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("api", APIS)
def test_a_connection_that_closes_in_the_middle_is_a_failure(server: GoldenServer, api: Api, stream: bool) -> None:
    """Fewer tokens than asked are no success."""
    (record,) = ask(server, a_prompt(Manner.CLOSES, api), api=api, stream=stream)
    assert str(record.error).startswith("ClientPayloadError")


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("api", APIS)
def test_a_message_that_is_not_json_is_a_failure(server: GoldenServer, api: Api, stream: bool) -> None:
    """The error shows what came instead."""
    (record,) = ask(server, a_prompt(Manner.NOT_JSON, api), api=api, stream=stream)
    assert "Segmentation fault" in str(record.error)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("manner", [Manner.CLOSES, Manner.ERROR_MESSAGE])
def test_what_came_before_a_failure_is_kept(server: GoldenServer, manner: Manner, api: Api) -> None:
    """Half of the tokens came, and their times are evidence."""
    (record,) = ask(server, a_prompt(manner, api), api=api)
    assert (4 // 2, text_of(4 // 2)) == (len(record.token_ns), record.text)


@pytest.mark.parametrize(
    ("manner", "tokens", "timeouts", "words"),
    [
        (
            Manner.SILENT,
            0,
            Timeouts(first_token_s=PATIENCE_S),
            "the first token did not come within endpoint.first_token_timeout_s=1.5",
        ),
        (
            Manner.STALLS,
            2,
            Timeouts(idle_s=PATIENCE_S),
            "the next token did not come within endpoint.idle_timeout_s=1.5",
        ),
        (Manner.STALLS, 2, Timeouts(total_s=PATIENCE_S), "its end did not come within endpoint.timeout_s=1.5"),
        (
            Manner.SILENT,
            0,
            Timeouts(first_token_s=PATIENCE_S, idle_s=3600.0, total_s=None),
            "the first token did not come within endpoint.first_token_timeout_s=1.5",
        ),
        (
            Manner.STALLS,
            2,
            Timeouts(first_token_s=3600.0, idle_s=PATIENCE_S, total_s=None),
            "the next token did not come within endpoint.idle_timeout_s=1.5",
        ),
    ],
    ids=["first", "idle", "total", "only first", "only idle"],
)
@pytest.mark.parametrize("api", APIS)
def test_what_does_not_come_in_time_is_given_up(
    server: GoldenServer, api: Api, manner: Manner, tokens: int, timeouts: Timeouts, words: str
) -> None:
    """In words that name the key, with what came until then; the connection of another is unharmed."""
    target = Target(server.base_url, "golden", api=api, timeouts=timeouts)
    prompts = [a_prompt(manner, api), a_prompt(api=api), a_prompt(api=api)]

    async def send() -> list[RequestRecord]:
        late, other, after = (an_exchange(target, prompt) for prompt in prompts)
        async with Client(target, 2) as client:
            await client.open_connections()
            await asyncio.gather(client.send(late), client.send(other))
            await client.send(after)
        return [exchange.record() for exchange in (late, other, after)]

    late, other, after = run(send())
    assert (tokens, f"TimeoutError: {words}") == (len(late.token_ns), late.error)
    assert (None, None) == (other.error, after.error)
    assert met(server, prompts[1]).connection == met(server, prompts[2]).connection


@pytest.mark.parametrize("manner", [Manner.SILENT, Manner.STALLS])
def test_an_answer_in_one_piece_has_a_time_to_end_in(server: GoldenServer, manner: Manner) -> None:
    """It has no first token that could be waited for."""
    timeouts = Timeouts(first_token_s=0.001, total_s=PATIENCE_S)
    (record,) = ask(server, a_prompt(manner), stream=False, timeouts=timeouts)
    assert "TimeoutError: its end did not come within endpoint.timeout_s=1.5" == record.error


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("manner", [each for each in Manner if each not in CUT_SHORT])
def test_a_request_after_any_other_is_a_success(server: GoldenServer, manner: Manner, api: Api, stream: bool) -> None:
    """How one request ended does not touch the next, which uses the same connection."""
    before, after = a_prompt(manner, api), a_prompt(api=api)
    _, record = ask(server, before, after, api=api, stream=stream)
    assert record.ok
    assert met(server, before).connection == met(server, after).connection


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("manner", CUT_SHORT)
def test_a_request_after_a_broken_one_is_a_success(server: GoldenServer, manner: Manner, api: Api) -> None:
    """A connection that is lost is replaced; one that a request was cancelled on is not used again."""
    target = Target(server.base_url, "golden", api=api)

    async def send() -> RequestRecord:
        broken, good = an_exchange(target, a_prompt(manner, api)), an_exchange(target, a_prompt(api=api))
        async with Client(target, 1) as client:
            breaking = asyncio.create_task(client.send(broken))
            while not (broken.reads or breaking.done() or (broken.tapped and manner is Manner.SILENT)):
                await asyncio.sleep(0.001)
            if manner in (Manner.STALLS, Manner.SILENT):
                breaking.cancel()
            await asyncio.wait((breaking,))
            await client.send(good)
        return good.record()

    assert run(send()).ok


def a_closed_port() -> int:
    """One that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def test_a_server_that_is_not_there_is_a_failure() -> None:
    """Nothing was sent, and the error names the address."""
    port = a_closed_port()
    (record,) = ask(GoldenServer(f"http://127.0.0.1:{port}"), (1,))
    assert record.sent_ns is None
    assert f"127.0.0.1:{port}" in str(record.error)


def test_a_send_that_fails_lets_the_next_one_through() -> None:
    """Of two requests to nobody both end."""
    records = ask(GoldenServer(f"http://127.0.0.1:{a_closed_port()}"), (1,), (2,))
    assert [False, False] == [record.ok for record in records]


def test_a_fault_of_the_client_is_the_failure_of_one_request(server: GoldenServer) -> None:
    """Whatever is raised, the load goes on without it."""
    target = Target(server.base_url, "golden")

    async def send() -> list[RequestRecord]:
        broken, good = an_exchange(target, a_prompt()), an_exchange(target, a_prompt())
        broken = replace(broken, body=object())  # type: ignore[arg-type]  # nothing that can be sent
        async with Client(target, 1) as client:
            for exchange in (broken, good):
                await client.send(exchange)
        return [broken.record(), good.record()]

    assert [False, True] == [record.ok for record in run(send())]


def test_a_connection_that_takes_its_time_holds_up_nobody() -> None:
    """While one request waits to be let in, another goes out over a connection that is open."""

    async def send() -> tuple[bool, bool]:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(0)
            listening.setblocking(False)
            target = Target(f"http://127.0.0.1:{listening.getsockname()[1]}", "golden")
            async with Client(target, 1) as client:
                opening = asyncio.create_task(client.open_connections())
                taken, _ = await asyncio.get_running_loop().sock_accept(listening)
                reader, writer = await asyncio.open_connection(sock=taken)
                await answered(reader, writer)
                await opening
                crowd = await fill(listening.getsockname())
                first, waiting = (asyncio.create_task(client.send(an_exchange(target, (i,)))) for i in range(2))
                for _ in range(100):  # turns of the loop, in which the first is sent and the second begins to connect
                    await asyncio.sleep(0)
                await answered(reader, writer)
                await first
                last = asyncio.create_task(client.send(an_exchange(target, (2,))))
                await answered(reader, writer)
                await last
                ended = last.done(), waiting.done()
                waiting.cancel()
                writer.close()
                for each in crowd:
                    each.close()
        return ended

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        lengths = [line for line in head.split("\r\n") if line.startswith("content-length: ")]
        await reader.readexactly(sum(int(line.split()[1]) for line in lengths))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async def fill(address: tuple[str, int]) -> list[socket.socket]:
        """Knock until nobody is let into the queue any more."""
        crowd: list[socket.socket] = []
        while True:
            crowd.append(socket.socket())
            crowd[-1].setblocking(False)
            try:
                async with asyncio.timeout(0.3):
                    await asyncio.get_running_loop().sock_connect(crowd[-1], address)
            except TimeoutError:
                return crowd

    assert (True, False) == asyncio.run(send())


def test_a_health_that_is_not_answered_is_not_waited_for() -> None:
    """What opens connections has as long as connecting has."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def open_them() -> None:
        listening = await asyncio.start_server(silent, "127.0.0.1", 0)
        target = Target(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", "golden")
        impatient = replace(target, timeouts=Timeouts(connect_s=0.1))
        async with listening, Client(impatient, 2) as client:
            await client.open_connections()

    run(open_them())


def test_a_proxy_of_the_environment_is_not_asked(server: GoldenServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured is the server, not the way to it."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    (record,) = ask(server, a_prompt())
    assert record.error is None
