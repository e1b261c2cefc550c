"""Points by what sets them apart."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from thorexp.secret import HIDDEN, shown_word

# Of a single point nothing is set apart; these two say most of it.
GROUPS_THAT_NAME = ("model", "load")


def apart(points: Sequence[Sequence[str]]) -> list[str]:
    """Each point by what sets it apart: the overrides that all share are left out, secrets hidden."""
    return list(_told_apart(" ".join(map(shown_word, words)) or "-" for words in unshared(points)))


def apart_in_columns(points: Sequence[Sequence[str]]) -> tuple[str, list[str]]:
    """The same for a table: keys in the heading, values below it, where all points name the same keys."""
    left = unshared(points)
    keys = {tuple(word.partition("=")[0] for word in words) for words in left}
    if len(keys) != 1 or keys == {()}:
        return "point", apart(points)
    names = (" ".join(shown_word(word).partition("=")[2] for word in words) for words in left)
    return " ".join(keys.pop()), list(_told_apart(names))


def unshared(points: Sequence[Sequence[str]]) -> list[list[str]]:
    """Of each point the overrides that not all share; of a single one those that name it."""
    if len(points) == 1:
        return [[word for word in points[0] if word.partition("=")[0] in GROUPS_THAT_NAME] or list(points[0])]
    shared = set.intersection(*map(set, points)) if points else set()
    return [[word for word in point if word not in shared] for point in points]


def _told_apart(names: Iterable[str]) -> Iterator[str]:
    """With a number behind those that only a secret sets apart from one before."""
    met: Counter[str] = Counter()
    for name in names:
        met[name] += 1
        yield f"{name} ({met[name]})" if HIDDEN in name and met[name] > 1 else name
