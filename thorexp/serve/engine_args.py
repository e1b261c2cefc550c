"""Engine arguments: from several places to one set, from the set to flags, checked against a vLLM."""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from thorexp.errors import FlagError
from thorexp.serve.flags import KnownFlags

# What thorexp itself tells vLLM, from keys of their own.
RESERVED = {"model": "model.repository", "host": "server.host", "port": "server.port"}


@dataclass(frozen=True, slots=True)
class EngineArg:
    """One argument under the name that a user types, and where its value came from.

    `value` None leaves the flag out, which takes back what a lower place had set.
    """

    name: str
    value: Any
    source: str


def resolve(layers: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[EngineArg, ...]:
    """One set from (source, arguments) pairs, lowest precedence first; by name.

    A later value replaces an earlier one whole: mappings are not merged.
    """
    args = {
        _plain(name): EngineArg(_plain(name), value, source)
        for source, layer in layers
        for name, value in layer.items()
    }
    return tuple(args[name] for name in sorted(args))


def to_flags(args: Iterable[EngineArg]) -> tuple[str, ...]:
    """The command line: booleans as --flag or --no-flag, mappings as JSON, lists as several words."""
    return tuple(word for arg in args for word in _words(arg))


def check(args: Iterable[EngineArg], known: KnownFlags) -> None:
    """FlagError for the first flag that this vLLM does not have, with the nearest that it has.

    Also for one that thorexp gives by itself: vLLM would take the later of the two, and the record lie.
    """
    for arg in args:
        if arg.name in RESERVED:
            raise FlagError(
                f"engine.{arg.name} is not for the engine group.",
                ("where", f"engine.{arg.name} ({arg.source})"),
                ("try", RESERVED[arg.name]),
            )
        flag = _words(arg)[:1]
        if flag and flag[0] not in known.flags:
            raise FlagError(
                f"vLLM {known.version} has no flag {flag[0]}.",
                ("where", f"engine.{arg.name} ({arg.source})"),
                *_remedy(arg, flag[0], known),
            )


def _remedy(arg: EngineArg, flag: str, known: KnownFlags) -> tuple[tuple[str, str], ...]:
    if arg.value is False and _flag(arg.name) in known.flags:
        return (("try", f"engine.{arg.name}=null: this flag can be left out, not turned off"),)
    names = sorted(name for name in known.flags if not name.startswith("--no-"))
    near = difflib.get_close_matches(flag, names, n=3)
    return (("try", " or ".join(f"engine.{_plain(name[2:])}" for name in near)),) if near else ()


def _words(arg: EngineArg) -> tuple[str, ...]:
    flag = _flag(arg.name)
    match arg.value:
        case None:
            return ()
        case True:
            return (flag,)
        case False:
            return (f"--no-{flag[2:]}",)
        case Mapping():
            return (flag, _word(arg.value))
        case list() | tuple():
            return (flag, *map(_word, arg.value))
        case _:
            return (flag, _word(arg.value))


def _word(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")) if isinstance(value, Mapping | list) else str(value)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _plain(name: str) -> str:
    return name.replace("-", "_")
