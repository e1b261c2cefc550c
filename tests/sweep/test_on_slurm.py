"""Sweeps through submitit's local executor: its processes, or its driver, are killed, interrupted, or fail."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.clusters import Board, group_processes, kept, kill, mlflow_server, until
from tests.command_line import SMALL_LOAD, running, thorexp
from tests.stores import client_of
from tests.sweep.makers import SWEEP
from thorexp.config_sweep import SlurmConfig
from thorexp.rundir import ERROR, SERVER_LOG, Record
from thorexp.sweep.on_slurm import SlurmBoards
from thorexp.tracking import Store

JOBS = 4
SLOW = {"token_delay_s": 0.05}
DIES = {"only_model": "moe", "die_at_start": "torch.OutOfMemoryError: CUDA out of memory."}
WORDS = (
    "-m",
    "hardware=cpu",
    "load=high,low",
    "model=tiny_qwen3,tiny_qwen3_moe",
    *SMALL_LOAD,
    "server.stop_timeout_s=5",
    "workload.output_len=32",
    "sweep.executor=slurm",
    "sweep.slurm.cluster=local",
    "sweep.board_dir=board",
)


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One tracking server, in which every test has an experiment of its own."""
    with mlflow_server(tmp_path_factory.mktemp("slurm") / "mlflow") as uri:
        yield uri


def words_of(name: str, uri: str) -> tuple[str, ...]:
    """A sweep of two groups of two jobs, tracked there."""
    return (*WORDS, f"tracking.uri={uri}", f"tracking.experiment={name}")


def once_each(points: set[str]) -> Counter[tuple[str, str]]:
    """A FINISHED run of each point, and one of the sweep."""
    return Counter({("sweep", ""): 1} | {("job", point): 1 for point in points})


def test_a_group_that_is_killed_runs_again_from_where_it_was(uri: str, tmp_path: Path) -> None:
    """Its complete job stays the one of its point; all finish, each once in MLflow, and its server is gone."""
    board = Board(tmp_path / "board")
    with running(tmp_path, *words_of("killed", uri), fake=SLOW) as sweep:
        sweep.until(lambda: board.is_mid_group)
        (complete,) = (run_dir.record() for run_dir in board.records)
        (group,) = group_processes(board.directory)
        kill(group)
        ran = sweep.ended()
    assert 0 == ran.code, ran.err
    assert "lost its board" in ran.err
    assert f"{JOBS} of {JOBS} jobs finished, 0 failed" in ran.out
    assert complete.id in {record.id for record in ran.records}
    in_mlflow = kept(uri, "killed")
    assert JOBS == len({record.point for record in ran.records})
    assert once_each({record.point for record in ran.records}) == in_mlflow.finished
    assert "RUNNING" not in in_mlflow.statuses
    until(lambda: not board.processes)


def test_a_job_that_fails_on_a_board_leaves_the_others(uri: str, tmp_path: Path) -> None:
    """It is FAILED with its reason in the table and in MLflow, and its record is here, with the log of its server."""
    ran = thorexp(tmp_path, *words_of("fails", uri), fake=DIES)
    assert 1 == ran.code
    assert f"2 of {JOBS} jobs finished, 2 failed" in ran.out
    assert "out of memory" in ran.out.lower()
    failed = [run_dir for run_dir in ran.run_dirs if run_dir.record().status == "failed"]
    assert 2 == len(failed)
    assert all(run_dir.has(ERROR) and run_dir.has(SERVER_LOG) for run_dir in failed)
    jobs = Counter(status for status, kind, *_ in kept(uri, "fails").runs if kind == "job")
    assert Counter({"FINISHED": 2, "FAILED": 2}) == jobs


def test_what_finished_after_its_driver_was_killed_is_not_run_again(uri: str, tmp_path: Path) -> None:
    """The group goes on without it, and the same command takes its results from MLflow."""
    board = Board(tmp_path / "board")
    with running(tmp_path, *words_of("driver", uri), fake=SLOW) as sweep:
        sweep.until(lambda: board.is_mid_group)
        sweep.process.kill()
        sweep.process.wait()
    until(lambda: not board.processes)
    without = {run_dir.record().id for run_dir in board.records}
    assert 2 == len(without)
    again = thorexp(tmp_path, *words_of("driver", uri), fake=SLOW)
    assert 0 == again.code, again.err
    assert f"{JOBS} of {JOBS} jobs finished, 0 failed" in again.out
    assert without <= {record.id for record in again.records}
    assert once_each({record.point for record in again.records}) == kept(uri, "driver").finished


def test_an_interruption_ends_the_groups_and_keeps_what_is_complete(uri: str, tmp_path: Path) -> None:
    """Exit code 130; the complete record is here, no server is left, and what to type is said."""
    board = Board(tmp_path / "board")
    with running(tmp_path, *words_of("interrupted", uri), fake=SLOW) as sweep:
        sweep.until(lambda: board.is_mid_group)
        sweep.process.send_signal(signal.SIGINT)
        ran = sweep.ended()
    assert 130 == ran.code, ran.err
    until(lambda: not board.processes)
    (complete,) = (run_dir.record() for run_dir in board.records)
    assert [complete.id] == [record.id for record in ran.records]
    assert "To go on where this stopped: python -m thorexp" in ran.out
    assert "RUNNING" not in kept(uri, "interrupted").statuses


