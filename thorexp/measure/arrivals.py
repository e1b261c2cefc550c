"""When it is asked: rates, bursts and limits become offsets from the start of a stage."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from thorexp.errors import ConfigError

NS_PER_S = 1_000_000_000
YEAR_S = 365 * 24 * 3600.0
LONGEST_S = 1e9  # thirty years, which fit into 64 bits of nanoseconds
ONLY_LINEAR = "only a linear ramp goes from 0 or to 0"

Floats = npt.NDArray[np.float64]


class Ramp(StrEnum):
    """How a load goes from its start to its end. Members are named as a user types them."""

    linear = "linear"  # by the same amount in equal times
    exponential = "exponential"  # by the same factor in equal times


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests/s over a stage: `start` at its begin, `end` at its end, in between along `ramp`.

    Both are infinite for a closed loop. A linear ramp may start or end at 0. ConfigError, by full key, for
    rates that make no load.
    """

    start: float
    end: float
    ramp: Ramp = Ramp.linear

    def __post_init__(self) -> None:
        linear = self.ramp == Ramp.linear
        if not (self.start > 0 or (self.start == 0 and linear and self.end > 0)):
            raise _not_above_0("load.request_rate", self.start, f"requests/s, or inf for a closed loop; {ONLY_LINEAR}")
        if not (self.end > 0 or (self.end == 0 and linear)):
            raise _not_above_0("load.request_rate_end", self.end, f"requests/s; {ONLY_LINEAR}")
        if math.isinf(self.start) != math.isinf(self.end):
            raise ConfigError(
                f"load.request_rate_end={self.end} is not reached from load.request_rate={self.start}.",
                ("try", "two finite rates, or inf for both"),
            )

    @property
    def is_finite(self) -> bool:
        """Whether requests are due one after another, not all at once."""
        return math.isfinite(self.start)

    @property
    def steady(self) -> bool:
        """Whether the rate stays what it is."""
        return self.start == self.end

    @property
    def mean(self) -> float:
        """Requests/s over the whole stage.

        Linear: (start + end) / 2. Exponential: (end - start) / ln(end / start), the logarithmic mean.
        """
        if self.steady:
            return self.start
        if self.ramp == Ramp.linear:
            return (self.start + self.end) / 2
        low, high = sorted((self.start, self.end))
        return (high - low) / math.log1p((high - low) / low)

    def count(self, duration_s: float) -> float:
        """How many requests are due in a stage of that length: the integral of the rate over it."""
        return self.mean * duration_s

    def duration_s(self, count: float) -> float:
        """The length of the stage in which `count` are due, the inverse of `count`; 0 for an infinite rate."""
        return count / self.mean


def arrival_offsets_ns(
    count: int, rate: Rate, *, burstiness: float, burst_size: int, rng: np.random.Generator
) -> tuple[int, ...]:
    """`count` offsets in nanoseconds, ascending.

    An infinite rate is due all at once: a closed loop under max concurrency. Otherwise gaps are gamma distributed
    with shape `burstiness` (1: Poisson; below 1 burstier, above smoother; infinite: constant), the first request
    waits its gap too, and all are rescaled so that the last is due at exactly `rate.duration_s(count)` (vLLM
    0.33.0, `benchmarks/serve.py`, for a steady rate). A request is due when the integral of the rate has come to
    its cumulated gaps. A ramp is a curve over time, where vLLM's goes by request index: a server meets a rate at a
    time, and a ramp by index lingers where it is slow.

    Requests come `burst_size` at one moment, and the rate stays that of requests: a burst waits a gap in
    proportion to its size. The last burst takes what is left and so waits a shorter one; it too ends the stage.
    """
    if not burstiness > 0:
        raise _not_above_0("load.burstiness", burstiness, "1 for Poisson, inf for constant gaps")
    if burst_size < 1:
        raise ConfigError(
            f"load.burst_size={burst_size} is below 1.", ("try", "load.burst_size=1 for requests one by one")
        )
    if not rate.is_finite or not count:
        return (0,) * count
    if not rate.duration_s(count) <= LONGEST_S:
        raise ConfigError(
            f"load.request_rate={rate.start:g} takes {rate.duration_s(count) / YEAR_S:.2g} years to {count} requests.",
            ("try", "a higher load.request_rate, or fewer load.num_prompts"),
        )
    sizes = np.diff(np.append(np.arange(0, count, burst_size), count))
    constant = math.isinf(burstiness)
    gaps = np.ones(len(sizes)) if constant else rng.gamma(shape=burstiness, scale=1.0, size=len(sizes))
    cumulated = np.cumsum(gaps * sizes)
    if not 0 < cumulated[-1] < math.inf:
        raise ConfigError(
            f"load.burstiness={burstiness:g} is too extreme: its gaps cannot be drawn.",
            ("try", "1 for Poisson, 0.1 for bursts, inf for constant gaps"),
        )
    due_s = _due_s(cumulated, rate, rate.duration_s(count))
    return tuple(int(ns) for ns in np.repeat(np.rint(due_s * NS_PER_S), sizes))


