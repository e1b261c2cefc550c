"""Values of the config's own types, few of which make sense."""

import dataclasses
from collections.abc import Iterator
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from thorexp.config import JobConfig

INTEGERS = st.one_of(
    st.sampled_from(
        (
            0,
            1,
            -1,
            2,
            3,
            7,
            100,
            2048,
            65535,
            65536,
            2 * 10**6,
            10**9,
            2**31 - 1,
            2**31,
            2**63 - 1,
            2**63,
            -(2**63),
            10**12,
            10**30,
            10**400,
        )
    ),
    st.integers(-10, 300),
    st.integers(),
)
FLOATS = st.one_of(
    st.sampled_from(
        (
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.5,
            1e-09,
            1e-30,
            5e-324,
            1e30,
            1e308,
            1000000000.0,
            1000000000000.0,
            float("inf"),
            -float("inf"),
            float("nan"),
            0.999999,
            1.000001,
            100.0,
            0.001,
        )
    ),
    st.floats(0, 10),
    st.floats(),
)
TEXTS = st.one_of(
    st.sampled_from(
        ("", " ", "\0", "\n", "a\nb", "\ud800", "é", "🙂", "null", "a/b", "..", "~", "-", "--x", "'", '"', "a b")
    ),
    st.text(max_size=12),
)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), INTEGERS, FLOATS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
# What would run a program, wait for a network or read without end.
INSTEAD = {
    "server.command": st.sampled_from(("", " ", "'", "none-is-there", "none-is-there serve 'x y'", "\0", "--", "é")),
    "server.docker.client": st.sampled_from(("", " ", "'", "no-docker", "sudo-no -n no-docker", "\0")),
    "server.base_url": st.sampled_from(
        (
            None,
            "",
            " ",
            "http://127.0.0.1:9",
            "http://[",
            "http://127.0.0.1:99999",
            "ftp://x",
            "http://",
            "http:///x",
            "http://a:b@127.0.0.1:9",
            "http://127.0.0.1:9/é",
            "http://127.0.0.1:9/a b",
            "\x00",
            "http://127.0.0.1:9\n",
        )
    ),
    "workload.file": st.sampled_from(
        (None, "", " ", "/", "/dev/null", "nowhere", "~nobody/x", "\0", "x" * 300, "/dev/zero")
    ),
    "sweep.lock_path": st.just("/nowhere/lock"),
    "dry_run": st.just(True),
    "tracking.enabled": st.just(False),
}


def _members(hint: Any) -> tuple[Any, ...]:
    """Of a union; what a list or a mapping holds is drawn with it."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else ()


def fields(of: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each key of the config that is a value, and its type."""
    for name, hint in get_type_hints(of).items():
        inner = next((each for each in (hint, *_members(hint)) if dataclasses.is_dataclass(each)), None)
        if inner is not None:
            yield from fields(inner, f"{prefix}{name}.")
        else:
            yield prefix + name, hint


FIELDS = dict(fields(JobConfig))


def values(key: str) -> st.SearchStrategy[Any]:
    """Of the type that the key has."""
    return INSTEAD[key] if key in INSTEAD else of_type(FIELDS[key])


def of_type(hint: Any) -> st.SearchStrategy[Any]:
    """Of that type, as OmegaConf would let it through."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return st.one_of(*map(of_type, arguments))
    if origin is list:
        return st.lists(of_type(arguments[0]), max_size=4)
    if origin is dict:
        keys = st.one_of(
            TEXTS, st.sampled_from(("max_num_seqs", "max-num-seqs", "max_model_len", "tensor_parallel_size"))
        )
        return st.dictionaries(keys, of_type(arguments[1]), max_size=3)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return st.builds(hint, **{name: of_type(each) for name, each in get_type_hints(hint).items()})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    return {int: INTEGERS, float: FLOATS, str: TEXTS, bool: st.booleans(), type(None): st.none()}.get(hint, ANYTHING)


def with_value(config: Any, key: str, value: Any) -> Any:
    """The config with that value at the key; where its group is absent, as it is."""
    name, _, rest = key.partition(".")
    if rest:
        inner = getattr(config, name)
        value = None if inner is None else with_value(inner, rest, value)
    return dataclasses.replace(config, **{name: value})
