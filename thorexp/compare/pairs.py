"""Two points side by side: what is not alike, what differs, and the ratios of their numbers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from thorexp.compare.conditions import PLAN
from thorexp.compare.differences import Difference, set_otherwise, unlike
from thorexp.compare.measured import NAMED, Measured
from thorexp.measure.ratios import Effect, Ratio, ratios
from thorexp.measure.verdict import standing_of
from thorexp.secret import shown


@dataclass(frozen=True, slots=True)
class Pair:
    """A point against the one that it is held against.

    `base`: the name of the first; absent where both have one name. `unlike`: why they are not ranked, empty where they
    were measured alike. `settings`: what else differs.
    """

    name: str
    base: str | None
    first: Measured
    second: Measured
    unlike: tuple[Difference, ...]
    settings: tuple[Difference, ...]
    ratios: tuple[Ratio, ...]

    def effect(self, ratio: Ratio) -> "Effect | Literal['not ranked']":
        """Of one of its numbers; not ranked where they were not measured alike, and what is INVALID."""
        standings = {standing_of(self.first.verdict, ratio.key), standing_of(self.second.verdict, ratio.key)}
        return "not ranked" if self.unlike or "INVALID" in standings else ratio.effect


def pair(first: Measured, second: Measured, keys: Sequence[str]) -> Pair:
    """The second against the first, each named by these of its words."""
    base, name = (named(point.words, keys) for point in (first, second))
    not_alike = tuple(unlike(first.conditions, second.conditions))
    return Pair(
        name=name,
        base=None if base == name else base,
        first=first,
        second=second,
        unlike=not_alike,
        settings=tuple(_differing(first, second)),
        ratios=ratios(
            first.side,
            second.side,
            paired=not any(each.name == PLAN for each in not_alike),
            spread=max(first.spread, second.spread),
        ),
    )


def against(pair: Pair) -> str:
    """Both by name."""
    return pair.name if pair.base is None else f"{pair.name} against {pair.base}"


def named(words: Mapping[str, str], keys: Sequence[str]) -> str:
    """By these of its words, else by model and load."""
    return _said(words, keys) or _said(words, NAMED)


def _said(words: Mapping[str, str], keys: Sequence[str]) -> str:
    return " ".join(f"{key}={shown(key, words[key])}" for key in keys if key in words)


def _differing(one: Measured, other: Measured) -> Iterator[Difference]:
    """Of a result of others what it tells."""
    if one.run_dirs and other.run_dirs:
        return set_otherwise(one.settings, other.settings)
    told = one.settings.keys() & other.settings.keys()
    return set_otherwise(
        *({key: value for key, value in each.settings.items() if key in told} for each in (one, other))
    )
