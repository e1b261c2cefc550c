"""Power rails as the kernel reads them: INA3221 and INA238, without privilege.

On Jetson Thor VDD_GPU, VDD_CPU_SOC_MSS and VIN_SYS_5V0 are channels of an INA3221; VIN, an INA238, is the whole
board's input and contains them. hwmon numbers change between boots, so rails are found by chip and label.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from thorexp.machine.source import AbsentError, Row, Sensor, Source
from thorexp.machine.sysfs import NumberFile, distinct, in_order, name_in

UW_PER_W = 1e6
NOT_CONNECTED = "NC"


class Channel:
    """A rail of an INA3221, in watts: bus voltage (mV) × current (mA). An offset can make it negative at idle."""

    def __init__(self, rail: str, millivolts: NumberFile, milliamperes: NumberFile) -> None:
        self.name = f"hwmon.{rail}_w"
        self._millivolts, self._milliamperes = millivolts, milliamperes

    def read(self) -> list[Row]:
        """The watts of now."""
        millivolts, milliamperes = self._millivolts.read(), self._milliamperes.read()
        if millivolts is None or milliamperes is None:
            return []
        return [(time.monotonic_ns(), self.name, millivolts * milliamperes / UW_PER_W)]


class Meter:
    """A rail whose chip multiplies by itself (`power1_input`, µW), in watts."""

    def __init__(self, rail: str, microwatts: NumberFile) -> None:
        self.name = f"hwmon.{rail}_w"
        self._microwatts = microwatts

    def read(self) -> list[Row]:
        """The watts of now."""
        microwatts = self._microwatts.read()
        return [] if microwatts is None else [(time.monotonic_ns(), self.name, microwatts / UW_PER_W)]


def source(root: Path, interval_s: float) -> Source:
    """All rails below that root of the file system."""
    return Source("hwmon", interval_s, lambda: rails(root))


def rails(root: Path) -> list[Sensor]:
    """AbsentError on a machine without such a chip."""
    found = [rail for chip in in_order(root.glob("sys/class/hwmon/hwmon*")) for rail in _rails(chip)]
    if not found:
        raise AbsentError("no INA3221 or INA238 measures power here")
    names = distinct(name for name, _, _ in found)
    return [_sensor(name, chip, number) for name, (_, chip, number) in zip(names, found, strict=True)]


def _sensor(rail: str, chip: Path, number: str | None) -> Sensor:
    if number is None:
        return Meter(rail, NumberFile(chip / "power1_input"))
    return Channel(rail, NumberFile(chip / f"in{number}_input"), NumberFile(chip / f"curr{number}_input"))


def _rails(chip: Path) -> Iterator[tuple[str, Path, str | None]]:
    """Name, chip and number of each; without a number where the chip has only one."""
    kind = name_in(chip / "name")
    if kind == "ina238":
        yield name_in(chip / "label") or kind, chip, None
    elif kind == "ina3221":
        for label in in_order(chip.glob("in*_label")):
            rail, number = name_in(label), label.name.removeprefix("in").removesuffix("_label")
            # in7 is the sum of the shunt voltages and has no current
            if rail not in (None, NOT_CONNECTED) and (chip / f"curr{number}_input").exists():
                yield str(rail), chip, number
