"""A file that is there whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.small_disk import PAGE, full, small_disk
from thorexp.errors import MachineError
from thorexp.whole_file import write_whole


def test_what_was_there_stays_where_there_is_no_room(tmp_path: Path) -> None:
    """And nothing beside it: half of a file would take the room that the next one needs."""
    with small_disk(tmp_path / "disk") as disk:
        file = write_whole(disk / "file", b"before")
        with full(disk, but_for=4 * PAGE):
            with pytest.raises(MachineError):
                write_whole(file, bytes(5 * PAGE))
            assert {"file", "ballast"} == {path.name for path in disk.iterdir()}
            assert b"before" == file.read_bytes()
            write_whole(disk / "other", bytes(4 * PAGE))


def test_nothing_is_left_of_parts_that_break_off(tmp_path: Path) -> None:
    """Be it an interruption, or a number that JSON has no word for."""

    def parts() -> Iterator[bytes]:
        yield b"one"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "file", parts())
    assert [] == list(tmp_path.iterdir())


def test_what_is_no_refusal_of_the_machine_is_raised_as_it_is(tmp_path: Path) -> None:
    """A directory of that name is somebody's mistake."""
    (tmp_path / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "file", b"")
