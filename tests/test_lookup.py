"""Records by their names in MLflow, from real stores."""

import shutil
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.compare.makers import TTFT, a_run_dir
from tests.stores import client_of, experiment_of
from thorexp.compare.sides import source_of
from thorexp.errors import RecordError, TrackingError
from thorexp.rundir import RECORD, RunDir
from thorexp.sweepdir import SweepRecord
from thorexp.tracking import Store, track, track_sweep
from thorexp.tracking.lookup import jobs_of

_numbers = count()
UNKNOWN_ID = "0123456789abcdef" * 2


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of one store for all tests: creating it takes seconds."""
    return tmp_path_factory.mktemp("looked_up")


@pytest.fixture
def store(root: Path) -> Store:
    """An experiment of a test's own."""
    return Store(f"sqlite:///{root}/mlflow.db", f"experiment {next(_numbers)}", f"{root}/artifacts")


def a_job(path: Path, **changes: Any) -> RunDir:
    """With an id of its own."""
    return a_run_dir(path, **{"id": f"looked-up-{next(_numbers)}", **changes})


def some_jobs(folder: Path, sweep: str | None, *, begin_s: float = 1_700_000_000.0) -> list[RunDir]:
    """Two, one after the other."""
    return [a_job(folder / name, sweep=sweep, started_at=begin_s + at) for at, name in enumerate(("first", "second"))]


def a_sweep(directory: Path) -> SweepRecord:
    """With an id of its own, ended."""
    directory.mkdir()
    return SweepRecord(
        id=f"sweep-{next(_numbers)}",
        command="load=high,low",
        points=("p", "q"),
        started_at=10.0,
        directory=directory,
        ended_at=70.0,
        finished=2,
        failed=0,
    )


def found(name: str, store: Store, workshop: Path) -> list[Path]:
    jobs = jobs_of(name, store.uri, workshop)
    assert jobs is not None
    return list(jobs.directories)


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_run_leads_to_its_directory(store: Store, tmp_path: Path) -> None:
    """By its id, as MLflow shows it."""
    run_dir = a_job(tmp_path / "run")
    assert [run_dir.path] == found(track(run_dir, store), store, tmp_path)


def test_a_sweeps_run_leads_to_its_jobs(store: Store, tmp_path: Path) -> None:
    """The oldest first, and to none of another sweep."""
    sweep = a_sweep(tmp_path / "sweep")
    jobs = some_jobs(tmp_path / "sweep", sweep.id)
    for job in (a_job(tmp_path / "another", sweep="another"), *reversed(jobs)):
        track(job, store)
    assert [job.path for job in jobs] == found(track_sweep(sweep, store), store, tmp_path)


@pytest.mark.parametrize("by", ["name", "id"])
def test_an_experiment_leads_to_all_of_its_jobs(store: Store, tmp_path: Path, by: str) -> None:
    """The oldest first; the run of a sweep is none, and another experiment's job is not of it."""
    sweep = a_sweep(tmp_path / "sweep")
    jobs = [*some_jobs(tmp_path / "sweep", sweep.id), a_job(tmp_path / "single", started_at=1_800_000_000.0)]
    for job in jobs:
        track(job, store)
    track_sweep(sweep, store)
    track(a_job(tmp_path / "another"), replace(store, experiment=f"{store.experiment} (another)"))
    name = store.experiment if by == "name" else experiment_of(store)
    assert [job.path for job in jobs] == found(name, store, tmp_path)


def test_the_run_of_a_job_is_one_measurement_by_itself(store: Store, tmp_path: Path) -> None:
    """Neither a sweep's run nor an experiment is, though each has one job alone."""
    sweep = a_sweep(tmp_path / "sweep")
    job = track(a_job(tmp_path / "sweep" / "job", sweep=sweep.id), store)
    named = [jobs_of(name, store.uri, tmp_path) for name in (job, track_sweep(sweep, store), store.experiment)]
    assert [(1, True), (1, False), (1, False)] == [(len(each.directories), each.single) for each in named if each]


def test_an_experiment_whose_name_is_a_number_is_found_by_it(store: Store, tmp_path: Path) -> None:
    """No experiment has this id."""
    run_dir = a_job(tmp_path / "run")
    track(run_dir, replace(store, experiment="20261127"))
    assert [run_dir.path] == found("20261127", store, tmp_path)


def test_an_experiment_is_read_to_its_last_page(store: Store, tmp_path: Path) -> None:
    """MLflow shows 1,000 runs at a time."""
    run_dir = a_job(tmp_path / "run", started_at=1_800_000_000.0)
    track(run_dir, store)
    client, experiment = client_of(store), experiment_of(store)
    tags = {"thorexp.kind": "job", "thorexp.id": run_dir.record().id, "thorexp.run_dir": str(run_dir.path)}
    for _ in range(1_000):
        client.create_run(experiment, start_time=1, tags=tags)
    assert 1_000 + 1 == len(found(store.experiment, store, tmp_path))


