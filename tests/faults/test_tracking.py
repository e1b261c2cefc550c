"""An MLflow that is down, slow, fails, or cannot write: records are kept, and replayed when it is back."""

import fcntl
import shlex
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.command_line import Ran, environment, running, thorexp, tracked_runs
from tests.faults.proxy import Manner, Proxy, proxy_of
from tests.faults.small_disk import PAGE, full, read_only, small_disk
from tests.faults.soundness import JOB, assert_sound
from tests.mlflow_server import tracking_server
from tests.stores import client_of
from thorexp.tracking import Store

REFUSED = "MLflow did not take a record. It is kept: "
OPENED = "MLflow's store cannot be opened. Records are kept all the same."
SWEEP = ("-m", *JOB, "load=low", "load.num_prompts=2", "workload.seed=0,1")


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real tracking server."""
    folder = tmp_path_factory.mktemp("mlflow")
    with tracking_server(f"sqlite:///{folder}/mlflow.db", folder) as address:
        yield address


@pytest.fixture
def proxy(upstream: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Before that server; its client is as impatient as a test is."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "3")
    with proxy_of(upstream) as between:
        yield between


def to(proxy: Proxy, folder: Path) -> tuple[str, ...]:
    """An experiment of the test's own, on that server."""
    return f"tracking.uri={proxy.address}", f"tracking.experiment={folder.name}"


def statuses(proxy: Proxy, folder: Path) -> Counter[str]:
    """Of the test's runs, job or sweep."""
    client = client_of(Store(proxy.address, folder.name, ""))
    experiment = client.get_experiment_by_name(folder.name)
    runs = [] if experiment is None else client.search_runs([experiment.experiment_id])
    return Counter(f"{run.data.tags.get('thorexp.kind')} {run.info.status}" for run in runs)


def replayed(folder: Path, ran: Ran) -> "subprocess.CompletedProcess[str]":
    """What the message says to try, typed as it stands there."""
    (line,) = {line for line in (ran.out + ran.err).splitlines() if "python -m thorexp.tracking " in line}
    words = shlex.split(line[line.index("python -m") :])[1:]
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("manner", [Manner.GONE, Manner.FAILS, Manner.SILENT], ids=["down", "500s", "silent"])
def test_a_server_that_does_not_work_is_told_at_the_start(tmp_path: Path, proxy: Proxy, manner: Manner) -> None:
    """And again with the record that it did not take, which the command that is named brings there."""
    proxy.manner = manner
    ran = thorexp(tmp_path, *JOB, *to(proxy, tmp_path))
    assert_sound(ran, 1, REFUSED)
    assert ran.err.index(OPENED) < ran.err.index(" load: ")
    assert ["finished"] == [record.status for record in ran.records]
    proxy.manner = Manner.PASSES
    again = replayed(tmp_path, ran)
    assert (0, Counter({"job FINISHED": 1})) == (again.returncode, statuses(proxy, tmp_path)), again.stderr


@pytest.mark.parametrize(("runs", "code"), [(1, 1), (2, 0)], ids=["mid-sweep", "at the end"])
def test_a_server_that_goes_in_a_sweep_costs_nothing(tmp_path: Path, proxy: Proxy, runs: int, code: int) -> None:
    """What it did not take is told; the same command again measures nothing, and brings what is missing."""
    proxy.gone_after = runs
    ran = thorexp(tmp_path, *SWEEP, *to(proxy, tmp_path))
    assert_sound(ran, code)
    assert (True, False) == (REFUSED in ran.err + ran.out, OPENED in ran.err)
    proxy.gone_after = None
    again = thorexp(tmp_path, *SWEEP, *to(proxy, tmp_path))
    assert_sound(again, 0)
    assert {record.id for record in ran.records} == {record.id for record in again.records}
    assert Counter({"job FINISHED": 2, "sweep FINISHED": 1}) == statuses(proxy, tmp_path)


