"""What a sampler reads: sensors, and the sources that have them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

Row = tuple[int, str, float]  # ns of the monotonic clock, signal, value in the unit of the signal's name


class AbsentError(Exception):
    """A source that is not here, or has ended; the message says why, in words."""


class Sensor(Protocol):
    """What is read in one go. `name`: of the signal, or of the device, as a user would know it."""

    name: str

    def read(self) -> Sequence[Row]:
        """What it says now, stamped when it said so; no row for what cannot be read. May block.

        AbsentError when nothing will come any more.
        """


@dataclass(frozen=True, slots=True)
class Source:
    """Sensors of one kind. `find`: those that are here; AbsentError without one.

    `interval_s`: between reads; 0 where a read itself waits for the next. `patience_s`: how long one may take before
    it counts as hanging. `to_the_end`: whether it is read once more when sampling ends.
    """

    name: str
    interval_s: float
    find: Callable[[], Sequence[Sensor]]
    patience_s: float = 1.0
    to_the_end: bool = False
