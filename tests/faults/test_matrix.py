"""The matrix of faults is whole, and names tests that are there."""

import subprocess
import sys
from pathlib import Path

from tests.faults.matrix import FAULTS

ROOT = Path(__file__).parents[2]
MUST_BE_THERE = {
    "server": (
        "exits at start", "exits mid-load", "hangs at start", "hangs mid-stream", "closes connections", "half a chunk",
        "wrong content type", "400", "401", "404", "413", "429", "500", "503", "invalid UTF-8",
        "10 MB without a newline", "endless stream", "usage missing", "usage contradicting", "tokens after [DONE]",
        "clock step", "port taken", "ignores SIGTERM", "forks children",
    ),
    "host": (
        "SIGKILL, composing", "SIGKILL, a server loads", "SIGKILL, mid-load", "SIGKILL, between record and tracking",
        "SIGKILL, making MLflow's tables", "SIGKILL, tracking", "SIGTERM", "Ctrl-C once", "Ctrl-C twice", "disk full",
        "read-only outputs", "no permission", "out of file descriptors", "memory limit",
    ),
    "tracking": (
        "server down at start", "server down mid-sweep", "server down at the end", "slow", "500s", "database locked",
        "artifact store read-only",
    ),
}  # fmt: skip


def test_every_fault_is_there_once() -> None:
    """By its area and its name."""
    there = [(fault.area, fault.name) for fault in FAULTS]
    assert len(there) == len(set(there))
    assert set() == {(area, name) for area, names in MUST_BE_THERE.items() for name in names} - set(there)


def test_every_test_that_it_names_is_there() -> None:
    """As pytest collects them; with brackets to the last parameter."""
    named = {
        each for fault in FAULTS for each in (*fault.shown_by, *(() if isinstance(fault.real, str) else fault.real))
    }
    files = sorted({each.partition("::")[0] for each in named})
    words = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files]
    told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    collected = set(told.stdout.splitlines())
    without = {each.partition("[")[0] for each in collected}
    assert set() == {each for each in named if each not in collected and each not in without}, told.stdout[-3000:]