def limit_steps(start: int, end: int, ramp: Ramp, duration_s: float) -> tuple[tuple[int, int], ...]:
    """How many requests may be in flight over time: (offset in ns, limit), ascending in time, the first at 0.

    A limit holds from when the curve reaches it until it reaches the next. That the last may have its turn within
    `duration_s` too, the curve goes on to `end` + 1: a linear ramp from 1 to 8 over 8 s holds each for 1 s. A ramp
    down is the ramp up played backwards.
    """
    for key, limit in (("load.max_concurrency", start), ("load.max_concurrency_end", end)):
        if limit < 1:
            raise ConfigError(f"{key}={limit} lets nothing through.", ("try", f"{key}=1"))
    if not 0 < duration_s < math.inf:
        raise ConfigError(f"load.duration_s={duration_s} is not above 0 and finite.", ("try", "seconds"))
    rises = start <= end
    edges = range(start, end + 2) if rises else range(start + 1, end - 1, -1)
    limits = edges[:-1] if rises else edges[1:]
    heights = [math.log(edge) if ramp == Ramp.exponential else edge for edge in edges]
    shares = [(height - heights[0]) / (heights[-1] - heights[0]) for height in heights[:-1]]
    return tuple((round(duration_s * NS_PER_S * share), limit) for share, limit in zip(shares, limits, strict=True))


def _due_s(cumulated: Floats, rate: Rate, duration_s: float) -> Floats:
    """When, in a stage of that length, as large a share of its requests is due as of the cumulated gaps."""
    last = float(cumulated[-1])
    if rate.steady:
        return cumulated * (duration_s / last)
    share = cumulated / last
    curve = _linear if rate.ramp == Ramp.linear else _exponential
    due_s: Floats = np.maximum.accumulate(duration_s * curve(rate.start, rate.end, share))  # rounding may swap two
    return due_s


def _linear(start: float, end: float, share: Floats) -> Floats:
    """The share t of time in which a share of requests is due: start·t + (end - start)·t²/2 = share·mean.

    The quadratic formula with its root, the rate by then, in the denominator, where nothing cancels.
    """
    then = np.hypot(start * np.sqrt(1 - share), end * np.sqrt(share))
    return np.divide((start + end) * share, start + then, out=np.zeros_like(share), where=start + then > 0)


def _exponential(start: float, end: float, share: Floats) -> Floats:
    """The share t of time in which a share of requests is due: ((end/start)^t - 1) / (end/start - 1) = share.

    A fall is a rise played backwards, which takes no logarithm near 0.
    """
    if end < start:
        return 1 - _exponential(end, start, 1 - share)
    growth = (end - start) / start
    logs: Floats = np.log1p(growth * share)
    return logs / math.log1p(growth)


def _not_above_0(key: str, value: float, remedy: str) -> ConfigError:
    return ConfigError(f"{key}={value} is not above 0.", ("try", remedy))