def test_a_group_that_no_board_takes_fails_with_the_reason(uri: str, tmp_path: Path) -> None:
    """Once all tries are used up; nothing of it is measured."""
    ran = thorexp(tmp_path, *words_of("refused", uri), "sweep.retries=1", "sweep.lock_path=/nowhere/lock")
    assert 1 == ran.code
    assert 2 * 2 == ran.err.count("lost its board")
    assert f"0 of {JOBS} jobs finished, {JOBS} failed" in ran.out
    assert "The lock of this board cannot be opened." in ran.out
    assert () == ran.run_dirs


def test_what_submitit_refuses_is_said_by_its_key(uri: str, tmp_path: Path) -> None:
    """Before anything runs."""
    ran = thorexp(tmp_path, *words_of("submitit", uri), "sweep.slurm.parameters.no_such_thing=1")
    assert 1 == ran.code
    assert "submitit refuses what it is asked for." in ran.err
    assert "no_such_thing" in ran.err
    assert ("", [tmp_path / "outputs" / "slurm"]) == (ran.out, list((tmp_path / "outputs").iterdir()))


def test_a_job_that_kills_its_group_leaves_those_behind_it(uri: str, tmp_path: Path) -> None:
    """It alone is given up, once all tries are used up."""
    board = Board(tmp_path / "board")
    with running(tmp_path, *words_of("kills", uri), "sweep.retries=0", fake=SLOW) as sweep:
        sweep.until(lambda: bool(list(board.directory.glob("*/*/plan.json"))))
        (group,) = group_processes(board.directory)
        kill(group)
        ran = sweep.ended()
    assert 1 == ran.code
    assert f"{JOBS - 1} of {JOBS} jobs finished, 1 failed" in ran.out
    assert 1 == ran.err.count("lost its board")


def test_what_is_to_be_measured_anew_is(uri: str, tmp_path: Path) -> None:
    """In the same directory, by the same points; then it is done already, and a second result that arrives ends."""
    words = (*words_of("anew", uri), "model=tiny_qwen3", "hydra.sweep.dir=outputs/x")
    first = {record.id for record in thorexp(tmp_path, *words).records}
    again = thorexp(tmp_path, *words, "sweep.resume=false")
    assert 0 == again.code, again.err
    assert 2 == len(first) == len(again.records)
    assert not first & {record.id for record in again.records}
    late = a_second_run(again.records[0], Store(uri, "anew", ""))
    done = thorexp(tmp_path, *words)
    assert "2 done already, 0 to run" in done.out
    assert again.records == done.records
    assert "KILLED" == client_of(Store(uri, "anew", "")).get_run(late).info.status


def a_second_run(record: Record, store: Store) -> str:
    """As of a board that was thought lost, and finished the same job."""
    client = client_of(store)
    experiment = client.get_experiment_by_name(store.experiment)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id], f"tags.`thorexp.id` = '{record.id}'")
    late = client.create_run(experiment.experiment_id, tags={**run.data.tags, "thorexp.id": "another"})
    client.set_terminated(late.info.run_id, "FINISHED")
    return str(late.info.run_id)


def test_what_was_typed_does_not_stay_in_submitits_folder(uri: str, tmp_path: Path) -> None:
    """Which is its owner's alone."""
    ran = thorexp(tmp_path, *words_of("secret", uri), "model=tiny_qwen3", "+server.env.HF_TOKEN=tok-SECRET")
    assert 0 == ran.code, ran.err
    folder = tmp_path / "outputs" / "slurm"
    assert 0o700 == folder.stat().st_mode & 0o777
    there = [path for path in folder.rglob("*") if path.is_file()]
    assert there
    assert [] == [path for path in there if b"SECRET" in path.read_bytes()]


def test_a_job_that_is_being_submitted_is_cancelled_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slurm would run it when its driver has ended."""
    asked, go, cancelled = tmp_path / "asked", tmp_path / "go", tmp_path / "cancelled"
    commands = {
        "srun": "",
        "sacct": "",
        "sbatch": f"touch {asked}; while [ ! -e {go} ]; do sleep 0.02; done; echo Submitted batch job 12",
        "scancel": f'echo "$@" >> {cancelled}',
    }
    for name, does in commands.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    options = replace(SWEEP, slurm=SlurmConfig("slurm", str(tmp_path / "folder")))
    boards = SlurmBoards(options)
    boards.submit("an errand")
    until(asked.exists)
    closing = threading.Thread(target=boards.close, args=(1.0,))
    closing.start()
    go.touch()
    closing.join()
    assert "12\n" == cancelled.read_text()
    assert [] == list((tmp_path / "folder").glob("*.pkl"))
