"""One thorexp measures on a board at a time."""

import fcntl
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from thorexp.errors import BusyError
from thorexp.machine import board as board_module
from thorexp.machine.board import Board

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from pathlib import Path
from thorexp.machine.board import Board
board = Board()
board.take(Path(sys.argv[1]), 0.0)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A board of this test's own: its lock lies in a temporary folder, and is looked at often."""
    monkeypatch.setattr(board_module, "POLL_S", 0.01)
    return tmp_path / "board.lock"


@contextmanager
def a_holder(board: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process, started as `… load=high`, that holds the board until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(board)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as holder:
        try:
            assert holder.stdout is not None
            assert "held\n" == holder.stdout.readline()
            yield holder
        finally:
            holder.kill()


@contextmanager
def held(lock: Path, wait_s: float = 0.0) -> Iterator[Board]:
    """The board, until the context is left and not until the test process ends."""
    board = Board()
    board.take(lock, wait_s)
    try:
        yield board
    finally:
        os.close(*board.held)


def signed_by(board: Path) -> int:
    """Whose process id stands in the lock."""
    return int(json.loads(board.read_text())["pid"])


def test_a_holder_signs(board: Path) -> None:
    """Whoever comes second can say who came first."""
    with held(board):
        signature = json.loads(board.read_text())
    assert (os.getpid(), str(Path.cwd())) == (signature["pid"], signature["in"])


def test_a_second_one_is_refused_with_pid_and_start_of_the_first(board: Path) -> None:
    """And with the command, and the folder it was typed in."""
    before = time.strftime("%Y-%m-%d %H:%M:%S")
    with a_holder(board) as holder, pytest.raises(BusyError) as refused, held(board):
        pass
    facts = {fact.label: fact.text for fact in refused.value.facts}
    assert (str(holder.pid), str(board), str(ROOT)) == (facts["pid"], facts["command"], facts["in"])
    assert before <= facts["since"] <= time.strftime("%Y-%m-%d %H:%M:%S")


def test_a_refusal_says_how_to_wait(board: Path) -> None:
    """By the key to type."""
    with a_holder(board), pytest.raises(BusyError, match=r"sweep\.lock_wait_s=inf"), held(board):
        pass


def test_a_second_one_waits_until_its_time_is_up(board: Path) -> None:
    """Then it is refused as if it had not waited."""
    with a_holder(board):
        began = time.monotonic()
        with pytest.raises(BusyError), held(board, 0.2):
            pass
        assert time.monotonic() - began >= 0.2


class Then(logging.Handler):
    """Ends a process as soon as somebody says that he waits for it."""

    def __init__(self, holder: "subprocess.Popen[str]") -> None:
        super().__init__()
        self.holder = holder
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())
        assert self.holder.stdin is not None
        self.holder.stdin.close()


@pytest.fixture
def waits_aloud(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "thorexp.machine.board")


@pytest.mark.usefixtures("waits_aloud")
def test_one_that_waits_gets_the_board_when_the_first_is_done(board: Path) -> None:
    """It says once for whom it waits."""
    with a_holder(board) as holder:
        board_module.log.addHandler(then := Then(holder))
        try:
            with held(board, float("inf")):
                assert os.getpid() == signed_by(board)
        finally:
            board_module.log.removeHandler(then)
        (said,) = then.said
        assert said.startswith(f"waiting for the board: pid {holder.pid}, since ")


def test_a_board_is_free_again_after_its_holder(board: Path) -> None:
    """The file stays, the lock does not."""
    for _ in range(2):
        with held(board):
            assert os.getpid() == signed_by(board)


def test_a_signature_takes_the_place_of_the_one_before(board: Path) -> None:
    """However long that one was."""
    board.write_text(f'{{"command": "{1000 * "x"}"}}')
    with held(board):
        assert os.getpid() == signed_by(board)


def test_a_board_is_free_again_when_its_holder_is_killed(board: Path) -> None:
    """SIGKILL leaves no time to clean up, and none is needed."""
    with a_holder(board) as holder:
        assert holder.pid == signed_by(board)
        holder.kill()
        holder.wait()
        with held(board):
            assert os.getpid() == signed_by(board)


def test_a_board_that_is_taken_twice_is_taken_once(board: Path) -> None:
    """Every job of a process asks for it."""
    with held(board) as ours:
        before = ours.held
        ours.take(board, 0.0)
        assert before == ours.held


def test_a_child_that_is_given_it_holds_it_too(board: Path) -> None:
    """The guard of a server outlives a thorexp that was killed by the grace of the server."""
    with held(board) as ours:
        child = subprocess.Popen(["sleep", "60"], pass_fds=ours.held)
    with pytest.raises(BusyError), held(board):
        pass
    child.kill()
    child.wait()
    with held(board):
        assert os.getpid() == signed_by(board)


def test_a_holder_that_has_not_signed_yet_is_no_error_of_its_own(board: Path) -> None:
    """Between taking the lock and signing it there is a moment."""
    board.touch()
    with board.open() as taken:
        fcntl.flock(taken, fcntl.LOCK_EX)
        with pytest.raises(BusyError) as refused, held(board):
            pass
    assert ["lock", "try"] == [fact.label for fact in refused.value.facts]


def test_every_user_of_the_board_may_take_the_lock(board: Path) -> None:
    """Whoever made the file, and whatever his umask."""
    umask = os.umask(0o077)
    try:
        with held(board):
            assert 0o666 == board.stat().st_mode & 0o777
    finally:
        os.umask(umask)


def test_a_program_that_is_started_meanwhile_does_not_inherit_the_lock(board: Path) -> None:
    """A server that outlived us would hold the board for ever."""
    with held(board):
        started = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    with started, held(board):
        assert (None, os.getpid()) == (started.poll(), signed_by(board))
