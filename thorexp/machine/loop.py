"""Reads the sensors of one source at a steady rate, in a thread of its own."""

import threading
import time
import traceback
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from thorexp.machine.source import AbsentError, Row, Sensor, Source

NS_PER_S = 1e9


class Loop:
    """Rows of a source into `rows`, until `stop` is set. A sensor that hangs keeps its thread, and only that.

    Its first read is made at once, and of a source that is read `to_the_end` a last one when `stop` is set. What a
    source or a sensor raises ends it, and is told. No thread can be called back from a read that sits in the kernel:
    the sensors behind the one that hangs are handed to a loop of their own. Should it answer after all, its loop goes
    on with it alone.
    """

    def __init__(self, source: Source, rows: "deque[Row]", stop: threading.Event) -> None:
        self._source, self._rows, self._stop = source, rows, stop
        self._lock = threading.Lock()  # around who reads what
        self._sensors: Sequence[Sensor] = ()
        self._asked: tuple[Sensor | Source, int] | None = None
        self._hung: Sensor | Source | None = None
        self._answered = False
        self._ended: str | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Find the sensors and read them from now on."""
        self._thread.start()

    def finish(self, timeout_s: float) -> None:
        """Wait so long for its last read, now that `stop` is set; not at all where it makes none."""
        if self._source.to_the_end:
            self._thread.join(timeout_s)

    @property
    def absent(self) -> str | None:
        """In words, what could not be read, or ceased to answer; None while all do."""
        if self._ended is not None:
            return f"{self._source.name}: {self._ended}"
        if self._hung is not None:
            return f"{self._hung.name} did not answer for {self._source.patience_s:g} s"
        return None if self._answered else f"{self._source.name} gave no reading"

    def without_hanging(self) -> "Loop | None":
        """For the other sensors, a loop that is not yet started, once one has hung for longer than patience has it."""
        with self._lock:
            if self._asked is None or self._asked[0] is self._hung:
                return None
            sensor, since_ns = self._asked
            if time.monotonic_ns() - since_ns < self._source.patience_s * NS_PER_S:
                return None
            self._hung = sensor
            others = [other for other in self._sensors if other is not sensor]
            self._sensors = [same for same in self._sensors if same is sensor]
        return Loop(replace(self._source, find=lambda: others), self._rows, self._stop) if others else None

    def _run(self) -> None:
        try:
            self._asked = self._source, time.monotonic_ns()
            self._sensors = self._source.find()
            self._read_until_told()
        except AbsentError as ended:
            self._end(str(ended))
        except Exception as broken:  # noqa: BLE001  whatever a driver's library raises becomes its absence, in words
            self._end(f"broke off, {traceback.format_exception_only(broken)[-1].strip()}")
        self._asked = None

    def _end(self, why: str) -> None:
        """What ends because all of it was told to is not absent."""
        if not (self._stop.is_set() and self._answered):
            self._ended = why

    def _read_until_told(self) -> None:
        interval_ns, due_ns = round(self._source.interval_s * NS_PER_S), time.monotonic_ns()
        while not self._stop.is_set():
            self._read()
            now_ns = time.monotonic_ns()
            due_ns = next_due_ns(due_ns, now_ns, interval_ns)
            self._stop.wait((due_ns - now_ns) / NS_PER_S)
        if self._source.to_the_end:
            self._read()

    def _read(self) -> None:
        for sensor in self._sensors:
            if self._is_ours(sensor) and (rows := sensor.read()):
                self._rows.extend(rows)
                self._answered = True
        self._asked = None

    def _is_ours(self, sensor: Sensor) -> bool:
        """Whether to read it; no longer when it was handed on while the one before it hung."""
        with self._lock:
            self._asked = sensor, time.monotonic_ns()
            return sensor in self._sensors


def next_due_ns(due_ns: int, now_ns: int, interval_ns: int) -> int:
    """The next tick of the grid; those that were slept over are left out. Now, without an interval."""
    if interval_ns == 0:
        return now_ns
    return due_ns + interval_ns * (max(0, now_ns - due_ns) // interval_ns + 1)
