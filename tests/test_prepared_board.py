"""A board prepared for a job and as it was again, from the command line: fake tools on PATH, against a fake vLLM."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import FAKE, Running, running, thorexp
from tests.fake_board import Board
from thorexp.rundir import MACHINE, RunDir

SMALL = (
    f"server.command='{FAKE}'",
    "hardware=jetson_agx_thor",
    "model=tiny_qwen3",
    "tracking=off",
    "telemetry.enabled=false",
    "workload.input_len=32",
    "workload.output_len=2",
    "load.num_prompts=2",
)
MAXN = "hardware.prepare.power_mode=MAXN"
LOCKED = "hardware.prepare.lock_clocks=true"


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    """A Thor as it comes: 120W, clocks free. The tests run as root."""
    board = Board(tmp_path / "board")
    monkeypatch.setenv("PATH", board.path)
    return board


def modes(run_dir: RunDir) -> tuple[str, str]:
    """That were read just before and after the load."""
    machine = run_dir.read_json(MACHINE)
    return machine["before"]["power_mode"], machine["after"]["power_mode"]


def commands(board: Board) -> list[str]:
    """What was to change something, without files."""
    return [line.partition(" /")[0].rstrip() for line in board.changes]


def test_a_job_has_the_board_that_it_asks_for(tmp_path: Path, board: Board) -> None:
    """Its record says so, and the board is as it was when the command has ended."""
    ran = thorexp(tmp_path, *SMALL, MAXN, LOCKED)
    assert 0 == ran.code, ran.err
    assert [("MAXN", "MAXN")] == [modes(run_dir) for run_dir in ran.run_dirs]
    locked = ["jetson_clocks --store", "jetson_clocks", "jetson_clocks --restore"]
    assert ["nvpmodel -m 0", *locked, "nvpmodel -m 1"] == commands(board)
    assert ("1", "nvhost_podgov") == (board.reads("mode"), board.reads("governor"))


def test_a_job_that_asks_for_nothing_changes_nothing(tmp_path: Path, board: Board) -> None:
    """It is told once what may spoil it, before the server starts."""
    ran = thorexp(tmp_path, *SMALL)
    assert 0 == ran.code, ran.err
    assert [] == board.changes
    remark = "board: the power mode is 120W, the fastest is MAXN; try hardware.prepare.power_mode=MAXN"
    assert 1 == ran.err.count(remark)
    assert ran.err.index(remark) < ran.err.index("server: starting")


def test_a_sweep_over_power_modes_restarts_its_server(tmp_path: Path, board: Board) -> None:
    """Once for each mode, all loads of a mode side by side, and each record says its own."""
    words = ("-m", *SMALL, "load.max_concurrency=1,2", "hardware.prepare.power_mode=MAXN,70W")
    ran = thorexp(tmp_path, *words)
    assert 0 == ran.code, ran.err
    assert "2 server starts" in ran.out
    assert ["70W", "70W", "MAXN", "MAXN"] == sorted(before for before, _ in map(modes, ran.run_dirs))
    assert ["nvpmodel -m 0", "nvpmodel -m 1", "nvpmodel -m 3", "nvpmodel -m 1"] == commands(board)


@pytest.mark.parametrize("words", [("dry_run=true",), ("predict=true",), ("server=sim", "server.speedup=100")])
def test_where_nothing_is_measured_nothing_is_touched(tmp_path: Path, board: Board, words: tuple[str, ...]) -> None:
    """A plan, a prediction and a simulation of another board leave this one alone, unlooked at."""
    ran = thorexp(tmp_path, *SMALL, MAXN, LOCKED, "model=qwen3_32b_awq", *words)
    assert 0 == ran.code, ran.err
    assert [] == board.changes
    assert "board: " not in ran.err


def test_a_mode_that_wants_a_reboot_starts_nothing(tmp_path: Path, board: Board) -> None:
    """The command is said, and left to the user."""
    board.becomes(reboot_for=[0])
    ran = thorexp(tmp_path, *SMALL, MAXN)
    assert 1 == ran.code
    assert "hardware.prepare.power_mode=MAXN needs a reboot: not done." in ran.err
    assert "sudo nvpmodel -m 0" in ran.err
    assert "server: starting" not in ran.err
    assert ("1", "1", False) == (board.reads("mode"), board.reads("next_boot"), (board.folder / "rebooted").exists())


def test_a_server_that_fails_leaves_the_board_as_it_was(tmp_path: Path, board: Board) -> None:
    """However the job ends."""
    ran = thorexp(tmp_path, *SMALL, MAXN, fake={"die_at_start": "KeyError: 'rope'"})
    assert (1, "1") == (ran.code, board.reads("mode"))
    assert ["nvpmodel -m 0", "nvpmodel -m 1"] == commands(board)


@pytest.fixture
def starting(tmp_path: Path, board: Board) -> Iterator[Running]:
    """A job whose server starts, on a board that was prepared for it."""
    with running(tmp_path, *SMALL, MAXN, LOCKED, fake={"start_delay_s": 600}) as run:
        run.until_it_says("server: starting")
        assert ("0", "performance") == (board.reads("mode"), board.reads("governor"))
        yield run


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_job_leaves_the_board_as_it_was(starting: Running, board: Board, which: signal.Signals) -> None:
    """After its server has ended."""
    starting.process.send_signal(which)
    assert 130 == starting.ended().code
    assert ("1", "nvhost_podgov") == (board.reads("mode"), board.reads("governor"))


def test_the_next_command_undoes_what_a_killed_one_left(tmp_path: Path, starting: Running, board: Board) -> None:
    """It says so, and measures on the board as it was."""
    starting.process.kill()
    starting.process.wait()
    assert ("0", "performance") == (board.reads("mode"), board.reads("governor"))
    ran = thorexp(tmp_path, *SMALL, "sweep.lock_wait_s=60")
    assert 0 == ran.code, ran.err
    assert "was killed, and is cleaned up after" in ran.err
    assert ("1", "nvhost_podgov") == (board.reads("mode"), board.reads("governor"))
    assert [("120W", "120W")] == [modes(run_dir) for run_dir in ran.run_dirs]
