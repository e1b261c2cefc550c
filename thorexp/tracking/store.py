"""A view put into an MLflow store, once."""

import logging
import os
import platform
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psutil

from thorexp.config import TrackingConfig
from thorexp.errors import TrackingError
from thorexp.secret import masked
from thorexp.tracking.database import alone, database_of
from thorexp.tracking.experiment import experiment_of
from thorexp.tracking.fill import REVISION, fill
from thorexp.tracking.view import View

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

    @classmethod
    def of(cls, config: TrackingConfig) -> "Store":
        """As a job's config says."""
        return cls(config.uri, config.experiment, config.artifacts)


@dataclass(frozen=True, slots=True)
class Tracked:
    """A record's one MLflow run, and what had to be done for it."""

    run_id: str
    status: str
    done: Literal["tracked", "completed", "already there"]


HOLDER = "thorexp.holder"  # host, pid and start time of the process that fills a run
REACHABLE = "tracking.uri=<a store that answers>"
_ABANDONED = f"attributes.status = 'RUNNING' and tags.`{HOLDER}` LIKE '{platform.node()} %'"


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


def open_store(store: Store) -> None:
    """Import MLflow and make the tables of a new SQLite store, which takes seconds; TrackingError when it cannot be."""
    with _failing_as_ours("MLflow's store cannot be opened. Records are kept all the same.", store, REACHABLE):
        warm_up()
        if database_of(store.uri) is not None:
            with _opened(store) as client:
                client.get_experiment_by_name(store.experiment)


def put(view: View, store: Store) -> Tracked:
    """Make it true that the store holds one run of this record, terminated; TrackingError when it refuses."""
    again = f"python -m thorexp.tracking {shlex.quote(str(view.where))}"
    with _failing_as_ours(f"MLflow did not take a record. It is kept: {view.where}", store, again):
        warm_up()
        _check_apart(view, store)
        with _opened(store) as client:
            return _put(client, view, store)


def _put(client: "MlflowClient", view: View, store: Store) -> Tracked:
    run, created = _run_of(client, view, store)
    run_id = str(run.info.run_id)
    shown = run.data.tags.get(REVISION) == view.revision
    if shown and run.info.status in ("FINISHED", "FAILED"):
        _log.info("%s is in MLflow already: run %s, %s", view.where, run_id, run.info.status)
        return Tracked(run_id, run.info.status, "already there")
    fill(client, run_id, view)
    client.set_terminated(run_id, view.status, end_time=view.end_ms)
    _log.info("%s is in MLflow: run %s, %s", view.where, run_id, view.status)
    return Tracked(run_id, view.status, "tracked" if created else "completed")


def close_abandoned(store: Store) -> int:
    """End as KILLED the runs that a process of this host left RUNNING when it died; how many there were.

    Their records, where they are complete, can still be tracked: `put` fills such a run to its end.
    """
    with _failing_as_ours("MLflow does not say what killed processes left there.", store, REACHABLE):
        warm_up()
        with _opened(store) as client:
            experiment = client.get_experiment_by_name(store.experiment)
            found = client.search_runs([experiment.experiment_id], _ABANDONED) if experiment is not None else ()
            left = [run.info.run_id for run in found if not _lives(run.data.tags[HOLDER])]
            for run_id in left:
                client.set_terminated(run_id, "KILLED")
                _log.warning("run %s was left RUNNING by a process that has died: KILLED", run_id)
        return len(left)


def _holder(process: psutil.Process) -> str:
    return f"{platform.node()} {process.pid} {process.create_time()}"


def _lives(holder: str) -> bool:
    pid = int(holder.split()[1])
    try:
        return holder == _holder(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


def _run_of(client: "MlflowClient", view: View, store: Store) -> tuple["Run", bool]:
    """The record's run, and whether it had to be created."""
    place = None if database_of(store.uri) is None else Path(store.artifacts).absolute().as_uri()
    experiment = experiment_of(client, store.experiment, place)
    if found := client.search_runs([experiment], f"tags.`thorexp.id` = '{view.id}'", max_results=1):
        return found[0], False
    tags = {"thorexp.id": view.id, HOLDER: _holder(psutil.Process())}
    return client.create_run(experiment, start_time=view.start_ms, tags=tags, run_name=view.name), True


@contextmanager
def _opened(store: Store) -> Iterator["MlflowClient"]:
    """A client, and meanwhile nobody else writes to this store, if it is a file of this machine."""
    from mlflow import MlflowClient

    database = database_of(store.uri)
    with alone(database):
        yield MlflowClient(store.uri if database is None else f"sqlite:///{database}")


@contextmanager
def reading(uri: str) -> Iterator["MlflowClient"]:
    """A client of a store that is there; TrackingError where there is none, or it does not answer."""
    store = Store(uri, experiment="", artifacts="")
    with _failing_as_ours("MLflow's store cannot be read.", store, REACHABLE):
        warm_up()
        database = database_of(uri)
        if database is not None and not database.is_file():
            raise TrackingError("There is no MLflow store.", ("where", str(database)), ("try", "--uri sqlite:///FILE"))
        with _opened(store) as client:
            yield client


def _check_apart(view: View, store: Store) -> None:
    """A store inside the directory that it copies would copy itself until the disk is full."""
    database = database_of(store.uri)
    places = () if database is None else (database, Path(store.artifacts).absolute())
    for place in places:
        if any(path in place.parents or path == place for path in view.artifacts):
            raise TrackingError(
                "MLflow's store lies in the run directory that it is to copy.",
                ("record", str(view.where)),
                ("store", str(place)),
                ("try", "tracking.uri and tracking.artifacts with absolute paths, outside of it"),
            )


@contextmanager
def _failing_as_ours(headline: str, store: Store, remedy: str) -> Iterator[None]:
    try:
        yield
    except _failures() as failure:
        evidence = next(iter(str(failure).strip().splitlines()), "")
        raise TrackingError(
            headline,
            ("store", masked(store.uri)),
            ("says", masked(f"{type(failure).__name__}: {evidence}")),
            ("try", remedy),
        ) from failure


def _failures() -> tuple[type[Exception], ...]:
    """What MLflow, its database and its network raise; every error of `requests` is an OSError."""
    from alembic.util import CommandError
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, SQLAlchemyError, CommandError, sqlite3.Error, OSError
