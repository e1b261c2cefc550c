"""Power of Intel and AMD processors, from the energy they count (RAPL, /sys/class/powercap)."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from thorexp.machine.source import AbsentError, Row, Sensor, Source
from thorexp.machine.sysfs import NumberFile, distinct, in_order, name_in

Clock = Callable[[], int]
W_PER_UJ_NS = 1e3


class Domain:
    """A part that counts its energy (µJ), in watts: the mean between two reads, stamped halfway between them."""

    def __init__(self, domain: str, energy: NumberFile, range_uj: int, clock: Clock) -> None:
        self.name = f"rapl.{domain}_w"
        self._energy, self._range_uj, self._clock = energy, range_uj, clock
        self._before: tuple[int, int] | None = None

    def read(self) -> list[Row]:
        """The watts since the last read; no row at the first."""
        energy_uj, ns = self._energy.read(), self._clock()
        if energy_uj is None:
            return []
        before, self._before = self._before, (ns, energy_uj)
        if before is None or ns <= before[0]:
            return []
        used_uj = energy_uj - before[1]
        if used_uj < 0:
            used_uj += self._range_uj
        return [((before[0] + ns) // 2, self.name, used_uj / (ns - before[0]) * W_PER_UJ_NS)]


def source(root: Path, interval_s: float) -> Source:
    """All domains below that root of the file system."""
    return Source("rapl", interval_s, lambda: domains(root))


def domains(root: Path, clock: Clock = time.monotonic_ns) -> list[Sensor]:
    """`rapl.package-0_w`, and what it contains as `rapl.package-0-core_w`: never to be added to it."""
    folders = [folder for folder in in_order(root.glob("sys/class/powercap/intel-rapl:*")) if _name(folder)]
    if not folders:
        raise AbsentError("no /sys/class/powercap/intel-rapl:* here")
    readable = [folder for folder in folders if os.access(folder / "energy_uj", os.R_OK)]
    if not readable:
        raise AbsentError("/sys/class/powercap/intel-rapl:*/energy_uj can be read by root only")
    names = distinct(_name(folder) for folder in readable)
    return [
        Domain(name, NumberFile(folder / "energy_uj"), NumberFile(folder / "max_energy_range_uj").read() or 0, clock)
        for folder, name in zip(readable, names, strict=True)
    ]


def _name(folder: Path) -> str:
    """Of a domain within another (`intel-rapl:0:1`) with that one's before it; empty without one."""
    own, (_, *numbers) = name_in(folder / "name") or "", folder.name.split(":")
    if own and len(numbers) > 1:
        return f"{name_in(folder.with_name(f'intel-rapl:{numbers[0]}') / 'name')}-{own}"
    return own
