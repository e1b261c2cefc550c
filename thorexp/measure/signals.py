"""What was sampled while a load was played: signals over time."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Series:
    """One signal. `ns`: of the run's one monotonic clock, ascending; `values`: as many, in the unit of its name."""

    ns: tuple[int, ...]
    values: tuple[float, ...]

    def within(self, start_ns: int, end_ns: int) -> "Series":
        """Its samples in [start, end]."""
        first, last = bisect_left(self.ns, start_ns), bisect_right(self.ns, end_ns)
        return Series(self.ns[first:last], self.values[first:last])

    @property
    def mean(self) -> float | None:
        """Of its samples, each alike; absent without one."""
        return sum(self.values) / len(self.values) if self.values else None

    @property
    def largest(self) -> float | None:
        """Absent without a sample."""
        return max(self.values, default=None)


@dataclass(frozen=True, slots=True)
class Telemetry:
    """All signals by name, `source.what_unit`: `hwmon.VIN_w`, `tegrastats.tj_c`, `nvml.gpu0_w`, `server.waiting`.

    `absent`: in words, each source that could not be read here, or ceased to answer. `cpu_share`: what sampling
    cost, 1 being a whole core; absent where it is not known.
    """

    signals: Mapping[str, Series] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    cpu_share: float | None = None

    def within(self, start_ns: int, end_ns: int) -> "Telemetry":
        """The same in [start, end]; a signal without a sample there is left out."""
        cut = {name: series.within(start_ns, end_ns) for name, series in self.signals.items()}
        return Telemetry({name: series for name, series in cut.items() if series.ns}, self.absent, self.cpu_share)
