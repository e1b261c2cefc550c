"""Runs of one sweep that many boards put into one MLflow server, seen from where the sweep was asked for."""

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from thorexp.errors import TrackingError
from thorexp.tracking.experiment import experiment_of
from thorexp.tracking.lookup import found
from thorexp.tracking.record_runs import REVISION
from thorexp.tracking.store import Store, reading

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Finished:
    """A job that finished somewhere: its point, the id of its record, its run, and the host that it ran on."""

    point: str
    record: str
    run_id: str
    host: str


def finished_runs(store: Store, sweep: str) -> tuple[Finished, ...]:
    """The FINISHED runs of that sweep's jobs that are whole, the first to end first; TrackingError when the store does
    not answer.
    """
    with reading(store.uri) as client:
        runs = [run for run in _of_sweep(client, store, sweep, "FINISHED") if REVISION in run.data.tags]
    return tuple(_finished(run) for run in sorted(runs, key=lambda run: int(run.info.end_time)))


def end_seconds(store: Store, runs: Collection[Finished], kept: Collection[str]) -> dict[str, Finished]:
    """The one run of each point, by point: that whose record is `kept`, else the first; any other ends as KILLED.

    A point has two when a board that was thought lost finished it all the same.
    """
    first: dict[str, Finished] = {}
    for run in sorted(runs, key=lambda run: run.record not in kept):
        if first.setdefault(run.point, run) is not run:
            _kill(store, run)
    return first


def _kill(store: Store, run: Finished) -> None:
    with reading(store.uri) as client:
        client.set_terminated(run.run_id, "KILLED")
    _log.warning("run %s, of %s, is the second of a point: KILLED", run.run_id, run.host)


def end_lost(store: Store, sweep: str, points: Collection[str]) -> None:
    """What boards that died left RUNNING of these points ends as KILLED. TrackingError from a store that is silent."""
    with reading(store.uri) as client:
        for run in _of_sweep(client, store, sweep, "RUNNING"):
            if run.data.tags.get("thorexp.point") in points:
                client.set_terminated(run.info.run_id, "KILLED")
                _log.warning("run %s was left RUNNING by a board that is lost: KILLED", run.info.run_id)


def bring(store: Store, run_id: str, into: Path) -> None:
    """The files of a run's record, into that directory; TrackingError when the store does not give them."""
    into.mkdir(parents=True, exist_ok=True)
    with reading(store.uri) as client:
        client.download_artifacts(run_id, "", str(into))


def open_collecting(store: Store) -> None:
    """Make its experiment, once for all boards; TrackingError unless that server answers, and takes the artifacts of
    every board itself.
    """
    with reading(store.uri) as client:
        place = client.get_experiment(experiment_of(client, store.experiment, None)).artifact_location
    if urlsplit(place).scheme in ("", "file"):
        raise TrackingError(
            "MLflow's server leaves artifacts to a disk that boards do not share.",
            ("where", f"{place}, of the experiment {store.experiment}"),
            ("try", "mlflow server --artifacts-destination DIR, without --default-artifact-root, a new experiment"),
        )


def _of_sweep(client: "MlflowClient", store: Store, sweep: str, status: str) -> Iterator["Run"]:
    experiment = client.get_experiment_by_name(store.experiment)
    if experiment is None:
        return
    condition = f"attributes.status = '{status}' AND tags.`thorexp.sweep` = '{sweep}' AND tags.`thorexp.point` != ''"
    yield from found(client, str(experiment.experiment_id), condition)


def _finished(run: "Run") -> Finished:
    tags = run.data.tags
    return Finished(tags["thorexp.point"], tags["thorexp.id"], str(run.info.run_id), tags.get("hostname", ""))
