"""A tracking server on a real PostgreSQL, with four writers at once."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen
from uuid import uuid4

import psutil
import pytest
from sqlalchemy import create_engine, text

from tests.command_line import FAKE, thorexp
from tests.mlflow_server import free_port, postgres, tracking_server
from tests.stores import client_of, experiment_of
from thorexp.rundir import RECORD, RunDir, find_run_dirs
from thorexp.sweepdir import SWEEP, read_sweep
from thorexp.tracking import Store, track_sweep
from thorexp.tracking.__main__ import main
from thorexp.tracking.experiment import DESCRIPTION, NOTE
from thorexp.tracking.metrics import Point
from thorexp.tracking.request_table import REQUEST_TABLE
from thorexp.tracking.store import put
from thorexp.tracking.view import view_of_job

if TYPE_CHECKING:
    from mlflow.entities import Run

WRITERS = 4
WORDS = ("-m", "hardware=cpu", "model=tiny_qwen3", "load=high,low", "load.num_prompts=8", "engine.max_num_seqs=8,16")
POINTS = 4  # two loads, each of a digest of its own, on two servers
OF_RUNS = "where {} in (select run_uuid from runs where experiment_id = {})"
TABLES = {"metrics": "run_uuid", "latest_metrics": "run_uuid", "params": "run_uuid", "inputs": "destination_id"}


@dataclass(frozen=True)
class Server:
    """Where it answers, and the database behind it."""

    uri: str
    database: str

    def store(self, experiment: str) -> Store:
        """`artifacts` counts for nothing here."""
        return Store(self.uri, experiment, "/nowhere")


@dataclass(frozen=True)
class Written:
    """What four processes said that tracked records of their own at once, each to the same new experiment, and what
    one process made of all of these records in a store that is a file.
    """

    said: tuple[str, ...]
    codes: tuple[int, ...]
    run_dirs: tuple[RunDir, ...]
    store: Store
    alone: Store


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with postgres() as uri:
        yield uri


@pytest.fixture(scope="module")
def server(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with tracking_server(database, tmp_path_factory.mktemp("server")) as address:
        yield Server(address, database)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a sweep of POINTS jobs that nobody has tracked."""
    ran = thorexp(tmp_path_factory.mktemp("sweep"), *WORDS, f"server.command='{FAKE}'", "tracking.enabled=false")
    assert (0, POINTS) == (ran.code, len(ran.run_dirs)), ran.err
    (found,) = ran.folder.glob(f"outputs/*/{SWEEP}")
    return found.parent


@pytest.fixture(scope="module")
def written(server: Server, sweep: Path, tmp_path_factory: pytest.TempPathFactory) -> Written:
    root = tmp_path_factory.mktemp("written")
    folders = tuple(copied(sweep, root / str(writer)) for writer in range(WRITERS))
    store = server.store("four at once")
    writers = [replaying(store, folder) for folder in folders]
    said = tuple(writer.communicate(timeout=300)[0] for writer in writers)
    alone = Store(f"sqlite:///{root}/mlflow.db", "alone", f"{root}/artifacts")
    assert 0 == main([*words_of(alone), *map(str, folders)])
    codes = tuple(writer.returncode for writer in writers)
    return Written(said, codes, tuple(d for folder in folders for d in find_run_dirs(folder)), store, alone)


def copied(sweep: Path, folder: Path) -> Path:
    """Its jobs once more, as another board would have kept them."""
    for run_dir in find_run_dirs(sweep):
        copy = folder / run_dir.path.name
        shutil.copytree(run_dir.path, copy)
        kept = json.loads((copy / RECORD).read_text())
        (copy / RECORD).write_text(json.dumps(kept | {"id": uuid4().hex}))
    return folder


def words_of(store: Store) -> list[str]:
    return ["--uri", store.uri, "--experiment", store.experiment, "--artifacts", store.artifacts]


