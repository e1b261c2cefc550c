"""How hard a fuzz test tries, and what it may take.

`THOREXP_FUZZ=50` tries fifty times as many examples as a test run does, drawn anew each time; found ones are kept in
the tests as `@example`.
"""

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from hypothesis import HealthCheck, Phase, settings

TIMES = int(os.environ.get("THOREXP_FUZZ", "1"))
CPU_S = 20.0  # of a thing that takes a tenth of a second: not the machine is slow, but the code
MEMORY = 6_000_000_000
PAGE = os.sysconf("SC_PAGE_SIZE")


def trying(examples: int) -> settings:
    """So many, always the same ones, unless more is asked for."""
    return settings(
        max_examples=examples * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,
        print_blob=False,
        phases=[Phase.explicit, Phase.generate] if os.environ.get("THOREXP_FUZZ_PHASES") else list(Phase),
        suppress_health_check=list(HealthCheck),
    )


class TooLongError(BaseException):
    """Nobody waits so long for an answer."""


@contextmanager
def bounded(cpu_s: float = CPU_S) -> Iterator[None]:
    """TooLongError, and MemoryError, for what takes more than any input is worth."""
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123  a thousand times a second
        taken = int(statm.read().split()[0]) * PAGE
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGVTALRM, _too_long)
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, hard))
    signal.setitimer(signal.ITIMER_VIRTUAL, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGVTALRM, before)


def _too_long(_signal: int, _frame: FrameType | None) -> None:
    raise TooLongError
