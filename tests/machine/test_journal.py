"""The journal of what was changed of a board."""

import json
import os
from pathlib import Path

import psutil
import pytest

from tests.machine.machines import with_file
from thorexp.machine.changes import Change
from thorexp.machine.journal import Journal

MODE = Change("power_mode", "1", "0")
CLOCKS = Change("jetson_clocks", "/somewhere/store", "max")


def a_journal(tmp_path: Path, boot: str = "one") -> Journal:
    """Of a machine that is up for the `boot`th time."""
    root = with_file(tmp_path / "root", "proc/sys/kernel/random/boot_id", f"{boot}\n")
    return Journal(tmp_path / "cache" / "board.json", root)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """In order, with who it was."""
    journal = a_journal(tmp_path)
    journal.write((MODE, CLOCKS))
    entry = journal.read()
    assert entry is not None
    assert ((MODE, CLOCKS), os.getpid(), "one", True) == (entry.changes, entry.pid, entry.boot, entry.is_of_living)


def test_a_board_that_was_left_alone_has_no_journal(tmp_path: Path) -> None:
    """Nor one where all is undone."""
    journal = a_journal(tmp_path)
    assert journal.read() is None
    journal.write((MODE,))
    journal.write(())
    assert (None, []) == (journal.read(), list(journal.path.parent.iterdir()))


def test_a_process_that_has_another_start_is_another(tmp_path: Path) -> None:
    """Numbers of processes come again."""
    journal = a_journal(tmp_path)
    journal.write((MODE,))
    values = json.loads(journal.path.read_text())
    assert psutil.Process().create_time() == values["started"]
    journal.path.write_text(json.dumps(values | {"started": values["started"] - 3600}))
    entry = journal.read()
    assert entry is not None
    assert not entry.is_of_living


@pytest.mark.parametrize(("boot", "left"), [("one", (MODE, CLOCKS)), ("two", (MODE,))])
def test_a_boot_sets_clocks_free_and_keeps_the_power_mode(tmp_path: Path, boot: str, left: tuple[Change, ...]) -> None:
    """nvpmodel sets its mode anew at every boot."""
    a_journal(tmp_path).write((MODE, CLOCKS))
    journal = a_journal(tmp_path, boot)
    entry = journal.read()
    assert entry is not None
    assert left == journal.left(entry)


@pytest.mark.parametrize("said", ["{", "[]", '{"boot": "one", "pid": 1, "started": 0, "changes": [{"kind": "x"}]}'])
def test_a_journal_that_cannot_be_read_is_put_aside(
    tmp_path: Path, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """And said, with where it is."""
    journal = a_journal(tmp_path)
    journal.write((MODE,))
    journal.path.write_text(said)
    assert journal.read() is None
    assert str(journal.path.with_suffix(".broken")) in caplog.text
    assert not journal.path.exists()
