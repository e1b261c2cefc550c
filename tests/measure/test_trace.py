"""A load that was."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import MS, S
from thorexp.errors import ConfigError
from thorexp.measure.trace import Trace, TraceRow, TraceWorkload, read_trace

HEADER = "timestamp,input_length,output_length"
# Three requests of Mooncake's conversation trace (FAST 25 release).
MOONCAKE = (
    {"timestamp": 0, "input_length": 2290, "output_length": 316, "hash_ids": [0, 42, 43, 44, 45]},
    {"timestamp": 3000, "input_length": 915, "output_length": 355, "hash_ids": [0, 462]},
    {"timestamp": 5999, "input_length": 1053, "output_length": 26, "hash_ids": [0, 773, 774]},
)

cells = st.sampled_from(
    ["", "0", "1", "-1", "2.5", "1e9", "1e999", "NaN", "[1]", "[", '"', "'", "9" * 30, "9" * 5000, "x"]
)
rows = st.lists(cells, max_size=5).map(",".join)
almost_csv = st.lists(rows | st.text(max_size=5), max_size=4).map(
    lambda lines: "\n".join((f"{HEADER},hash_ids", *lines))
)
fields = st.dictionaries(
    st.sampled_from(["timestamp", "input_length", "output_length", "hash_ids"]),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.lists(st.integers(), max_size=3),
)
almost_jsonl = st.lists(fields.map(json.dumps), max_size=3).map("\n".join)


def mooncake(*lines: dict[str, Any]) -> Trace:
    """A trace of these lines, in milliseconds."""
    return read_trace("\n".join(json.dumps(line) for line in lines), "trace.jsonl", timestamp_s=0.001)


def a_trace(*requests: tuple[int, tuple[int, ...] | None]) -> Trace:
    """Requests of so many tokens and these hash ids, a second apart."""
    rows = (TraceRow(i * S, length, 1, hash_ids, i + 1) for i, (length, hash_ids) in enumerate(requests))
    return Trace(tuple(rows), "trace.jsonl")


def prompts(
    trace: Trace, *, seed: int = 0, rows_seed: int = 0, count: int | None = None
) -> tuple[tuple[Any, ...], ...]:
    """The prompts of a trace in blocks of 4 tokens."""
    workload = TraceWorkload(trace, token_ids=151643, seed=seed, block_len=4)
    asked = workload.conversations(count, np.random.default_rng(rows_seed))
    return tuple(tuple(ask.prompt) for (ask,) in asked)


def refusal(read: Callable[[], object]) -> dict[str, str]:
    """The error by label, its headline under "what"."""
    with pytest.raises(ConfigError) as caught:
        read()
    return {"what": caught.value.headline, **{fact.label: fact.text for fact in caught.value.facts}}


def test_a_mooncake_line_is_a_request() -> None:
    """Milliseconds become nanoseconds; lengths, ids and line stay."""
    assert TraceRow(3000 * MS, 915, 355, (0, 462), 2) == mooncake(*MOONCAKE).rows[1]


def test_the_first_request_is_due_at_once() -> None:
    """Timestamps count from the first, whatever it is."""
    later = [{**line, "timestamp": 1_700_000_000_000 + int(str(line["timestamp"]))} for line in MOONCAKE]
    assert [0, 3000 * MS, 5999 * MS] == [row.due_ns for row in mooncake(*later).rows]


@pytest.mark.parametrize(
    ("timestamp_s", "due_ns"), [(1.0, 1_500_000_000), (0.001, 1_500_000), (1e-6, 1_500), (1e-9, 2), (60.0, 90 * S)]
)
def test_timestamps_have_the_unit_they_are_said_to_have(timestamp_s: float, due_ns: int) -> None:
    """One and a half units after the first, to the nanosecond."""
    trace = read_trace(f"{HEADER}\n0.5,1,1\n2,1,1", "trace.csv", timestamp_s=timestamp_s)
    assert due_ns == trace.rows[1].due_ns


def test_requests_may_come_together() -> None:
    """Equal timestamps do not decrease."""
    assert [0, 0] == [row.due_ns for row in mooncake(MOONCAKE[0], MOONCAKE[0]).rows]


def test_csv_says_the_same_as_jsonl() -> None:
    """One trace in either form is one trace."""
    lines = (f'{m["timestamp"]},{m["input_length"]},{m["output_length"]},"{m["hash_ids"]}"' for m in MOONCAKE)
    text = "\n".join((f"{HEADER},hash_ids", *lines))
    expected = [(row.due_ns, row.input_len, row.output_len, row.hash_ids) for row in mooncake(*MOONCAKE).rows]
    actual = read_trace(text, "trace.csv", timestamp_s=0.001)
    assert expected == [(row.due_ns, row.input_len, row.output_len, row.hash_ids) for row in actual.rows]


@pytest.mark.parametrize(
    ("cell", "hash_ids"),
    [
        ("", None),
        ('"[7, 8]"', (7, 8)),
        ("[7]", (7,)),
        ("7 8", (7, 8)),
        ("7;8", (7, 8)),
        (" 7; 8 ", (7, 8)),
        ("7", (7,)),
    ],
)
def test_hash_ids_in_csv_are_a_list_in_one_cell(cell: str, hash_ids: tuple[int, ...] | None) -> None:
    """A JSON list, or ids between spaces or semicolons; an empty cell is none."""
    trace = read_trace(f"{HEADER},hash_ids\n0,5,6,{cell}", "trace.csv", timestamp_s=1)
    assert hash_ids == trace.rows[0].hash_ids


def test_columns_come_in_any_order() -> None:
    """The header says which is which, with others between."""
    text = " output_length , model,timestamp,input_length\n6,llama,0,5"
    assert (TraceRow(0, 5, 6, None, 2),) == read_trace(text, "trace.csv", timestamp_s=1).rows


def test_rows_know_their_line() -> None:
    """Blank lines count, and a quoted line break does too."""
    text = f'\n{HEADER},note\n\n0,5,6,"two\nlines"\r\n1,7,8,one\n'
    assert [4, 6] == [row.line for row in read_trace(text, "trace.csv", timestamp_s=1).rows]


def test_a_trace_without_hash_ids_has_none() -> None:
    """Absent, not empty."""
    line = {"timestamp": 0, "input_length": 5, "output_length": 6}
    assert mooncake(line) == mooncake({**line, "hash_ids": None})
    assert mooncake(line).rows[0].hash_ids is None


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"timestamp": None}, "The timestamp is no number"),
        ({"timestamp": "3000"}, "The timestamp is no number"),
        ({"timestamp": True}, "The timestamp is no number"),
        ({"timestamp": float("nan")}, "This is not JSON"),
        ({"timestamp": 2**63}, "The timestamp is no number"),
        ({"timestamp": 2**62}, "This is due in centuries"),
        ({"timestamp": -1}, "The timestamps decrease"),
        ({"input_length": None}, "input_length is no length"),
        ({"input_length": 0}, "input_length is no length"),
        ({"input_length": 5.0}, "input_length is no length"),
        ({"input_length": True}, "input_length is no length"),
        ({"input_length": 1_700_000_000}, "input_length is no length"),
        ({"output_length": 0}, "output_length is no length"),
        ({"output_length": "6"}, "output_length is no length"),
        ({"hash_ids": 7}, "hash_ids are no list"),
        ({"hash_ids": [7, -8]}, "hash_ids are no list"),
        ({"hash_ids": [True]}, "hash_ids are no list"),
        ({"hash_ids": ["7"]}, "hash_ids are no list"),
    ],
    ids=str,
)
def test_a_line_that_is_no_request_is_refused_by_its_place(change: dict[str, Any], what: str) -> None:
    """The error says what is wrong and on which line, with evidence and remedy."""
    error = refusal(lambda: mooncake(MOONCAKE[0], {**MOONCAKE[0], **change}))
    assert re.match(what, error["what"])
    assert "trace.jsonl:2" == error["where"]
    assert error["found"]
    assert error["try"]


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("1,5", "The header has 3 columns"),
        ("1,5,6,7", "The header has 3 columns"),
        (",,", "The timestamp is no number"),
        ("2023-11-16 18:17:03,5,6", "The timestamp is no number"),
        ("1,five,6", "input_length is no length"),
        ("1,5_0,6", "input_length is no length"),
        ("1,5,6.0", "output_length is no length"),
        ('1,5,"6', "This is not CSV"),
        ('1,5,"6"7', "This is not CSV"),
    ],
)
def test_a_row_that_is_no_request_is_refused_by_its_line(row: str, what: str) -> None:
    """CSV is read as strictly as JSONL."""
    error = refusal(lambda: read_trace(f"{HEADER}\n0,5,6\n{row}\n", "trace.csv", timestamp_s=1))
    assert re.match(what, error["what"])
    assert "trace.csv:3" == error["where"]


@pytest.mark.parametrize("header", ["", "0,5,6", "timestamp,input_length", f"{HEADER},timestamp", "[1]"])
def test_csv_without_the_header_is_refused(header: str) -> None:
    """The remedy is the header."""
    error = refusal(lambda: read_trace(f"{header}\n0,5,6", "trace.csv", timestamp_s=1))
    assert ("The trace has no such header.", HEADER) == (error["what"], error["try"])


def test_timestamps_that_decrease_are_refused_with_both() -> None:
    """Both timestamps and both lines are the evidence."""
    error = refusal(lambda: mooncake(MOONCAKE[0], MOONCAKE[2], MOONCAKE[1]))
    assert ("trace.jsonl:3", "3000, after 5999 on line 2") == (error["where"], error["found"])


def test_an_empty_trace_is_refused() -> None:
    """A header alone is no load."""
    error = refusal(lambda: read_trace(HEADER, "trace.csv", timestamp_s=1))
    assert ("The trace is empty.", "trace.csv") == (error["what"], error["where"])


@pytest.mark.parametrize("timestamp_s", [0.0, -1.0, float("inf"), float("nan")])
def test_a_unit_that_is_no_time_is_refused_by_its_key(timestamp_s: float) -> None:
    """The error names the config key and its value."""
    error = refusal(lambda: read_trace(f"{HEADER}\n0,5,6", "trace.csv", timestamp_s=timestamp_s))
    assert f"workload.timestamp_s={timestamp_s} is no unit of time." == error["what"]


@given(st.text() | almost_csv | almost_jsonl, st.floats(min_value=0, exclude_min=True, allow_infinity=False))
def test_any_text_is_a_trace_or_refused(text: str, timestamp_s: float) -> None:
    """Of garbage nothing comes but requests in order or a ConfigError."""
    try:
        trace = read_trace(text, "trace", timestamp_s=timestamp_s)
    except ConfigError:
        return
    assert sorted(row.due_ns for row in trace.rows) == [row.due_ns for row in trace.rows]


def shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many leading tokens are the same."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def test_prompts_share_what_their_hash_ids_share() -> None:
    """Two equal ids are two equal blocks of 4, and not a token more."""
    one, other = prompts(a_trace((12, (7, 8, 9)), (11, (7, 8, 10))))
    assert 2 * 4 == shared(one, other)


def test_a_prompt_is_as_long_as_the_trace_says() -> None:
    """The last block is cut."""
    assert [9, 12, 3] == [len(prompt) for prompt in prompts(a_trace((9, (7, 8, 9)), (12, (1, 2, 3)), (3, (4,))))]


def test_a_cut_block_begins_like_the_whole_one() -> None:
    """An id that one prompt has whole and one in part is shared as far as it goes."""
    part, whole = prompts(a_trace((6, (7, 8)), (8, (7, 8))))
    assert whole[:6] == part


def test_a_block_depends_on_its_id_and_the_seed_alone() -> None:
    """Neither what stands around it nor the other generator changes it."""
    (alone,), (*_, after) = prompts(a_trace((4, (8,)))), prompts(a_trace((5, None), (8, (7, 8))), rows_seed=1)
    assert alone == after[4:]


def test_another_seed_fills_blocks_with_other_tokens() -> None:
    """The same trace of another seed shares nothing with the first."""
    (one,), (other,) = (prompts(a_trace((64, tuple(range(16)))), seed=seed) for seed in (0, 1))
    assert 0 == shared(one, other)


def test_ids_that_differ_anywhere_differ_in_tokens() -> None:
    """Ids beyond 32 and 64 bits are told apart."""
    ids = (0, 1, 2**32, 2**32 + 1, 2**64, 2**64 + 1)
    assert len(ids) == len(set(prompts(a_trace(*((4, (i,)) for i in ids)))))


def test_rows_without_ids_are_drawn_from_the_generator() -> None:
    """They differ from each other and between generators, and repeat with them."""
    trace = a_trace((6, None), (6, None))
    one, same, other = (prompts(trace, rows_seed=seed) for seed in (0, 0, 1))
    assert one == same
    assert 4 == len({*one, *other})


def test_tokens_are_of_the_vocabulary() -> None:
    """With three ids, all three and no other are used."""
    workload = TraceWorkload(a_trace((40, None), (40, tuple(range(10)))), token_ids=3, seed=0, block_len=4)
    asked = workload.conversations(None, np.random.default_rng(0))
    assert [{0, 1, 2}, {0, 1, 2}] == [set(ask.prompt) for (ask,) in asked]


def test_each_request_is_a_conversation_of_one_turn() -> None:
    """Lengths are those of the trace, in its order."""
    asked = TraceWorkload(mooncake(*MOONCAKE), token_ids=9, seed=0).conversations(None, np.random.default_rng(0))
    assert [(2290, 316), (915, 355), (1053, 26)] == [(ask.input_len, ask.output_len) for (ask,) in asked]


def test_a_count_takes_the_first_requests() -> None:
    """Two of three are the first two."""
    trace = a_trace((4, (7,)), (5, None), (6, None))
    assert prompts(trace)[:2] == prompts(trace, count=2)


@pytest.mark.parametrize(("scale", "due_ns"), [(1.0, (0, S, 2 * S)), (2.0, (0, 2 * S, 4 * S)), (0.5, (0, S // 2, S))])
def test_a_time_scale_stretches_the_trace(scale: float, due_ns: tuple[int, ...]) -> None:
    """Twice the scale is half as fast."""
    workload = TraceWorkload(a_trace((1, None), (1, None), (1, None)), token_ids=9, seed=0)
    assert due_ns == workload.due_ns(None, scale)
    assert due_ns[:2] == workload.due_ns(2, scale)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), 1e300])
def test_a_time_scale_that_cannot_be_is_refused_by_its_key(scale: float) -> None:
    """The error names the config key and its value."""
    workload = TraceWorkload(a_trace((1, None), (1, None)), token_ids=9, seed=0)
    assert refusal(lambda: workload.due_ns(None, scale))["what"].startswith(f"load.time_scale={scale} is ")


@pytest.mark.parametrize("ids", [(), (7,), (7, 8, 9)])
def test_ids_that_are_not_one_a_block_are_refused_by_their_line(ids: tuple[int, ...]) -> None:
    """Eight tokens are two blocks of four: fewer ids or more mean another block length."""
    error = refusal(lambda: prompts(a_trace((4, (1,)), (8, ids))))
    assert "A prompt of 8 tokens has 2 blocks of 4." == error["what"]
    assert ("trace.jsonl:2", f"{len(ids)} hash_ids") == (error["where"], error["found"])


@pytest.mark.parametrize("ask", [lambda w: w.conversations(3, np.random.default_rng(0)), lambda w: w.due_ns(3, 1.0)])
def test_more_than_the_trace_has_is_refused(ask: Callable[[TraceWorkload], object]) -> None:
    """The error names the key and how many there are."""
    workload = TraceWorkload(a_trace((1, None), (1, None)), token_ids=9, seed=0)
    error = refusal(lambda: ask(workload))
    assert "The load asks 3 requests, the trace has 2." == error["what"]
    assert error["try"].startswith("load.num_prompts=2")


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("model.prompt_token_ids=0", {"token_ids": 0}),
        ("workload.seed=-1", {"seed": -1}),
        ("workload.block_len=0", {"block_len": 0}),
    ],
)
def test_a_workload_that_cannot_be_is_refused_by_its_key(key: str, changes: dict[str, int]) -> None:
    """The error names the config key and its value."""
    numbers = {"token_ids": 9, "seed": 0, "block_len": 4, **changes}
    assert f"{key} is too small." == refusal(lambda: TraceWorkload(a_trace((1, None)), **numbers))["what"]


def test_a_trace_without_its_first_rows_begins_with_no_pause() -> None:
    """The first that is left is due at once, the others as long after it as they came."""
    late = Trace(a_trace((1, None), (2, None), (3, None)).rows[1:], "trace.jsonl")
    assert (0, 1 * S) == TraceWorkload(late, 100, 0).due_ns(None, 1.0)
