"""Chunked bodies become their content, and nothing of their framing stays."""

from bisect import bisect_right
from itertools import accumulate, pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from thorexp.load.chunked import Malformed, Read, dechunked

END = b"0\r\n\r\n"


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


def stamped(*reads: bytes) -> list[Read]:
    """The i-th read comes at i ns, counted from 1."""
    return list(enumerate(reads, 1))


def read_whole(*reads: bytes) -> list[Read]:
    return list(dechunked(stamped(*reads)))


def split_at(data: bytes, cuts: set[int]) -> list[bytes]:
    places = [0, *sorted(cut for cut in cuts if 0 < cut < len(data)), len(data)]
    return [data[a:b] for a, b in pairwise(places)]


def outcome(reads: list[bytes]) -> tuple[bytes, bool]:
    """The content, and whether it ended in a fault."""
    content = b""
    try:
        for _, piece in dechunked(stamped(*reads)):
            content += piece
    except Malformed:
        return content, True
    return content, False


def test_a_chunk_in_a_read_is_its_content_under_the_same_stamp() -> None:
    """As vLLM's server writes it: one chunk, one read."""
    assert [(1, b"To"), (2, b" be")] == read_whole(chunk(b"To"), chunk(b" be"), END)


def test_content_is_given_out_as_it_arrives() -> None:
    """A chunk in several reads does not wait for its end."""
    assert [(1, b"To"), (2, b" b"), (3, b"e")] == read_whole(b"5\r\nTo", b" b", b"e\r\n" + END)


def test_a_read_of_framing_gives_nothing() -> None:
    """Size, line end, last chunk: no content, no read."""
    assert [(2, b"To")] == read_whole(b"2\r\n", b"To", b"\r\n", END)


def test_chunks_of_one_read_have_its_stamp() -> None:
    """One read has one time, however many chunks are in it."""
    assert {1} == {at_ns for at_ns, _ in read_whole(chunk(b"To") + chunk(b" be") + END)}


frames = st.tuples(
    st.binary(min_size=1, max_size=40),
    st.sampled_from([b"%x", b"%X", b"00%x"]),
    st.sampled_from([b"", b";", b";a=1", b' ; a="0\n;"', b" ", b"\t"]),
)
trailers = st.lists(st.sampled_from([b"A: b", b"Expires: " + b"0" * 2000]), max_size=3)


@given(st.lists(frames, max_size=8), trailers, st.sets(st.integers(0, 800)), st.booleans())
@example([(b"x" * 26, b"%X", b"")], [], set(range(800)), True)
def test_any_content_in_any_chunks_and_reads_comes_back_whole(
    chunks: list[tuple[bytes, bytes, bytes]], trailers: list[bytes], cuts: set[int], ended: bool
) -> None:
    """Each of its bytes under the stamp of the read that brought it, with or without the end of the body."""
    wire, places = b"", list[int]()
    for content, size, extension in chunks:
        wire += size % len(content) + extension + b"\r\n"
        places += range(len(wire), len(wire) + len(content))
        wire += content + b"\r\n"
    body = wire + b"0\r\n" + b"".join(line + b"\r\n" for line in trailers) + b"\r\n" if ended else wire
    reads = split_at(body, cuts)
    starts = [0, *accumulate(map(len, reads))][:-1]
    expected = [(bisect_right(starts, place), wire[place]) for place in places]
    assert expected == [(at_ns, byte) for at_ns, piece in read_whole(*reads) for byte in piece]


def test_an_empty_read_is_passed_over() -> None:
    """Also within a size, and after the end."""
    assert [(4, b"To")] == read_whole(b"", b"2", b"", b"\r\nTo\r\n", b"", END, b"")


def test_no_piece_is_empty() -> None:
    """An empty read would be taken for the end of a stream."""
    assert all(piece for _, piece in read_whole(*(bytes([byte]) for byte in chunk(b"To") + END)))


