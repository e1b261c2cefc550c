"""A sample of numbers, summed up."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Distribution:
    """Mean, median, standard deviation and percentiles of a sample, in the sample's unit.

    `std` divides by n (numpy's ddof 0). `percentiles` pairs each p with its value, linearly interpolated
    (`numpy.percentile`), in the order asked for. The same as vLLM 0.33.0, `benchmarks/serve.py`. `std` is absent
    where the sample itself is not known: in a published report.
    """

    count: int
    mean: float
    median: float
    std: float | None
    percentiles: tuple[tuple[float, float], ...]

    @property
    def statistics(self) -> tuple[tuple[str, float], ...]:
        """What is known of it, by vLLM's words: mean, median, std, p99."""
        std = () if self.std is None else (("std", self.std),)
        marks = ((percentile_word(p), value) for p, value in self.percentiles)
        return (("mean", self.mean), ("median", self.median), *std, *marks)

    @property
    def unsupported(self) -> tuple[float, ...]:
        """Those of its percentiles that a sample of this count does not support, in its order."""
        return tuple(p for p, _ in self.percentiles if not supports(self.count, p))


def distribution(sample: Sequence[float] | NDArray[np.float64], percentiles: Sequence[float]) -> Distribution | None:
    """The sample summed up; absent, not zero, for an empty one."""
    if len(sample) == 0:
        return None
    values = np.asarray(sample, dtype=np.float64)
    marks = np.percentile(values, list(percentiles)) if percentiles else ()
    return Distribution(
        count=len(values),
        mean=float(values.mean()),
        median=float(np.median(values)),
        std=float(values.std()),
        percentiles=tuple((p, float(mark)) for p, mark in zip(percentiles, marks, strict=True)),
    )


def percentile(sample: Sequence[int], p: float) -> float:
    """What `numpy.percentile` gives, to the last bit, in a tenth of its time: each of 100,000 requests asks it of a
    hundred gaps. Of at least one value.
    """
    values = sorted(sample)
    place = (len(values) - 1) * (p / 100)
    below = math.floor(place)
    low, high, part = values[below], values[min(below + 1, len(values) - 1)], place - below
    return float(low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part))


def supports(count: int, p: float) -> bool:
    """Whether so many values say anything of that percentile: count · (1 − p/100) ≥ 1, below the median count · p/100.

    So at least one value is expected beyond it: P99 needs 100, P99.9 needs 1000. With fewer, `numpy.percentile`
    reads it between the two largest values (of a low one: the two smallest), so that a single outlier makes it.
    P0 and P100 have nothing beyond them, and no sample supports them.
    """
    return count * min(p, 100 - p) / 100 >= 1 - 1e-9  # 1000 · (100 − 99.9) / 100 is a float just below 1


def percentile_word(p: float) -> str:
    """How vLLM writes a percentile: p99, p50, p99.9."""
    return f"p{int(p)}" if float(p).is_integer() else f"p{p}"


# Student's t, two-sided 95 %, by degrees of freedom from 1 on (any table of the distribution); beyond: normal.
T_95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
NORMAL_95 = 1.960
BEYOND_95 = 2.5  # over the degrees: what t is above the normal, to 0.001 from 31 on


def t_95(degrees: int) -> float:
    """Student's t of so many degrees of freedom, at least 1, two-sided 95 %."""
    return T_95[degrees - 1] if degrees <= len(T_95) else NORMAL_95 + BEYOND_95 / degrees


@dataclass(frozen=True, slots=True)
class Agreement:
    """One number measured several times.

    `spread`: (largest − smallest) / median. `interval`: the 95 % confidence interval of the mean,
    mean ± t·s/√n with s of n−1 degrees of freedom. Both are absent for a single measurement, the spread also
    where the median is 0.
    """

    count: int
    median: float
    spread: float | None
    interval: tuple[float, float] | None


def agreement(sample: Sequence[float]) -> Agreement | None:
    """How far repeats agree; absent for an empty sample."""
    if len(sample) == 0:
        return None
    values = np.asarray(sample, dtype=np.float64)
    count, median = len(values), float(np.median(values))
    if count == 1:
        return Agreement(count, median, None, None)
    half = t_95(count - 1) * float(values.std(ddof=1)) / math.sqrt(count)
    mean = float(values.mean())
    return Agreement(count, median, float(np.ptp(values)) / median if median else None, (mean - half, mean + half))


def frontier(points: Sequence[tuple[float, float]]) -> tuple[int, ...]:
    """Indices of the points that no other beats in both coordinates (more is better), by falling first one."""
    order = sorted(range(len(points)), key=lambda i: points[i], reverse=True)
    kept: list[int] = []
    for i in order:
        if not kept or points[i][1] > points[kept[-1]][1]:
            kept.append(i)
    return tuple(kept)
