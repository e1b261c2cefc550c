"""A vLLM of ours: ready, stopped, dead, and never left behind."""

import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.fake_vllm import VERSION
from thorexp.errors import DeathError, StartError
from thorexp.serve.http import get_text
from thorexp.serve.process import VllmProcess, start
from thorexp.serve.server import LaunchSpec, can_listen

FAKE = Path(__file__).parents[1] / "fake_vllm.py"


def a_spec(port: int | None = None, ready_timeout_s: float = 60, stop_timeout_s: float = 10, **fake: Any) -> LaunchSpec:
    """The fake server, behaving as told."""
    return LaunchSpec(
        command=(sys.executable, str(FAKE), "serve"),
        model="a-model",
        args=(),
        env=(("FAKE_VLLM", json.dumps(fake)),),
        host="127.0.0.1",
        port=port,
        ready_timeout_s=ready_timeout_s,
        stop_timeout_s=stop_timeout_s,
        memory_timeout_s=30,
        probe_len=32,
    )


def tree_of(server: VllmProcess) -> list[psutil.Process]:
    """The guard and all below it."""
    guard = psutil.Process(server._guard.pid)
    return [guard, *guard.children(recursive=True)]


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; a zombie does not."""
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def test_a_started_server_says_what_it_serves(tmp_path: Path) -> None:
    """Once started it answers under the model's name, with vLLM's version."""
    server = start(a_spec(), tmp_path / "log")
    try:
        assert ("a-model", VERSION) == (server.endpoint.served_model, server.endpoint.version)
    finally:
        server.stop()


def test_a_stopped_server_gives_back_its_port_and_leaves_no_process(tmp_path: Path) -> None:
    """Children of the server, even deaf ones in sessions of their own, end with it."""
    server = start(a_spec(fork_children=True), tmp_path / "log")
    tree = tree_of(server)
    server.stop()
    assert (4, []) == (len(tree), alive(tree))
    assert can_listen("127.0.0.1", server._port)


def test_a_server_deaf_to_sigterm_is_killed_when_its_time_is_up(tmp_path: Path) -> None:
    """SIGKILL follows SIGTERM after stop_timeout_s."""
    server = start(a_spec(ignore_sigterm=True, stop_timeout_s=0.2), tmp_path / "log")
    tree = tree_of(server)
    server.stop()
    assert [] == alive(tree)


def test_stopping_twice_is_stopping_once(tmp_path: Path) -> None:
    """A second stop does nothing."""
    server = start(a_spec(), tmp_path / "log")
    server.stop()
    server.stop()


def test_a_server_that_dies_at_start_is_an_error_with_cause_log_and_remedy(tmp_path: Path) -> None:
    """The headline holds the telling line, the facts the log's path and what to type."""
    with pytest.raises(StartError) as error:
        start(a_spec(die_at_start="torch.OutOfMemoryError: CUDA out of memory."), tmp_path / "log")
    assert "vLLM exited with code 1: torch.OutOfMemoryError: CUDA out of memory." == error.value.headline
    facts = {fact.label: fact.text for fact in error.value.facts}
    assert str(tmp_path / "log") == facts["log"]
    assert facts["try"].startswith("engine.gpu_memory_utilization=")


def test_a_server_that_never_gets_ready_is_an_error_and_ended(tmp_path: Path) -> None:
    """When server.ready_timeout_s is up, the error says so and nothing of the server is left."""
    before = set(psutil.pids())
    with pytest.raises(StartError, match="not ready after 1 s") as error:
        start(a_spec(never_ready=True, ready_timeout_s=1), tmp_path / "log")
    assert "server.ready_timeout_s=2" in str(error.value)
    left = [p for p in psutil.process_iter() if p.pid not in before and str(FAKE) in _words(p)]
    assert [] == left


def test_a_server_killed_by_somebody_is_said_to_be_dead(tmp_path: Path) -> None:
    """check_alive raises whenever it is asked once the process is gone, and names the signal."""
    server = start(a_spec(), tmp_path / "log")
    (fake,) = psutil.Process(server._guard.pid).children()
    fake.kill()
    server._guard.wait(timeout=30)
    for _ in range(2):
        with pytest.raises(DeathError, match=r"code -9: .* lack of memory"):
            server.check_alive()
    server.stop()


def test_a_host_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    """Where no server can listen none is started, and the error says server.host."""
    with pytest.raises(StartError, match=r"No server can listen on 192\.0\.2\.1") as error:
        start(replace(a_spec(), host="192.0.2.1"), tmp_path / "log")
    assert "server.host=192.0.2.1" in str(error.value)


