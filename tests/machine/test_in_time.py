"""What is asked of a machine never stops the one who asks."""

import threading
from pathlib import Path

import psutil

from tests.machine.machines import with_command
from thorexp.machine.in_time import answer, command, output


def test_a_command_that_succeeds_has_said_something() -> None:
    """What it printed is the answer."""
    assert "MAXN\n" == output(("echo", "MAXN"), 60)


def test_a_command_that_fails_has_said_nothing() -> None:
    """However much it printed."""
    assert output(("sh", "-c", "echo MAXN; exit 1"), 60) is None


def test_a_command_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    """And is no error."""
    assert output((str(tmp_path / "nvpmodel"),), 60) is None


def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    """A child of its own that holds the pipe open does not hold us."""
    pid = tmp_path / "pid"
    hangs = with_command(tmp_path, "hangs", f"sleep 600 & echo $! > {pid}.new; mv {pid}.new {pid}; wait") / "hangs"
    for timeout_s in (0.25, 1, 4, 16, 64):
        assert output((str(hangs),), timeout_s) is None
        if pid.exists():  # else the machine was too slow to have it hang in that time
            break
    child = int(pid.read_text())
    still_there = [psutil.Process(child)] if psutil.pid_exists(child) else []
    assert [] == psutil.wait_procs(still_there, timeout=60)[1]


def test_a_command_of_the_system_is_found_beside_path(tmp_path: Path) -> None:
    """In the folders for it below a root."""
    with_command(tmp_path, "usr/sbin/nvpmodel", "exit 0")
    assert str(tmp_path / "usr/sbin/nvpmodel") == command(tmp_path, "nvpmodel")
    assert command(tmp_path, "jetson_clocks") is None


def test_a_library_that_answers_is_heard() -> None:
    """With what it said."""
    assert 3 == answer(lambda: 3, 60)


def test_a_library_that_hangs_is_left() -> None:
    """It goes on in a thread of its own."""
    never = threading.Event()
    assert answer(lambda: never.wait(), 0.01) is None
    never.set()
