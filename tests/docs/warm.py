"""Many `python -m …`, one after the other, in forks of a process that has their imports behind it: a second less each.

A line on standard input is a command as JSON; the line that answers it is its exit code.
"""

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.command_line import Ran, environment

ROOT = Path(__file__).parents[2]
IMPORTED = (  # but for what is run itself
    "thorexp.task",
    "thorexp.compare.matching",
    "thorexp.compare.web",
    "thorexp.published",
    "thorexp.tracking.store",
)


@dataclass(frozen=True, slots=True)
class Warm:
    """The process, and the folder that commands run in."""

    process: "subprocess.Popen[str]"
    folder: Path

    def run(self, module: str, words: Sequence[str]) -> Ran:
        """`python -m module words…`, and what it printed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        out, err = self.folder / ".out", self.folder / ".err"
        command = {"module": module, "words": words, "folder": str(self.folder), "files": [str(out), str(err)]}
        print(json.dumps(command), file=self.process.stdin, flush=True)
        return Ran(int(self.process.stdout.readline()), out.read_text(), err.read_text(), self.folder)


@contextmanager
def warm(folder: Path) -> Iterator[Warm]:
    """Ended with the last command."""
    words = [sys.executable, "-m", "tests.docs.warm"]
    with subprocess.Popen(
        words, cwd=ROOT, env=environment(folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Warm(process, folder)
        assert process.stdin is not None
        process.stdin.close()


def _serve() -> None:
    for module in IMPORTED:
        __import__(module)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(**json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(module: str, words: Sequence[str], folder: str, files: Sequence[str]) -> None:
    """That command; it ends this process as it ends itself."""
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, file in enumerate(files, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit(0)


if __name__ == "__main__":
    _serve()
