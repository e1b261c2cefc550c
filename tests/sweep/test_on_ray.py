"""A sweep on two boards of a Ray cluster, one of which is lost while its group is at work."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from tests.clusters import BOARD_DIR, Board, Kept, group_processes, kept, mlflow_server, ray_cluster, until
from tests.command_line import SMALL_LOAD, Ran, running, thorexp
from tests.fake_board import Board as FakeBoard
from thorexp.rundir import Record

GROUPS = 3
JOBS = 6
WORDS = (
    "-m",
    "hardware=cpu",
    "model=tiny_qwen3",
    "engine.max_num_seqs=4,8,16",
    "load=high,low",
    *SMALL_LOAD,
    "server.stop_timeout_s=5",
    "workload.output_len=32",
    "sweep.executor=ray",
    BOARD_DIR,
)


@dataclass(frozen=True, slots=True)
class Swept:
    """A sweep that lost a board, and the same command again. `before`: the records that this board had completed;
    `threads` and `niceness`: what its group was allowed.
    """

    ran: Ran
    again: Ran
    lost: Board
    boards: tuple[Board, ...]
    before: tuple[Record, ...]
    threads: str | None
    niceness: int
    kept: Kept
    kept_again: Kept

    @property
    def records(self) -> tuple[Record, ...]:
        """Those that the driver has."""
        return self.again.records


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swept]:
    """The board that is the first to be in the middle of a group is lost there."""
    folder = tmp_path_factory.mktemp("ray")
    driver = folder / "driver"
    driver.mkdir()
    with mlflow_server(folder / "mlflow") as uri, ray_cluster(folder, 2, {"token_delay_s": 0.05}) as (address, boards):
        words = (*WORDS, f"sweep.ray.address={address}", f"tracking.uri={uri}")
        with running(driver, *words) as sweep:
            sweep.until(lambda: any(board.is_mid_group for board in boards))
            lost = next(board for board in boards if board.is_mid_group)
            before = tuple(run_dir.record() for run_dir in lost.records)
            (group,) = group_processes(lost.directory)
            threads, niceness = group.environ().get("OMP_NUM_THREADS"), group.nice()
            lost.kill_executor()
            until(lambda: not lost.processes)
            ran = sweep.ended()
        first = kept(uri)
        again = thorexp(driver, *words)
        yield Swept(ran, again, lost, tuple(boards), before, threads, niceness, first, kept(uri))


def test_a_sweep_that_loses_a_board_finishes_all_the_same(swept: Swept) -> None:
    """It exits with 0, having said what it lost, and the table counts every job as finished."""
    assert 0 == swept.ran.code, swept.ran.err
    assert "lost its board" in swept.ran.err
    assert f"{JOBS} of {JOBS} jobs finished, 0 failed" in swept.ran.out


def test_every_point_is_in_mlflow_exactly_once(swept: Swept) -> None:
    """One FINISHED run for each point and one for the sweep; none is left RUNNING."""
    points = {record.point for record in swept.records}
    assert JOBS == len(points)
    assert Counter({("sweep", ""): 1} | {("job", point): 1 for point in points}) == swept.kept.finished
    assert "RUNNING" not in swept.kept.statuses


def test_every_record_is_where_the_sweep_was_asked_for(swept: Swept) -> None:
    """Whole, as the board had it, with the summary of all of them beside."""
    assert JOBS == len(swept.ran.results)
    made = {run_dir.record().id for board in swept.boards for run_dir in board.records}
    assert {record.id for record in swept.records} <= made
    (sweep,) = swept.ran.folder.glob("outputs/*/sweep.json")
    assert {"summary.md", "summary.csv", "report.html"} <= {path.name for path in sweep.parent.iterdir()}


def test_what_the_lost_board_had_completed_is_not_run_again(swept: Swept) -> None:
    """Its complete records are those of their points."""
    assert swept.before
    assert {record.id for record in swept.before} <= {record.id for record in swept.records}


def test_the_group_of_the_lost_board_runs_elsewhere(swept: Swept) -> None:
    """Both boards have results, and the rest of that group is from the other one."""
    (other,) = (board for board in swept.boards if board != swept.lost)
    elsewhere = {run_dir.record().id for run_dir in other.records}
    rest = {record.id for record in swept.records} - {record.id for record in swept.before}
    assert JOBS - len(swept.before) == len(rest)
    assert rest <= elsewhere


def test_a_board_has_one_group_at_a_time(swept: Swept) -> None:
    """On each, no job began before the one before it had ended."""
    for board in swept.boards:
        records = [run_dir.record() for run_dir in board.records]
        assert records
        assert all(earlier.ended_at <= later.started_at for earlier, later in pairwise(records))


def test_the_boards_own_version_of_vllm_is_in_the_record(swept: Swept) -> None:
    """The driver has no vLLM that it would have asked."""
    assert {"0.99.0"} == {record.tags["vllm_version"] for record in swept.records}


def test_a_group_is_allowed_what_any_process_of_the_board_is(swept: Swept) -> None:
    """Ray's own limits, for many small tasks on a node, would be measured else."""
    assert (None, os.getpriority(os.PRIO_PROCESS, 0)) == (swept.threads, swept.niceness)


def test_the_same_command_again_runs_nothing(swept: Swept) -> None:
    """All is done already, by whichever board, and MLflow has what it had."""
    assert 0 == swept.again.code, swept.again.err
    assert f"{JOBS} done already, 0 to run" in swept.again.out
    assert swept.kept == swept.kept_again


def test_no_cluster_is_said_before_anything_runs(tmp_path: Path) -> None:
    """With what was asked for and what to look at; nothing is measured."""
    with mlflow_server(tmp_path / "mlflow") as uri:
        refused = thorexp(tmp_path, *WORDS, f"tracking.uri={uri}", "sweep.ray.address=127.0.0.1:1")
    assert 1 == refused.code
    assert "The Ray cluster cannot be reached." in refused.err
    assert "sweep.ray.address=127.0.0.1:1" in refused.err
    assert ("", []) == (refused.out, list(tmp_path.glob("outputs/*")))


def test_an_interruption_leaves_boards_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 130; the group has stopped its server, and has the power mode set back that its jobs asked for."""
    thor = FakeBoard(tmp_path / "thor")
    monkeypatch.setenv("PATH", thor.path)
    driver = tmp_path / "driver"
    driver.mkdir()
    fake = {"token_delay_s": 0.2}
    with mlflow_server(tmp_path / "mlflow") as uri, ray_cluster(tmp_path, 1, fake) as (address, (board,)):
        words = (*WORDS, "hardware=jetson_agx_thor", "hardware.prepare.power_mode=MAXN", "telemetry.enabled=false")
        with running(driver, *words, f"sweep.ray.address={address}", f"tracking.uri={uri}") as sweep:
            sweep.until(lambda: bool(list(board.directory.glob("*/*/plan.json"))) and "0" == thor.reads("mode"))
            sweep.process.send_signal(signal.SIGINT)
            ran = sweep.ended()
        assert 130 == ran.code, ran.err
        assert "1" == thor.reads("mode")
        until(lambda: not board.processes)
