"""The machine and the versions that a result belongs to."""

import os
import platform
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import psutil

BYTES_PER_GB = 1e9


@dataclass(frozen=True, slots=True)
class Identity:
    """What it ran on. `git_commit`: of the checkout that thorexp runs from; absent when it is installed."""

    hostname: str
    machine: str
    kernel: str
    cpus: int
    memory_gb: float
    python: str
    thorexp: str
    git_commit: str | None


@cache
def identity() -> Identity:
    """Read once a process: none of it changes while one lives."""
    return Identity(
        hostname=platform.node(),
        machine=platform.machine(),
        kernel=platform.release(),
        cpus=os.cpu_count() or 1,
        memory_gb=psutil.virtual_memory().total / BYTES_PER_GB,
        python=platform.python_version(),
        thorexp=version("thorexp"),
        git_commit=_git_commit(Path(__file__).parents[2]),
    )


def _git_commit(checkout: Path) -> str | None:
    """The commit, with "-dirty" when tracked files differ from it."""
    if not (checkout / ".git").exists():
        return None
    try:
        said = subprocess.run(
            ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip()
