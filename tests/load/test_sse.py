"""Stamped bytes become what they said, and when."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thorexp.load.sse import Read, Stream, decode

DONE = b"data: [DONE]\n\n"


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def token(text: str, finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish_reason}
    return event({"id": "cmpl-1", "object": "text_completion", "choices": [choice]})


def usage(prompt_tokens: int, completion_tokens: int) -> bytes:
    counts = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
    return event({"id": "cmpl-1", "object": "text_completion", "choices": [], "usage": counts})


def decoded(*reads: bytes) -> Stream:
    """The i-th read comes at i ms, counted from 1."""
    return decode(Read(i * 1_000_000, data) for i, data in enumerate(reads, 1))


def split_at(data: bytes, cuts: set[int]) -> list[bytes]:
    places = [0, *sorted(cut for cut in cuts if 0 < cut < len(data)), len(data)]
    return [data[a:b] for a, b in pairwise(places)]


def said(stream: Stream) -> tuple[int, str, int | None, int | None, str | None, str | None]:
    """All but when."""
    return (
        len(stream.token_ns),
        stream.text,
        stream.input_tokens,
        stream.output_tokens,
        stream.finish_reason,
        stream.error,
    )


ENGLISH = (token("To"), token(" be"), token(" or", "length"), usage(5, 3), DONE)
COMPLETE = (3, "To be or", 5, 3, "length", None)


def test_a_token_arrives_with_the_read_that_completed_its_message() -> None:
    """Its first bytes do not count, its last do."""
    first, second, *rest = ENGLISH
    stream = decoded(first[:9], first[9:], second[:-1], second[-1:] + b"".join(rest))
    assert (2_000_000, 4_000_000, 4_000_000) == stream.token_ns


def test_messages_of_one_read_arrive_together() -> None:
    """One read has one time, however many messages are in it."""
    assert (1_000_000,) * 3 == decoded(b"".join(ENGLISH)).token_ns


def test_a_stream_is_its_text_and_usage() -> None:
    """Texts are joined; usage and finish reason are the server's."""
    assert COMPLETE == said(decoded(*ENGLISH))


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_cut_at_any_byte_says_the_same(line_end: bytes) -> None:
    """Inside of a character, of a line end, of an empty line: nothing is lost."""
    data = b"".join(ENGLISH).replace(b"\n", line_end)
    assert {COMPLETE} == {said(decoded(data[:cut], data[cut:])) for cut in range(len(data))}


@given(st.sets(st.integers(0, 600)), st.sampled_from([b"\n", b"\r\n"]), st.booleans())
def test_any_split_into_reads_says_the_same(cuts: set[int], line_end: bytes, comments: bool) -> None:
    """Where a network cuts the bytes, and how lines end, does not change what was said."""
    words = (token("Zwölf"), token(" 猫"), token(" 🐈\n\n", "length"), usage(5, 3), DONE)
    data = (b": ping\n\n" if comments else b"").join(words).replace(b"\n", line_end)
    assert (3, "Zwölf 猫 🐈\n\n", 5, 3, "length", None) == said(decoded(*split_at(data, cuts)))


@given(
    st.lists(st.text(max_size=8), min_size=1, max_size=8),
    st.sets(st.integers(0, 2000)),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
)
def test_any_stream_in_any_split_is_read_whole(
    texts: list[str], cuts: set[int], prompt_tokens: int, completion_tokens: int
) -> None:
    """Every text of every message is there, whatever characters it has."""
    data = b"".join((*map(token, texts), usage(prompt_tokens, completion_tokens), DONE))
    expected = (len(texts), "".join(texts), prompt_tokens, completion_tokens, None, None)
    assert expected == said(decoded(*split_at(data, cuts)))


@given(st.sets(st.integers(0, 600)))
def test_arrivals_never_go_back(cuts: set[int]) -> None:
    """Token times ascend, and none is outside of the reads."""
    reads = split_at(b"".join(ENGLISH), cuts)
    times = decoded(*reads).token_ns
    assert sorted(times) == list(times)
    assert times[-1] <= len(reads) * 1_000_000


def is_failure(stream: Stream) -> bool:
    """Whether it is kept from counting as a success."""
    return stream.error is not None or not stream.token_ns


@given(st.lists(st.binary(max_size=64)))
def test_garbage_never_raises(reads: list[bytes]) -> None:
    """Bytes without sense are a stream that does not count."""
    assert is_failure(decoded(*reads))


@given(st.lists(st.binary(max_size=64)))
def test_garbage_as_messages_never_raises(reads: list[bytes]) -> None:
    """Nor do they in the shape of messages."""
    assert is_failure(decoded(*(b"data: " + data.replace(b"\n", b"") + b"\n\n" for data in reads)))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
