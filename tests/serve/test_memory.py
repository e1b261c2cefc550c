"""Memory between two servers."""

import logging
from pathlib import Path

import psutil
import pytest

from tests.fake_board import Board
from thorexp.serve import memory
from thorexp.serve.memory import GIB, drop_page_cache, wait_until_back
from thorexp.superuser import Superuser

ROOT = Superuser(asks_sudo=False, euid=0)
TOTAL = psutil.virtual_memory().total


def test_memory_that_is_back_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is said of it."""
    wait_until_back(before=0, timeout_s=600)
    assert [] == caplog.records


def test_memory_that_stays_away_is_waited_for_no_longer_than_said(caplog: pytest.LogCaptureFixture) -> None:
    """Twice of what the machine has never comes; the warning names what may help."""
    wait_until_back(before=2 * TOTAL + 2 * GIB, timeout_s=0)
    ((level, said),) = [(line.levelno, line.getMessage()) for line in caplog.records]
    assert logging.WARNING == level
    assert said.startswith(f"{2 * TOTAL / GIB + 2:.1f} GiB were free before the server")
    assert "hardware.prepare.drop_caches=true" in said


def test_memory_is_waited_for_until_it_is_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A server's memory comes back some time after its process has gone."""
    readings = [0, 0, 8 * TOTAL]
    monkeypatch.setattr(memory, "available", lambda: readings.pop(0))
    wait_until_back(before=8 * TOTAL, timeout_s=600)
    assert ([], []) == (readings, caplog.records)


def test_a_little_less_is_memory_back(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Other programs take a GiB now and then."""
    readings = [8 * TOTAL - GIB]
    monkeypatch.setattr(memory, "available", lambda: readings.pop(0))
    wait_until_back(before=8 * TOTAL, timeout_s=600)
    assert ([], []) == (readings, caplog.records)


def test_the_page_cache_is_dropped_by_a_3(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Pages, and with them directory entries and inodes."""
    (through := tmp_path / "drop_caches").touch()
    assert drop_page_cache(ROOT, through)
    assert ("3\n", []) == (through.read_text(), caplog.records)


@pytest.mark.parametrize("place", ["", "nowhere/drop_caches"], ids=["not a file", "no such folder"])
def test_a_page_cache_that_cannot_be_dropped_is_said(
    tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The server starts all the same, and the user reads what to type as root."""
    assert not drop_page_cache(Superuser(asks_sudo=False, euid=1000), tmp_path / place)
    assert "sysctl -w vm.drop_caches=3" in caplog.text


@pytest.mark.parametrize(("sudo", "dropped"), [("helps", True), ("refuses", False)])
def test_a_user_asks_sudo_to_drop_the_page_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, sudo: str, dropped: bool
) -> None:
    """By sysctl, which a line for sudoers can allow; where that is refused the line is said."""
    board = Board(tmp_path, sudo=sudo)
    monkeypatch.setenv("PATH", board.path)
    assert dropped == drop_page_cache(Superuser(asks_sudo=True, euid=1000), tmp_path / "no/such/file")
    assert "sudo -n sysctl -w vm.drop_caches=3" == board.changes[0]
    assert dropped == ("sysctl -w vm.drop_caches=3" in board.changes)
    assert dropped != (f"NOPASSWD: {board.bin}/sysctl" in caplog.text)
