"""A real vLLM that is killed, hangs, or cannot start: what tests/faults shows of a fake one."""

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.command_line import Running, command_of, running, servers_below, thorexp
from tests.faults.soundness import assert_sound
from tests.real.vllm_command import vllm_command
from thorexp.rundir import REQUESTS, VERDICT

# Of the time that CI has they would take a tenth; the fault matrix asks for them.
pytestmark = pytest.mark.skipif(
    os.environ.get("THOREXP_REAL_FAULTS") != "1", reason="eight minutes of servers: python -m tests.faults --real"
)

WORDS = ("hardware=cpu", "model=tiny_qwen3", "tracking=off", "load=low", "load.num_warmups=1", "workload.input_len=64")
LOAD = ("load.num_prompts=6", "workload.output_len=256")
PATIENT = ("endpoint.idle_timeout_s=3", "endpoint.first_token_timeout_s=3", "server.stop_timeout_s=5")
TWICE = ("-m", "workload.seed=0,1")


def words_of(*more: str) -> tuple[str, ...]:
    """The command, with the vLLM that is here."""
    return (*more, *WORDS, f"server.command='{vllm_command()}'")


def processes_of(job: Running) -> list[psutil.Process]:
    """Of the server alone: neither thorexp, nor what guards or watches for it."""
    own = ("thorexp", "guard.py", "sampler")
    return [
        p for p in servers_below(job.folder) if not any(word in command_of(p).partition("--model")[0] for word in own)
    ]


def in_its_first_load(job: Running, do: Callable[[list[psutil.Process]], None]) -> None:
    """Something, to the server's processes, a moment after its first load has begun."""
    job.until(lambda: 1 == job.err.read_text().count(" load: "), look_every_s=0.1, timeout_s=600)
    time.sleep(0.7)
    do(processes_of(job))


def stop(processes: list[psutil.Process]) -> None:
    """SIGSTOP to all."""
    print("stopped:", sorted(p.name() for p in processes))
    assert processes
    for process in processes:
        process.send_signal(signal.SIGSTOP)


def test_a_server_that_is_killed_under_load_costs_its_job_alone(tmp_path: Path) -> None:
    """SIGKILL to the API server: that job has failed, the other one of this server has a server anew."""

    def kill(processes: list[psutil.Process]) -> None:
        next(p for p in processes if "api_server" in command_of(p) or "APIServer" in command_of(p)).kill()

    with running(tmp_path, *words_of(*TWICE, *LOAD)) as sweep:
        in_its_first_load(sweep, kill)
        ran = sweep.ended(900)
    print(ran.err[-1500:])
    assert_sound(ran, 1, "vLLM exited with code -9")
    assert ["failed", "finished"] == sorted(record.status for record in ran.records)


def test_a_server_that_hangs_under_load_is_told_and_replaced(tmp_path: Path) -> None:
    """Its engine is stopped, and its API server goes on to say that it is well; the next job has another."""

    def stop_engine(processes: list[psutil.Process]) -> None:
        stop([p for p in processes if "EngineCore" in command_of(p) or "Worker" in command_of(p)])

    with running(tmp_path, *words_of(*TWICE, *LOAD, *PATIENT)) as sweep:
        in_its_first_load(sweep, stop_engine)
        ran = sweep.ended(900)
    print(ran.err[-1500:])
    assert_sound(ran, 1, "The server hangs: it did not answer a short prompt within 12 s.")
    assert ["failed", "finished"] == sorted(record.status for record in ran.records)
    (hung,) = (run_dir for run_dir in ran.run_dirs if run_dir.record().status == "failed")
    assert "did not come within endpoint." in hung.read_text(REQUESTS)


def test_a_server_that_hangs_for_a_while_costs_requests_alone(tmp_path: Path) -> None:
    """Those of the while have timed out; the job finishes, and its verdict counts them."""

    def stop_for_a_while(processes: list[psutil.Process]) -> None:
        stop(processes)
        time.sleep(5)
        for process in processes:
            process.send_signal(signal.SIGCONT)

    with running(tmp_path, *words_of(*LOAD, *PATIENT)) as job:
        in_its_first_load(job, stop_for_a_while)
        ran = job.ended(600)
    assert_sound(ran, 0)
    (result,) = ran.results
    print(result["failed"], "failed,", result["completed"], "completed")
    assert (True, 6) == (0 < result["failed"] < 6, result["failed"] + result["completed"])
    assert "failed_requests" in ran.run_dirs[0].read_text(VERDICT)


def test_a_server_that_hangs_as_it_starts_is_ended(tmp_path: Path) -> None:
    """Stopped when its engine has begun to load; after server.ready_timeout_s nothing of it is left."""
    words = words_of("server.ready_timeout_s=25", "server.stop_timeout_s=2")
    with running(tmp_path, *words) as job:
        job.until(lambda: any("EngineCore" in command_of(p) for p in servers_below(tmp_path)), look_every_s=0.1)
        stop(processes_of(job))
        ran = job.ended(300)
    print(ran.err[-1500:])
    assert_sound(ran, 1, "The server was not ready after 25 s.")
    assert ["failed"] == [record.status for record in ran.records]


def test_a_port_that_is_taken_is_told_with_its_holder(tmp_path: Path) -> None:
    """Nothing is started."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        ran = thorexp(tmp_path, *words_of(f"server.port={holder.getsockname()[1]}"), timeout_s=600)
    assert_sound(ran, 1, "of 127.0.0.1 is taken.")
    assert f"pid {os.getpid()}" in ran.err


def test_a_flag_that_vllm_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    """Of a value that only vLLM knows to be wrong; a sweep goes on to the point that is right."""
    words = words_of("-m", "engine.dtype=float17,bfloat16", "load.num_prompts=2", "workload.output_len=8")
    ran = thorexp(tmp_path, *words, timeout_s=900)
    print(ran.err[-1500:], ran.out[-1500:])
    assert_sound(ran, 1, "vLLM exited with code ")
    assert "float17" in ran.out
    assert ["failed", "finished"] == sorted(record.status for record in ran.records)
