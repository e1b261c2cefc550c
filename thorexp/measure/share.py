"""A share of requests, and how far a sample of so many tells it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from thorexp.measure.stats import NORMAL_95


@dataclass(frozen=True, slots=True)
class Share:
    """`kept` of `total` requests, which tell as much as `worth` that do not depend on each other."""

    kept: int
    total: int
    worth: float

    def __add__(self, other: "Share") -> "Share":
        return Share(self.kept + other.kept, self.total + other.total, self.worth + other.worth)

    def __str__(self) -> str:
        """In percent, with its interval: `99.3 % [97.4, 99.8] of 272 requests`."""
        low, high = (f"{100 * bound:.1f}" for bound in self.interval)
        return f"{100 * self.value:.1f} % [{low}, {high}] of {self.total} requests"

    @property
    def value(self) -> float:
        """kept / total."""
        return self.kept / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval: (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n), with z = 1.960 and n = worth.

        E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209; Brown, Cai and DasGupta, Stat. Sci. 16 (2001) 101 recommend it
        for shares near 1, where p ± z √(p(1−p)/n) is too narrow, and of no width at p = 1.
        """
        p, n, z = self.value, self.worth, NORMAL_95
        middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        low, high = (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)
        return min(max(low, 0.0), p), max(min(high, 1.0), p)

    def is_decided(self, least: float) -> bool:
        """Whether the interval lies above or below that share as a whole; at its lower end it is above."""
        low, high = self.interval
        return low >= least or high < least


def share_of(kept: Sequence[bool]) -> Share:
    """Of at least one request, in the order of their sending. Those that miss come in clusters, where a queue was long:
    worth = n (1 − r) / (1 + r), 1 at least, with r the correlation of neighbours, where it is positive.

    Bayley and Hammersley, J. R. Stat. Soc. Suppl. 8 (1946) 184, of a first-order process. Nothing is known of r where
    all are alike.
    """
    total, p = len(kept), sum(kept) / len(kept)
    around = [each - p for each in kept]
    variance = sum(each * each for each in around)
    r = sum(one * other for one, other in pairwise(around)) / variance if variance else 0.0
    return Share(sum(kept), total, max(total * (1 - max(r, 0.0)) / (1 + max(r, 0.0)), 1.0))
