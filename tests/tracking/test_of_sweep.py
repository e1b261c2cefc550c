"""Runs of one sweep as its driver finds them, in a store of this machine."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.stores import client_of, experiment_of
from tests.sweep.makers import FINISHED, a_run_dir
from thorexp.errors import TrackingError
from thorexp.rundir import RECORD, RunDir
from thorexp.tracking import Store, bring, end_lost, end_seconds, finished_runs, open_collecting, track


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Empty."""
    return Store(f"sqlite:///{tmp_path}/mlflow.db", "thorexp", str(tmp_path / "artifacts"))


def tracked(folder: Path, store: Store, point: str, **changes: object) -> str:
    """The run of a record of its own."""
    run_dir = a_run_dir(folder / f"{point}-{len(list(folder.iterdir()))}", point)
    run_dir.complete(replace(FINISHED, **{"point": point, "id": run_dir.path.name, **changes}))  # type: ignore[arg-type]
    return track(run_dir, store)


def test_finished_runs_of_a_sweep_are_found_by_point(store: Store, tmp_path: Path) -> None:
    """Neither those of another sweep nor those that failed."""
    run_id = tracked(tmp_path, store, "p")
    tracked(tmp_path, store, "q", status="failed")
    tracked(tmp_path, store, "r", sweep="another")
    assert [("p", run_id)] == [(run.point, run.run_id) for run in finished_runs(store, "sweep")]


def test_of_two_runs_of_a_point_the_first_to_end_stays(store: Store, tmp_path: Path) -> None:
    """The other one ends as KILLED, and is not found any more."""
    late = tracked(tmp_path, store, "p", ended_at=1_700_000_120.0)
    early = tracked(tmp_path, store, "p", ended_at=1_700_000_060.0)
    assert early == end_seconds(store, finished_runs(store, "sweep"), kept=())["p"].run_id
    assert "KILLED" == client_of(store).get_run(late).info.status
    assert [early] == [run.run_id for run in finished_runs(store, "sweep")]


def test_the_record_that_is_kept_already_stays(store: Store, tmp_path: Path) -> None:
    """Even where a board with another clock says that it ended earlier."""
    late = tracked(tmp_path, store, "p", ended_at=1_700_000_120.0, id="kept")
    early = tracked(tmp_path, store, "p", ended_at=1_700_000_060.0)
    assert late == end_seconds(store, finished_runs(store, "sweep"), kept={"kept"})["p"].run_id
    assert "KILLED" == client_of(store).get_run(early).info.status


def test_what_a_lost_board_left_running_ends_as_killed(store: Store, tmp_path: Path) -> None:
    """Of the points that are asked about, and of that sweep."""
    tracked(tmp_path, store, "p")
    client, runs = client_of(store), {}
    for name, sweep, point in (("lost", "sweep", "q"), ("goes on", "sweep", "r"), ("foreign", "another", "q")):
        tags = {"thorexp.sweep": sweep, "thorexp.point": point}
        runs[name] = client.create_run(experiment_of(store), tags=tags).info.run_id
    end_lost(store, "sweep", {"q"})
    found = {name: client.get_run(run_id).info.status for name, run_id in runs.items()}
    assert {"lost": "KILLED", "goes on": "RUNNING", "foreign": "RUNNING"} == found


def test_a_record_comes_back_whole(store: Store, tmp_path: Path) -> None:
    """With every file that it went with."""
    run_id = tracked(tmp_path, store, "p")
    bring(store, run_id, tmp_path / "brought")
    assert "p" == RunDir(tmp_path / "brought").record().point
    assert (tmp_path / "brought" / RECORD).is_file()


def test_a_store_that_leaves_artifacts_on_a_disk_does_not_collect(store: Store, tmp_path: Path) -> None:
    """Boards would put them where nobody else finds them."""
    tracked(tmp_path, store, "p")
    with pytest.raises(TrackingError, match="a disk that boards do not share") as refused:
        open_collecting(store)
    assert "--artifacts-destination" in str(refused.value)
