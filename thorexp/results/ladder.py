"""Which row serves most under a limit, for one limit after the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from thorexp.results.summary import Row


@dataclass(frozen=True, slots=True)
class Rung:
    """The row of most output tokens/s below a limit; absent where none is below it."""

    limit_ms: float
    winner: Row | None


def ladder(rivals: Sequence[Row], key: str, limits_ms: Sequence[float]) -> tuple[Rung, ...]:
    """A rung for each rising limit on one of their numbers, but for those that say what the one before says.

    Only numbers that no reason speaks against count. Of limits that nothing is below the last is told, for it tells
    of the tighter ones too. Equals are won by the first of the rivals.
    """
    rungs = [Rung(limit_ms, _winner(rivals, key, limit_ms)) for limit_ms in limits_ms]
    return tuple(_told(rungs))


def _told(rungs: Sequence[Rung]) -> Iterator[Rung]:
    unreached = [rung for rung in rungs if rung.winner is None]
    yield from unreached[-1:]
    before: Row | None = None
    for rung in rungs:
        if rung.winner is not None and rung.winner is not before:
            yield rung
        before = rung.winner


def _winner(rivals: Sequence[Row], key: str, limit_ms: float) -> Row | None:
    """`max` gives the first of equals."""
    below = [row for row in rivals if key in row.comparable and row.comparable[key].median < limit_ms]
    served = [row for row in below if "output_throughput" in row.comparable]
    return max(served, key=lambda row: row.comparable["output_throughput"].median, default=None)
