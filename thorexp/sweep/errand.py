"""What travels to a board and back, and the process that does it there.

A board's executor calls `run_errand`, and pickles no more than text and what comes back. The process that it starts
ends with the one that called: however a node, a task or a driver dies, no server of theirs stays.
"""

import json
import os
import platform
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import IO, Any

from thorexp.own_error import EXIT_CODE
from thorexp.serve.guard import die_with_parent

LAST_LINES = 12
REFUSED = (1, EXIT_CODE)  # exit codes of a group that a board does not take, Python's own too
LISTEN_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class AskedJob:
    """One job: its composed tree with the `hydra` node as YAML, whose interpolations are the board's to resolve."""

    number: int
    point: str
    subdir: str
    digest: str
    tree: str


@dataclass(frozen=True, slots=True)
class Errand:
    """The jobs of one server, of that sweep."""

    sweep: str
    jobs: tuple[AskedJob, ...]

    def as_json(self) -> str:
        """On one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Errand":
        """What `as_json` made."""
        values = json.loads(text)
        return cls(values["sweep"], tuple(AskedJob(**job) for job in values["jobs"]))


@dataclass(frozen=True, slots=True)
class JobEnded:
    """How a job ended. `error`: absent when it finished; `run_id`: absent when it is not in MLflow."""

    point: str
    error: str | None
    run_id: str | None


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that has ended on a board, with the answers it came to. `lost`: why there are no more of them;
    `refused`: that it said so itself, of all that is left, and was not killed at one job.
    """

    board: str
    answers: tuple[JobEnded, ...]
    lost: str | None
    refused: bool = False


def run_errand(errand: str, extra: Mapping[str, str | None] | None = None) -> Ended:
    """Do it in a process of its own, with these variables over the environment; absent ones are taken out.

    To be called by the main thread: the process dies with the thread that started it.
    """
    process = _started(dict(os.environ) | dict(extra or {}))
    last: deque[str] = deque(maxlen=LAST_LINES)
    try:
        out = _asked(process, errand, last)
    except BaseException:
        process.terminate()  # it stops its server, and is killed with us if that takes longer than we have
        process.wait()
        raise
    return Ended(platform.node(), _answers(out), _why(process.returncode, last), process.returncode in REFUSED)


def _started(variables: Mapping[str, str | None]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "thorexp.sweep.group"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={key: value for key, value in variables.items() if value is not None},
        text=True,
        preexec_fn=die_with_parent,
    )


def _asked(process: "subprocess.Popen[str]", errand: str, last: deque[str]) -> str:
    """What it answers until its end.

    Others read: Ray cancels by an interruption that Python sees only between two calls, so none may take long.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    readers = ThreadPoolExecutor(2)
    answers, passed = readers.submit(process.stdout.read), readers.submit(_pass_on, process.stderr, last)
    readers.shutdown(wait=False)  # they end with what they read
    with suppress(BrokenPipeError), process.stdin as asked:  # of one that ended at once its words are told
        asked.write(errand)
    reading: set[Future[Any]] = {answers, passed}
    while wait(reading, LISTEN_EVERY_S).not_done:
        pass
    process.wait()
    return answers.result()


def _pass_on(said: IO[str], last: deque[str]) -> None:
    """To the log that the executor keeps of the task, as it comes."""
    for line in said:
        sys.stderr.write(line)
        sys.stderr.flush()
        last.append(line.rstrip())


def _answers(out: str) -> tuple[JobEnded, ...]:
    """Whole lines: the last one of a process that was killed may not be."""
    return tuple(JobEnded(**json.loads(line)) for line in out.splitlines(keepends=True) if line.endswith("\n"))


def _why(code: int, last: Iterable[str]) -> str | None:
    if code == 0:
        return None
    how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
    return "\n".join((how, *last))
