"""A view put into an MLflow store, once."""

import fcntl
import logging
import os
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from thorexp.errors import TrackingError
from thorexp.tracking.view import View, masked

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Store:
    """Where runs go. `artifacts`: a directory, only for an SQLite store; a server has a place of its own.

    Relative paths count from the current directory.
    """

    uri: str
    experiment: str
    artifacts: str


@dataclass(frozen=True, slots=True)
class Tracked:
    """A record's one MLflow run, and what had to be done for it."""

    run_id: str
    status: str
    done: Literal["tracked", "completed", "already there"]


def warm_up() -> None:
    """Import MLflow, quietly.

    Variables that the user has set stand. With MLflow's own seven HTTP retries a server that is down holds a
    sweep up for four minutes a point; a record can be replayed, so three (13 s) will do.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    import_module("alembic.command")
    import_module("mlflow.store.tracking.sqlalchemy_store")


def put(view: View, store: Store) -> Tracked:
    """Make it true that the store holds one run of this record, terminated; TrackingError when it refuses."""
    with _failing_as_ours(view.where, store):
        warm_up()
        client, run, created = _run_of(view, store)
        run_id = str(run.info.run_id)
        if run.info.status in ("FINISHED", "FAILED"):
            _log.info("%s is in MLflow already: run %s, %s", view.where, run_id, run.info.status)
            return Tracked(run_id, run.info.status, "already there")
        _fill(client, run_id, view)
        client.set_terminated(run_id, view.status, end_time=view.end_ms)
        _log.info("%s is in MLflow: run %s, %s", view.where, run_id, view.status)
        return Tracked(run_id, view.status, "tracked" if created else "completed")


def _run_of(view: View, store: Store) -> tuple["MlflowClient", "Run", bool]:
    """The record's run, and whether it had to be created."""
    from mlflow import MlflowClient

    database = _database(store.uri)
    if database is not None:
        _check_apart(view, database, Path(store.artifacts).absolute())
    with _alone(database):
        client = MlflowClient(store.uri if database is None else f"sqlite:///{database}")
        place = None if database is None else Path(store.artifacts).absolute().as_uri()
        experiment = _experiment(client, store.experiment, place)
        if found := client.search_runs([experiment], f"tags.`thorexp.id` = '{view.id}'", max_results=1):
            return client, found[0], False
        tags = {"thorexp.id": view.id}
        run = client.create_run(experiment, start_time=view.start_ms, tags=tags, run_name=view.name)
        return client, run, True


def _fill(client: "MlflowClient", run_id: str, view: View) -> None:
    """MLflow accepts the same params and metrics twice, so a run half filled can be filled again."""
    from mlflow.entities import Metric, Param, RunTag

    metrics = [Metric(key, value, view.end_ms, 0) for key, value in view.metrics.items()]
    params = [Param(key, value) for key, value in view.params.items()]
    tags = [RunTag(key, value) for key, value in view.tags.items()]
    client.log_batch(run_id, metrics, params, tags)
    for path in view.artifacts:
        keep = client.log_artifacts if path.is_dir() else client.log_artifact
        keep(run_id, str(path))


def _experiment(client: "MlflowClient", name: str, place: str | None) -> str:
    from mlflow.exceptions import MlflowException

    if found := client.get_experiment_by_name(name):
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(name, artifact_location=place))
    except MlflowException as clash:
        # On a server, where nothing is locked, another process may have been first.
        if clash.error_code == "RESOURCE_ALREADY_EXISTS" and (found := client.get_experiment_by_name(name)):
            return str(found.experiment_id)
        raise


def _database(uri: str) -> Path | None:
    """The absolute file of an SQLite store; absent for any other store."""
    from sqlalchemy.engine import make_url

    return Path(make_url(uri).database or "").absolute() if uri.startswith("sqlite:") else None


def _check_apart(view: View, *places: Path) -> None:
    """A store inside the directory that it copies would copy itself until the disk is full."""
    for place in places:
        if any(path in place.parents or path == place for path in view.artifacts):
            raise TrackingError(
                "MLflow's store lies in the run directory that it is to copy.",
                ("record", str(view.where)),
                ("store", str(place)),
                ("try", "tracking.uri and tracking.artifacts with absolute paths, outside of it"),
            )


@contextmanager
def _alone(database: Path | None) -> Iterator[None]:
    """Nobody else creates a run or, at first use, the tables: two at once break the migration.

    A server locks nothing, so two replays of one record at the same moment may leave two runs there. The
    database is opened here first, since MLflow would retry for 100 s on one that cannot be.
    """
    if database is None:
        yield
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    with database.with_name(f"{database.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with closing(sqlite3.connect(database, timeout=20)) as connection:
            connection.execute("PRAGMA journal_mode=wal")
        yield


@contextmanager
def _failing_as_ours(where: Path, store: Store) -> Iterator[None]:
    try:
        yield
    except _failures() as failure:
        evidence = next(iter(str(failure).strip().splitlines()), "")
        raise TrackingError(
            "MLflow did not take a record. The record is kept.",
            ("record", str(where)),
            ("store", masked(store.uri)),
            ("says", masked(f"{type(failure).__name__}: {evidence}")),
            ("try", f"python -m thorexp.tracking {shlex.quote(str(where))}"),
        ) from failure


def _failures() -> tuple[type[Exception], ...]:
    """What MLflow, its database and its network raise; every error of `requests` is an OSError."""
    from alembic.util import CommandError
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, SQLAlchemyError, CommandError, sqlite3.Error, OSError
