"""Commands as root, by fake ones."""

import sys
from pathlib import Path

import pytest

from tests.fake_board import Board
from thorexp.errors import ConfigError
from thorexp.superuser import Superuser

ROOT = Superuser(asks_sudo=False, euid=0)
USER = Superuser(asks_sudo=True, euid=1000)
SAYS = (sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr); print(input())")


def test_root_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And sees what a command prints on both of its streams, and to what it was answered."""
    board = Board(tmp_path)
    monkeypatch.setenv("PATH", board.path)
    assert ["err", "no", "out"] == sorted(ROOT.run(SAYS, 60, answer="no\n").split())
    assert [] == board.changes


def test_a_user_asks_sudo_without_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is there at night to type one."""
    board = Board(tmp_path)
    monkeypatch.setenv("PATH", board.path)
    USER.run((str(board.bin / "sysctl"), "-w", "vm.drop_caches=3"), 60)
    sysctl = f"{board.bin}/sysctl"
    assert [f"sudo -n {sysctl} -w vm.drop_caches=3", "sysctl -w vm.drop_caches=3"] == board.changes


def test_a_user_who_must_not_ask_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the key that would allow it; nothing is run."""
    board = Board(tmp_path)
    monkeypatch.setenv("PATH", board.path)
    with pytest.raises(ConfigError, match=r"without root(?s:.*)nvpmodel -m 0(?s:.*)hardware\.prepare\.sudo=true"):
        Superuser(asks_sudo=False, euid=1000).run(("nvpmodel", "-m", "0"), 60)
    assert [] == board.changes


def test_a_sudo_that_wants_a_password_is_told_with_the_line_that_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the very command."""
    monkeypatch.setenv("PATH", Board(tmp_path, sudo="refuses").path)
    with pytest.raises(ConfigError, match=r"a password is required(?s:.*)NOPASSWD: /usr/sbin/nvpmodel"):
        USER.run(("/usr/sbin/nvpmodel", "-m", "0"), 60)


def test_a_command_that_fails_is_told_with_its_last_words() -> None:
    """And as it can be typed."""
    failing = (sys.executable, "-c", "import sys; print('no such mode'); sys.exit(3)")
    with pytest.raises(ConfigError, match=r"a command has failed(?s:.*)no such mode"):
        ROOT.run(failing, 60)


def test_a_command_that_is_not_there_is_told() -> None:
    """By its name."""
    with pytest.raises(ConfigError, match="no-such-command: No such file"):
        ROOT.run(("no-such-command",), 60)


def test_a_command_that_hangs_is_left() -> None:
    """After its time, which is said."""
    with pytest.raises(ConfigError, match=r"0\.1 s, in which it did not end"):
        ROOT.run(("sleep", "600"), 0.1)
