"""One server at a time, shared by jobs that ask for the same."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from thorexp.errors import DeathError, StartError
from thorexp.serve.pool import ServerPool
from thorexp.serve.server import Endpoint, LaunchSpec

A = LaunchSpec(("vllm", "serve"), "a", (), (), "127.0.0.1", None, 1, 1, 1, 32)
B = replace(A, model="b")


class Recorded:
    """A server that only notes what happens to it."""

    def __init__(self, spec: LaunchSpec, log: Path) -> None:
        self.endpoint = Endpoint("http://127.0.0.1:1", spec.model, None)
        self.log = log
        self.dead = False
        self.stops = 0

    def check_alive(self) -> None:
        """Dead if it was told so."""
        if self.dead:
            raise DeathError("dead")

    def stop(self) -> None:
        """Count."""
        self.stops += 1


def refusing(times: list[int]) -> Callable[[LaunchSpec, Path], Recorded]:
    """A start that always fails, counting."""

    def start(spec: LaunchSpec, log: Path) -> Recorded:
        times.append(1)
        raise StartError("out of memory")

    return start


def test_the_same_spec_gets_the_same_server(tmp_path: Path) -> None:
    """Two jobs in a row with one fingerprint start one server."""
    pool = ServerPool(Recorded)
    assert pool.acquire(A, tmp_path) is pool.acquire(replace(A, ready_timeout_s=9), tmp_path)
    assert 1 == pool.starts


def test_another_spec_ends_the_server_before(tmp_path: Path) -> None:
    """Never two at once: the board's memory holds one."""
    pool = ServerPool(Recorded)
    first = pool.acquire(A, tmp_path)
    pool.acquire(B, tmp_path)
    assert isinstance(first, Recorded)
    assert (1, 2) == (first.stops, pool.starts)


def test_a_server_that_died_meanwhile_is_started_again(tmp_path: Path) -> None:
    """A dead server is not handed out."""
    pool = ServerPool(Recorded)
    first = pool.acquire(A, tmp_path)
    assert isinstance(first, Recorded)
    first.dead = True
    assert first is not pool.acquire(A, tmp_path)


def test_a_server_that_could_not_start_is_not_tried_again(tmp_path: Path) -> None:
    """The rest of its group fails at once, and other servers still start."""
    times: list[int] = []
    pool = ServerPool(refusing(times))
    for _ in range(2):
        with pytest.raises(StartError, match="out of memory"):
            pool.acquire(A, tmp_path)
    assert 1 == len(times)


def test_closing_ends_the_server(tmp_path: Path) -> None:
    """Nothing runs when the pool is closed."""
    pool = ServerPool(Recorded)
    server = pool.acquire(A, tmp_path)
    pool.close()
    assert isinstance(server, Recorded)
    assert 1 == server.stops
