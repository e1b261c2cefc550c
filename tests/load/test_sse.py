"""Stamped bytes become what they said, and when."""

import json
from bisect import bisect_left
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from thorexp.load.sse import Stream, decode, decode_whole

DONE = b"data: [DONE]\n\n"


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def token(text: str, finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish_reason}
    return event({"id": "cmpl-1", "object": "text_completion", "choices": [choice]})


def chat(finish_reason: str | None = None, /, **delta: object) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice]})


def usage(prompt_tokens: int, completion_tokens: int) -> bytes:
    counts = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
    return event({"id": "cmpl-1", "object": "text_completion", "choices": [], "usage": counts})


def decoded(*reads: bytes) -> Stream:
    """The i-th read comes at i ms, counted from 1."""
    return decode((i * 1_000_000, data) for i, data in enumerate(reads, 1))


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


def test_messages_of_one_read_arrive_together() -> None:
    """One read has one time, however many messages are in it."""
    assert (1_000_000,) * 3 == decoded(b"".join(ENGLISH)).token_ns


def test_a_stream_is_its_text_and_usage() -> None:
    """Texts are joined; usage and finish reason are the server's."""
    assert COMPLETE == said(decoded(*ENGLISH))


LINE_ENDS = [b"\n", b"\r\n", b"\r"]


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
CHAT_KEYS = ("role", "content", "reasoning", "reasoning_content", "tool_calls", "function_call")
odd_texts = st.fixed_dictionaries({}, optional=dict.fromkeys(CHAT_KEYS, anything))
odd_choices = st.fixed_dictionaries(
    {},
    optional={
        "text": anything,
        "delta": anything | odd_texts,
        "message": anything | odd_texts,
        "finish_reason": anything,
        "token_ids": anything | st.lists(st.integers()),
    },
)
odd_messages = st.fixed_dictionaries(
    {},
    optional={
        "choices": anything | st.lists(odd_choices, max_size=2),
        "usage": anything | st.fixed_dictionaries({"prompt_tokens": anything, "completion_tokens": anything}),
        "error": anything | st.fixed_dictionaries({"message": anything}),
    },
)


def is_of_its_types(stream: Stream) -> bool:
    """Whether everything in it is what it is declared to be, and as many as the token chunks."""
    counts = [stream.input_tokens, stream.output_tokens, *(stream.chunk_tokens or ())]
    words = [stream.text, stream.reasoning, stream.finish_reason or "", stream.error or ""]
    return (
        all(count is None or (type(count) is int and count >= 0) for count in counts)
        and all(isinstance(word, str) for word in words)
        and all(type(token_id) is int for token_id in stream.token_ids or ())
        and (stream.chunk_tokens is None or len(stream.chunk_tokens) == len(stream.token_ns))
    )


@given(st.lists(anything | odd_messages, max_size=4))
def test_json_of_any_shape_never_raises(values: list[Any]) -> None:
    """A stream is of the declared types, whatever types the server used."""
    assert is_of_its_types(decoded(*map(event, values)))


@given(anything | odd_messages)
def test_whole_json_of_any_shape_never_raises(value: Any) -> None:
    """Nor where it comes in one piece."""
    assert is_of_its_types(decode_whole([(1, json.dumps(value).encode())]))


@given(st.lists(st.tuples(st.integers(), st.binary(max_size=64))))
def test_whole_garbage_never_raises(reads: list[tuple[int, bytes]]) -> None:
    """Bytes without sense are an answer that does not count."""
    assert is_failure(decode_whole(reads))


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
        {"choices": [{"delta": None}]},
        {"choices": [{"delta": "a"}]},
        {"choices": [{"delta": {"content": [{"type": "text"}]}}]},
        {"choices": [{"delta": {"reasoning": 5}}]},
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


@pytest.mark.parametrize(
    "data", [b'{"choices": "\xff"}', b'{"choices": "\xed\xa0\x80"}', b"1" * 5000], ids=["1", "2", "3"]
)
def test_a_message_that_python_cannot_read_is_an_error(data: bytes) -> None:
    """No UTF-8, half of a character, a number too long."""
    assert str(decoded(b"data: " + data + b"\n\n").error).startswith("not a completion message (")


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