def test_a_record_whose_directory_is_gone_is_brought_from_mlflow(store: Store, tmp_path: Path) -> None:
    """Whole, byte by byte."""
    run_dir, workshop = a_job(tmp_path / "run"), tmp_path / "workshop"
    before, run_id = content_of(run_dir.path), track(run_dir, store)
    shutil.rmtree(run_dir.path)
    (copy,) = found(run_id, store, workshop)
    assert (workshop / run_id, before) == (copy, content_of(copy))


def test_a_record_whose_place_another_has_taken_is_brought_from_mlflow(store: Store, tmp_path: Path) -> None:
    """The run is not shown with the numbers of the job that came after it."""
    run_id = track(a_job(tmp_path / "run", numbers={TTFT: 100.0}), store)
    a_job(tmp_path / "run", numbers={TTFT: 999.0})
    (point,) = source_of(run_id, store.uri, tmp_path / "workshop").points
    assert 100.0 == point.side.results[0][TTFT]


def test_a_record_is_brought_as_often_as_it_is_named(store: Store, tmp_path: Path) -> None:
    """Against itself, too."""
    run_dir, workshop = a_job(tmp_path / "run"), tmp_path / "workshop"
    run_id = track(run_dir, store)
    shutil.rmtree(run_dir.path)
    assert found(run_id, store, workshop) == found(run_id, store, workshop)


def test_a_record_brought_from_mlflow_is_a_point(store: Store, tmp_path: Path) -> None:
    """With its numbers."""
    run_dir = a_job(tmp_path / "run", numbers={TTFT: 123.0})
    run_id = track(run_dir, store)
    shutil.rmtree(run_dir.path)
    (point,) = source_of(run_id, store.uri, tmp_path / "workshop").points
    assert 123.0 == point.side.results[0][TTFT]


def test_jobs_of_a_sweep_are_points_of_it(store: Store, tmp_path: Path) -> None:
    """Repeats together, as from its directory."""
    sweep = a_sweep(tmp_path / "sweep")
    for job in some_jobs(tmp_path / "sweep", sweep.id):
        track(job, store)
    (point,) = source_of(track_sweep(sweep, store), store.uri, tmp_path).points
    assert 2 == len(point.side.results)


@pytest.mark.parametrize("name", [UNKNOWN_ID, "987654321", "no such experiment", "x' OR 'a' = 'a"])
def test_a_name_that_the_store_does_not_know_is_an_error(store: Store, tmp_path: Path, name: str) -> None:
    """Which names it, and the store."""
    track(a_job(tmp_path / "run"), store)
    with pytest.raises(RecordError) as refused:
        source_of(name, store.uri, tmp_path)
    first, second, *_ = str(refused.value).splitlines()
    assert (f"{name} is nothing that can be compared.", f"store  {store.uri}") == (first, second.strip())


def test_a_store_that_is_not_there_is_an_error_and_is_not_made(tmp_path: Path) -> None:
    """Whoever misspells its name has none more."""
    with pytest.raises(TrackingError, match=r"^There is no MLflow store\.\n +where +.*/typo/mlflow\.db\n"):
        jobs_of("thorexp", f"sqlite:///{tmp_path}/typo/mlflow.db", tmp_path)
    assert [] == list(tmp_path.iterdir())


class Refusing(BaseHTTPRequestHandler):
    """A server that is no MLflow."""

    def do_GET(self) -> None:
        """Nobody is let in."""
        self.send_response(403)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def test_a_store_that_does_not_answer_is_an_error_of_tracking(tmp_path: Path) -> None:
    """Not of the name; and its password is not shown."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://ann:secret@127.0.0.1:{server.server_port}"
        with pytest.raises(TrackingError, match=r"^MLflow's store cannot be read\.") as refused:
            jobs_of(UNKNOWN_ID, uri, tmp_path)
        server.shutdown()
    assert "secret" not in str(refused.value)


class Empty(Refusing):
    """An MLflow that has nothing."""

    def do_GET(self) -> None:
        """Whatever it is, it is not there."""
        body = b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "not here"}'
        self.send_response(404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_an_unknown_name_shows_no_password_of_its_store(tmp_path: Path) -> None:
    """The store is named without it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(RecordError) as refused:
            source_of(UNKNOWN_ID, f"http://ann:secret@127.0.0.1:{server.server_port}", tmp_path)
        server.shutdown()
    assert f"http://***@127.0.0.1:{server.server_port}" in str(refused.value)


def test_looking_up_changes_no_record(store: Store, tmp_path: Path) -> None:
    """Nor completes one."""
    run_dir = a_job(tmp_path / "run")
    before, run_id = content_of(run_dir.path), track(run_dir, store)
    found(run_id, store, tmp_path / "workshop")
    assert before == content_of(run_dir.path)
    assert RECORD in before