@pytest.mark.parametrize("manner", [Manner.SLOW, Manner.FAILS_OFTEN], ids=["slow", "500s now and then"])
def test_a_server_that_works_badly_is_borne(tmp_path: Path, proxy: Proxy, manner: Manner) -> None:
    """The job finishes, and there is one run of it."""
    proxy.manner = manner
    ran = thorexp(tmp_path, *JOB, *to(proxy, tmp_path))
    assert_sound(ran, 0)
    proxy.manner = Manner.PASSES
    assert Counter({"job FINISHED": 1}) == statuses(proxy, tmp_path)


@pytest.fixture
def tables(left: Path) -> Path:
    """A store that is there, with its tables: to make them takes seconds."""
    return left / "mlruns" / "mlflow.db"


def with_store(folder: Path, tables: Path) -> Path:
    """A copy of it in the folder."""
    (folder / "mlruns").mkdir(exist_ok=True)
    (folder / "mlruns" / "mlflow.db").write_bytes(tables.read_bytes())
    return folder / "mlruns" / "mlflow.db"


def test_a_database_that_is_locked_for_a_while_is_waited_for(tmp_path: Path, tables: Path) -> None:
    """Five seconds, as of somebody who looks into it; the job is tracked."""
    store = with_store(tmp_path, tables)
    with (
        closing(sqlite3.connect(store, isolation_level=None)) as other,
        running(tmp_path, *JOB) as job,
    ):
        other.execute("BEGIN EXCLUSIVE")
        job.until_it_says("server: ready")
        time.sleep(5)
        other.execute("ROLLBACK")
        ran = job.ended()
    assert_sound(ran, 0)
    assert ran.records[0].point in {run.point for run in tracked_runs(tmp_path)}


def test_a_database_that_stays_locked_is_told(tmp_path: Path, tables: Path) -> None:
    """With who may hold it; free again, the command that is named brings the record there."""
    with closing(sqlite3.connect(with_store(tmp_path, tables), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        ran = thorexp(tmp_path, *JOB)
        other.execute("ROLLBACK")
    assert_sound(ran, 1, REFUSED)
    assert "database is locked" in ran.err
    assert 0 == replayed(tmp_path, ran).returncode


def test_a_store_that_another_process_fills_is_waited_for_aloud(tmp_path: Path) -> None:
    """One that was stopped while it wrote would be waited for in silence."""
    (tmp_path / "mlruns").mkdir()
    with (tmp_path / "mlruns" / "mlflow.db.lock").open("a") as lock, running(tmp_path, *JOB) as job:
        fcntl.flock(lock, fcntl.LOCK_EX)
        job.until_it_says("waiting for another process that writes to ")
        fcntl.flock(lock, fcntl.LOCK_UN)
        ran = job.ended()
    assert_sound(ran, 0)


@pytest.mark.parametrize("size", [100 * PAGE, 400 * PAGE], ids=["tables", "files"])
def test_a_disk_of_mlflow_that_gets_full_costs_no_record(tmp_path: Path, size: int) -> None:
    """The remedy says room first; with it the command that is named brings the record there."""
    with small_disk(tmp_path / "mlruns") as disk:
        with full(disk, but_for=size):
            ran = thorexp(tmp_path, *JOB)
        assert_sound(ran, 1, REFUSED)
        assert "room on that disk, then python -m thorexp.tracking" in ran.err
        assert 0 == replayed(tmp_path, ran).returncode


def test_artifacts_that_can_only_be_read_cost_no_record(tmp_path: Path, tables: Path) -> None:
    """The remedy says the right to write first; with it the command that is named brings the record there."""
    with_store(tmp_path, tables)
    with small_disk(tmp_path / "kept") as disk:
        with read_only(disk):
            ran = thorexp(tmp_path, *JOB, f"tracking.artifacts={disk}", "tracking.experiment=elsewhere")
        assert_sound(ran, 1, REFUSED)
        assert "the right to write there, then python -m thorexp.tracking" in ran.err
        assert 0 == replayed(tmp_path, ran).returncode
