"""Which points are held against which, and which against none."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from pathlib import Path

from thorexp.compare.differences import unlike
from thorexp.compare.measured import NAMED, Measured
from thorexp.compare.pairs import Pair, named, pair
from thorexp.compare.sides import Source
from thorexp.errors import RecordError

Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Pairs, and in words what failed, or is held against nothing."""

    pairs: tuple[Pair, ...]
    gaps: tuple[str, ...] = ()


def comparison(sources: Sequence[Source]) -> Comparison:
    """Of each with the first, or of one alone within itself; RecordError where nothing can be held against anything."""
    first, *others = sources
    if not others:
        found = [within(first)]
    elif len(others) == 1:
        found = [between(first, others[0])]
    else:
        found = [between(first, other, f"B ({other.word})") for other in others]
    pairs = [pair for each in found for pair in each.pairs]
    return Comparison(told_apart(pairs), tuple(dict.fromkeys(gap for each in found for gap in each.gaps)))


def between(first: Source, second: Source, label: str = "B") -> Comparison:
    """Each point of the second against that of the first which was chosen by the same words, of those that tell the
    points of either apart; a single one against all. `label`: what gaps call the second.

    RecordError where no two belong together.
    """
    single = first.single or second.single
    keys = _keys([*_words(first), *_words(second)]) if single else _keys(_words(first), _words(second))
    gaps = [*_failed(first, " in A", keys), *_failed(second, f" in {label}", keys)]
    if not single:
        gaps += [*_missing(first, second, f" in {label}", keys), *_missing(second, first, " in A", keys)]
    both = product(first.points, second.points)
    pairs = tuple(pair(one, two, keys) for one, two in both if single or _alike(one.words, two.words, keys))
    if not pairs:
        facts = (("by", ", ".join(keys)), ("have", "\n".join(gaps)))
        remedy = "words that choose points on both sides, such as load=high"
        raise RecordError("No point of one side is one of the other.", *facts, ("try", remedy))
    return Comparison(pairs, tuple(gaps))


def within(source: Source) -> Comparison:
    """Each point against the first that was measured alike; RecordError where no two were."""
    keys = _keys(_words(source))
    held = [(one, point) for i, point in enumerate(source.points) for one in _first_alike(point, source.points[:i])]
    if not held:
        facts = (("of", f"{len(source.points)} points"), ("try", "a second run, sweep or baseline to hold it against"))
        raise RecordError("No two points of it were measured alike.", *facts)
    paired = [id(point) for both in held for point in both]
    lonely = [point for point in source.points if id(point) not in paired]
    gaps = (*_failed(source, "", keys), *(f"measured like no other: {named(point.words, keys)}" for point in lonely))
    return Comparison(tuple(pair(*both, keys) for both in held), gaps)


def told_apart(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Those whose names repeat by the places of their points, too."""
    alike: dict[tuple[str, str | None], list[Pair]] = {}
    for each in pairs:
        alike.setdefault((each.name, each.base), []).append(each)
    return tuple(_placed(each, alike[each.name, each.base]) for each in pairs)


def ending(place: str, places: Collection[str]) -> str:
    """The last parts of a path, as many as tell it apart from the others of these; its name alone where none does."""
    parts = Path(place).parts
    for count in range(1, len(parts) + 1):
        if sum(Path(each).parts[-count:] == parts[-count:] for each in places) == 1:
            return str(Path(*parts[-count:]))
    return Path(place).name


def _placed(one: Pair, alike: Sequence[Pair]) -> Pair:
    firsts, seconds = {each.first.where for each in alike}, {each.second.where for each in alike}
    name = f"{one.name} ({ending(one.second.where, seconds)})" if len(seconds) > 1 else one.name
    base = f"{one.base or one.name} ({ending(one.first.where, firsts)})" if len(firsts) > 1 else one.base
    return replace(one, name=name, base=base)


def _first_alike(point: Measured, before: Sequence[Measured]) -> Iterator[Measured]:
    """One, or none."""
    yield from islice((each for each in before if not any(unlike(each.conditions, point.conditions))), 1)


def _failed(source: Source, where: str, keys: Sequence[str]) -> Iterator[str]:
    """Each point of which something failed, with how many repeats of how many where it has several."""
    for each in source.failures:
        repeats = f" ({each.count} of {each.repeats} repeats)" if each.repeats > 1 else ""
        yield f"failed{where}: {named(each.words, keys)}{repeats}"


def _missing(source: Source, other: Source, where: str, keys: Sequence[str]) -> Iterator[str]:
    """What the other has neither measured nor tried."""
    for point in source.points:
        if not any(_alike(point.words, words, keys) for words in _words(other)):
            yield f"not{where}: {named(point.words, keys)}"


def _words(source: Source) -> tuple[Words, ...]:
    """Of what was measured or tried."""
    return (*(point.words for point in source.points), *(failure.words for failure in source.failures))


def _keys(*sides: Sequence[Words]) -> list[str]:
    """Those that set the points of any side apart, model and load first."""
    telling = {key for side in sides for words in side for key in words if len({each.get(key) for each in side}) > 1}
    return sorted(telling, key=lambda key: (NAMED.index(key) if key in NAMED else len(NAMED), key))


def _alike(one: Words, other: Words, keys: Sequence[str]) -> bool:
    """By the keys that both have."""
    return all(one[key] == other[key] for key in keys if key in one and key in other)