@pytest.mark.parametrize(("error", "words"), [("", "''"), ({}, "{}"), ({"message": ""}, "{'message': ''}"), (0, "0")])
def test_an_error_without_words_is_an_error(error: object, words: str) -> None:
    """It is shown as it came."""
    assert words == decoded(token("To"), event({"error": error})).error


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


@pytest.mark.parametrize("count", [-1, 1.0, True, "1", None, [1]])
def test_a_count_that_is_no_number_of_tokens_is_absent(count: object) -> None:
    """Neither is it an error: the tokens came."""
    stream = decoded(token("To"), event({"usage": {"prompt_tokens": count, "completion_tokens": count}}))
    assert (1, "To", None, None, None, None) == said(stream)


@pytest.mark.parametrize("later", [None, 5, [], "usage"])
def test_a_usage_that_is_none_leaves_the_one_before(later: object) -> None:
    """vLLM writes `"usage": null` where it has none."""
    assert (5, 1) == said(decoded(token("To"), usage(5, 1), event({"choices": [], "usage": later})))[2:4]


def test_usage_on_every_message_counts_as_it_stands_at_the_end() -> None:
    """With continuous usage the last count is the count."""
    assert (5, 2) == said(decoded(token("To"), usage(5, 1), usage(5, 2)))[2:4]


def test_a_stream_cut_in_a_message_is_an_error() -> None:
    """Half of a message is not passed over."""
    stream = decoded(token("To"), token(" be")[:30])
    assert (1, True) == (len(stream.token_ns), stream.error is not None)


def test_nothing_read_is_nothing_said() -> None:
    """An empty stream has no token and no error of its own."""
    assert Stream((), "", None, None, None, None) == decoded()


def test_what_comes_after_done_is_an_error() -> None:
    """It is named, and no token; DONE twice is harmless."""
    stream = decoded(*ENGLISH, DONE, token(" not"))
    assert COMPLETE[:-1] == said(stream)[:-1]
    assert "sent after [DONE]: b'{" in str(stream.error)
    assert " not" in str(stream.error)
    assert COMPLETE == said(decoded(*ENGLISH, DONE, b": ping\n\n"))


OPENING = chat(role="assistant", content="")
CALL = {"index": 0, "function": {"name": "weather", "arguments": "{}"}}


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "To"},
        {"content": ""},
        {"content": "", "role": None},
        {"content": "To", "role": "assistant"},
        {"reasoning": "Hm"},
        {"reasoning_content": "Hm"},
        {"reasoning": ""},
        {"reasoning": "Hm", "role": "assistant", "content": ""},
        {"tool_calls": [CALL]},
        {"tool_calls": [CALL], "role": "assistant", "content": ""},
        {"function_call": {"name": "weather"}},
    ],
    ids=json.dumps,
)
def test_a_delta_that_says_something_is_a_token_chunk(delta: dict[str, object]) -> None:
    """Text, reasoning or a call, and empty text too."""
    assert (2_000_000,) == decoded(OPENING, chat(**delta), chat("stop")).token_ns


@pytest.mark.parametrize(
    "delta",
    [
        {},
        {"content": None},
        {"tool_calls": []},
        {"tool_calls": None, "function_call": None, "reasoning": None, "reasoning_content": None},
        {"role": "assistant"},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": None},
        {"role": "assistant", "content": "", "tool_calls": []},
        {"role": "assistant", "content": None, "reasoning_content": ""},
    ],
    ids=json.dumps,
)
def test_a_delta_that_says_nothing_is_no_token_chunk(delta: dict[str, object]) -> None:
    """What opens or ends a chat took no token of the answer."""
    stream = decoded(chat(**delta), chat(content="To"), chat("stop", **delta))
    assert ((2_000_000,), "To", "stop", None) == (stream.token_ns, stream.text, stream.finish_reason, stream.error)


