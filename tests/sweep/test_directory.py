"""Where a sweep goes on, or begins."""

import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from tests.sweep.makers import a_run_dir, a_sweep
from thorexp.sweep.directory import begin, directories_for, forget, fresh_directories, hold, unless_begun
from thorexp.sweepdir import SWEEP, read_sweep

ROOT = Path(__file__).parents[2]
STAMP = "2026-11-24_20-38-12"
HOLD = """
import sys
from pathlib import Path
from thorexp.sweep.directory import hold
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


def test_fewer_points_go_on_in_the_earlier_sweep(tmp_path: Path) -> None:
    """They are done there, or will be."""
    a_sweep(tmp_path / "earlier", "p", "q")
    assert "earlier" == where(tmp_path, "p")


def test_the_same_command_goes_on_with_other_points(tmp_path: Path) -> None:
    """A sweeper that comes in batches asks for the first alone."""
    a_sweep(tmp_path / "earlier", "p", "q")
    places = directories_for(tmp_path / "now", {"p", "r"}, "load=high,low")
    assert "earlier" == next(places).name


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


def test_records_of_another_host_do_not_choose_the_directory(tmp_path: Path) -> None:
    """What that board finished is no reason to go on there."""
    a_sweep(tmp_path / "theirs", "p", "q", started_at=10.0)
    a_run_dir(tmp_path / "theirs" / "0", "p", tags={"hostname": "another board"})
    a_sweep(tmp_path / "ours", "p", "q", started_at=20.0)
    assert "ours" == where(tmp_path, "p", "q")


def test_a_sweep_that_goes_on_keeps_its_beginning_and_its_points(tmp_path: Path) -> None:
    """None of its measurements is forgotten because the command was narrower."""
    a_sweep(tmp_path, "p", "q", started_at=10.0)
    record = begin(tmp_path, ("q", "r"), to_run=True)
    assert (("p", "q", "r"), 10.0, None) == (record.points, record.started_at, record.ended_at)
    assert record == read_sweep(tmp_path)


def test_a_sweep_that_goes_on_has_the_id_that_it_began_with(tmp_path: Path) -> None:
    """Unless it is given one, for it is to be taken for another."""
    assert "sweep" == a_sweep(tmp_path, "p").id == begin(tmp_path, ("p",), to_run=True).id
    assert "anew" == begin(tmp_path, ("p",), to_run=True, name="anew").id
    assert "anew" == begin(tmp_path, ("p",), to_run=True).id


@pytest.mark.parametrize(("to_run", "ended_at"), [(True, None), (False, 20.0)])
def test_a_sweep_in_which_nothing_is_to_run_ended_when_it_did(
    tmp_path: Path, to_run: bool, ended_at: float | None
) -> None:
    """One in which something is has not ended."""
    replace(a_sweep(tmp_path, "p"), ended_at=20.0).write()
    assert ended_at == begin(tmp_path, ("p",), to_run=to_run).ended_at


def what_hydra_makes(root: Path) -> Path:
    """The directory of a sweep by its time, with a file in it."""
    made = root / "outputs" / STAMP
    made.mkdir(parents=True)
    (made / "multirun.yaml").write_text("hydra: {}")
    return made


def test_what_hydra_made_is_forgotten(tmp_path: Path) -> None:
    """It makes a directory before anybody knows where the sweep goes."""
    forget(what_hydra_makes(tmp_path))
    assert ["outputs"] == [path.name for path in tmp_path.rglob("*")]


def test_what_hydra_made_for_one_job_is_forgotten(tmp_path: Path) -> None:
    """With the directory above, which bears the time."""
    (tmp_path / "outputs" / STAMP / "model_load").mkdir(parents=True)
    forget(tmp_path / "outputs" / STAMP / "model_load")
    assert ["outputs"] == [path.name for path in tmp_path.rglob("*")]


def test_a_directory_that_holds_something_is_kept(tmp_path: Path) -> None:
    """Nothing of the user's is taken away."""
    (what_hydra_makes(tmp_path) / "notes.txt").write_text("mine")
    forget(tmp_path / "outputs" / STAMP)
    assert {"multirun.yaml", "notes.txt"} == {path.name for path in (tmp_path / "outputs" / STAMP).iterdir()}


def test_a_directory_with_a_name_of_the_users_is_kept(tmp_path: Path) -> None:
    """`hydra.sweep.dir=night`, or `hydra.run.dir=.`, may be anything."""
    (tmp_path / "night").mkdir()
    (tmp_path / "night" / "multirun.yaml").write_text("mine")
    forget(tmp_path / "night")
    assert "mine" == (tmp_path / "night" / "multirun.yaml").read_text()


def test_what_is_refused_before_it_began_leaves_nothing(tmp_path: Path) -> None:
    """Whatever the reason."""
    with pytest.raises(KeyboardInterrupt), unless_begun(what_hydra_makes(tmp_path)):
        raise KeyboardInterrupt
    assert ["outputs"] == [path.name for path in tmp_path.rglob("*")]


def test_what_has_begun_is_kept(tmp_path: Path) -> None:
    """A failure later takes nothing away."""
    a_sweep(made := what_hydra_makes(tmp_path), "p")
    with pytest.raises(KeyboardInterrupt), unless_begun(made):
        raise KeyboardInterrupt
    assert {"multirun.yaml", SWEEP} == {path.name for path in made.iterdir()}
