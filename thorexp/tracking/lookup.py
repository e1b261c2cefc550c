"""Records by their names in MLflow: a run's id, or an experiment's id or name."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from thorexp.errors import RecordError
from thorexp.rundir import RECORD, RunDir
from thorexp.tracking.limits import masked
from thorexp.tracking.store import reading

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

T = TypeVar("T")
RUN_ID = re.compile(r"[0-9a-f]{32}")


def directories_of(name: str, uri: str, workshop: Path) -> tuple[Path, ...]:
    """The run directories of a run, or of the jobs of a sweep's run, or of all jobs of an experiment.

    Where a record's own directory is gone, its copy in MLflow, brought below `workshop`. RecordError for a name that
    the store does not know; TrackingError when it does not answer.
    """
    with reading(uri) as client:
        return tuple(_directory(client, run, workshop) for run in _jobs(client, name, uri))


def _jobs(client: "MlflowClient", name: str, uri: str) -> Iterator["Run"]:
    if RUN_ID.fullmatch(name) and (run := _known(client.get_run, name)) is not None:
        yield from _jobs_of_run(client, run)
        return
    experiment = _known(client.get_experiment, name) if name.isdecimal() else None
    experiment = experiment or client.get_experiment_by_name(name)
    if experiment is None:
        raise _unknown(name, uri)
    yield from _found(client, str(experiment.experiment_id), "tags.`thorexp.kind` = 'job'")


def _known(ask: Callable[[str], T], name: str) -> T | None:
    """Absent where the store answers that it is not there."""
    from mlflow.exceptions import MlflowException

    try:
        return ask(name)
    except MlflowException as refused:
        if refused.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


def _jobs_of_run(client: "MlflowClient", run: "Run") -> Iterator["Run"]:
    if run.data.tags.get("thorexp.kind") != "sweep":
        yield run
        return
    of_sweep = f"tags.`thorexp.kind` = 'job' AND tags.`thorexp.sweep` = '{run.data.tags['thorexp.id']}'"
    yield from _found(client, str(run.info.experiment_id), of_sweep)


def _found(client: "MlflowClient", experiment: str, condition: str) -> Iterator["Run"]:
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


def _unknown(name: str, uri: str) -> RecordError:
    return RecordError(
        f"{name} is nothing that can be compared.",
        ("store", masked(uri)),
        ("says", "no run has this id, no experiment this id or name"),
        ("try", "a run directory, a sweep's, an id out of MLflow (--uri), a file of results, or a baseline's name"),
    )