def test_reasoning_is_apart_from_text() -> None:
    """Under either of its names; a call is neither."""
    stream = decoded(
        OPENING,
        chat(reasoning="To be"),
        chat(reasoning_content=" or"),
        chat(reasoning=" not", reasoning_content=" not"),
        chat(reasoning=" to", reasoning_content=" be"),
        chat(content="To"),
        chat(tool_calls=[CALL]),
        chat("tool_calls", content=" be"),
    )
    assert (7, "To be", None, None, "tool_calls", None) == said(stream)
    assert "To be or not to be" == stream.reasoning


def counted(text: str, token_ids: object = None, so_far: int | None = None) -> bytes:
    """A token with its token ids, and the usage until it."""
    counts = None if so_far is None else {"prompt_tokens": 5, "completion_tokens": so_far}
    return event({"choices": [{"text": text, "token_ids": token_ids}], "usage": counts})


def test_tokens_of_a_chunk_are_its_token_ids() -> None:
    """As vLLM says them with return_token_ids; they go before the usage."""
    stream = decoded(counted("To be", [7, 8], 9), counted("", [], 9), counted(" or", [9], 9), usage(5, 3))
    assert ((2, 0, 1), (7, 8, 9)) == (stream.chunk_tokens, stream.token_ids)


def test_tokens_of_a_chunk_are_what_the_usage_grew_by() -> None:
    """As vLLM says it with continuous_usage_stats; the opening chunk has none."""
    opening = event({"choices": [{"delta": {"role": "assistant", "content": ""}}], "usage": {"completion_tokens": 0}})
    stream = decoded(opening, counted("To be", None, 2), counted("", None, 2), counted(" or", None, 3), usage(5, 3))
    assert ((2, 0, 3 - 2), None) == (stream.chunk_tokens, stream.token_ids)


def test_usage_speaks_where_token_ids_are_missing() -> None:
    """Token ids of a part are no count of the whole."""
    stream = decoded(counted("To be", [7, 8], 2), counted(" or", None, 3))
    assert ((2, 3 - 2), None) == (stream.chunk_tokens, stream.token_ids)


@pytest.mark.parametrize(
    "chunks",
    [
        [counted("To"), counted(" be")],
        [counted("To", [7]), counted(" be")],
        [counted("To", None, 1), counted(" be")],
        [counted("To", [7]), counted(" be", None, 2)],
        [counted("To", None, 2), counted(" be", None, 1)],
        [counted("To", None, -1)],
        [counted("To", "7"), counted(" be", [True]), counted(" or", [1.0])],
        [usage(5, 3)],
    ],
)
def test_tokens_of_chunks_are_absent_where_one_is_not_said(chunks: list[bytes]) -> None:
    """Nor are they guessed from counts that go back."""
    stream = decoded(*chunks, usage(5, 3))
    assert (None, None) == (stream.chunk_tokens, stream.token_ids)


def test_token_ids_of_a_chunk_without_text_are_kept() -> None:
    """A chat's last chunk may say nothing and carry the end token."""
    deltas: list[dict[str, object]] = [{"content": "To"}, {"content": " be"}, {}]
    chunks = [{"choices": [{"delta": delta, "token_ids": [7 + i]}]} for i, delta in enumerate(deltas)]
    stream = decoded(OPENING, *map(event, chunks))
    assert ((1, 1), (7, 8, 9)) == (stream.chunk_tokens, stream.token_ids)


def test_token_ids_without_a_token_chunk_are_kept() -> None:
    """An answer that ended before it began."""
    stream = decoded(OPENING, event({"choices": [{"delta": {}, "token_ids": [9]}]}))
    assert ((), None, (9,)) == (stream.token_ns, stream.chunk_tokens, stream.token_ids)


def test_a_reason_stays_when_later_messages_have_none() -> None:
    """Only the message that ends an answer says why."""
    assert "stop" == decoded(chat("stop", content="To"), chat(), DONE).finish_reason


STREAMS: dict[str, tuple[bytes, ...]] = {
    "completion": (counted("Zwölf", [1], 1), counted(" 猫", [2, 3], 3), token(" 🐈\n\n", "length"), usage(5, 4), DONE),
    "chat": (
        OPENING,
        chat(reasoning="Hm \u2028", reasoning_content="Hm \u2028"),
        chat(content="Zwölf 猫"),
        chat(tool_calls=[CALL]),
        chat("stop"),
        usage(5, 4),
        DONE,
    ),
    "failing": (token("To"), event({"error": {"message": "EngineCore died."}}), DONE),
}
TOKENS = {"completion": (0, 1, 2), "chat": (1, 2, 3), "failing": (0,)}


