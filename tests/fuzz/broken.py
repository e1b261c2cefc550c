"""Files that somebody broke: cut, flipped, doubled, or holding what nobody expected."""

import copy
import json
from typing import Any

from hypothesis import strategies as st

ODD: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        (
            None,
            True,
            False,
            0,
            -1,
            1,
            10**30,
            10**400,
            2**63,
            1e308,
            -1e308,
            5e-324,
            float("nan"),
            float("inf"),
            "",
            "nan",
            "1e999",
            "�",
            "\x00",
            "x" * 300,
            "8",
            "é",
            [],
            {},
            [[]],
            [None],
            {"a": 1},
            [1, "a"],
            -0.0,
            0.5,
        )
    ),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    st.recursive(st.integers(), lambda inner: st.lists(inner, max_size=2), max_leaves=4),
)
BYTES = st.one_of(
    st.binary(max_size=4),
    st.sampled_from(
        (
            b"",
            b"\n",
            b"\r\n",
            b"\xff\xfe",
            b"\xef\xbb\xbf",
            b"\x00",
            b"NaN",
            b"Infinity",
            b"1e999",
            b'"',
            b"}",
            b"[" * 5000,
            b"{" * 100,
            b",",
            b":",
            b"-",
            b"9" * 5000,
            b"\xe2\x80\xa8",
            b"\\ud800",
            b"null",
            b"\n\n\n",
            b" " * 50,
        )
    ),
)


@st.composite
def cut_up(draw: st.DrawFn, content: bytes) -> bytes:
    """With some bytes replaced, or the end gone, or a part twice."""
    broken = bytearray(content)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(broken)))
        broken[at : at + draw(st.sampled_from((0, 0, 1, 2, 20)))] = draw(BYTES)
    if draw(st.integers(0, 5)) == 0:
        del broken[draw(st.integers(0, len(broken))) :]
    if draw(st.integers(0, 9)) == 0:
        broken += broken[draw(st.integers(0, len(broken))) :]
    return bytes(broken)


@st.composite
def odd_json(draw: st.DrawFn, value: Any) -> Any:
    """With some of its values replaced or gone, some of them doubled under another key."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        value = _odd(draw, value)
    return value


def _odd(draw: st.DrawFn, value: Any) -> Any:
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if not keys or draw(st.integers(0, 4)) == 0:
        return copy.deepcopy(draw(ODD))
    key = draw(st.sampled_from(keys))
    if draw(st.integers(0, 3)) == 0:
        del value[key]
    else:
        value[key] = _odd(draw, value[key])
    return value


def as_bytes(value: Any, indent: int | None = None) -> bytes:
    """As Python's JSON writes it, which has words for NaN and infinity."""
    return json.dumps(value, indent=indent).encode()


@st.composite
def broken_json(draw: st.DrawFn, value: Any) -> bytes:
    """A file of it: odd, cut up, or both."""
    content = as_bytes(draw(odd_json(value)) if draw(st.booleans()) else value, draw(st.sampled_from((None, 1))))
    return draw(cut_up(content)) if draw(st.booleans()) else content


@st.composite
def broken_lines(draw: st.DrawFn, values: list[Any]) -> bytes:
    """A file of one JSON value a line."""
    lines = [as_bytes(draw(odd_json(value)) if draw(st.integers(0, 2)) == 0 else value) for value in values]
    content = b"\n".join(lines) + b"\n"
    return draw(cut_up(content)) if draw(st.booleans()) else content
