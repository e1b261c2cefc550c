"""Which of the sampled signals is the power of a result."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from thorexp.measure.signals import Series, Telemetry

# VIN is all that enters a Thor, module and carrier, and holds its other rails; VDD_IN the same of Orin NX and Nano.
TOTALS = ("hwmon.VIN_w", "tegrastats.VIN_w", "hwmon.VDD_IN_w", "tegrastats.VDD_IN_w")
RAILS = ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0")  # of an AGX Orin, which has no total
WHOLE = ("board", "sum of rails")  # scopes that no running machine leaves unpowered


@dataclass(frozen=True, slots=True)
class Power:
    """In W over time. `scope`: of what, in words; `source`: the signals it was made of.

    `counter`: the energy in J since some beginning, where the hardware itself counts it; absent elsewhere.
    """

    scope: str
    source: str
    series: Series
    counter: Series | None = None


def power_of(telemetry: Telemetry, gpus: Sequence[int] | None) -> Power | None:
    """The widest there is: board input, sum of an AGX Orin's rails, `gpus` (absent: all), CPU packages, in this order.

    Nothing is counted twice: rails are never added to a total that holds them, nor `psys` or `dram` to packages.
    Samples that cannot be are left out: those of a running board that are not above 0 (single rails may be, at idle,
    by an offset: one of -392 mW was seen), and negative ones of a GPU or CPU, whose 0 means that it is gated. A
    signal without any other sample gives way to the next.
    """
    for scope, names in _candidates(telemetry, gpus):
        series = _possible(_sum(telemetry, names), scope)
        if series is not None:
            counter = _sum(telemetry, [re.sub("_w$", "_j", name) for name in names]) if scope == "GPU" else None
            return Power(scope, " + ".join(names), series, counter)
    return None


def _candidates(telemetry: Telemetry, gpus: Sequence[int] | None) -> Iterator[tuple[str, Sequence[str]]]:
    for name in TOTALS:
        yield "board", (name,)
    for source in ("hwmon", "tegrastats"):
        yield "sum of rails", [f"{source}.{rail}_w" for rail in RAILS]
    yield "GPU", _matching(telemetry, r"nvml\.gpu\d+_w") if gpus is None else [f"nvml.gpu{i}_w" for i in gpus]
    yield "CPU package", _matching(telemetry, r"rapl\.package-\d+_w")


def _matching(telemetry: Telemetry, pattern: str) -> list[str]:
    return sorted(name for name in telemetry.signals if re.fullmatch(pattern, name))


def _sum(telemetry: Telemetry, names: Sequence[str]) -> Series | None:
    """At the stamps of the one with the fewest that all of them span, the others linearly interpolated.

    Absent when one is missing. Not at all stamps of all: signals of one source are read a moment after each other,
    so that the usual gap would be that moment. And of the fewest, so that what one of them missed stays a gap.
    """
    found = [telemetry.signals[name] for name in names if name in telemetry.signals]
    if not names or len(found) < len(names) or not all(series.ns for series in found):
        return None
    first, last = max(series.ns[0] for series in found), min(series.ns[-1] for series in found)
    stamps = min((series.within(first, last).ns for series in found), key=len)
    since = np.array(stamps, dtype=np.int64) - first
    curves = [np.interp(since, np.array(series.ns, dtype=np.int64) - first, series.values) for series in found]
    return Series(stamps, tuple(np.sum(curves, axis=0).tolist())) if stamps else None


def _possible(series: Series | None, scope: str) -> Series | None:
    """Its finite samples above 0, or not below where a part may be off; absent without one."""
    if series is None:
        return None
    values = np.array(series.values)
    kept = np.isfinite(values) & ((values > 0) if scope in WHOLE else (values >= 0))
    if not kept.any():
        return None
    return Series(tuple(np.array(series.ns)[kept].tolist()), tuple(values[kept].tolist()))