def test_a_port_that_is_taken_is_refused_with_its_holder(tmp_path: Path) -> None:
    """Nothing is started on a port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(StartError) as error:
            start(a_spec(port=port), tmp_path / "log")
    assert f"pid {os.getpid()}" in str(error.value)
    assert not (tmp_path / "log").exists()


def held(hold: Callable[..., None], log: Path) -> tuple[SpawnProcess, list[psutil.Process]]:
    """A process of its own that holds a server, and the server's tree as that process told it."""
    context = multiprocessing.get_context("spawn")
    told, tell = context.Pipe(duplex=False)
    holder = context.Process(target=hold, args=(log, tell))
    holder.start()
    return holder, [psutil.Process(pid) for pid in told.recv()]


def _hold(log: Path, tell: "multiprocessing.connection.Connection[list[int], Any]") -> None:
    server = start(a_spec(fork_children=True), log)
    tell.send([p.pid for p in tree_of(server)])
    time.sleep(600)


def test_nothing_outlives_a_thorexp_that_is_killed(tmp_path: Path) -> None:
    """After SIGKILL of the process that started it, guard, server and its deaf children are gone in 5 s."""
    holder, tree = held(_hold, tmp_path / "log")
    holder.kill()
    holder.join()
    gone, left = psutil.wait_procs(tree, timeout=5)
    assert (4, []) == (len(gone), left)


def test_nothing_outlives_a_thorexp_that_is_killed_while_it_stops_a_deaf_server(tmp_path: Path) -> None:
    """Ten minutes of patience asked of the guard end when the process that asked does."""
    holder, tree = held(_stop_deaf, tmp_path / "log")
    time.sleep(0.5)
    assert 2 == len(alive(tree))
    holder.kill()
    holder.join()
    gone, left = psutil.wait_procs(tree, timeout=5)
    assert (2, []) == (len(gone), left)


def _stop_deaf(log: Path, tell: "multiprocessing.connection.Connection[list[int], Any]") -> None:
    server = start(a_spec(ignore_sigterm=True, stop_timeout_s=600), log)
    tell.send([p.pid for p in tree_of(server)])
    server.stop()


def test_a_forked_child_of_a_killed_thorexp_does_not_keep_the_server(tmp_path: Path) -> None:
    """A fork holds the guard's input open; the guard watches thorexp itself too."""
    context = multiprocessing.get_context("spawn")
    told, tell = context.Pipe(duplex=False)
    holder = context.Process(target=_fork, args=(tmp_path / "log", tell))
    holder.start()
    fork, *tree = [psutil.Process(pid) for pid in told.recv()]
    holder.kill()
    holder.join()
    gone, left = psutil.wait_procs(tree, timeout=5)
    assert (True, 2, []) == (fork.is_running(), len(gone), left)
    fork.kill()


def _fork(log: Path, tell: "multiprocessing.connection.Connection[list[int], Any]") -> None:
    server = start(a_spec(), log)
    fork = os.fork()
    if fork == 0:
        time.sleep(600)
    tell.send([fork, *(p.pid for p in tree_of(server))])
    time.sleep(600)


def test_a_guard_that_is_killed_takes_the_server_along(tmp_path: Path) -> None:
    """The server itself dies with its guard; the rest of its group dies when it is stopped."""
    server = start(a_spec(fork_children=True), tmp_path / "log")
    guard, fake, *forked = tree_of(server)
    group = [p for p in forked if os.getpgid(p.pid) == fake.pid]
    guard.kill()
    _, left = psutil.wait_procs([fake], timeout=5)
    server.stop()
    _, left_of_group = psutil.wait_procs(group, timeout=5)
    for process in alive(forked):
        process.kill()
    assert (1, [], []) == (len(group), left, left_of_group)


def test_the_log_has_all_that_the_server_printed(tmp_path: Path) -> None:
    """Standard output and error of the server are in the log."""
    with pytest.raises(StartError):
        start(a_spec(die_at_start="the last word"), tmp_path / "log")
    assert (tmp_path / "log").read_text().rstrip().endswith("the last word")


def test_the_dev_mode_that_resets_caches_is_on(tmp_path: Path) -> None:
    """The server runs with VLLM_SERVER_DEV_MODE=1, which offers the reset of the prefix cache."""
    server = start(a_spec(), tmp_path / "log")
    try:
        assert "1" == tree_of(server)[1].environ()["VLLM_SERVER_DEV_MODE"]
        assert "vllm:prefix_cache_queries_total" in get_text(f"{server.endpoint.base_url}/metrics")
    finally:
        server.stop()


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_the_guard_needs_nothing_but_the_standard_library() -> None:
    """It runs isolated from any installed package."""
    guard = Path(__file__).parents[2] / "thorexp" / "serve" / "guard.py"
    command = [sys.executable, "-I", "-S", str(guard), "1", "null", "null", sys.executable, "-c", "raise SystemExit(7)"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "7" == process.stdout.read().split()[-1]
