"""thorexp killed with SIGKILL at every stage of a sweep, and the same command again."""

import contextlib
import fcntl
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.command_line import (
    SMALL_LOAD,
    Ran,
    Running,
    TrackedRun,
    command_of,
    running,
    servers_below,
    thorexp,
    tracked_runs,
)
from thorexp.rundir import RECORD, find_run_dirs
from thorexp.sweepdir import SWEEP

SMALL = (
    "-m",
    "hardware=cpu",
    *SMALL_LOAD,
    "workload.output_len=4",
)
WORDS = (*SMALL, "load=high,low", "model=tiny_qwen3,tiny_qwen3_moe")
POINTS = 4


@dataclass(frozen=True, slots=True)
class Stage:
    """A moment of a sweep: how the fake server behaves so that there is time for it, and how it is met."""

    name: str
    fake: dict[str, object]
    meet: Callable[[Running], None]


def composing(sweep: Running) -> None:
    """vLLM is being asked for its flags, and nothing was started."""
    sweep.until(lambda: any("--help" in command_of(p) for p in servers_below(sweep.folder)))
    sweep.process.kill()
    assert [] == list(sweep.folder.glob(f"outputs/*/{SWEEP}"))


def loading(sweep: Running) -> None:
    """The second server loads its model."""
    sweep.until(lambda: 2 == len(list(sweep.folder.glob("outputs/*/servers/*.log"))))
    time.sleep(0.3)
    sweep.process.kill()


def mid_load(sweep: Running) -> None:
    """The first load on the second server is under way; the third of the sweep."""
    sweep.until(lambda: 3 == sweep.err.read_text().count(" load: "))
    time.sleep(0.3)
    sweep.process.kill()


def before_tracking(sweep: Running) -> None:
    """The first record is complete, and MLflow's store is held by another process: this one, since the warm-up."""
    sweep.until_it_says(" warm-up: ")
    with (sweep.folder / "mlruns" / "mlflow.db.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert [] == tracked_runs(sweep.folder)
        sweep.until(lambda: 1 == len(list(sweep.folder.glob(f"outputs/*/*/{RECORD}"))))
        sweep.process.kill()
        sweep.process.wait()
    assert [] == tracked_runs(sweep.folder)


def making_tables(sweep: Running) -> None:
    """MLflow has made some of the tables of a new store, under whatever name, and not all."""
    sweep.until(lambda: len(_tables(sweep.folder)) > 20, look_every_s=0.001)
    sweep.process.kill()


def tracking(sweep: Running) -> None:
    """A run is there and RUNNING. thorexp is stopped to look, and goes on to the next run if that was too late."""
    while True:
        sweep.until(lambda: _statuses(sweep.folder)["RUNNING"] > 0, look_every_s=0.001)
        sweep.process.send_signal(signal.SIGSTOP)
        while psutil.Process(sweep.process.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.001)
        if _statuses(sweep.folder)["RUNNING"] > 0:
            sweep.process.kill()
            return
        sweep.process.send_signal(signal.SIGCONT)


STAGES = (
    Stage("composing", {"help_delay_s": 20.0}, composing),
    Stage("a server loads", {"start_delay_s": 20.0, "only_model": "moe", "fork_children": True}, loading),
    Stage("mid-load", {"token_delay_s": 0.3, "only_model": "moe", "fork_children": True}, mid_load),
    Stage("between record and tracking", {"token_delay_s": 0.3}, before_tracking),
    Stage("making MLflow's tables", {}, making_tables),
    Stage("tracking", {}, tracking),
)


@dataclass(frozen=True, slots=True)
class Killed:
    """A sweep that was killed, and its command again. `left`: processes that were there 5 s after the kill."""

    left: list[psutil.Process]
    before: dict[str, str]
    again: Ran
    tracked: list[TrackedRun]


@pytest.fixture(scope="module", params=STAGES, ids=lambda stage: stage.name)
def killed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """Two models by two loads, killed at one stage; the same command again, without what held it up."""
    folder = tmp_path_factory.mktemp("kill")
    with running(folder, *WORDS, fake=request.param.fake) as sweep:
        request.param.meet(sweep)
    left = left_after_5_s(folder)
    before = {d.record().point: d.record().id for d in find_run_dirs(folder / "outputs")}
    again = thorexp(folder, *WORDS)
    return Killed(left, before, again, tracked_runs(folder))


def test_nothing_is_left_5_s_after_the_kill(killed: Killed) -> None:
    """Whatever thorexp had started ends within 5 s of its death."""
    assert [] == killed.left


def test_the_same_command_again_finishes(killed: Killed) -> None:
    """It exits with 0, with a finished record of each point, and no process is left."""
    assert (0, POINTS * ["finished"]) == (killed.again.code, [r.status for r in killed.again.records]), killed.again.err
    assert [] == servers_below(killed.again.folder)


def test_every_point_is_in_mlflow_exactly_once(killed: Killed) -> None:
    """One FINISHED run for each of the four points and one for the sweep; none is left RUNNING."""
    finished = Counter((run.kind, run.point) for run in killed.tracked if run.status == "FINISHED")
    points = {record.point for record in killed.again.records}
    assert Counter({("sweep", ""): 1} | {("job", point): 1 for point in points}) == finished
    assert [] == [run for run in killed.tracked if run.status == "RUNNING"]


def test_a_sweep_that_goes_on_stays_in_its_directory(killed: Killed) -> None:
    """There is one sweep, and every record is of it."""
    assert 1 == len(list(killed.again.folder.glob(f"outputs/*/{SWEEP}")))
    assert 1 == len({record.sweep for record in killed.again.records})
    assert 1 == len({run_dir.path.parent for run_dir in killed.again.run_dirs})


def test_what_was_finished_is_not_run_again(killed: Killed) -> None:
    """A record that was complete at the kill is still the one of its point."""
    after = {record.point: record.id for record in killed.again.records}
    assert killed.before == {point: after[point] for point in killed.before}


def test_a_failure_that_was_being_tracked_is_closed_as_killed(tmp_path: Path) -> None:
    """The run of a failed record that stayed RUNNING ends as KILLED when its point finishes in the next sweep."""
    words = (*SMALL, "load=low", "model=tiny_qwen3")
    with running(tmp_path, *words, fake={"die_at_start": "ValueError: not today"}) as sweep:
        tracking(sweep)
    assert ["failed"] == [run_dir.record().status for run_dir in find_run_dirs(tmp_path / "outputs")]
    again = thorexp(tmp_path, *words)
    assert (0, ["finished"]) == (again.code, [record.status for record in again.records]), again.err
    assert Counter({"KILLED": 1, "FINISHED": 2}) == _statuses(tmp_path)


def left_after_5_s(folder: Path) -> list[psutil.Process]:
    """Processes that work in the folder and do not end within 5 s."""
    deadline = time.monotonic() + 5
    while (left := servers_below(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def _statuses(folder: Path) -> Counter[str]:
    return Counter(run.status for run in tracked_runs(folder))


def _tables(folder: Path) -> set[str]:
    found: set[str] = set()
    for store in folder.glob("mlruns/*.db*"):
        with (
            contextlib.suppress(sqlite3.Error),
            closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as database,
        ):
            found |= {name for (name,) in database.execute("select name from sqlite_master where type = 'table'")}
    return found
