"""The highest value that holds, of a property that holds below some value and fails above: what to try next."""

import math
from dataclasses import dataclass, replace

FACTOR = 2.0  # between values until one holds and one fails
DIGITS = 3  # of a value that is no whole number: 0.354 is near enough, and can be read
GIVEN_UP = 0.001  # of the first value, below which nothing is tried


@dataclass(frozen=True, slots=True)
class Bracket:
    """What is known: `holds`, the highest value that did, and `fails`, the lowest that did not; absent before.

    From `start` upwards by doubling, or downwards by halving, then between the two at their geometric mean, until
    `fails` is above `holds` by the share `within` at most, or, of `whole` numbers, by 1. `most`: the largest value that
    may be tried; absent for none.
    """

    start: float
    within: float
    whole: bool
    most: float | None = None
    holds: float | None = None
    fails: float | None = None

    def proposed(self) -> float | None:
        """The next value to try; absent once nothing is left."""
        if self.holds is None and self.fails is None:
            return self._upwards(self.start)
        if self.fails is None:
            higher = self._upwards((self.holds or 0.0) * FACTOR)
            return higher if self.holds is not None and higher > self.holds else None
        if self.holds is None:
            lower = self._rounded(self.fails / FACTOR)
            return lower if self._least <= lower < self.fails else None
        return None if self.is_narrow else self._between(self.holds, self.fails)

    def told(self, value: float, holds: bool) -> "Bracket":
        """With one value more. ValueError for one that contradicts another: it holds above one that fails."""
        known = replace(self, holds=value) if holds else replace(self, fails=value)
        if known.holds is not None and known.fails is not None and known.holds >= known.fails:
            raise ValueError(f"{known.holds:g} holds and {known.fails:g} fails")
        return known

    @property
    def is_narrow(self) -> bool:
        """Whether both ends are known, and near enough."""
        if self.holds is None or self.fails is None:
            return False
        near = self.fails <= self.holds * (1 + self.within)
        return near or self._between(self.holds, self.fails) is None

    @property
    def left(self) -> int:
        """How many values are to try yet, give or take one; if the next one makes both ends known, where they are not:
        log₂(log(fails / holds) / log(1 + within)).
        """
        if self.proposed() is None:
            return 0
        ratio, next_one = FACTOR, 1
        if self.holds is not None and self.fails is not None:
            ratio, next_one = self.fails / self.holds, 0
        return next_one + math.ceil(math.log2(max(math.log(ratio) / math.log1p(self.within), 1.0)))

    @property
    def _least(self) -> float:
        return 1.0 if self.whole else self.start * GIVEN_UP

    def _upwards(self, value: float) -> float:
        """Not by rounding either is `most` exceeded."""
        return self._rounded(value) if self.most is None else min(self._rounded(value), self._most_of(self.most))

    def _between(self, low: float, high: float) -> float | None:
        middle = self._rounded(math.sqrt(low * high))
        if low < middle < high:
            return middle
        beside = low + 1
        return beside if self.whole and beside < high else None

    def _most_of(self, most: float) -> float:
        return float(math.floor(most)) if self.whole else most

    def _rounded(self, value: float) -> float:
        return float(max(1, math.floor(value + 0.5))) if self.whole else float(f"{value:.{DIGITS}g}")
