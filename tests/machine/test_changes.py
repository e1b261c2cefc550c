"""What is changed of a board and undone, on a fake one."""

import logging
from pathlib import Path

import pytest

from tests.fake_board import Board
from thorexp.errors import ConfigError
from thorexp.machine.changes import Change, Planned, Tools
from thorexp.superuser import Superuser


def tools(board: Board) -> Tools:
    """As root, on that board."""
    return Tools(board.folder, Superuser(asks_sudo=False, euid=0))


def make(planned: tuple[Planned, ...]) -> list[Change]:
    """All of it."""
    for each in planned:
        each.make()
    return [each.change for each in planned]


def test_a_power_mode_is_set_by_its_number(tmp_path: Path) -> None:
    """Which nvpmodel tells for its name."""
    board = Board(tmp_path)
    assert [Change("power_mode", "1", "0")] == make(tools(board).to_power_mode("MAXN"))
    assert ("0", ["nvpmodel -m 0"]) == (board.reads("mode"), board.changes)


def test_the_mode_that_is_set_already_is_left(tmp_path: Path) -> None:
    """There is nothing to undo then."""
    board = Board(tmp_path)
    assert ([], []) == (make(tools(board).to_power_mode("120W")), board.changes)


def test_a_power_mode_is_undone(tmp_path: Path) -> None:
    """By the number that it had before."""
    board = Board(tmp_path)
    (change,) = make(tools(board).to_power_mode("MAXN"))
    tools(board).undo(change)
    assert ("1", ["nvpmodel -m 0", "nvpmodel -m 1"]) == (board.reads("mode"), board.changes)


def test_a_power_mode_that_somebody_else_has_set_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is not ours to undo any more."""
    board = Board(tmp_path)
    (change,) = make(tools(board).to_power_mode("MAXN"))
    (board.folder / "mode").write_text("3")
    with caplog.at_level(logging.WARNING):
        tools(board).undo(change)
    assert "3" == board.reads("mode")
    assert "the power mode is 70W, which somebody else has set" in caplog.text


def test_a_mode_that_nvpmodel_does_not_know_is_refused(tmp_path: Path) -> None:
    """With those that it knows."""
    with pytest.raises(ConfigError, match=r"knows no such mode(?s:.*)have +MAXN, 120W, 90W, 70W"):
        tools(Board(tmp_path)).to_power_mode("50W")


def test_a_mode_that_wants_a_reboot_is_not_set(tmp_path: Path) -> None:
    """nvpmodel's question is answered no, what that leaves for the next boot is set back, and the command is said."""
    board = Board(tmp_path, reboot_for=[2])
    (planned,) = tools(board).to_power_mode("90W")
    with pytest.raises(
        ConfigError, match=r"needs a reboot: not done\.(?s:.*)now +120W(?s:.*)sudo nvpmodel -m 2, answer"
    ):
        planned.make()
    assert ("1", "1", False) == (board.reads("mode"), board.reads("next_boot"), (board.folder / "rebooted").exists())


def test_a_mode_that_stays_for_the_next_boot_is_said(tmp_path: Path) -> None:
    """Where nvpmodel does not take the old one either."""
    board = Board(tmp_path, reboot_for=[1, 2])
    (planned,) = tools(board).to_power_mode("90W")
    with pytest.raises(ConfigError, match=r"but +the next boot has it(?s:.*)sudo nvpmodel -m 1"):
        planned.make()


def test_a_mode_left_for_the_next_boot_is_undone(tmp_path: Path) -> None:
    """By whoever comes after a thorexp that ended while nvpmodel asked: the mode itself is that of before."""
    board = Board(tmp_path)
    (board.folder / "next_boot").write_text("2")
    tools(board).undo(Change("power_mode", "1", "2"))
    assert ("1", "1") == (board.reads("mode"), board.reads("next_boot"))


def test_an_nvpmodel_that_did_nothing_is_not_believed(tmp_path: Path) -> None:
    """Its mode is read again."""
    board = Board(tmp_path)
    (planned,) = tools(board).to_power_mode("MAXN")
    (board.bin / "nvpmodel").write_text("#!/bin/sh\nprintf 'NV Power Mode: 120W\\n1\\n'\n")
    with pytest.raises(ConfigError, match="the mode did not change"):
        planned.make()


def test_a_machine_without_nvpmodel_has_no_power_mode(tmp_path: Path) -> None:
    """Said by the key."""
    with pytest.raises(ConfigError, match=r"hardware\.prepare\.power_mode=MAXN: this machine has no nvpmodel"):
        tools(Board(tmp_path, "nvpmodel")).to_power_mode("MAXN")


def test_a_jetsons_clocks_are_locked_and_as_they_were(tmp_path: Path) -> None:
    """Stored before, by jetson_clocks itself, though a file of an earlier time is in the way."""
    board, store = Board(tmp_path), tmp_path / "store"
    store.write_text("of another time")
    (change,) = make(tools(board).to_locked_clocks(store, None))
    assert ("performance", "nvhost_podgov") == (board.reads("governor"), store.read_text())
    tools(board).undo(change)
    assert ("nvhost_podgov", False) == (board.reads("governor"), store.exists())
    stored = [f"jetson_clocks --store {store}", "jetson_clocks", f"jetson_clocks --restore {store}"]
    assert stored == [line.rstrip() for line in board.changes]


def test_clocks_that_were_never_locked_need_no_undoing(tmp_path: Path) -> None:
    """Without what they were before there is nothing to set back."""
    board = Board(tmp_path)
    tools(board).undo(Change("jetson_clocks", str(tmp_path / "store"), "max"))
    assert [] == board.changes


def test_other_gpus_are_locked_by_nvidia_smi(tmp_path: Path) -> None:
    """At the highest clock that each has, and set free again."""
    board = Board(tmp_path, "jetson_clocks", "nvpmodel")
    (change,) = make(tools(board).to_locked_clocks(tmp_path / "store", (0,)))
    assert "1980,1980" == board.reads("gpu_clocks")
    tools(board).undo(change)
    assert ("free", ["nvidia-smi -i 0 -lgc 1980,1980", "nvidia-smi -i 0 -rgc"]) == (
        board.reads("gpu_clocks"),
        board.changes,
    )


@pytest.mark.parametrize(("without", "gpus"), [((), (3,)), (("nvidia-smi",), None)], ids=["another GPU", "no driver"])
def test_clocks_that_nothing_can_lock_are_refused(
    tmp_path: Path, without: tuple[str, ...], gpus: tuple[int, ...] | None
) -> None:
    """By the key, before anything runs."""
    board = Board(tmp_path, "jetson_clocks", *without)
    with pytest.raises(
        ConfigError, match=r"hardware\.prepare\.lock_clocks=true: (no GPU|this machine has no nvidia-smi)"
    ):
        tools(board).to_locked_clocks(tmp_path / "store", gpus)
    assert [] == board.changes