odd_choices = st.fixed_dictionaries({}, optional={"text": anything, "finish_reason": anything})
odd_messages = st.fixed_dictionaries(
    {},
    optional={
        "choices": anything | st.lists(odd_choices, max_size=2),
        "usage": anything | st.fixed_dictionaries({"prompt_tokens": anything, "completion_tokens": anything}),
        "error": anything | st.fixed_dictionaries({"message": anything}),
    },
)


@given(st.lists(anything | odd_messages, max_size=4))
def test_json_of_any_shape_never_raises(values: list[Any]) -> None:
    """A stream is of the declared types, whatever types the server used."""
    stream = decoded(*map(event, values))
    assert isinstance(stream.text, str)
    for number in (stream.input_tokens, stream.output_tokens):
        assert number is None or isinstance(number, int)
    for words in (stream.finish_reason, stream.error):
        assert words is None or isinstance(words, str)


@pytest.mark.parametrize(
    "value",
    [
        5,
        [],
        None,
        "text",
        {"choices": 5},
        {"choices": [None]},
        {"choices": {"text": "a"}},
        {"choices": [{"text": 5}]},
        {"choices": [{"text": ["a"]}]},
    ],
    ids=json.dumps,
)
def test_a_message_of_another_shape_is_an_error(value: object) -> None:
    """A stream with a message that is no completion does not count, even if it has tokens."""
    stream = decoded(token("To"), event(value))
    assert stream.error is not None
    assert "not a completion message" in stream.error


def test_a_message_nested_too_deep_is_an_error() -> None:
    """Python's parser gives up on it; the stream does not."""
    stream = decoded(b"data: " + b"[" * 1_000_000 + b"\n\n")
    assert stream.error is not None
    assert "not a completion message" in stream.error


def test_an_unreadable_message_is_quoted() -> None:
    """The error shows what the server sent."""
    assert "Segmentation fault" in str(decoded(token("To"), b"data: Segmentation fault\n\n").error)


def test_an_unreadable_message_leaves_the_others_readable() -> None:
    """Tokens before and after it are kept."""
    stream = decoded(token("To"), b"data: Segmentation fault\n\n", token(" be"), usage(5, 2))
    assert (2, "To be", 5, 2) == said(stream)[:4]


def test_an_error_message_is_in_the_servers_words() -> None:
    """vLLM's error shape is unpacked."""
    stream = decoded(token("To"), event({"error": {"message": "EngineCore died.", "code": 500}}), DONE)
    assert (1, "EngineCore died.") == (len(stream.token_ns), stream.error)


def test_an_error_of_one_string_is_taken_as_it_is() -> None:
    """Other servers' shape."""
    assert "out of memory" == decoded(event({"error": "out of memory"})).error


def test_the_first_error_stands() -> None:
    """What comes after is a consequence."""
    assert "first" == decoded(event({"error": "first"}), event({"error": "second"})).error


def test_a_token_of_empty_text_is_a_token() -> None:
    """Half of a character makes no text, but took its time."""
    assert (2, "") == said(decoded(token(""), token("")))[:2]


def test_usage_does_not_extend_the_tokens() -> None:
    """Neither the usage message nor [DONE] is an arrival."""
    assert (1_000_000, 2_000_000, 3_000_000) == decoded(*ENGLISH).token_ns


def test_counts_are_absent_without_usage() -> None:
    """Nobody counted."""
    assert (3, "To be or", None, None, "length", None) == said(decoded(*ENGLISH[:3], DONE))


def test_usage_on_every_message_counts_as_it_stands_at_the_end() -> None:
    """With continuous usage the last count is the count."""
    assert (5, 2) == said(decoded(token("To"), usage(5, 1), usage(5, 2)))[2:4]


def test_a_stream_cut_in_a_message_is_an_error() -> None:
    """Half of a message is not passed over."""
    stream = decoded(token("To"), token(" be")[:30])
    assert (1, True) == (len(stream.token_ns), stream.error is not None)


def test_a_last_message_without_its_empty_line_counts() -> None:
    """A server that ends without the blank line said it all the same."""
    assert COMPLETE == said(decoded(*ENGLISH[:3], ENGLISH[3].rstrip()))


def test_nothing_read_is_nothing_said() -> None:
    """An empty stream has no token and no error of its own."""
    assert Stream((), "", None, None, None, None) == decoded()


@pytest.mark.parametrize("line", [b": comment", b":", b"event: message", b"id: 7", b"retry: 10"])
def test_lines_that_are_not_data_are_passed_over(line: bytes) -> None:
    """Of an event only its data is read."""
    assert COMPLETE == said(decoded(*(line + b"\n" + data for data in ENGLISH)))


def test_data_needs_no_blank_after_the_colon() -> None:
    """The blank is optional in the standard."""
    assert COMPLETE == said(decoded(*(data.replace(b"data: ", b"data:", 1) for data in ENGLISH)))
