"""Events come out of bytes whole, under the stamp of the read that ended them."""

from bisect import bisect_left
from itertools import accumulate, pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from thorexp.load.events import messages

TEXTS = (b'{"text": "Zw\xc3\xb6lf"}', b'{"text": " \xe7\x8c\xab"}', b"[DONE]")
EVENTS = tuple(b"data: " + text + b"\n\n" for text in TEXTS)
LINE_ENDS = [b"\n", b"\r\n", b"\r"]


def heard(*reads: bytes) -> list[tuple[int, bytes]]:
    """The i-th read comes at i ns, counted from 1."""
    return list(messages(enumerate(reads, 1)))


def said(*reads: bytes) -> tuple[bytes, ...]:
    """All but when."""
    return tuple(data for _, data in heard(*reads))


def split_at(data: bytes, cuts: set[int]) -> list[bytes]:
    places = [0, *sorted(cut for cut in cuts if 0 < cut < len(data)), len(data)]
    return [data[a:b] for a, b in pairwise(places)]


def test_an_event_arrives_with_the_read_that_completed_it() -> None:
    """Its first bytes do not count, its last do."""
    first, second, _ = EVENTS
    assert [(2, TEXTS[0]), (4, TEXTS[1])] == heard(first[:9], first[9:], second[:-1], second[-1:])


def test_events_of_one_read_arrive_together() -> None:
    """One read has one time, however many events are in it."""
    assert [(1, text) for text in TEXTS] == heard(b"".join(EVENTS))


@pytest.mark.parametrize("line_end", LINE_ENDS)
def test_a_cut_at_any_byte_says_the_same(line_end: bytes) -> None:
    """Inside of a character, of a line end, of an empty line: nothing is lost."""
    data = b"".join(EVENTS).replace(b"\n", line_end)
    assert {TEXTS} == {said(data[:cut], data[cut:]) for cut in range(len(data))}


@given(st.sets(st.integers(0, 200)), st.sampled_from(LINE_ENDS), st.sampled_from([b"", b": ping\n\n", b"id: 7\n"]))
@example(set(range(200)), b"\r\n", b"")
def test_any_split_changes_only_when(cuts: set[int], line_end: bytes, aside: bytes) -> None:
    """Each event has the stamp of the read that brought its end: of CR and LF, the CR."""
    parts = [(aside + event).replace(b"\n", line_end) for event in EVENTS]
    reads = split_at(b"".join(parts), cuts)
    brought = list(accumulate(map(len, reads)))
    ends = (end - (line_end == b"\r\n") for end in accumulate(map(len, parts)))
    assert [(bisect_left(brought, end) + 1, text) for end, text in zip(ends, TEXTS, strict=True)] == heard(*reads)


def test_a_carriage_return_ends_its_line_at_once() -> None:
    """The line feed after it completes nothing."""
    first = EVENTS[0].replace(b"\n", b"\r\n")
    assert [(1, TEXTS[0])] == heard(first[:-1], first[-1:])


def test_a_last_event_without_its_empty_line_counts() -> None:
    """A server that ends without the blank line said it all the same."""
    assert TEXTS == said(*EVENTS[:2], EVENTS[2].rstrip())


def test_nothing_read_is_nothing_said() -> None:
    """Nor is an empty line, or data of nothing."""
    assert () == said() == said(b"\n\n") == said(b"data:\n\n")


@pytest.mark.parametrize("line", [b": comment", b":", b"event: message", b"id: 7", b"retry: 10"])
def test_lines_that_are_not_data_are_passed_over(line: bytes) -> None:
    """Of an event only its data is read."""
    assert TEXTS == said(*(line + b"\n" + event for event in EVENTS))


def test_data_needs_no_blank_after_the_colon() -> None:
    """The blank is optional in the standard."""
    assert TEXTS == said(*(event.replace(b"data: ", b"data:", 1) for event in EVENTS))


def test_fields_are_told_by_their_whole_name() -> None:
    """A field that begins like data is another."""
    assert TEXTS == said(*(b"database: 7\n" + event for event in EVENTS))


def test_lines_of_data_are_joined() -> None:
    """As the standard has it, without the one blank after the colon; a field without a colon has an empty value."""
    assert (b"To\n\n be",) == said(b"data: To\n: comment\ndata\ndata:  be\n\n")


def test_an_empty_read_changes_nothing() -> None:
    """Not even inside of a line end."""
    event = b"data: To\r\ndata: be\r\n\r\n"
    assert (b"To\nbe",) == said(*(read for byte in event for read in (bytes([byte]), b"")))


def test_a_byte_order_mark_opens_a_stream() -> None:
    """At its begin, and only there."""
    data = b"\xef\xbb\xbf" + b"".join(EVENTS)
    assert {TEXTS} == {said(data[:cut], data[cut:]) for cut in range(8)}
    assert (TEXTS[0], TEXTS[2]) == said(EVENTS[0], b"\xef\xbb\xbf" + EVENTS[1], EVENTS[2])


def test_a_long_line_in_many_reads_is_read_once() -> None:
    """10 MB in 10,000 reads: would each read copy what came before, this would take over a minute."""
    line = b"data: " + b"x" * 10_000_000
    assert (line[6:],) == said(*(line[at : at + 1000] for at in range(0, len(line), 1000)))


fragments = st.sampled_from([b"data:", b"data", b": ", b"\r", b"\n", b"\r\n", b"\n\n", b"\xef\xbb\xbf", *EVENTS])


@given(st.lists(fragments | st.binary(max_size=4), max_size=16))
def test_fragments_say_the_same_in_one_read(reads: list[bytes]) -> None:
    """Where a network cuts decides nothing, whatever was cut."""
    assert said(b"".join(reads)) == said(*reads)
