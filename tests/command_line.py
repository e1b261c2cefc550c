"""thorexp as a user runs it: a process, a folder, what it printed and what it kept."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from thorexp.rundir import RESULT, Record, RunDir, find_run_dirs

FAKE = f"{sys.executable} {Path(__file__).with_name('fake_vllm.py')} serve"
# Two requests to it, after one to warm up.
SMALL_LOAD = (
    f"server.command='{FAKE}'",
    "workload.input_len=32",
    "load.num_prompts=2",
    "load.num_warmups=1",
)


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
    """The user's, with a home and a board's lock of its own so that nothing else on the machine counts."""
    return {
        **os.environ,
        "HOME": str(folder),
        "THOREXP_LOCK": str(folder / "board.lock"),
        "FAKE_VLLM": json.dumps(fake or {}),
        "COLUMNS": "200",
    }


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


@dataclass(frozen=True, slots=True)
class Running:
    """A command that has not ended, with its output in files of its own."""

    process: "subprocess.Popen[bytes]"
    folder: Path
    out: Path
    err: Path

    def until(self, come: Callable[[], bool], *, look_every_s: float = 0.02, timeout_s: float = 300) -> None:
        """Wait until that has come true. The command must still run then, or what it printed is shown."""
        deadline = time.monotonic() + timeout_s
        while not come():
            assert self.process.poll() is None, f"exit code {self.process.returncode}\n{self.err.read_text()}"
            assert time.monotonic() < deadline, self.err.read_text()
            time.sleep(look_every_s)

    def until_it_says(self, words: str) -> None:
        """Wait for words on standard error."""
        self.until(lambda: words in self.err.read_text())

    def ended(self, timeout_s: float = 300) -> Ran:
        """What became of it, once it has ended by itself."""
        code = self.process.wait(timeout_s)
        return Ran(code, self.out.read_text(), self.err.read_text(), self.folder)


@contextmanager
def running(folder: Path, *words: str, fake: dict[str, Any] | None = None) -> Iterator[Running]:
    """`python -m thorexp words…` in that folder, which goes on beside the test; killed when that is left early."""
    out, err = (folder / f".{time.monotonic_ns()}.{name}" for name in ("out", "err"))
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "thorexp", *words],
            cwd=folder,
            env=environment(folder, fake),
            stdout=stdout,
            stderr=stderr,
        )
    try:
        yield Running(process, folder, out, err)
    finally:
        process.kill()
        process.wait()


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """What MLflow's database says of one run."""

    status: str
    tags: dict[str, str]

    @property
    def kind(self) -> str:
        """ "job" or "sweep"; empty for one that was never filled."""
        return self.tags.get("thorexp.kind", "")

    @property
    def point(self) -> str:
        """The digest of a job's point; empty for other runs."""
        return self.tags.get("thorexp.point", "")


def tracked_runs(folder: Path) -> list[TrackedRun]:
    """All runs of the folder's store; none while there is no such store."""
    store = f"file:{folder / 'mlruns' / 'mlflow.db'}?mode=ro"
    try:
        with closing(sqlite3.connect(store, uri=True, timeout=20)) as database:
            statuses = list(database.execute("select run_uuid, status from runs"))
            tags = list(database.execute("select run_uuid, key, value from tags"))
    except sqlite3.OperationalError:
        return []
    return [TrackedRun(status, {key: value for owner, key, value in tags if owner == run}) for run, status in statuses]


def servers_below(folder: Path) -> list[psutil.Process]:
    """Living processes that work in that folder: whatever thorexp started there, or left behind.

    By their working directory, since vLLM's write their titles over their environment.
    """
    return [p for p in psutil.process_iter() if p.pid != os.getpid() and _folder(p) == str(folder)]


def command_of(process: psutil.Process) -> str:
    """Its words, or the title it has given itself; empty once it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _folder(process: psutil.Process) -> str | None:
    try:
        return None if process.status() == psutil.STATUS_ZOMBIE else process.cwd()
    except psutil.Error:
        return None
