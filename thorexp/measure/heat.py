"""How hot a machine became, and whether it slowed itself down for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from thorexp.measure.signals import Series, Telemetry

PREFIX = "throttle."


@dataclass(frozen=True, slots=True)
class Throttling:
    """Of one load, by what slowed the machine down. `events`: that were counted; `shares`: of the load, during which
    a state held. What did not happen is left out.
    """

    events: Mapping[str, float]
    shares: Mapping[str, float]


def hottest(telemetry: Telemetry) -> tuple[str, float] | None:
    """The signal with the highest temperature, and that in °C; absent without one."""
    signals = telemetry.signals.items()
    zones = [(name, max(series.values)) for name, series in signals if name.endswith("_c") and series.values]
    return max(zones, key=lambda zone: zone[1], default=None)


def throttling(
    telemetry: Telemetry, start_ns: int, end_ns: int, is_counter: Callable[[str], bool]
) -> Throttling | None:
    """In [start, end]; absent where nothing tells.

    Of a counter the increase from the last value before the load to the first after it, of a state the share of its
    samples above 0. `is_counter`: which of the two a signal is, by its name (`machine.throttle.is_counter`): its
    values do not say, for 1, 1, 1 may be an event of yesterday or a state that held all the time.
    """
    signals = {name: series for name, series in telemetry.signals.items() if name.startswith(PREFIX)}
    counted = {name: _increase(series, start_ns, end_ns) for name, series in signals.items() if is_counter(name)}
    held = {name: _share(series.within(start_ns, end_ns)) for name, series in signals.items() if not is_counter(name)}
    if all(amount is None for amount in (*counted.values(), *held.values())):
        return None
    return Throttling(_above_0(counted), _above_0(held))


def _above_0(amounts: Mapping[str, float | None]) -> dict[str, float]:
    return {name.removeprefix(PREFIX): amount for name, amount in amounts.items() if amount is not None and amount > 0}


def _increase(series: Series, start_ns: int, end_ns: int) -> float | None:
    """Absent unless it was read at two moments: before and after, or else during the load. Or where it was set back."""
    begin = max((ns for ns in series.ns if ns <= start_ns), default=start_ns)
    end = min((ns for ns in series.ns if ns >= end_ns), default=end_ns)
    values = series.within(begin, end).values
    return values[-1] - values[0] if len(values) > 1 and values[-1] >= values[0] else None


def _share(series: Series) -> float | None:
    return sum(value > 0 for value in series.values) / len(series.values) if series.values else None
