"""Of a job that failed: whether by what it asked of its server, or by what was wrong before it asked for anything."""

import re

from thorexp.results.summary import Point
from thorexp.rundir import RECORD, RunDir
from thorexp.serve.diagnose import LACKS_MEMORY

# Of a server that never was ready. The second is what Pydantic says of values that vLLM's config classes refuse.
OWN = re.compile(rf"{LACKS_MEMORY.pattern}|for lack of memory|\bValue error, |invalid choice|KV cache is needed")


def had_server(point: Point) -> bool:
    """Whether there was a server for it to fail on. One that was refused, or not begun, has no record."""
    if point.directory is None or not RunDir(point.directory).has(RECORD):
        return False
    return RunDir(point.directory).record().measure_s is not None


def is_its_own(point: Point) -> bool:
    """Whether it says something of this point: its server was ready, or lacked memory for it, or refused its values.

    All else may befall any point: a library that is not there, a board that is lost, a port that is taken.
    """
    return had_server(point) or OWN.search(point.error or "") is not None
