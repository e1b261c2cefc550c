"""A sample of numbers, summed up."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Distribution:
    """Mean, median, standard deviation and percentiles of a sample, in the sample's unit.

    `std` divides by n (numpy's ddof 0). `percentiles` pairs each p with its value, linearly interpolated
    (`numpy.percentile`), in the order asked for. The same as vLLM 0.33.0, `benchmarks/serve.py`.
    """

    count: int
    mean: float
    median: float
    std: float
    percentiles: tuple[tuple[float, float], ...]


def distribution(sample: Sequence[float], percentiles: Sequence[float]) -> Distribution | None:
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


def percentile_word(p: float) -> str:
    """How vLLM writes a percentile: p99, p50, p99.9."""
    return f"p{int(p)}" if float(p).is_integer() else f"p{p}"
