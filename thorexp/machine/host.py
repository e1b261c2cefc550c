"""The machine as a whole: how busy its CPUs are and how much of its memory is used."""

import time

from thorexp.machine.source import Row, Sensor, Source

INTERVAL_S = 1.0
BYTES_PER_GB = 1e9


class Host:
    """`host.cpu_percent`: of all CPUs, since the last read. `host.memory_gb`: used, which is total − available.

    There is no `cpu_percent` at the first read.
    """

    name = "host"

    def __init__(self) -> None:
        import psutil  # here, for a sampler of a server elsewhere does without

        self._psutil = psutil
        self._counted = False

    def read(self) -> list[Row]:
        """Both, as psutil reads them from /proc."""
        memory, busy, ns = self._psutil.virtual_memory(), self._psutil.cpu_percent(), time.monotonic_ns()
        rows = [(ns, "host.memory_gb", (memory.total - memory.available) / BYTES_PER_GB)]
        if self._counted:
            rows.append((ns, "host.cpu_percent", busy))
        self._counted = True
        return rows


def source() -> Source:
    """Once a second, whatever the interval of the sensors: what it reads changes no faster and costs more."""
    return Source("host", INTERVAL_S, find)


def find() -> list[Sensor]:
    """Always here."""
    return [Host()]
