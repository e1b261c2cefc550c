"""One measurement against another: the ratio of a number, and whether there is more in it than noise."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from thorexp.measure.records import RequestRecord
from thorexp.measure.resampling import (
    LEAST_BLOCKS,
    THROUGHPUTS,
    Counts,
    Floats,
    draws,
    redrawn,
    sent_in_order,
    under_way,
)
from thorexp.measure.stats import t_95

Effect = Literal["better", "worse", "within noise", "no interval"]

# What has a direction, by words of its key in a result; of hit rates or temperatures none is better.
MORE_IS_BETTER = ("throughput", "goodput", "tokens_per_s_per_w")
# What is measured on one start of a server does not show how that differs from the next: minutes later a machine is
# warmer, or shared with others. Two starts differ, in 95 of 100 cases, by less than 1.96 · √2 · σ, and the range of
# three is 1.693 σ on average (Tippett 1925, d₂): so much of the spread that three may have.
START_TO_START = 1.96 * math.sqrt(2) / 1.693
LESS_IS_BETTER = ("ttft", "tpot", "itl", "e2el", "energy_per", "energy_above_idle_per")


@dataclass(frozen=True, slots=True)
class Side:
    """What is compared, measured once or more.

    `results`: numbers by key, one mapping a repeat, of which there is one at least; `requests`: likewise, empty for a
    result whose requests nobody kept. `closed`: whether each request was sent when one before had ended.
    """

    results: tuple[Mapping[str, float], ...]
    requests: tuple[tuple[RequestRecord, ...], ...]
    closed: bool

    def values(self, key: str) -> tuple[float, ...]:
        """Of the repeats that have it."""
        return tuple(result[key] for result in self.results if key in result)


@dataclass(frozen=True, slots=True)
class Ratio:
    """Of one number: `ratio` = second / first, which are geometric means of repeats, with its 95 % interval. Where one
    of them is 0, arithmetic means, and no interval; the ratio is infinite where all of the first are.

    `of`: what the interval is made of, together with what two starts may differ by: differences between repeats, or
    between the requests of single runs. Both are absent where nothing tells of chance.
    """

    key: str
    first: float
    second: float
    ratio: float
    interval: tuple[float, float] | None
    of: Literal["repeats", "requests"] | None
    effect: Effect


@dataclass(frozen=True, slots=True)
class Redrawn:
    """The successes of two single runs, and how often each is in each resample; `closed` as of both sides."""

    first: tuple[RequestRecord, ...]
    second: tuple[RequestRecord, ...]
    of_first: Counts
    of_second: Counts
    closed: bool


def more_is_better(key: str) -> bool | None:
    """Absent where neither is better, and of a spread."""
    if key.startswith("std_"):
        return None
    if any(word in key for word in MORE_IS_BETTER):
        return True
    return False if any(re.search(rf"(^|_){word}(_|$)", key) for word in LESS_IS_BETTER) else None


def ratios(first: Side, second: Side, *, paired: bool, spread: float) -> tuple[Ratio, ...]:
    """Of each number that both have and that has a direction, in the order of the first's.

    `paired`: both met the same plan, so that the same requests are drawn of both. `spread`: what starts may differ by,
    (largest − smallest) / median of three, 0.05 for 5 %.
    """
    runs = _redrawn(first, second, paired)
    keys = [key for key in first.results[0] if more_is_better(key) is not None]
    return tuple(_ratio(key, first, second, runs, spread) for key in keys if first.values(key) and second.values(key))


def _ratio(key: str, first: Side, second: Side, runs: Redrawn | None, spread: float) -> Ratio:
    if min(*first.values(key), *second.values(key)) <= 0:
        return _with_zeros(key, first.values(key), second.values(key))
    one, other = (np.log(side.values(key)) for side in (first, second))
    log_ratio = float(other.mean() - one.mean())
    repeated = len(one) + len(other) > 2
    within = _between_repeats(one, other) if repeated else _between_requests(key, runs, math.exp(log_ratio))
    interval = _between_starts(within, spread)
    return Ratio(
        key=key,
        first=math.exp(one.mean()),
        second=math.exp(other.mean()),
        ratio=math.exp(log_ratio),
        interval=interval,
        of=None if interval is None else "repeats" if repeated else "requests",
        effect=_effect(key, interval),
    )


def _with_zeros(key: str, one: Sequence[float], other: Sequence[float]) -> Ratio:
    first, second = float(np.mean(one)), float(np.mean(other))
    ratio = second / first if first else math.inf if second else 1.0
    return Ratio(key, first, second, ratio, interval=None, of=None, effect="no interval")


def _effect(key: str, interval: tuple[float, float] | None) -> Effect:
    if interval is None:
        return "no interval"
    if interval[0] <= 1 <= interval[1]:
        return "within noise"
    return "better" if (interval[0] > 1) == more_is_better(key) else "worse"


def _between_repeats(one: Floats, other: Floats) -> tuple[float, float]:
    """Of the difference d of means of logarithms: exp(d ± t · s · √(1/n + 1/m)), s pooled (Student).

    A bootstrap of three values would draw from ten samples, and be too narrow.
    """
    degrees = len(one) + len(other) - 2
    squares = float(((one - one.mean()) ** 2).sum() + ((other - other.mean()) ** 2).sum())
    half = t_95(degrees) * math.sqrt(squares / degrees * (1 / len(one) + 1 / len(other)))
    middle = float(other.mean() - one.mean())
    return math.exp(middle - half), math.exp(middle + half)


def _between_starts(within: tuple[float, float] | None, spread: float) -> tuple[float, float] | None:
    """Wider by what two starts may differ by, as independent errors add: the root of the sum of squares; absent where
    it reaches down to 0, which has no logarithm.
    """
    if within is None or within[0] <= 0:
        return None
    low, high = map(math.log, within)
    middle, half = (low + high) / 2, math.hypot((high - low) / 2, START_TO_START * math.log1p(spread))
    return math.exp(middle - half), math.exp(middle + half)


def _between_requests(key: str, runs: Redrawn | None, ratio: float) -> tuple[float, float] | None:
    """The middle 95 % of the ratios of resamples; absent for what requests alone do not tell.

    Of throughput, of which they tell multiples, around `ratio`.
    """
    if runs is None or (key.endswith("throughput") and not runs.closed):
        return None  # of an open loop, whose throughput is its plan's
    first, second = redrawn(key, runs.first, runs.of_first), redrawn(key, runs.second, runs.of_second)
    if first is None or second is None:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        found = second / first * (ratio if key in THROUGHPUTS else 1.0)
    known = found[np.isfinite(found)]
    return (float(np.percentile(known, 2.5)), float(np.percentile(known, 97.5))) if len(known) else None


def _redrawn(first: Side, second: Side, paired: bool) -> Redrawn | None:
    """Absent where a side is repeated, or was not kept, and of so few requests that their resamples are too much alike.

    `paired` holds where the same requests succeeded in both; else what succeeded in one alone would not count.
    """
    if len(first.requests) != 1 or len(second.requests) != 1:
        return None
    one, other = sent_in_order(first.requests[0]), sent_in_order(second.requests[0])
    paired = paired and {each.index for each in one} == {each.index for each in other}
    if paired:
        other = _in_order_of(one, other)
    if min(len(one), len(other)) < LEAST_BLOCKS:
        return None
    block = max(under_way(one), under_way(other))
    drawn = draws(len(one), block, seed=0)
    return Redrawn(
        one, other, drawn, drawn if paired else draws(len(other), block, seed=1), first.closed and second.closed
    )


def _in_order_of(one: Sequence[RequestRecord], other: Sequence[RequestRecord]) -> tuple[RequestRecord, ...]:
    """The second as the first was sent."""
    there = {each.index: each for each in other}
    return tuple(there[each.index] for each in one)