def replaying(store: Store, *folders: Path, **variables: str) -> "subprocess.Popen[str]":
    """`python -m thorexp.tracking`, under way."""
    return subprocess.Popen(
        [sys.executable, "-m", "thorexp.tracking", *words_of(store), *map(str, folders)],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def runs_of(store: Store) -> "Sequence[Run]":
    """All that are there, whatever became of them."""
    return tuple(client_of(store).search_runs([experiment_of(store)]))


def ids_of(runs: "Sequence[Run]") -> Counter[str]:
    return Counter(run.data.tags["thorexp.id"] for run in runs)


def by_record(store: Store) -> "Mapping[str, Run]":
    return {run.data.tags["thorexp.id"]: run for run in runs_of(store)}


def told(run: "Run") -> dict[str, Any]:
    """What a run says of its record, wherever it is kept."""
    tags = {key: value for key, value in run.data.tags.items() if key != "thorexp.holder"}
    times = (run.info.run_name, run.info.status, run.info.start_time, run.info.end_time)
    assert run.inputs is not None
    datasets = [(each.dataset.name, each.dataset.digest, each.dataset.profile) for each in run.inputs.dataset_inputs]
    return {"tags": tags, "params": run.data.params, "metrics": run.data.metrics, "run": times, "datasets": datasets}


def rows_of(database: str, store: Store) -> dict[str, int]:
    """How many rows the runs of the experiment have, a table each."""
    engine = create_engine(database)
    experiment = experiment_of(store)
    with engine.connect() as connection:
        counts = {
            table: connection.scalar(text(f"select count(*) from {table} {OF_RUNS.format(key, experiment)}"))
            for table, key in TABLES.items()
        }
        counts["datasets"] = connection.scalar(
            text(f"select count(*) from datasets where experiment_id = {experiment}")
        )
    engine.dispose()
    return counts


def content_of(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_four_writers_at_once_track_all_that_they_have(written: Written) -> None:
    """Into an experiment that is not there when they start."""
    assert (0,) * WRITERS == written.codes, "\n".join(written.said)
    assert [POINTS] * WRITERS == [said.count("  FINISHED  tracked  ") for said in written.said]


def test_four_writers_leave_one_run_of_each_record(written: Written) -> None:
    """FINISHED, and no other run."""
    runs = runs_of(written.store)
    assert {run_dir.record().id: 1 for run_dir in written.run_dirs} == ids_of(runs)
    assert WRITERS * POINTS == len(runs)
    assert {"FINISHED"} == {run.info.status for run in runs}


def test_a_run_that_was_written_beside_others_says_what_one_written_alone_says(written: Written) -> None:
    """Tags, params, metrics, times and the dataset."""
    alone = by_record(written.alone)
    assert WRITERS * POINTS == len(alone)
    assert {key: told(run) for key, run in alone.items()} == {
        key: told(run) for key, run in by_record(written.store).items()
    }


def test_four_writers_leave_as_many_rows_as_one(written: Written, server: Server) -> None:
    """Of each metric its whole history, and of each load one dataset."""
    rows = rows_of(written.alone.uri, written.alone)
    assert 2 == rows["datasets"]
    assert WRITERS * POINTS == rows["inputs"]
    assert rows["metrics"] > rows["latest_metrics"] > 0
    assert rows == rows_of(server.database, written.store)


def test_artifacts_come_back_through_the_server_byte_for_byte(written: Written, tmp_path: Path) -> None:
    """All of a run directory, beside the table that tracking makes for MLflow's page."""
    runs = by_record(written.store)
    for run_dir in written.run_dirs:
        copy = tmp_path / run_dir.record().id
        copy.mkdir()
        client_of(written.store).download_artifacts(runs[run_dir.record().id].info.run_id, "", str(copy))
        (copy / REQUEST_TABLE).unlink()
        assert len(content_of(run_dir.path)) > 10
        assert content_of(run_dir.path) == content_of(copy)


def test_artifacts_are_kept_where_the_server_keeps_them(written: Written) -> None:
    """Not where `tracking.artifacts` says: no writer needs a disk that others have too."""
    assert {f"mlflow-artifacts:/{experiment_of(written.store)}"} == {
        run.info.artifact_uri.rsplit("/", 2)[0] for run in runs_of(written.store)
    }
    assert not Path(written.store.artifacts).exists()


def test_an_experiment_on_a_server_says_how_to_read_it(written: Written) -> None:
    """Whichever of the four has made it."""
    experiment = client_of(written.store).get_experiment_by_name(written.store.experiment)
    assert experiment is not None
    assert DESCRIPTION == experiment.tags[NOTE]


def test_a_server_shows_the_plots_of_a_sweep(server: Server, sweep: Path) -> None:
    """By the addresses in the description of the sweep's run."""
    store, record = server.store("a sweep"), read_sweep(sweep)
    assert record is not None
    run_id = track_sweep(record, store)
    place = f"get-artifact?path=points.png&run_uuid={run_id}"
    assert f"]({place})" in client_of(store).get_run(run_id).data.tags[NOTE]
    with urlopen(f"{server.uri}/{place}", timeout=60) as answer:
        assert (sweep / "points.png").read_bytes() == answer.read()


def test_a_record_that_four_replay_at_once_has_one_run(server: Server, sweep: Path, tmp_path: Path) -> None:
    """All four succeed, whoever came first."""
    store, folder = server.store("the same four times"), copied(sweep, tmp_path)
    writers = [replaying(store, folder) for _ in range(WRITERS)]
    said = [writer.communicate(timeout=300)[0] for writer in writers]
    assert [0] * WRITERS == [writer.returncode for writer in writers], "\n".join(said)
    assert {run_dir.record().id: 1 for run_dir in find_run_dirs(folder)} == ids_of(runs_of(store))
    assert {"FINISHED"} == {run.info.status for run in runs_of(store)}


def test_a_long_night_of_samples_arrives(server: Server, sweep: Path) -> None:
    """More than MLflow takes at a time: 2,500 points, of which each is there once, be it tracked twice."""
    points = tuple(Point("system/power_w", float(i), 1_700_000_000_000 + 1000 * i, i) for i in range(2500))
    store, run_dir = server.store("a long night"), find_run_dirs(sweep)[0]
    view = replace(view_of_job(run_dir), series=points)
    run_id = put(view, store).run_id
    assert run_id == put(replace(view, revision="seen again"), store).run_id
    history = client_of(store).get_metric_history(run_id, "system/power_w")
    assert [float(i) for i in range(2500)] == sorted(metric.value for metric in history)


def test_a_log_with_nul_in_it_is_tracked(server: Server, sweep: Path, tmp_path: Path) -> None:
    """As a file has it after a loss of power; PostgreSQL takes no such text."""
    run_dir = RunDir(find_run_dirs(copied(sweep, tmp_path))[0].path)
    record = json.loads((run_dir.path / RECORD).read_text())
    (run_dir.path / RECORD).write_text(json.dumps(record | {"status": "failed", "error": "It \0\0died."}))
    store = server.store("nul")
    run = client_of(store).get_run(put(view_of_job(run_dir), store).run_id)
    assert ("FAILED", "It died.") == (run.info.status, run.data.tags["thorexp.error"])


def test_a_server_that_dies_in_the_middle_costs_nothing(
    database: str, sweep: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The writer says what to type, and that, once the server is back, completes what was begun: nothing twice."""
    folder, records, port = tmp_path_factory.mktemp("dying"), copied(sweep, tmp_path), free_port()
    store = Store(f"http://127.0.0.1:{port}", "a death", "/nowhere")
    with tracking_server(database, folder, port=port):
        client_of(store).create_experiment(store.experiment)
        writer = replaying(store, records, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
        until_a_run_is_half_written(writer, store)
    writer.send_signal(signal.SIGCONT)
    said = writer.communicate(timeout=300)[0]
    assert 1 == writer.returncode, said
    assert "MLflow did not take a record. It is kept" in said
    with tracking_server(database, folder, port=port):
        assert {"RUNNING"} <= {run.info.status for run in runs_of(store)}
        again = replaying(store, records)
        told_again = again.communicate(timeout=300)[0]
        assert (0, 1) == (again.returncode, told_again.count("  FINISHED  completed  ")), told_again
        assert {run_dir.record().id: 1 for run_dir in find_run_dirs(records)} == ids_of(runs_of(store))
        assert {"FINISHED"} == {run.info.status for run in runs_of(store)}


def until_a_run_is_half_written(writer: "subprocess.Popen[str]", store: Store) -> None:
    """The writer is stopped to look, and goes on to the next run if that was too late."""
    while True:
        assert writer.poll() is None, writer.communicate()[0]
        if any(run.info.status == "RUNNING" for run in runs_of(store)):
            writer.send_signal(signal.SIGSTOP)
            while psutil.Process(writer.pid).status() != psutil.STATUS_STOPPED:
                time.sleep(0.001)
            if any(run.info.status == "RUNNING" for run in runs_of(store)):
                return
            writer.send_signal(signal.SIGCONT)
