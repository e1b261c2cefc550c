"""thorexp as a user runs it: a process, a folder, what it printed and what it kept."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from thorexp.rundir import RESULT, Record, RunDir, find_run_dirs

FAKE = f"{sys.executable} {Path(__file__).with_name('fake_vllm.py')} serve"


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished command: exit code, what it printed, and the folder it ran in."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def run_dirs(self) -> tuple[RunDir, ...]:
        """Complete records, in path order."""
        return find_run_dirs(self.folder / "outputs")

    @property
    def records(self) -> tuple[Record, ...]:
        """What they say of themselves."""
        return tuple(run_dir.record() for run_dir in self.run_dirs)

    @property
    def results(self) -> tuple[dict[str, Any], ...]:
        """The result.json of each finished record."""
        return tuple(d.read_json(RESULT) for d in self.run_dirs if d.has(RESULT))


def environment(folder: Path, fake: dict[str, Any] | None = None) -> dict[str, str]:
    """The user's, with a home of its own so that nothing cached before counts."""
    return {**os.environ, "HOME": str(folder), "FAKE_VLLM": json.dumps(fake or {}), "COLUMNS": "200"}


def thorexp(folder: Path, *words: str, fake: dict[str, Any] | None = None, timeout_s: float = 300) -> Ran:
    """`python -m thorexp words…` in that folder."""
    done = subprocess.run(
        [sys.executable, "-m", "thorexp", *words],
        cwd=folder,
        env=environment(folder, fake),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr, folder)


def servers_below(folder: Path) -> list[psutil.Process]:
    """Living processes that work in that folder: whatever thorexp started there, or left behind.

    By their working directory, since vLLM's write their titles over their environment.
    """
    return [p for p in psutil.process_iter() if p.pid != os.getpid() and _folder(p) == str(folder)]


def _folder(process: psutil.Process) -> str | None:
    try:
        return None if process.status() == psutil.STATUS_ZOMBIE else process.cwd()
    except psutil.Error:
        return None
