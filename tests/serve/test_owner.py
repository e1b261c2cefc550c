"""Who started a thing, in words that a later process can check."""

import subprocess
import sys

from thorexp.serve.owner import is_dead, owner


def test_a_living_process_is_not_dead() -> None:
    """Neither this one nor another."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        said = owner(other.pid)
        assert [False, False] == [is_dead(owner()), is_dead(said)]
        other.communicate(b"\n")
    assert is_dead(said)


def test_a_process_of_another_boot_is_dead() -> None:
    """Whatever has its number now."""
    host, _, pid, ticks = owner().split()
    assert is_dead(f"{host} 00000000-0000-0000-0000-000000000000 {pid} {ticks}")


def test_a_process_that_started_later_is_another() -> None:
    """Numbers are given again."""
    host, boot, pid, ticks = owner().split()
    assert is_dead(f"{host} {boot} {pid} {int(ticks) - 1}")


def test_of_what_is_not_ours_nobody_says_that_it_is_dead() -> None:
    """Another host's process, or words that nobody here wrote."""
    _, boot, pid, _ = owner().split()
    assert [False, False, False] == [is_dead(f"elsewhere {boot} {pid} 1"), is_dead(""), is_dead("a b c d e")]
