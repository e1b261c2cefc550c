"""What a request's stamped bytes become once it has ended."""

from thorexp.load.exchange import Exchange

TOKENS = tuple(b'data: {"choices":[{"index":0,"text":" %d"}]}\n\n' % i for i in range(3))
END = b"0\r\n\r\n"


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


def ended(*reads: bytes, tapped: bool = True, error: str | None = None) -> Exchange:
    """The i-th read came at i ns, counted from 1."""
    return Exchange(0, b"", 0, begun=True, sent_ns=0, reads=list(enumerate(reads, 1)), tapped=tapped, error=error)


def test_chunks_of_a_tapped_answer_are_no_part_of_it() -> None:
    """Tokens have the stamps of their reads."""
    record = ended(*map(chunk, TOKENS), END).record()
    assert (None, (1, 2, 3), " 0 1 2") == (record.error, record.token_ns, record.text)


def test_what_was_read_through_aiohttp_has_no_chunks() -> None:
    """It is taken as it is."""
    assert (None, (1, 2, 3)) == (
        ended(*TOKENS, tapped=False).record().error,
        ended(*TOKENS, tapped=False).stream.token_ns,
    )


def test_tokens_before_a_malformed_chunk_are_kept() -> None:
    """All of them, under their stamps; the fault is the request's error."""
    record = ended(chunk(TOKENS[0]), chunk(TOKENS[1]) + b"zz\r\n", chunk(TOKENS[2]), END).record()
    assert ((1, 2), " 0 1") == (record.token_ns, record.text)
    assert str(record.error).startswith("not chunked transfer encoding: a chunk's size is no hexadecimal number")


def test_an_answer_without_its_end_is_no_success() -> None:
    """It may be half of one."""
    record = ended(chunk(TOKENS[0]), chunk(TOKENS[1])[:-3]).record()
    assert "not chunked transfer encoding: it ended inside of a chunk" == record.error


def test_the_first_error_stands() -> None:
    """What was cut off is known to be."""
    record = ended(chunk(TOKENS[0]), error="TimeoutError: its end did not come").record()
    assert ("TimeoutError: its end did not come", (1,)) == (record.error, record.token_ns)


def test_what_is_given_up_in_flight_keeps_its_times() -> None:
    """Its tokens are evidence."""
    exchange = ended(chunk(TOKENS[0]))
    exchange.scheduled_ns = 5
    exchange.give_up("given up: the server had ended", 9)
    record = exchange.record()
    assert (5, "given up: the server had ended", (1,)) == (record.scheduled_ns, record.error, record.token_ns)
    assert exchange.ended


def test_what_is_given_up_before_it_began_is_of_that_moment() -> None:
    """Its time in the plan may have counted from an answer that never came."""
    exchange = Exchange(0, b"", 7)
    exchange.give_up("given up: the server had ended", 9)
    record = exchange.record()
    assert (9, 9, None) == (record.scheduled_ns, record.released_ns, record.sent_ns)


def test_a_settled_exchange_says_what_it_said() -> None:
    """Of its reads only the times of the first and the last are kept."""
    token = b'data: {"choices":[{"index":0,"text":" a"}]}\n\n'
    reads = [(1, b"%x\r\n%b\r\n" % (len(token), token)), (2, b"%x\r\n%b\r\n" % (len(token), token)), (3, b"0\r\n\r\n")]
    exchange, other = (Exchange(0, b"", 0, reads=list(reads), tapped=True, ended_ns=3) for _ in range(2))
    exchange.settle()
    assert other.record() == exchange.record()
    assert [(1, b""), (3, b"")] == exchange.reads
