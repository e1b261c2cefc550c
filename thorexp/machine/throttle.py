"""Throttling: what the kernel says of a machine that slows itself down.

Alerts are states, above 0 while they hold. Counters only grow, from boot on; they are read at once when sampling
starts and once more when it ends, so that a load between has a value before it and one after it. `is_counter` tells
them apart, for GPUs (`nvml`) too. Nothing of devfreq is read but by its owner: on Jetson Thor its min_freq, max_freq
and cur_freq can hang in the kernel (JetPack 7.2).
"""

import re
import time
from pathlib import Path

from thorexp.machine.source import AbsentError, Row, Sensor, Source
from thorexp.machine.sysfs import NumberFile, distinct, in_order, name_in

COUNTERS_INTERVAL_S = 1.0  # a counter keeps what came between two looks, and there may be one per CPU
ALERT = "-throttle-alert"


class Number:
    """A state, or a counter, as it stands; the largest where several files tell the same."""

    def __init__(self, what: str, *files: NumberFile) -> None:
        self.name = f"throttle.{what}"
        self._files = files

    def read(self) -> list[Row]:
        """What it says now."""
        said = [number for number in (file.read() for file in self._files) if number is not None]
        return [(time.monotonic_ns(), self.name, float(max(said)))] if said else []


def is_counter(signal: str) -> bool:
    """Whether what counts is how much a `throttle.*` signal has grown, not how high it stands."""
    return re.fullmatch(r"throttle\.(oc\d+|cpu_package)", signal) is not None


def alert_source(root: Path, interval_s: float) -> Source:
    """Cooling devices of Jetson that are raised while a part throttles."""
    return Source("throttle alerts", interval_s, lambda: alerts(root))


def counter_source(root: Path) -> Source:
    """Over-current events of Jetson, thermal events of x86."""
    return Source("throttle counters", COUNTERS_INTERVAL_S, lambda: counters(root), to_the_end=True)


def alerts(root: Path) -> list[Sensor]:
    """Named by their type: `cpu-throttle-alert` is `throttle.cpu-throttle-alert`."""
    found = {}
    for folder in in_order(root.glob("sys/class/thermal/cooling_device*")):
        kind = name_in(folder / "type")
        if kind is not None and kind.endswith(ALERT):
            found[folder] = kind
    if not found:
        raise AbsentError(f"no cooling device *{ALERT} here")
    return [
        Number(name, NumberFile(folder / "cur_state"))
        for folder, name in zip(found, distinct(found.values()), strict=True)
    ]


def counters(root: Path) -> list[Sensor]:
    """`throttle.oc1` from `oc1_event_cnt`; `throttle.cpu_package` is that of the CPU that counted the most."""
    events = in_order(root.glob("sys/class/hwmon/hwmon*/oc*_event_cnt"))
    packages = in_order(root.glob("sys/devices/system/cpu/cpu*/thermal_throttle/package_throttle_count"))
    names = distinct(path.name.removesuffix("_event_cnt") for path in events)
    found: list[Sensor] = [Number(name, NumberFile(path)) for name, path in zip(names, events, strict=True)]
    if packages:
        found.append(Number("cpu_package", *map(NumberFile, packages)))
    if not found:
        raise AbsentError("no counter of throttling here")
    return found
