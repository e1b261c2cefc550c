"""What a load cost in energy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thorexp.measure.power import Power
from thorexp.measure.signals import Series

NS_PER_S = 1_000_000_000

# In median gaps between samples: what may lack at either end of a window, where the outermost value is held; and
# what is longer than a late sampler.
HELD_GAPS = 2
HOLE_GAPS = 10
# Of the window, in holes. What the machine drew in one is nowhere between its ends, if it drew less or more
# meanwhile: so the energy is wrong by at most that share of (duration · range of the power).
HOLE_SHARE = 0.02
FEWEST = 2  # samples inside of a window, below which they say nothing of it

Span = tuple[int, int]  # start_ns, end_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """A load in J and W. `scope` and `source` as of its `Power`: joules of different scopes do not compare.

    `idle_power_w`: the mean before the load; absent, with all that is `above_idle`, where nobody looked. What is
    above idle may be negative where the machine was not idle then. What is per token or request is absent without
    one. `tokens_per_s_per_w` is output tokens per joule, which is the same: (tokens / s) / (J / s).
    """

    scope: str
    source: str
    energy_j: float
    mean_power_w: float
    idle_power_w: float | None
    energy_above_idle_j: float | None
    energy_per_output_token_j: float | None
    energy_above_idle_per_output_token_j: float | None
    energy_per_request_j: float | None
    energy_above_idle_per_request_j: float | None
    tokens_per_s_per_w: float | None


def energy_of(power: Power, load: Span, idle: Span | None, output_tokens: int, requests: int) -> Energy | None:
    """Energy of the load; energy above idle = energy − mean idle power · duration.

    As the hardware counted it where it did, else integrated (`energy_j`); absent where that is.
    """
    total = _spent_j(power, load)
    if total is None:
        return None
    idle_w = None if idle is None else _per(_spent_j(power, idle), _duration_s(idle))
    above = None if idle_w is None else total - idle_w * _duration_s(load)
    return Energy(
        scope=power.scope,
        source=power.source,
        energy_j=total,
        mean_power_w=total / _duration_s(load),
        idle_power_w=idle_w,
        energy_above_idle_j=above,
        energy_per_output_token_j=_per(total, output_tokens),
        energy_above_idle_per_output_token_j=_per(above, output_tokens),
        energy_per_request_j=_per(total, requests),
        energy_above_idle_per_request_j=_per(above, requests),
        tokens_per_s_per_w=_per(output_tokens or None, total),
    )


def energy_j(power_w: Series, start_ns: int, end_ns: int) -> float | None:
    """∫ power dt over [start, end], power being linear between samples (trapezoids), the edges interpolated.

    Absent where the samples do not cover the window: fewer than FEWEST in it, more than HELD_GAPS median gaps
    missing at an edge, or more than HOLE_SHARE of it in gaps longer than HOLE_GAPS median ones.
    """
    times_s = _since(start_ns, power_w)
    duration_s = (end_ns - start_ns) / NS_PER_S
    if not _cover(times_s, duration_s):
        return None
    inside = times_s[(times_s > 0) & (times_s < duration_s)]
    stamps = np.concatenate(([0.0], inside, [duration_s]))
    return float(np.trapezoid(np.interp(stamps, times_s, power_w.values), stamps))


def _spent_j(power: Power, span: Span) -> float | None:
    counted = None if power.counter is None else _counted_j(power.counter, *span)
    return energy_j(power.series, *span) if counted is None else counted


def _counted_j(counter: Series, start_ns: int, end_ns: int) -> float | None:
    """counter(end) − counter(start), interpolated; absent where it does not reach over both, or was set back."""
    if not counter.ns or not counter.ns[0] <= start_ns < end_ns <= counter.ns[-1]:
        return None
    times_s = _since(start_ns, counter)
    begin, end = np.interp([0.0, (end_ns - start_ns) / NS_PER_S], times_s, counter.values)
    return float(end - begin) if np.all(np.diff(counter.values) >= 0) else None


def _cover(times_s: NDArray[np.float64], duration_s: float) -> bool:
    gaps = np.diff(times_s)
    if not len(gaps) or np.count_nonzero((times_s >= 0) & (times_s <= duration_s)) < FEWEST:
        return False
    usual = np.median(gaps)
    missing = max(times_s[0], duration_s - times_s[-1])
    holes = np.diff(np.clip(times_s, 0, duration_s))[gaps > HOLE_GAPS * usual].sum()
    return bool(missing <= HELD_GAPS * usual and holes <= HOLE_SHARE * duration_s)


def _since(start_ns: int, series: Series) -> NDArray[np.float64]:
    """Its stamps in seconds from the start."""
    since: NDArray[np.int64] = np.array(series.ns, dtype=np.int64) - start_ns
    return since / NS_PER_S


def _duration_s(span: Span) -> float:
    return (span[1] - span[0]) / NS_PER_S


def _per(whole: float | None, parts: float) -> float | None:
    return whole / parts if whole is not None and parts else None
