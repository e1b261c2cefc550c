"""thorexp, interrupted or killed: what it leaves behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.command_line import FAKE, environment, servers_below
from thorexp.rundir import find_run_dirs

SLOW = (
    "-m", "hardware=cpu", "model=tiny_qwen3", "load=low,high", f"server.command='{FAKE}'",
    "workload.input_len=64", "load.num_warmups=1",
)  # fmt: skip


def interrupted(folder: Path, which: signal.Signals, when: str, **fake: object) -> "subprocess.Popen[bytes]":
    """A sweep that was sent a signal once it had printed a line with these words, and has ended."""
    with (folder / "stderr").open("wb") as stderr:
        command = [sys.executable, "-m", "thorexp", *SLOW]
        process = subprocess.Popen(command, cwd=folder, env=environment(folder, fake), stderr=stderr)
    while when not in (said := (folder / "stderr").read_text()):
        assert process.poll() is None, said
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(which)
    process.wait(timeout=60)
    return process


@pytest.mark.parametrize(
    ("which", "when"), [(signal.SIGTERM, "server: starting"), (signal.SIGINT, "load: 10"), (signal.SIGTERM, "load: 10")]
)
def test_an_interrupted_sweep_stops_its_server(tmp_path: Path, which: signal.Signals, when: str) -> None:
    """Ctrl-C or SIGTERM, while a server starts or mid-load, exits with 130 and leaves no process."""
    process = interrupted(tmp_path, which, when, token_delay_s=0.05, start_delay_s=2.0, fork_children=True)
    assert 130 == process.returncode
    assert [] == servers_below(tmp_path)
    assert "Traceback" not in (tmp_path / "stderr").read_text()


def test_an_interrupted_job_is_no_record(tmp_path: Path) -> None:
    """What was not finished is not complete, and cannot be taken for a measurement."""
    interrupted(tmp_path, signal.SIGINT, "load: 10", token_delay_s=0.05)
    assert () == find_run_dirs(tmp_path / "outputs")


def test_a_killed_sweep_leaves_no_process(tmp_path: Path) -> None:
    """After SIGKILL of thorexp, its server and the server's deaf children are gone within 5 s."""
    interrupted(tmp_path, signal.SIGKILL, "load: 10", token_delay_s=0.05, fork_children=True)
    _, left = psutil.wait_procs(servers_below(tmp_path), timeout=5)
    assert [] == left
    assert [] == servers_below(tmp_path)
