"""The directory of a sweep."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.sweep.makers import a_sweep
from thorexp.errors import RecordError
from thorexp.sweepdir import SWEEP, read_sweep, sweep_id


def test_a_sweep_is_read_as_it_was_written(tmp_path: Path) -> None:
    """One that runs, equal in every field."""
    assert a_sweep(tmp_path, "p", "q") == read_sweep(tmp_path)


def test_an_ended_sweep_takes_the_place_of_its_beginning(tmp_path: Path) -> None:
    """Its end and its counts are there, and one file."""
    ended = replace(a_sweep(tmp_path, "p", "q"), ended_at=70.0, finished=1, failed=1)
    ended.write()
    assert (ended, [SWEEP]) == (read_sweep(tmp_path), [path.name for path in tmp_path.iterdir()])


def test_a_sweep_that_was_moved_knows_where_it_is(tmp_path: Path) -> None:
    """Its directory is the one that it is read from."""
    a_sweep(tmp_path / "before", "p")
    (tmp_path / "before").rename(tmp_path / "after")
    moved = read_sweep(tmp_path / "after")
    assert moved is not None
    assert tmp_path / "after" == moved.directory


def test_a_directory_without_the_file_is_no_sweep(tmp_path: Path) -> None:
    """Absent, not empty; nor is one that does not exist."""
    assert (None, None) == (read_sweep(tmp_path), read_sweep(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "3", "{}", '{"points": 3}', '{"points": ["p"]}', '{"points": [], "of a newer thorexp": 1}', "\xff"],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    """Half a file, or one of other fields."""
    (tmp_path / SWEEP).write_text(content, encoding="latin-1")
    with pytest.raises(RecordError) as refused:
        read_sweep(tmp_path)
    assert ("where", str(tmp_path / SWEEP)) == (refused.value.facts[0].label, refused.value.facts[0].text)


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    """Without the directory, which may be moved."""
    a_sweep(tmp_path, "p", "q")
    values = json.loads((tmp_path / SWEEP).read_text())
    assert (["p", "q"], 10.0, None) == (values["points"], values["started_at"], values["ended_at"])
    assert "directory" not in values


def test_a_sweeps_name_begins_with_its_directorys(tmp_path: Path) -> None:
    """One can find the directory of a run in MLflow, and the other way round."""
    assert "2025-11-24_06-00-00" == sweep_id(tmp_path / "2025-11-24_06-00-00").rpartition("-")[0]


def test_equal_directories_in_two_places_are_two_sweeps(tmp_path: Path) -> None:
    """Two projects of one board may write to one store in the same second."""
    assert sweep_id(tmp_path / "a" / "now") != sweep_id(tmp_path / "b" / "now")


def test_one_directory_is_one_sweep_however_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path means the same."""
    monkeypatch.chdir(tmp_path)
    assert sweep_id(tmp_path / "now") == sweep_id(Path("now"))
