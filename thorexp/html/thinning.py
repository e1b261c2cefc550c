"""Numbers of a plot, fewer and shorter than those that were measured."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import floor, log10
from typing import Any

import numpy as np

from thorexp.measure.signals import Series

NS_PER_S = 1_000_000_000
DIGITS = 4  # of a number in words
DRAWN = 3  # of one that is drawn, in a panel of some hundred pixels
PIXELS = 4_000  # of a wide screen


def short(values: Iterable[float], digits: int = DRAWN) -> list[float]:
    """Of so many significant digits; a whole number without a point."""
    return [_plain(float(f"{value:.{digits}g}")) for value in values]


def told(value: float) -> str:
    """In words, of as many digits, but no power of ten: 12,743 and 0.01274."""
    return f"{value:,.0f}" if abs(value) >= 10**DIGITS else f"{value:.{DIGITS}g}"


def seconds(ns: Iterable[int], zero_ns: int, span_ns: int) -> list[float]:
    """Since `zero_ns`, as exact as an axis of that span can show."""
    step_s = _step(span_ns / NS_PER_S)
    decimals = max(0, -floor(log10(step_s)))
    return [_plain(round(round((each - zero_ns) / NS_PER_S / step_s) * step_s, decimals)) for each in ns]


def scale_of(values: Sequence[float]) -> str:
    """Plotly's type of an axis: "log" where the largest is over 20 times the least, and no value is 0 or below."""
    return "log" if len(values) > 0 and 0 < min(values) < max(values) / 20 else "linear"


def line_of(series: Series, points: int, zero_ns: int, span_ns: int) -> dict[str, Any]:
    """x and y of a plotly trace, at most so many points: each sample where they are no more, else at even distances."""
    if len(series.ns) <= points:
        return {"x": seconds(series.ns, zero_ns, span_ns), "y": short(series.values)}
    bins = points // 2
    step_s = (series.ns[-1] - series.ns[0]) / bins / 2 / NS_PER_S
    x0 = (series.ns[0] - zero_ns) / NS_PER_S
    return {"x0": float(f"{x0:.6g}"), "dx": float(f"{step_s:.6g}"), "y": short(_extremes(series, bins))}


def _extremes(series: Series, bins: int) -> list[float]:
    """Of each of so many equal parts of its time the least and the most, in their order; what came last where none is.

    Like `extremes`, and at even distances, of which two numbers tell all.
    """
    values, stamps = np.array(series.values), np.array(series.ns, dtype=np.int64)
    edges = stamps[0] + np.arange(bins + 1) * (stamps[-1] + 1 - stamps[0]) // bins
    found: list[float] = []
    for first, last in pairwise(np.searchsorted(stamps, edges).tolist()):
        if first == last:
            found += [float(values[max(first - 1, 0)])] * 2
        else:
            part = values[first:last]
            found += [float(part[i]) for i in sorted((int(part.argmin()), int(part.argmax())))]
    return found


def _step(span: float) -> float:
    """The largest of 1, 2 and 5 · 10ⁿ that is at most a pixel of an axis of that span."""
    pixel = (span or 1.0) / PIXELS
    decade: float = 10.0 ** floor(log10(pixel))
    return max((factor * decade for factor in (2, 5) if factor * decade <= pixel), default=decade)


def _plain(value: float) -> float:
    return int(value) if value.is_integer() else value
