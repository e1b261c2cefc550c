"""How two points differ: in what they were measured under, or in what they were set to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from thorexp.compare.conditions import PLAN, UNKNOWN
from thorexp.secret import shown

UNSET = "not set"


@dataclass(frozen=True, slots=True)
class Difference:
    """Of two settings or conditions, in words."""

    name: str
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.name} {self.first} against {self.second}"


def unlike(first: Mapping[str, frozenset[str]], second: Mapping[str, frozenset[str]]) -> Iterator[Difference]:
    """Of the conditions that both tell of. Repeats of either must all have met the same; but their plans are several,
    of which one side must have had all of the other's.
    """
    for name, one in first.items():
        other = second.get(name, one)
        if not (_same_plans(one, other) if name == PLAN else one == other and len(one) == 1):
            yield Difference(name, ", ".join(sorted(one)), ", ".join(sorted(other)))


def _same_plans(one: frozenset[str], other: frozenset[str]) -> bool:
    """Two that nobody knows are two."""
    return UNKNOWN not in one | other and (one <= other or other <= one)


def set_otherwise(first: Mapping[str, str], second: Mapping[str, str]) -> Iterator[Difference]:
    """Of a group whose name is another one, such as `model`, its name alone: the rest goes without saying."""
    changed = [key for key in dict.fromkeys((*first, *second)) if first.get(key) != second.get(key)]
    renamed = {group for group, _, rest in (key.partition(".") for key in changed) if rest == "name"}
    for key in changed:
        group, _, rest = key.partition(".")
        if group in renamed and rest != "name":
            continue
        one, other = (shown(key, told[key]) if key in told else UNSET for told in (first, second))
        yield Difference(group if group in renamed else key, one, other)
