"""Records by their names in MLflow: a run's id, or an experiment's id or name."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from thorexp.rundir import RECORD, RunDir
from thorexp.tracking.store import reading

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

T = TypeVar("T")
RUN_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Jobs:
    """Where the records of what was named are. `single`: whether that was the run of one job."""

    directories: tuple[Path, ...]
    single: bool


def jobs_of(name: str, uri: str, workshop: Path) -> Jobs | None:
    """The job of a run, or the jobs of a sweep's run, or all of an experiment; absent where the store knows no such.

    Where a record's own directory is gone, its copy in MLflow, brought below `workshop`. TrackingError when the store
    does not answer.
    """
    with reading(uri) as client:
        run = _known(client.get_run, name) if RUN_ID.fullmatch(name) else None
        found = _of_experiment(client, name) if run is None else _of_run(client, run)
        if found is None:
            return None
        directories = tuple(_directory(client, each, workshop) for each in found)
        return Jobs(directories, single=run is not None and not _is_sweep(run))


def _of_experiment(client: "MlflowClient", name: str) -> Iterator["Run"] | None:
    experiment = _known(client.get_experiment, name) if name.isdecimal() else None
    experiment = experiment or client.get_experiment_by_name(name)
    if experiment is None:
        return None
    return found(client, str(experiment.experiment_id), "tags.`thorexp.kind` = 'job'")


def _known(ask: Callable[[str], T], name: str) -> T | None:
    """Absent where the store answers that it is not there."""
    from mlflow.exceptions import MlflowException

    try:
        return ask(name)
    except MlflowException as refused:
        if refused.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


def _of_run(client: "MlflowClient", run: "Run") -> Iterator["Run"]:
    if not _is_sweep(run):
        return iter([run])
    of_sweep = f"tags.`thorexp.kind` = 'job' AND tags.`thorexp.sweep` = '{run.data.tags['thorexp.id']}'"
    return found(client, str(run.info.experiment_id), of_sweep)


def _is_sweep(run: "Run") -> bool:
    return bool(run.data.tags.get("thorexp.kind") == "sweep")


def found(client: "MlflowClient", experiment: str, condition: str) -> Iterator["Run"]:
    """All of them, page by page, the oldest first."""
    token = None
    while True:
        page = client.search_runs([experiment], condition, order_by=["attributes.start_time ASC"], page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _directory(client: "MlflowClient", run: "Run", workshop: Path) -> Path:
    """Its own, unless another record has taken that place."""
    own = RunDir(Path(run.data.tags.get("thorexp.run_dir", "")))
    if own.path.is_absolute() and own.has(RECORD) and own.record().id == run.data.tags.get("thorexp.id"):
        return own.path
    copy = workshop / str(run.info.run_id)
    copy.mkdir(parents=True, exist_ok=True)
    client.download_artifacts(run.info.run_id, "", str(copy))
    return copy
