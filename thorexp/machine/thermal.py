"""Thermal zones: how hot the machine is, part by part."""

import time
from pathlib import Path

from thorexp.machine.source import AbsentError, Row, Sensor, Source
from thorexp.machine.sysfs import NumberFile, distinct, in_order, name_in

MILLIDEGREES_PER_C = 1e3


class Zone:
    """A zone, in degrees Celsius; no row while it is off, which reads -256 °C, or EAGAIN where the GPU is gated."""

    def __init__(self, zone: str, millidegrees: NumberFile) -> None:
        self.name = f"thermal.{zone}_c"
        self._millidegrees = millidegrees

    def read(self) -> list[Row]:
        """Its temperature of now."""
        millidegrees = self._millidegrees.read()
        if millidegrees is None or millidegrees <= 0:
            return []
        return [(time.monotonic_ns(), self.name, millidegrees / MILLIDEGREES_PER_C)]


def source(root: Path, interval_s: float) -> Source:
    """All zones below that root of the file system."""
    return Source("thermal", interval_s, lambda: zones(root))


def zones(root: Path) -> list[Sensor]:
    """Named by their type, of which `-thermal` says nothing: `tj-thermal` is `thermal.tj_c`."""
    found = {}
    for folder in in_order(root.glob("sys/class/thermal/thermal_zone*")):
        kind = name_in(folder / "type")
        if kind is not None:
            found[folder] = kind.removesuffix("-thermal")
    if not found:
        raise AbsentError("no thermal zones here")
    return [
        Zone(name, NumberFile(folder / "temp")) for folder, name in zip(found, distinct(found.values()), strict=True)
    ]
