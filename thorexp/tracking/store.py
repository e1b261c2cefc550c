"""A view put into an MLflow store, once."""

import logging
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from thorexp.config import TrackingConfig
from thorexp.errors import TrackingError
from thorexp.tracking.database import alone, database_of
from thorexp.tracking.experiment import experiment_of
from thorexp.tracking.failing import REACHABLE, failing_as_ours
from thorexp.tracking.fill import fill
from thorexp.tracking.record_runs import ABANDONED, HOLDER, REVISION, RecordRuns, is_whole, lives
from thorexp.tracking.view import View

if TYPE_CHECKING:
    from mlflow import MlflowClient

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


def warm_up() -> None:
    """Import MLflow, quietly.

    Variables that the user has set stand. With MLflow's own seven HTTP retries a server that is down holds a
    sweep up for four minutes a point, and one that accepts but never answers for 16; a record can be replayed, so
    three (13 s, or two minutes) will do.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # each retry; what comes of them is told as ours
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # a traceback, of what is told as ours too
    import_module("alembic.command")
    import_module("mlflow.store.tracking.sqlalchemy_store")


def open_store(store: Store) -> None:
    """Import MLflow, make the tables of a new SQLite store, which takes seconds, and ask it once; TrackingError when it
    cannot be.
    """
    with failing_as_ours("MLflow's store cannot be opened. Records are kept all the same.", store.uri, REACHABLE):
        warm_up()
        with _opened(store) as client:
            client.get_experiment_by_name(store.experiment)


def put(view: View, store: Store) -> Tracked:
    """Make it true that the store holds one run of this record, terminated; TrackingError when it refuses."""
    again = f"python -m thorexp.tracking {shlex.quote(str(view.where))}"
    with failing_as_ours(f"MLflow did not take a record. It is kept: {view.where}", store.uri, again):
        warm_up()
        _check_apart(view, store)
        with _opened(store) as client:
            return _put(client, view, store)


def _put(client: "MlflowClient", view: View, store: Store) -> Tracked:
    place = None if database_of(store.uri) is None else Path(store.artifacts).absolute().as_uri()
    runs = RecordRuns(client, experiment_of(client, store.experiment, place), view.id)
    found = runs.chosen()
    if found is not None and is_whole(found) and found.data.tags[REVISION] == view.revision:
        _log.info("%s is in MLflow already: run %s, %s", view.where, found.info.run_id, found.info.status)
        return Tracked(str(found.info.run_id), found.info.status, "already there")
    of = {key: value for key, value in view.tags.items() if key in ("thorexp.sweep", "thorexp.point")}
    run = found or runs.create(view.name, view.start_ms, of)
    fill(client, run.info.run_id, view)
    client.set_terminated(run.info.run_id, view.status, end_time=view.end_ms)
    run_id = str((runs.chosen() or run).info.run_id)
    _log.info("%s is in MLflow: run %s, %s", view.where, run_id, view.status)
    return Tracked(run_id, view.status, "tracked" if found is None else "completed")


def close_abandoned(store: Store) -> int:
    """End as KILLED the runs that a process of this host left RUNNING when it died; how many there were.

    Their records, where they are complete, can still be tracked: `put` fills such a run to its end.
    """
    with failing_as_ours("MLflow does not say what killed processes left there.", store.uri, REACHABLE):
        warm_up()
        with _opened(store) as client:
            experiment = client.get_experiment_by_name(store.experiment)
            found = client.search_runs([experiment.experiment_id], ABANDONED) if experiment is not None else ()
            left = [run.info.run_id for run in found if not lives(run.data.tags[HOLDER])]
            for run_id in left:
                client.set_terminated(run_id, "KILLED")
                _log.warning("run %s was left RUNNING by a process that has died: KILLED", run_id)
        return len(left)


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
    with failing_as_ours("MLflow's store cannot be read.", store.uri, REACHABLE):
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
