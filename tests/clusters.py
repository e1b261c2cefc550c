"""Clusters of this machine whose nodes are boards: each with a lock, a directory and an environment of its own."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.command_line import command_of, environment
from tests.mlflow_server import free_port, tracking_server
from tests.stores import client_of
from thorexp.rundir import RECORD, RunDir
from thorexp.tracking import Store

BOARD_DIR = "sweep.board_dir='${oc.env:BOARD,boards}'"  # as the environment of each node says
OURS = ("thorexp.sweep.group", "guard.py", "fake_vllm.py")  # what is no part of Ray or submitit
RAY = (sys.executable, "-c", "from ray.scripts.scripts import main; main()")


@dataclass(frozen=True, slots=True)
class Board:
    """A node that is one. `process`: what was started for it; absent where nothing stays."""

    directory: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def records(self) -> list[RunDir]:
        """Complete records that were made on it, in the order they were made."""
        found = (RunDir(path.parent) for path in self.directory.glob(f"*/*/{RECORD}"))
        return sorted(found, key=lambda run_dir: run_dir.record().started_at)

    @property
    def is_mid_group(self) -> bool:
        """Whether the first job of a group is complete, and the load of the second one is about to be played."""
        begun = list(self.directory.glob("*/*/plan.json"))
        return len(begun) == len(self.records) + 1 and len(self.records) % 2 == 1

    @property
    def processes(self) -> list[psutil.Process]:
        """Living ones that work in its directory: groups and their servers."""
        return [process for process in psutil.process_iter() if _works_in(process, self.directory)]

    def kill_executor(self) -> None:
        """SIGKILL to all of the node but our own processes, which have to see that they are left alone."""
        assert self.process is not None
        node = psutil.Process(self.process.pid)
        for process in (node, *node.children(recursive=True)):
            if not any(name in command_of(process) for name in OURS):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        self.process.wait()


@dataclass(frozen=True, slots=True)
class Kept:
    """What an MLflow server has: status, kind, point and place of each run."""

    runs: tuple[tuple[str, str, str, str], ...]

    @property
    def finished(self) -> Counter[tuple[str, str]]:
        """How many FINISHED runs there are of each kind and point."""
        return Counter((kind, point) for status, kind, point, _ in self.runs if status == "FINISHED")

    @property
    def statuses(self) -> set[str]:
        """Every status that some run has."""
        return {status for status, *_ in self.runs}


def kept(uri: str, name: str = "thorexp") -> Kept:
    """All runs of that experiment."""
    client = client_of(Store(uri, name, ""))
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    keys = ("thorexp.kind", "thorexp.point", "thorexp.run_dir")
    return Kept(tuple((run.info.status, *(run.data.tags.get(key, "") for key in keys)) for run in runs))


def until(come: Callable[[], bool], timeout_s: float = 120) -> None:
    """Wait for it to come true."""
    deadline = time.monotonic() + timeout_s
    while not come():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Its address, with SQLite and an artifact proxy; `folder` is where it keeps them."""
    folder.mkdir()
    with tracking_server(f"sqlite:///{folder}/mlflow.db", folder) as uri:
        yield uri


@contextmanager
def ray_cluster(folder: Path, boards: int, fake: Mapping[str, Any]) -> Iterator[tuple[str, list[Board]]]:
    """The address of a head without a board, and nodes with one `thor` each. All of it is killed in the end.

    `fake`: what the servers of the nodes do. Sockets lie in a short path, which they need.
    """
    port, sockets = free_port(), Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    address = f"127.0.0.1:{port}"
    head = (f"--port={port}", "--head", f"--temp-dir={sockets}", "--include-dashboard=false", "--num-cpus=0")
    node = (f"--address={address}", "--num-cpus=1", '--resources={"thor":1}')
    with ExitStack() as left:
        left.callback(shutil.rmtree, sockets, ignore_errors=True)
        left.enter_context(_ray(folder, "head", head, environment(folder)))
        nodes = [_node(folder / f"board-{i}", fake) for i in range(boards)]
        started = [
            Board(Path(own["BOARD"]), left.enter_context(_ray(folder, own["BOARD"][-1], node, own))) for own in nodes
        ]
        yield address, started


def _node(directory: Path, fake: Mapping[str, Any]) -> dict[str, str]:
    """The environment of a board."""
    directory.mkdir()
    own = {"BOARD": str(directory), "THOREXP_LOCK": f"{directory}.lock"}
    return environment(directory.parent, dict(fake)) | own


@contextmanager
def _ray(
    folder: Path, name: str, words: tuple[str, ...], variables: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """`ray start` that stays, once it is up, with its output in a file; killed with all that it started."""
    said = folder / f"ray-{name}.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [*RAY, "start", *words, "--object-store-memory=80000000", "--disable-usage-stats", "--block"],
            env=dict(variables),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        until(lambda: "Ray runtime started." in said.read_text() or process.poll() is not None)
        assert process.poll() is None, said.read_text()
        yield process
    finally:
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
        process.kill()
        process.wait()


def group_processes(below: Path) -> list[psutil.Process]:
    """Groups at work whose home is there. A child of one bears its words until it has become something else."""
    named = [process for process in psutil.process_iter() if "thorexp.sweep.group" in command_of(process)]
    found = {process.pid: process for process in named if _works_below(process, below)}
    return [process for process in found.values() if _parent(process) not in found]


def kill(process: psutil.Process) -> None:
    """SIGKILL."""
    os.kill(process.pid, signal.SIGKILL)


def _parent(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.Error:
        return None


def _works_in(process: psutil.Process, directory: Path) -> bool:
    return _cwd(process) == directory


def _works_below(process: psutil.Process, directory: Path) -> bool:
    cwd = _cwd(process)
    return cwd is not None and directory in (cwd, *cwd.parents)


def _cwd(process: psutil.Process) -> Path | None:
    try:
        return None if process.status() == psutil.STATUS_ZOMBIE else Path(process.cwd())
    except psutil.Error:
        return None
