"""A board as a job wants it, and as it was again: on a fake one."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.fake_board import Board
from tests.machine.machines import with_file
from thorexp.errors import BusyError, ConfigError
from thorexp.machine.journal import Journal
from thorexp.machine.preparation import Preparation, Wanted
from thorexp.superuser import Superuser

ROOT = Superuser(asks_sudo=False, euid=0)
FAST = Wanted("MAXN", lock_clocks=True)


def nothing_runs() -> None:
    """There is no server to stop."""


def a_preparation(board: Board, boot: str = "one") -> Preparation:
    """That of a new process, after the `boot`th boot."""
    root = with_file(board.folder, "proc/sys/kernel/random/boot_id", boot)
    return Preparation(Journal(board.folder / "board-x.json", root), root)


def state(board: Board) -> tuple[str, str]:
    """Its mode and its governor."""
    return board.reads("mode"), board.reads("governor")


def killed(board: Board) -> None:
    """Whoever wrote the journal is no more."""
    journal = board.folder / "board-x.json"
    journal.write_text(json.dumps(json.loads(journal.read_text()) | {"started": 0.0}))


def test_a_board_is_prepared_and_as_it_was_again(tmp_path: Path) -> None:
    """The last change is undone first, and no journal stays."""
    board = Board(tmp_path)
    preparation = a_preparation(board)
    preparation.bring_to(FAST, ROOT, nothing_runs)
    assert ("0", "performance") == state(board)
    preparation.restore()
    assert ("1", "nvhost_podgov") == state(board)
    order = ["nvpmodel -m 0", "jetson_clocks --store", "jetson_clocks", "jetson_clocks --restore", "nvpmodel -m 1"]
    assert order == [line.partition(f" {tmp_path}")[0].rstrip() for line in board.changes]
    assert not (tmp_path / "board-x.json").exists()


def test_a_board_of_which_nothing_is_wanted_is_left_alone(tmp_path: Path) -> None:
    """No command is asked for anything, and nothing is undone."""
    board = Board(tmp_path)
    preparation = a_preparation(board)
    preparation.bring_to(Wanted(), ROOT, nothing_runs)
    preparation.restore()
    assert "" == board.reads("said")


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    """Nor does it stop the server that runs on it."""
    board, stops = Board(tmp_path), list[str]()
    preparation = a_preparation(board)
    for _ in range(2):
        preparation.bring_to(Wanted("MAXN"), ROOT, lambda: stops.append(board.reads("mode")))
    assert (["1"], ["nvpmodel -m 0"]) == (stops, board.changes)


def test_the_server_is_stopped_before_the_mode_changes(tmp_path: Path) -> None:
    """What was before comes back between two modes, so that each is set from the same."""
    board, stops = Board(tmp_path), list[str]()
    preparation = a_preparation(board)
    for wanted in (Wanted("MAXN"), Wanted("90W"), Wanted()):
        preparation.bring_to(wanted, ROOT, lambda: stops.append(board.reads("mode")))
    assert ["1", "0", "2"] == stops
    assert [f"nvpmodel -m {number}" for number in (0, 1, 2, 1)] == board.changes


def test_what_cannot_be_done_is_undone(tmp_path: Path) -> None:
    """A mode alone is not what was asked for."""
    board = Board(tmp_path, fails=["jetson_clocks"])
    preparation = a_preparation(board)
    with pytest.raises(ConfigError, match="jetson_clocks: it fails"):
        preparation.bring_to(FAST, ROOT, nothing_runs)
    assert ("1", "nvhost_podgov") == state(board)
    assert not (tmp_path / "board-x.json").exists()


def test_a_change_is_in_the_journal_before_it_is_made(tmp_path: Path) -> None:
    """Here by what nvpmodel finds when it is called."""
    board = Board(tmp_path)
    nvpmodel = board.bin / "nvpmodel"
    seen = f'[ "$1" = -m ] && cp {tmp_path}/board-x.json {tmp_path}/seen.json\n'
    nvpmodel.write_text(nvpmodel.read_text().replace("exec", f"{seen}exec"))
    a_preparation(board).bring_to(Wanted("MAXN"), ROOT, nothing_runs)
    assert [{"kind": "power_mode", "before": "1", "after": "0"}] == json.loads(board.reads("seen.json"))["changes"]


def test_what_a_killed_thorexp_left_is_undone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """By the next, whatever that wants itself; and said."""
    board = Board(tmp_path)
    a_preparation(board).bring_to(FAST, ROOT, nothing_runs)
    killed(board)
    with caplog.at_level(logging.WARNING):
        a_preparation(board).bring_to(Wanted(), ROOT, nothing_runs)
    assert ("1", "nvhost_podgov") == state(board)
    assert "was killed, and is cleaned up after" in caplog.text
    assert not (tmp_path / "board-x.json").exists()


def test_after_a_boot_the_power_mode_alone_is_undone(tmp_path: Path) -> None:
    """Clocks came up free."""
    board = Board(tmp_path)
    a_preparation(board).bring_to(FAST, ROOT, nothing_runs)
    killed(board)
    (tmp_path / "said").write_text("")
    a_preparation(board, boot="two").bring_to(Wanted(), ROOT, nothing_runs)
    assert ["nvpmodel -m 1"] == board.changes


def test_after_a_boot_that_undid_all_nothing_is_left(tmp_path: Path) -> None:
    """The journal of locked clocks goes."""
    board = Board(tmp_path)
    a_preparation(board).bring_to(Wanted(lock_clocks=True), ROOT, nothing_runs)
    killed(board)
    (tmp_path / "said").write_text("")
    a_preparation(board, boot="two").bring_to(Wanted(), ROOT, nothing_runs)
    assert ([], False) == (board.changes, (tmp_path / "board-x.json").exists())


def test_what_cannot_be_undone_stays_in_the_journal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is said with the command, nothing more is changed, and a later thorexp can do it."""
    board = Board(tmp_path)
    a_preparation(board).bring_to(Wanted("MAXN"), ROOT, nothing_runs)
    killed(board)
    with pytest.raises(ConfigError, match="could not be undone"):
        a_preparation(board).bring_to(Wanted("90W"), Superuser(asks_sudo=False, euid=1000), nothing_runs)
    assert "the power mode is not restored" in caplog.text
    assert f"{board.bin}/nvpmodel -m 1" in caplog.text
    killed(board)
    a_preparation(board).bring_to(Wanted(), ROOT, nothing_runs)
    assert ("1", False) == (board.reads("mode"), (tmp_path / "board-x.json").exists())


def test_a_living_thorexp_is_not_undone(tmp_path: Path) -> None:
    """One that runs beside it, with sweep.lock=false, may not change the board as well; it may measure on it."""
    board = Board(tmp_path)
    beside = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        a_journal_of(beside.pid, board)
        with pytest.raises(BusyError, match=rf"pid +{beside.pid}"):
            a_preparation(board).bring_to(Wanted("90W"), ROOT, nothing_runs)
        a_preparation(board).bring_to(Wanted(), ROOT, nothing_runs)
    finally:
        beside.communicate(b"\n")
    assert [] == board.changes


def a_journal_of(pid: int, board: Board) -> None:
    """As that process would have written it."""
    started = psutil.Process(pid).create_time()
    change = {"kind": "power_mode", "before": "1", "after": "0"}
    entry = {"boot": "one", "pid": pid, "started": started, "changes": [change]}
    (board.folder / "board-x.json").write_text(json.dumps(entry))
