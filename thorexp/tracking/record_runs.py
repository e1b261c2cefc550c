"""The MLflow runs of one record, of which one stays."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

HOLDER = "thorexp.holder"  # host, pid and start time of the process that fills a run
REVISION = "thorexp.revision"  # which a run shows that has all of a record
ABANDONED = f"attributes.status = 'RUNNING' and tags.`{HOLDER}` LIKE '{platform.node()} %'"


@dataclass(frozen=True, slots=True)
class RecordRuns:
    """Those of a record's id in an experiment.

    Nobody locks a server: of two processes that look at the same moment both find no run and both make one. Each
    looks again once its own is whole, so whoever is last sees both. Only whole ones are deleted, and never the one of
    the least id, so whatever two delete at once, one stays.
    """

    client: "MlflowClient"
    experiment: str
    id: str

    def chosen(self) -> "Run | None":
        """The run that stays, a whole one if there is any; absent where there is none. Other whole ones are deleted."""
        found = self.client.search_runs([self.experiment], f"tags.`thorexp.id` = '{self.id}'")
        ordered = sorted(found, key=lambda run: (not is_whole(run), run.info.run_id))
        for other in ordered[1:]:
            if is_whole(other) or _is_twin(other):
                self.client.delete_run(other.info.run_id)
        return ordered[0] if ordered else None

    def create(self, name: str, start_ms: int, of: Mapping[str, str]) -> "Run":
        """An empty run, held by this process. `of`: tags by which a driver knows it, should its board be lost now."""
        tags = {"thorexp.id": self.id, HOLDER: _holder(psutil.Process()), **of}
        return self.client.create_run(self.experiment, start_time=start_ms, tags=tags, run_name=name)


def is_whole(run: "Run") -> bool:
    """Whether somebody has filled it to its end."""
    return REVISION in run.data.tags and run.info.status in ("FINISHED", "FAILED")


def lives(holder: str) -> bool:
    """Whether the process that signed so, of this host, is still there."""
    pid = int(holder.split()[1])
    try:
        return holder == _holder(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


def _is_twin(run: "Run") -> bool:
    """Whether this process made it beside another one: the server's answer got lost, and the client asked again."""
    return bool(run.data.tags.get(HOLDER) == _holder(psutil.Process()))


def _holder(process: psutil.Process) -> str:
    return f"{platform.node()} {process.pid} {process.create_time()}"
