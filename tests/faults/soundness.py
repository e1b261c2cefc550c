"""What holds after any fault: records whole or absent, nothing left running, one message with a remedy."""

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from tests.command_line import SMALL_LOAD, Ran, servers_below
from thorexp.rundir import FILES, RunDir
from thorexp.tracking.__main__ import main as replay
from thorexp.tracking.view import view_of_job

JOB = ("hardware=cpu", "model=tiny_qwen3", *SMALL_LOAD, "workload.output_len=4")
UNTRACKED = (*JOB, "tracking=off")
GONE_S = 5.0


def assert_sound(ran: Ran, code: int, *messages: str) -> None:
    """It ended with that code, each message stands there once with its remedy, and what is left is whole.

    A sweep says the headline again, with where the rest of it is.
    """
    said = ran.out + ran.err
    assert (code, 0) == (ran.code, said.count("Traceback (most recent call last)")), said
    for words in messages:
        with_remedy = [each for each in _messages(said, words) if any(line.split()[:1] == ["try"] for line in each)]
        assert 1 == len(with_remedy), said
    assert [] == left_running(ran.folder)
    assert_whole(ran.folder)


def assert_whole(folder: Path) -> None:
    """No file of a run is there by half, and what has a record can be read to its last file."""
    assert [] == list((folder / "outputs").rglob("*.partial*"))
    for run_dir in (RunDir(path) for path in _run_dirs(folder)):
        for name in FILES:
            if run_dir.has(name) and name.endswith(".json"):
                json.loads(run_dir.read_text(name))
        if run_dir.has("record.json"):
            view_of_job(run_dir)


def assert_replayed(root: Path, store: Path) -> None:
    """`python -m thorexp.tracking` takes every record there."""
    words = ["--uri", f"sqlite:///{store}/mlflow.db", "--experiment", "faults", "--artifacts", f"{store}/artifacts"]
    assert 0 == replay([str(root), *words])


def left_running(folder: Path) -> list[psutil.Process]:
    """Processes that work in the folder and do not end within 5 s."""
    deadline = time.monotonic() + GONE_S
    while (left := servers_below(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def _messages(said: str, words: str) -> list[Sequence[str]]:
    """Each message of ours that begins so, to its last line."""
    lines = said.splitlines()
    starts = [i for i, line in enumerate(lines) if words in line and not line.startswith(("[", "  "))]
    return [list(_message(lines[start:])) for start in starts]


def _message(lines: Sequence[str]) -> Iterator[str]:
    yield lines[0]
    for line in lines[1:]:
        if not line.startswith("  "):
            return
        yield line


def _run_dirs(folder: Path) -> Iterator[Path]:
    return (path.parent for path in (folder / "outputs").rglob("config.yaml"))
