"""Two points side by side: what is not alike, what differs, and the ratios of their numbers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from thorexp.compare.measured import NAMED, PLAN, UNKNOWN, Measured
from thorexp.errors import RecordError
from thorexp.measure.ratios import Effect, Ratio, ratios
from thorexp.measure.verdict import Standing, Verdict

UNSET = "not set"
GROUPS = ("model", "quantization", "hardware", "load", "workload", "endpoint", "server", "slo")


@dataclass(frozen=True, slots=True)
class Difference:
    """Of two settings or conditions, in words."""

    name: str
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.name} {self.first} against {self.second}"


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
        standings = {standing(self.first.verdict, ratio.key), standing(self.second.verdict, ratio.key)}
        return "not ranked" if self.unlike or "INVALID" in standings else ratio.effect


def standing(verdict: Verdict | None, key: str) -> Standing:
    """Of one number; SUSPECT where nobody judged."""
    return "SUSPECT" if verdict is None else verdict.of(key)


def pair(first: Measured, second: Measured, keys: Sequence[str]) -> Pair:
    """The second against the first, each named by these of its words."""
    base, name = (named(point, keys) for point in (first, second))
    unlike = tuple(_unlike(first.conditions, second.conditions))
    return Pair(
        name=name,
        base=None if base == name else base,
        first=first,
        second=second,
        unlike=unlike,
        settings=tuple(_differing(first, second)),
        ratios=ratios(
            first.side,
            second.side,
            paired=not any(each.name == PLAN for each in unlike),
            spread=max(first.spread, second.spread),
        ),
    )


def pairs_of_sides(first: Sequence[Measured], second: Sequence[Measured]) -> tuple[Pair, ...]:
    """Each point of the second side against that of the first which was chosen by the same words, of those that tell
    the points of either side apart; a single point is held against all. RecordError where no two belong together.
    """
    single = 1 in (len(first), len(second))
    keys = sorted(_telling([*first, *second]) if single else _telling(first) | _telling(second), key=_order)
    if single:
        belong = [(one, other) for one in first for other in second]
    else:
        belong = [(one, other) for one in first for other in second if _alike(one, other, keys)]
    if not belong:
        facts = (("by", ", ".join(keys)), ("try", "words that choose points on both sides, such as load=high"))
        raise RecordError("No point of one side is one of the other.", *facts)
    return tuple(pair(one, other, keys) for one, other in belong)


def pairs_within(points: Sequence[Measured]) -> tuple[Pair, ...]:
    """Points of one side, each against the first that was measured alike; RecordError where no two were."""
    keys = sorted(_telling(points), key=_order)
    found = []
    for i, point in enumerate(points):
        alike = next((each for each in points[:i] if not list(_unlike(each.conditions, point.conditions))), None)
        if alike is not None:
            found.append(pair(alike, point, keys))
    if not found:
        facts = (("of", f"{len(points)} points"), ("try", "a second run, sweep or baseline to hold it against"))
        raise RecordError("No two points of it were measured alike.", *facts)
    return tuple(found)


def _telling(points: Sequence[Measured]) -> set[str]:
    """The keys of words that set these points apart."""
    keys = {key for point in points for key in point.words}
    return {key for key in keys if len({point.words.get(key) for point in points}) > 1}


def _alike(one: Measured, other: Measured, keys: Sequence[str]) -> bool:
    """By the keys that both have."""
    return all(one.words[key] == other.words[key] for key in keys if key in one.words and key in other.words)


def named(point: Measured, keys: Sequence[str]) -> str:
    """By these of its words, else by model and load."""
    return " ".join(f"{key}={point.words[key]}" for key in (keys or NAMED) if key in point.words)


def _order(key: str) -> tuple[int, str]:
    """Model and load first."""
    return (NAMED.index(key) if key in NAMED else len(NAMED), key)


def _unlike(first: Mapping[str, frozenset[str]], second: Mapping[str, frozenset[str]]) -> Iterator[Difference]:
    """Of those that both tell of, where neither's repeats had all that the other's had; two unknown plans are two."""
    for name, one in first.items():
        other = second.get(name, one)
        if not (one <= other or other <= one) or (name == PLAN and UNKNOWN in one):
            yield Difference(name, ", ".join(sorted(one)), ", ".join(sorted(other)))


def _differing(one: Measured, other: Measured) -> Iterator[Difference]:
    """Of a group that is another one altogether, its name alone; of a result of others what it tells."""
    first, second = one.settings, other.settings
    told = dict.fromkeys((*first, *second)) if one.run_dirs and other.run_dirs else [k for k in first if k in second]
    changed = [key for key in told if first.get(key) != second.get(key)]
    renamed = {group for group in GROUPS if f"{group}.name" in changed}
    for key in changed:
        group, _, rest = key.partition(".")
        if group in renamed and rest != "name":
            continue
        name = group if group in renamed else key
        yield Difference(name, first.get(key, UNSET), second.get(key, UNSET))
