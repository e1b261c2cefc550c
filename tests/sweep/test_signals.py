"""thorexp, interrupted or killed: what it leaves behind."""

import shlex
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.command_line import FAKE, Ran, Running, running, servers_below, thorexp
from thorexp.rundir import find_run_dirs

WORDS = (
    "-m", "hardware=cpu", "model=tiny_qwen3", "load=high,low", f"server.command='{FAKE}'", "tracking=off",
    "workload.input_len=64", "workload.output_len=16", "load.num_prompts=4", "load.num_warmups=1",
)  # fmt: skip


def interrupted(folder: Path, which: signal.Signals, when: str, **fake: object) -> Ran:
    """A sweep that was sent a signal once it had printed a line with these words, and has ended."""
    with running(folder, *WORDS, fake=fake) as sweep:
        interrupt(sweep, which, when)
        return sweep.ended(timeout_s=60)


def interrupt(sweep: Running, which: signal.Signals, when: str) -> None:
    """Send it a signal, a moment after it has printed these words."""
    sweep.until_it_says(when)
    time.sleep(0.5)
    sweep.process.send_signal(which)


@pytest.mark.parametrize(
    ("which", "when"), [(signal.SIGTERM, "server: starting"), (signal.SIGINT, " load: "), (signal.SIGTERM, " load: ")]
)
def test_an_interrupted_sweep_stops_its_server(tmp_path: Path, which: signal.Signals, when: str) -> None:
    """Ctrl-C or SIGTERM, while a server starts or mid-load, exits with 130 and leaves no process."""
    ran = interrupted(tmp_path, which, when, token_delay_s=0.1, start_delay_s=1.5, fork_children=True)
    assert 130 == ran.code, ran.err
    assert [] == servers_below(tmp_path)
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_not_lost_in_a_dense_load(tmp_path: Path, which: signal.Signals) -> None:
    """While chunks come as fast as they can be read, one signal is enough, and no connection is blamed for it."""
    dense = (
        "workload.output_len=20000",
        "load.num_prompts=64",
        "load.max_concurrency=64",
        "engine.max_model_len=32768",
    )
    with running(tmp_path, *WORDS, "load=high", *dense, fake={"token_delay_s": 0.0}) as sweep:
        interrupt(sweep, which, " load: ")
        ran = sweep.ended(timeout_s=60)
    assert (130, False) == (ran.code, "Fatal error" in ran.err), ran.err


def test_an_interrupted_job_is_no_record(tmp_path: Path) -> None:
    """What was not finished is not complete, and cannot be taken for a measurement."""
    interrupted(tmp_path, signal.SIGINT, " load: ", token_delay_s=0.1)
    assert () == find_run_dirs(tmp_path / "outputs")


def test_a_killed_sweep_leaves_no_process(tmp_path: Path) -> None:
    """After SIGKILL of thorexp, its server and the server's deaf children are gone within 5 s."""
    interrupted(tmp_path, signal.SIGKILL, " load: ", token_delay_s=0.1, fork_children=True)
    _, left = psutil.wait_procs(servers_below(tmp_path), timeout=5)
    assert [] == left
    assert [] == servers_below(tmp_path)


@dataclass(frozen=True, slots=True)
class Stopped:
    """A sweep that was interrupted in its second load, what was there then, and the command it named, run."""

    ran: Ran
    left: list[psutil.Process]
    finished: set[str]
    resumed: Ran


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    """Ctrl-C once, while the second of two points is measured; then what it says goes on."""
    folder = tmp_path_factory.mktemp("stopped")
    with running(folder, *WORDS, fake={"token_delay_s": 0.1}) as sweep:
        sweep.until(lambda: 2 == sweep.err.read_text().count(" load: "))
        interrupt(sweep, signal.SIGINT, "")
        ran = sweep.ended(timeout_s=60)
    left = servers_below(folder)
    finished = {record.id for record in ran.records}
    return Stopped(ran, left, finished, thorexp(folder, *_named(ran)))


def test_ctrl_c_once_keeps_what_is_complete_and_prints_it(stopped: Stopped) -> None:
    """It exits with 130, leaves no process, and its table has the point that finished and the one that did not."""
    assert (130, [], 1) == (stopped.ran.code, stopped.left, len(stopped.finished)), stopped.ran.err
    table = stopped.ran.out[stopped.ran.out.index("1 of 2 jobs finished, 0 failed") :]
    assert 1 == sum("not run" in line for line in table.splitlines())
    assert "Traceback" not in stopped.ran.err


def test_ctrl_c_once_names_the_command_that_goes_on(stopped: Stopped) -> None:
    """That command, as printed, finishes the rest and measures nothing twice."""
    assert list(WORDS) == _named(stopped.ran)
    assert (0, 2) == (stopped.resumed.code, len(stopped.resumed.records)), stopped.resumed.err
    assert stopped.finished < {record.id for record in stopped.resumed.records}
    assert 1 == len({record.sweep for record in stopped.resumed.records})


def test_ctrl_c_twice_ends_at_once(tmp_path: Path) -> None:
    """While a deaf server is being stopped, a second Ctrl-C ends thorexp; its guard ends the server within 5 s."""
    with running(tmp_path, *WORDS, fake={"token_delay_s": 0.1, "ignore_sigterm": True}) as sweep:
        interrupt(sweep, signal.SIGINT, " load: ")
        interrupt(sweep, signal.SIGINT, "server: stopping")
        began = time.monotonic()
        ran = sweep.ended(timeout_s=60)
    took_s = time.monotonic() - began
    assert (130, True) == (ran.code, took_s < 5), f"{took_s:.1f} s, {ran.err}"
    assert "To go on where this stopped" in ran.out
    _, left = psutil.wait_procs(servers_below(tmp_path), timeout=5)
    assert [] == left


def test_ctrl_c_while_the_last_server_stops_is_no_traceback(tmp_path: Path) -> None:
    """The table is there already, which is when somebody presses it."""
    words = (*WORDS, "server.stop_timeout_s=30")
    with running(tmp_path, *words, fake={"ignore_sigterm": True}) as sweep:
        interrupt(sweep, signal.SIGINT, "server: stopping")
        ran = sweep.ended(timeout_s=20)
    assert (130, False) == (ran.code, "Traceback" in ran.err), ran.err
    assert "2 of 2 jobs finished, 0 failed" in ran.out
    _, left = psutil.wait_procs(servers_below(tmp_path), timeout=5)
    assert [] == left


def test_an_interrupted_sweep_that_was_forced_goes_on_in_its_directory(tmp_path: Path) -> None:
    """sweep.resume=false again would measure all of it again; the command that is named does not."""
    forced = (*WORDS, "sweep.resume=false", "tracking=off")
    with running(tmp_path, *forced, fake={"token_delay_s": 0.1}) as sweep:
        sweep.until(lambda: 2 == sweep.err.read_text().count(" load: "))
        sweep.process.send_signal(signal.SIGINT)
        ran = sweep.ended(timeout_s=60)
    (first,) = (record.id for record in ran.records)
    again = thorexp(tmp_path, *_named(ran))
    assert (0, 2, True) == (again.code, len(again.records), first in {record.id for record in again.records}), again.err


def _named(ran: Ran) -> list[str]:
    """The words of the command that it says goes on."""
    (line,) = (line for line in ran.out.splitlines() if line.startswith("To go on where this stopped: "))
    return shlex.split(line.partition(": ")[2])[3:]