@pytest.mark.parametrize(
    "body", [b"", b"5", b"5\r", b"5\r\n", b"5\r\nTo", chunk(b"To")[:-1], b"0\r\n", b"0\r\nA: b\r\n"]
)
def test_an_end_that_is_missing_is_no_fault(body: bytes) -> None:
    """That the connection was lost is said elsewhere."""
    content = b"To" if b"To" in body else b""
    assert (content, False) == outcome([body])


@pytest.mark.parametrize("size", [b"+5", b"0x5", b"-1", b"1_0", b"", b" 5", b"5 5", b"g", b";a", "５".encode(), b"\n5"])
def test_a_size_that_is_no_hexadecimal_number_is_a_fault(size: bytes) -> None:
    """Also where Python would read a number in it; its words show it."""
    with pytest.raises(Malformed) as fault:
        read_whole(size + b"\r\nToToTo")
    assert repr(size) in str(fault.value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"2\r\nTo be", "' b'"),
        (b"2\r\nTo\n\n", r"'\n\n'"),
        (b"2\r\nTo\r5", r"'\r5'"),
        (chunk(b"To") + b"To\r\n", "'To'"),
        (b"HTTP/1.1 200 OK\r\n", "'HTTP/1.1 200 OK'"),
        (END + b"\r\n", r"'\r\n'"),
        (END + END, r"'0\r\n\r\n'"),
        (b"0\r\nA: b\r\n\r\nTo", "'To'"),
    ],
)
def test_a_fault_shows_what_came(body: bytes, words: str) -> None:
    """Its words quote the place."""
    with pytest.raises(Malformed) as fault:
        read_whole(body)
    assert words in str(fault.value)


@pytest.mark.parametrize("cut", range(len(b"0\r\nA: b\r\n\r\n") + 1))
def test_the_end_of_a_body_is_found_wherever_it_is_cut(cut: int) -> None:
    """What comes after it is a fault, also after a read of nothing."""
    end = b"0\r\nA: b\r\n\r\n"
    assert (b"To", True) == outcome([chunk(b"To"), end[:cut], end[cut:], b"", b"5"])


def test_a_fault_comes_after_the_content_before_it() -> None:
    """What a server sent until then is kept."""
    assert (b"To be", True) == outcome([chunk(b"To") + chunk(b" be") + b"or\r\n"])


@pytest.mark.parametrize(("length", "failed"), [(1000, False), (1001, True)])
@pytest.mark.parametrize("end", [b"", b"\r", b"\r\n"])
@pytest.mark.parametrize("cut", [1, 999, 1000, 1001])
def test_a_size_line_has_at_most_1000_bytes(length: int, failed: bool, end: bytes, cut: int) -> None:
    """Its line end does not count, come or not."""
    line = b"1;".ljust(length, b"a") + end
    assert (b"", failed) == outcome([line[:cut], line[cut:]])


def test_a_size_without_bound_is_a_size() -> None:
    """A thousand digits are a number too: all that comes is content."""
    assert (b"To be", False) == outcome([b"f" * 1000 + b"\r\nTo be"])


likely_garbage = st.lists(
    st.sampled_from([b"0", b"2", b"a", b"F", b";", b"\r\n", b"\r", b"\n", b"To", END, b"x" * 600])
    | st.binary(max_size=4),
    max_size=24,
).map(b"".join)


@given(st.binary(max_size=64) | likely_garbage, st.sets(st.integers(0, 2000)))
@example(b"2\r\nToX", {5, 6})
@example(b"a" * 1002, {1000, 1001})
def test_garbage_is_content_or_a_fault_whatever_the_split(data: bytes, cuts: set[int]) -> None:
    """Nothing else is raised, and where the network cuts decides nothing."""
    assert outcome([data]) == outcome(split_at(data, cuts))


@pytest.mark.parametrize("size", [b"989680\r\n", b"f" * 20 + b"\r\n", b"0\r\n"], ids=["chunk", "unending", "trailer"])
def test_much_in_many_reads_is_read_once(size: bytes) -> None:
    """10 MB in 10,000 reads: would each read copy what came before, this would take over a minute."""
    pieces = read_whole(size, *(b"x" * 1000 for _ in range(10_000)))
    assert (0 if size == b"0\r\n" else 10_000_000) == sum(len(piece) for _, piece in pieces)