@example("chat", set(range(1500)), b"\r\n", True)
@given(st.sampled_from(sorted(STREAMS)), st.sets(st.integers(0, 1500)), st.sampled_from(LINE_ENDS), st.booleans())
def test_a_split_changes_only_when(name: str, cuts: set[int], line_end: bytes, comments: bool) -> None:
    """Each token has the stamp of the read that brought the end of its message, and all else is the same."""
    aside = b": ping\n\nevent: message\nid: 7\nretry: 10\n" if comments else b""
    parts = [(aside + part).replace(b"\n", line_end) for part in STREAMS[name]]
    reads = split_at(b"".join(parts), cuts)
    ends = [end - (line_end == b"\r\n") for end in accumulate(map(len, parts))]
    brought = list(accumulate(map(len, reads)))
    expected = tuple((bisect_left(brought, ends[i]) + 1) * 1_000_000 for i in TOKENS[name])
    assert replace(decoded(*STREAMS[name]), token_ns=expected) == decoded(*reads)


def whole(choice: object) -> bytes:
    counts = {"prompt_tokens": 5, "completion_tokens": 3}
    return json.dumps({"choices": [choice], "usage": counts}, ensure_ascii=False).encode()


@given(st.sets(st.integers(0, 200)), st.sampled_from([b"", b"\xef\xbb\xbf"]))
def test_a_whole_completion_arrives_with_its_last_read(cuts: set[int], before: bytes) -> None:
    """It is one token chunk, of as many tokens as the usage says."""
    reads = split_at(before + whole({"text": "Zwölf 猫", "finish_reason": "length"}), cuts)
    expected = Stream((len(reads),), "Zwölf 猫", 5, 3, "length", None, chunk_tokens=(3,))
    assert expected == decode_whole(enumerate(reads, 1))


def test_a_whole_chat_is_its_message() -> None:
    """Text and reasoning, under either name; with token ids these are its tokens."""
    message = {"role": "assistant", "content": "To be", "reasoning": "Hm", "reasoning_content": "Hm"}
    body = whole({"message": message, "finish_reason": "stop", "token_ids": [7, 8]})
    expected = Stream((1,), "To be", 5, 3, "stop", None, reasoning="Hm", chunk_tokens=(2,), token_ids=(7, 8))
    assert expected == decode_whole([(1, body)])


@pytest.mark.parametrize("content", ["", None])
def test_a_whole_chat_may_be_a_call(content: str | None) -> None:
    """It has an arrival, and no text."""
    message = {"role": "assistant", "content": content, "tool_calls": [CALL]}
    assert (1, "", 5, 3, None, None) == said(decode_whole([(1, whole({"message": message}))]))


def test_a_whole_answer_without_choices_has_no_arrival() -> None:
    """There was no token."""
    assert (0, "", 5, 3, None, None) == said(decode_whole([(1, b"".join(usage(5, 3)[6:].split()))]))


@pytest.mark.parametrize("body", [b"", b"<html>", b"data: {}\n\n", b"[" * 1_000_000, b'{"choices": [{"text": "To'])
def test_a_whole_answer_that_is_no_completion_is_an_error(body: bytes) -> None:
    """What came is shown, its first 200 bytes."""
    stream = decode_whole([(1, body)])
    assert () == stream.token_ns
    assert str(stream.error).startswith("not a completion message (")
    assert repr(body[:200]) in str(stream.error)


def test_an_error_in_a_whole_answer_is_in_the_servers_words() -> None:
    """Some answer 200 and an error."""
    assert "EngineCore died." == decode_whole([(1, b'{"error": {"message": "EngineCore died."}}')]).error


def test_nothing_read_is_no_whole_answer() -> None:
    """An empty body is no JSON."""
    assert (0, True) == (len(decode_whole([]).token_ns), decode_whole([]).error is not None)
