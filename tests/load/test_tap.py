"""Answers are read whole below aiohttp, which keeps its connections. The server here writes what a test says."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Self

import pytest

from tests.load.asking import an_exchange, run
from thorexp.load.client import Client
from thorexp.load.exchange import Exchange
from thorexp.load.target import Target
from thorexp.measure.records import RequestRecord

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
TOKENS = tuple(b'data: {"choices":[{"index":0,"text":" %d"}]}\n\n' % i for i in range(3))
TEXT = " 0 1 2"
DONE = b"data: [DONE]\n\n"
END = b"0\r\n\r\n"


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


BODY = b"".join(map(chunk, (*TOKENS, DONE))) + END


@dataclass
class Server:
    """Answers each request with the next script: what it writes, and then whether it closes.

    A piece is written when the client has had time to read the one before: it plays on the same loop.
    """

    scripts: Sequence[tuple[bytes, ...]]
    closes: bool = False
    connections: int = 0
    _answered: int = 0
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._listening = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *exc: object) -> None:
        for writer in self._writers:
            writer.close()
        self._listening.close()
        await self._listening.wait_closed()

    @property
    def target(self) -> Target:
        return Target(f"http://127.0.0.1:{self._listening.sockets[0].getsockname()[1]}", "golden")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        while head := await self._head(reader):
            length = next(line for line in head.lower().split("\r\n") if line.startswith("content-length: "))
            await reader.readexactly(int(length.split()[1]))
            script = self.scripts[self._answered]
            self._answered += 1
            for piece in script:
                writer.write(piece)
                await asyncio.sleep(0.005)
            if self.closes:
                writer.close()
                return

    @staticmethod
    async def _head(reader: asyncio.StreamReader) -> str:
        try:
            return (await reader.readuntil(b"\r\n\r\n")).decode()
        except (asyncio.IncompleteReadError, ConnectionError):
            return ""


def asked(*scripts: tuple[bytes, ...], closes: bool = False) -> tuple[list[Exchange], int]:
    """A request for each script, one after the other, and how many connections they took."""

    async def ask() -> tuple[list[Exchange], int]:
        async with Server(scripts, closes) as server, Client(server.target, 1) as client:
            exchanges = [an_exchange(server.target, (i,)) for i in range(len(scripts))]
            for exchange in exchanges:
                await client.send(exchange)
        return exchanges, server.connections

    return run(ask())


def told(*pieces: bytes, closes: bool = False) -> RequestRecord:
    """What became of an answer that was written so."""
    (exchange,), _ = asked(pieces, closes=closes)
    return exchange.record()


def said(record: RequestRecord) -> tuple[str | None, int, str]:
    return record.error, len(record.token_ns), record.text


def test_what_comes_after_the_head_is_stamped_below_aiohttp() -> None:
    """One read a chunk, as they were written, and all that is said in them."""
    (exchange,), _ = asked((CHUNKED, *map(chunk, TOKENS), chunk(DONE) + END))
    assert exchange.tapped
    assert [*map(chunk, TOKENS), chunk(DONE) + END] == [data for _, data in exchange.reads]
    assert (None, 3, TEXT) == said(exchange.record())


def test_a_connection_is_used_again_after_a_tapped_answer() -> None:
    """Aiohttp has seen the answer end."""
    script = (CHUNKED, BODY)
    exchanges, connections = asked(script, script, script)
    assert [(None, 3, TEXT)] * 3 == [said(exchange.record()) for exchange in exchanges]
    assert 1 == connections


def test_an_answer_is_whole_wherever_its_writes_are_cut() -> None:
    """Within the head, at its end, in the first chunk's size, in a token, in the end: at every byte once."""
    answer = CHUNKED + BODY
    scripts = [(answer[:cut], answer[cut:]) for cut in range(1, len(answer))]
    exchanges, connections = asked(*scripts)
    assert {(None, 3, TEXT)} == {said(exchange.record()) for exchange in exchanges}
    assert 1 == connections


def test_an_answer_is_whole_byte_by_byte() -> None:
    """The most reads that it can come in."""
    (exchange,), _ = asked((CHUNKED, *(bytes([byte]) for byte in BODY)))
    assert (None, 3, TEXT) == said(exchange.record())


