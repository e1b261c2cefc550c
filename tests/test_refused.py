"""What the machine refuses, in words."""

import errno
import os
from pathlib import Path

import pytest

from tests.faults.small_disk import full, small_disk
from thorexp.refused import is_refusal, refusal, refused_by


def an_error(number: int, path: Path | None = None) -> OSError:
    """As the system raises it."""
    return OSError(number, os.strerror(number), *(() if path is None else (str(path),)))


@pytest.mark.parametrize(
    ("wrong", "is_one"),
    [
        (an_error(errno.ENOSPC), True),
        (an_error(errno.EROFS), True),
        (an_error(errno.EMFILE), True),
        (MemoryError(), True),
        (RuntimeError("can't start new thread"), True),
        (an_error(errno.ENOENT), False),
        (RuntimeError("x"), False),
        (ValueError("x"), False),
    ],
    ids=repr,
)
def test_only_the_machine_refuses(wrong: Exception, is_one: bool) -> None:
    """An error of a program is none of it."""
    assert is_one == is_refusal(wrong)


def test_what_the_machine_refused_is_seen_below_anothers_words() -> None:
    """Python's logging has its own for a console that finds no memory."""
    refused = MemoryError()
    wrong = ValueError("Unable to configure handler 'console'")
    wrong.__cause__ = refused
    assert (refused, None) == (refused_by(wrong), refused_by(ValueError("x")))


def test_a_full_disk_is_named_with_its_room(tmp_path: Path) -> None:
    """Where it is, what it has, and what would be needed."""
    with small_disk(tmp_path / "disk", 1 << 20) as disk, full(disk):
        said = refusal(an_error(errno.ENOSPC), disk / "not" / "made", 5000)
    facts = {fact.label: fact.text for fact in said.facts}
    assert (f"{disk}, 0 of 1,048,576 bytes are free", "5,000 bytes") == (facts["disk"], facts["needs"])


def test_the_error_itself_may_name_the_place(tmp_path: Path) -> None:
    """As it does where a file could not be opened."""
    assert f"  where  {tmp_path / 'file'}\n" in str(refusal(an_error(errno.EACCES, tmp_path / "file")))


def test_where_no_place_is_known_none_is_said() -> None:
    """The rest stands without it."""
    assert ["says", "try"] == [fact.label for fact in refusal(MemoryError()).facts]
