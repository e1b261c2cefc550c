"""What is done to the board of this process, by the job that is to run on it."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fake_board import Board
from tests.test_prepare import prepared
from thorexp import session
from thorexp.errors import ConfigError
from thorexp.machine.journal import Journal
from thorexp.machine.preparation import Preparation
from thorexp.prepare import PreparedJob
from thorexp.session import leave_board, prepare_board


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    """A Thor as it comes, of which this process has not prepared or seen anything yet."""
    board = Board(tmp_path / "board")
    monkeypatch.setenv("PATH", board.path)
    monkeypatch.setattr("thorexp.prepare.FLAGS_CACHE", tmp_path)
    monkeypatch.setattr(session, "PREPARATION", Preparation(Journal(tmp_path / "board.json")))
    session._look_at_board.cache_clear()
    return board


LOCKED = "hardware.prepare.lock_clocks=true"


def test_a_board_is_prepared_until_it_is_left(board: Board) -> None:
    """By the keys of the job; the tests run as root."""
    prepare_board(prepared(LOCKED))
    assert "performance" == board.reads("governor")
    leave_board()
    assert "nvhost_podgov" == board.reads("governor")


CHANGES: tuple[Callable[[PreparedJob], PreparedJob], ...] = (
    lambda job: replace(job, config=replace(job.config, rehearse=True)),
    lambda job: replace(job, config=replace(job.config, dry_run=True)),
    lambda job: replace(job, launch=None),
)


@pytest.mark.parametrize("change", CHANGES, ids=["rehearsed", "planned", "attached"])
def test_a_job_that_measures_nothing_of_the_board_leaves_it(
    board: Board, change: Callable[[PreparedJob], PreparedJob], caplog: pytest.LogCaptureFixture
) -> None:
    """Nor is it looked at."""
    prepare_board(change(prepared(LOCKED)))
    assert ("", []) == (board.reads("said"), caplog.records)


def test_a_board_is_looked_at_once(board: Board, caplog: pytest.LogCaptureFixture) -> None:
    """Before the first server of this process."""
    with caplog.at_level(logging.WARNING):
        prepare_board(prepared())
        prepare_board(prepared("load.num_prompts=3"))
    assert 1 == caplog.text.count("the power mode is 120W, the fastest is MAXN; try sudo nvpmodel -m 0")


DROPPED = "hardware.prepare.drop_caches=true"


def test_a_page_cache_that_cannot_be_dropped_starts_nothing(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was asked for, as clocks are; nothing of the board is changed."""
    monkeypatch.setattr(session, "ROOT", board.folder)
    board.becomes(fails=["sysctl"])
    with pytest.raises(ConfigError, match="sysctl: it fails"):
        prepare_board(prepared(DROPPED, LOCKED))
    assert "nvhost_podgov" == board.reads("governor")


def test_a_page_cache_that_can_be_dropped_is_asked_for_once(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each server drops it again when it starts."""
    monkeypatch.setattr(session, "ROOT", board.folder)
    prepare_board(prepared(DROPPED))
    prepare_board(prepared(DROPPED, "load.num_prompts=3"))
    assert ["sysctl -w vm.drop_caches=3"] == board.changes
