"""A view's content, put into its run."""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from thorexp.tracking.experiment import NOTE
from thorexp.tracking.load_input import LoadInput
from thorexp.tracking.record_runs import REVISION
from thorexp.tracking.sweep_note import RUN_ID
from thorexp.tracking.view import View

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

_CLASH = re.compile("unique|duplicate", re.IGNORECASE)  # as PostgreSQL, SQLite and MySQL say it
TABLES = "mlflow.loggedArtifacts"  # by which MLflow knows a table from any other JSON


def fill(client: "MlflowClient", run_id: str, view: View) -> None:
    """MLflow accepts the same params, metrics and datasets twice, so a run half filled can be filled again.

    Files and series come before tags: a run that names its revision has all of it. The client sends as many metrics
    at a time as MLflow takes, 1,000.
    """
    from mlflow.entities import Metric, Param, RunTag

    for path in view.artifacts:
        keep = client.log_artifacts if path.is_dir() else client.log_artifact
        keep(run_id, str(path))
    for name, table in view.tables:
        client.log_text(run_id, table, name)
    if view.load is not None:
        _log_dataset(client, run_id, _dataset(view.load))
    client.log_batch(run_id, [Metric(point.key, point.value, point.ms, point.step) for point in view.series])
    metrics = [Metric(key, value, view.end_ms, 0) for key, value in view.metrics.items()]
    params = [Param(key, value) for key, value in view.params.items()]
    tags = [RunTag(key, value) for key, value in (view.tags | dict(_shown(view, run_id))).items()]
    client.log_batch(run_id, metrics, params, [*tags, RunTag(REVISION, view.revision)])


def _shown(view: View, run_id: str) -> Iterator[tuple[str, str]]:
    """What MLflow's pages look for."""
    if view.note:
        yield NOTE, view.note.replace(RUN_ID, run_id)
    if view.tables:
        yield TABLES, json.dumps([{"path": name, "type": "table"} for name, _ in view.tables])


def _log_dataset(client: "MlflowClient", run_id: str, dataset: "DatasetInput") -> None:
    """Runs of the same load share its row, and of those that make it at the same moment a server refuses all but one:
    asked again, it finds the row there.
    """
    from mlflow.exceptions import MlflowException

    try:
        client.log_inputs(run_id, datasets=[dataset])
    except MlflowException as refused:
        if not _CLASH.search(str(refused)):
            raise
        client.log_inputs(run_id, datasets=[dataset])


def _dataset(load: LoadInput) -> "DatasetInput":
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset(
        name=load.name,
        digest=load.digest,
        source_type="thorexp",
        source=json.dumps(load.source),
        profile=json.dumps(load.profile),
    )
    return DatasetInput(dataset, tags=[InputTag("mlflow.data.context", "load")])
