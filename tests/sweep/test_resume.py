"""Which points are done, and where a sweep goes on."""

import logging
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from tests.sweep.makers import a_run_dir, a_sweep
from thorexp.rundir import RECORD, RESULT, RunDir
from thorexp.sweep.resume import directories_for, finished_points, forget, fresh_directories, hold
from thorexp.sweepdir import SWEEP

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from pathlib import Path
from thorexp.sweep.resume import hold
print(hold(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


def where(root: Path, *points: str) -> str:
    """The name of the directory that a sweep of these points goes to, asked for as "now"."""
    return next(directories_for(root / "now", frozenset(points), "now")).name


def test_a_sweep_that_nobody_began_is_kept_as_configured(tmp_path: Path) -> None:
    """There is none beside it, nor even the folder."""
    assert ("now", "now") == (where(tmp_path, "p"), where(tmp_path / "nowhere", "p"))


def test_the_same_points_go_on_in_the_same_directory(tmp_path: Path) -> None:
    """In whatever order they are asked for."""
    a_sweep(tmp_path / "earlier", "p", "q")
    assert "earlier" == where(tmp_path, "q", "p")


def test_more_points_extend_the_earlier_sweep(tmp_path: Path) -> None:
    """All that it asked for is asked for again."""
    a_sweep(tmp_path / "earlier", "p", "q")
    assert "earlier" == where(tmp_path, "p", "q", "r")


def test_fewer_points_are_a_sweep_of_their_own(tmp_path: Path) -> None:
    """Its summary has no rows that were not asked for."""
    a_sweep(tmp_path / "earlier", "p", "q")
    assert "now" == where(tmp_path, "p")


def test_other_points_are_a_sweep_of_their_own(tmp_path: Path) -> None:
    """One in common is not enough."""
    a_sweep(tmp_path / "earlier", "p", "q")
    assert "now" == where(tmp_path, "p", "r")


def test_a_sweep_without_points_is_not_extended(tmp_path: Path) -> None:
    """Every sweep would extend it."""
    a_sweep(tmp_path / "earlier")
    assert "now" == where(tmp_path, "p")


def test_the_sweep_with_the_most_finished_points_goes_on(tmp_path: Path) -> None:
    """A later one that got less far does not hide it."""
    a_sweep(tmp_path / "far", "p", "q", started_at=10.0)
    a_sweep(tmp_path / "near", "p", "q", started_at=20.0)
    for place, point in (("far/0", "p"), ("far/1", "q"), ("near/0", "p")):
        a_run_dir(tmp_path / place, point)
    assert "far" == where(tmp_path, "p", "q")


def test_of_equals_the_latest_goes_on(tmp_path: Path) -> None:
    """By its start, not by its name."""
    a_sweep(tmp_path / "a", "p", started_at=20.0)
    a_sweep(tmp_path / "b", "p", started_at=10.0)
    assert "a" == where(tmp_path, "p")


def test_a_directory_that_is_named_and_has_a_sweep_goes_on(tmp_path: Path) -> None:
    """`hydra.sweep.dir=` is the user's word, whatever lies beside it."""
    a_sweep(tmp_path / "now", "q")
    a_sweep(tmp_path / "earlier", "p")
    assert "now" == where(tmp_path, "p")


def test_a_damaged_sweep_is_passed_over_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The one beside it is found all the same."""
    a_sweep(tmp_path / "earlier", "p")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / SWEEP).write_text('{"points": ["p"')
    assert "earlier" == where(tmp_path, "p")
    assert str(tmp_path / "damaged" / SWEEP) in caplog.text


def test_a_sweep_that_is_at_work_elsewhere_has_others_to_go_on_in(tmp_path: Path) -> None:
    """The next best, then as configured, then with a number behind it."""
    a_sweep(tmp_path / "first", "p", started_at=10.0)
    a_sweep(tmp_path / "second", "p", started_at=20.0)
    places = [place.name for place in islice(directories_for(tmp_path / "now", {"p"}, "now"), 4)]
    assert ["second", "first", "now", "now_2"] == places


def test_a_sweep_that_begins_has_a_directory_of_its_own(tmp_path: Path) -> None:
    """However many begin in one second."""
    assert ["now", "now_2", "now_3"] == [place.name for place in islice(fresh_directories(tmp_path / "now"), 3)]


def test_a_directory_is_held_by_one_process_at_a_time(tmp_path: Path) -> None:
    """Until that ends, however it does: SIGKILL gives it back."""
    words = [sys.executable, "-c", HOLD, str(tmp_path / "now")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as holder:
        assert holder.stdout is not None
        assert "True\n" == holder.stdout.readline()
        assert not hold(tmp_path / "now")
        holder.kill()
        holder.wait()
        assert hold(tmp_path / "now")


def test_two_directories_are_held_apart(tmp_path: Path) -> None:
    """Two sweeps of other points disturb each other no more than the board's lock allows."""
    assert (True, True) == (hold(tmp_path / "a"), hold(tmp_path / "b"))


def test_a_finished_record_is_done(tmp_path: Path) -> None:
    """At any depth, by its point."""
    a_run_dir(tmp_path / "0", "p")
    a_run_dir(tmp_path / "later" / "1", "q")
    assert {"p": RunDir(tmp_path / "0"), "q": RunDir(tmp_path / "later/1")} == finished_points(tmp_path)


def test_a_failed_record_is_not_done(tmp_path: Path) -> None:
    """The same command tries it again."""
    a_run_dir(tmp_path / "0", "p", status="failed", error="It failed.")
    a_run_dir(tmp_path / "1", "q")
    assert {"q"} == finished_points(tmp_path).keys()


def test_a_record_of_another_host_is_not_done_here(tmp_path: Path) -> None:
    """Two boards may share a folder, and each measures for itself."""
    a_run_dir(tmp_path / "0", "p", tags={"hostname": "another board"})
    a_run_dir(tmp_path / "1", "q")
    assert {"q"} == finished_points(tmp_path).keys()


def test_a_directory_without_a_record_is_not_done(tmp_path: Path) -> None:
    """A result alone was interrupted before the last file."""
    RunDir(tmp_path / "0").write_json(RESULT, {"completed": 100})
    a_run_dir(tmp_path / "1", "q")
    assert {"q"} == finished_points(tmp_path).keys()


def test_a_record_of_another_schema_is_not_done(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is measured again, and that is said."""
    a_run_dir(tmp_path / "0", "p", schema=0)
    a_run_dir(tmp_path / "1", "q")
    assert {"q"} == finished_points(tmp_path).keys()
    assert f"not taken for a record: {tmp_path}/0/record.json" in caplog.text


@pytest.mark.parametrize("content", ["", '{"schema": 1, "id": ', '{"schema": 1}', "[]"])
def test_a_damaged_record_is_not_done(tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a full disk left of it."""
    RunDir(tmp_path / "0").write_text(RECORD, content)
    a_run_dir(tmp_path / "1", "q")
    assert {"q"} == finished_points(tmp_path).keys()
    assert [logging.WARNING] == [line.levelno for line in caplog.records]


def test_records_of_another_host_do_not_choose_the_directory(tmp_path: Path) -> None:
    """What that board finished is no reason to go on there."""
    a_sweep(tmp_path / "theirs", "p", "q", started_at=10.0)
    a_run_dir(tmp_path / "theirs" / "0", "p", tags={"hostname": "another board"})
    a_sweep(tmp_path / "ours", "p", "q", started_at=20.0)
    assert "ours" == where(tmp_path, "p", "q")


def test_an_empty_directory_is_forgotten(tmp_path: Path) -> None:
    """Hydra makes one, with a file of its own, before anybody knows where the sweep goes."""
    (tmp_path / "outputs" / "now").mkdir(parents=True)
    (tmp_path / "outputs" / "now" / "multirun.yaml").write_text("hydra: {}")
    forget(tmp_path / "outputs" / "now")
    assert [] == list(tmp_path.iterdir())


def test_a_directory_that_holds_something_is_kept(tmp_path: Path) -> None:
    """Nothing of the user's is taken away."""
    (tmp_path / "now").mkdir()
    (tmp_path / "now" / "notes.txt").write_text("mine")
    forget(tmp_path / "now")
    assert ["notes.txt"] == [path.name for path in (tmp_path / "now").iterdir()]