@pytest.mark.parametrize("cuts", [(1,), (2, 3), (1, 2, 3, 4), (4,)])
def test_an_end_in_pieces_is_an_end(cuts: tuple[int, ...]) -> None:
    """It is found in the last few reads together."""
    places = (0, *cuts, len(END))
    pieces = [END[start:end] for start, end in pairwise(places)]
    (exchange, after), connections = asked((CHUNKED, *map(chunk, TOKENS), *pieces), (CHUNKED, BODY))
    assert exchange.tapped
    assert [(None, 3, TEXT)] * 2 == [said(exchange.record()), said(after.record())]
    assert 1 == connections


def test_content_that_comes_with_the_head_is_no_less() -> None:
    """Then aiohttp has begun to read, and reads on."""
    (exchange,), _ = asked((CHUNKED + chunk(TOKENS[0]), chunk(TOKENS[1]), chunk(TOKENS[2]) + END))
    assert not exchange.tapped
    assert (None, 3, TEXT) == said(exchange.record())
    assert 3 == len({at_ns for at_ns, _ in exchange.reads})


def test_a_whole_answer_in_one_write_is_whole() -> None:
    """Head, body and end in one read."""
    assert (None, 3, TEXT) == said(told(CHUNKED + BODY))


def test_a_body_of_known_length_is_read() -> None:
    """It has no chunks that could be tapped."""
    body = b"".join((*TOKENS, DONE))
    head = HEAD + b"Content-Length: %d\r\n\r\n" % len(body)
    (exchange, after), connections = asked((head, body[:20], body[20:]), (head + body,))
    assert [(None, 3, TEXT)] * 2 == [said(exchange.record()), said(after.record())]
    assert (False, 1) == (exchange.tapped, connections)


def test_a_body_that_ends_with_its_connection_is_read() -> None:
    """Neither a length nor chunks."""
    assert (None, 3, TEXT) == said(told(HEAD + b"\r\n", *TOKENS, DONE, closes=True))


@pytest.mark.parametrize("pieces", [(), (chunk(TOKENS[0]), chunk(TOKENS[1])), (chunk(TOKENS[0]), b"1")])
def test_an_end_that_is_cut_off_is_a_failure(pieces: tuple[bytes, ...]) -> None:
    """What came before it is kept."""
    tokens = sum(TOKEN in pieces for TOKEN in map(chunk, TOKENS))
    error, arrived, text = said(told(CHUNKED, *pieces, closes=True))
    assert str(error).startswith("ClientPayloadError")
    assert (tokens, TEXT[: 2 * tokens]) == (arrived, text)


def test_bytes_like_an_end_inside_of_a_chunk_end_nothing() -> None:
    """Only what a read ends with can be the end, and a chunk ends with its line end."""
    aside = b": aside\r\n0\r\n\r\n"
    (exchange, after), connections = asked(
        (CHUNKED, chunk(aside + TOKENS[0]), chunk(TOKENS[1]), chunk(aside), chunk(TOKENS[2]), END), (CHUNKED, BODY)
    )
    assert exchange.tapped
    assert [(None, 3, TEXT)] * 2 == [said(exchange.record()), said(after.record())]
    assert 1 == connections


def test_an_answer_that_was_taken_to_end_in_a_chunk_is_no_success() -> None:
    """No stream of JSON has an end in it where a read can end; if one had, it would be said, and not be shorter."""
    whole = chunk(b": aside\r\n0\r\n\r\n" + TOKENS[1])
    cut = whole.index(b"data")
    error, arrived, text = said(told(CHUNKED, chunk(TOKENS[0]), whole[:cut], whole[cut:] + END))
    assert "not chunked transfer encoding: it ended inside of a chunk" == error
    assert (1, " 0") == (arrived, text)


def test_tokens_before_a_malformed_chunk_are_kept() -> None:
    """The error says what came instead of a chunk."""
    error, arrived, text = said(told(CHUNKED, chunk(TOKENS[0]), chunk(TOKENS[1]), b"zz\r\n\r\n" + END))
    assert str(error).startswith("not chunked transfer encoding: a chunk's size is no hexadecimal number")
    assert (2, " 0 1") == (arrived, text)


def test_a_head_that_is_not_http_is_a_failure() -> None:
    """Neither a success nor a fault of ours."""
    assert not told(b"SSH-2.0-OpenSSH_9.6\r\n\r\n").ok
