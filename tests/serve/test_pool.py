"""One server at a time, shared by jobs that ask for the same."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from thorexp.errors import DeathError, LacksMemoryError, StartError
from thorexp.serve import memory
from thorexp.serve.phase import Phase, unwatched
from thorexp.serve.pool import ServerPool
from thorexp.serve.server import Endpoint, LaunchSpec

A = LaunchSpec(("vllm", "serve"), "a", (), (), "127.0.0.1", None, 1, 1, 1, 32)
B = replace(A, model="b")


class Recorded:
    """A server that only notes what happens to it."""

    def __init__(self, spec: LaunchSpec, log: Path, watch: Callable[[Phase], None] = unwatched) -> None:
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


class Failing:
    """A start that fails with these errors, one after the other, and then succeeds."""

    def __init__(self, *errors: StartError) -> None:
        self.errors = list(errors)
        self.logs: list[Path] = []

    def __call__(self, spec: LaunchSpec, log: Path, watch: Callable[[Phase], None]) -> Recorded:
        """Each try writes a log, as a process does."""
        log.write_text(spec.model)
        self.logs.append(log)
        if self.errors:
            raise self.errors.pop(0)
        return Recorded(spec, log)


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
    pool = ServerPool(start := Failing(StartError("no kernel")))
    for _ in range(2):
        with pytest.raises(StartError, match="no kernel"):
            pool.acquire(A, tmp_path)
    assert (1, 1) == (len(start.logs), pool.starts)
    assert "b" == pool.acquire(B, tmp_path).endpoint.served_model


def test_a_server_that_is_given_more_time_is_tried_again(tmp_path: Path) -> None:
    """It may have been slow."""
    pool = ServerPool(start := Failing(StartError("not ready after 1 s")))
    with pytest.raises(StartError):
        pool.acquire(A, tmp_path)
    pool.acquire(replace(A, ready_timeout_s=2), tmp_path)
    assert 2 == len(start.logs)


def test_a_server_that_lacked_memory_is_tried_once_more(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What the one before held may be back by then; that it was is said."""
    pool = ServerPool(start := Failing(LacksMemoryError("out of memory")))
    assert "a" == pool.acquire(A, tmp_path).endpoint.served_model
    assert (2, 2) == (len(start.logs), pool.starts)
    assert "out of memory" in caplog.text


def test_a_server_that_lacks_memory_twice_has_failed(tmp_path: Path) -> None:
    """There is no third try, nor one for a later job."""
    pool = ServerPool(start := Failing(LacksMemoryError("first"), LacksMemoryError("second")))
    for _ in range(2):
        with pytest.raises(LacksMemoryError, match="second"):
            pool.acquire(A, tmp_path)
    assert 2 == len(start.logs)


def test_a_second_try_that_fails_otherwise_has_failed(tmp_path: Path) -> None:
    """Its own reason is the one that counts."""
    pool = ServerPool(start := Failing(LacksMemoryError("out of memory"), StartError("no kernel")))
    with pytest.raises(StartError, match="no kernel"):
        pool.acquire(A, tmp_path)
    assert 2 == len(start.logs)


def test_each_try_has_a_log_of_its_own(tmp_path: Path) -> None:
    """The first tells why there was a second, and the last is the one to read."""
    pool = ServerPool(start := Failing(LacksMemoryError("out of memory")))
    pool.acquire(A, tmp_path)
    assert (2, start.logs[-1]) == (len(set(start.logs)), pool.log)


def test_a_sweep_that_goes_on_keeps_the_logs_of_before(tmp_path: Path) -> None:
    """Another process starts the same servers, and overwrites nothing."""
    logs = []
    for _ in range(2):
        pool = ServerPool(start := Failing())
        pool.acquire(A, tmp_path)
        pool.acquire(B, tmp_path)
        logs += start.logs
    assert (4, {"a", "b"}) == (len(set(logs)), {log.read_text() for log in logs})


def test_a_log_that_was_taken_away_makes_no_two_of_one_name(tmp_path: Path) -> None:
    """Somebody who frees a disk takes the oldest."""
    for _ in range(2):
        ServerPool(Failing()).acquire(A, tmp_path)
    oldest, latest = sorted(tmp_path.glob("*.log"))
    oldest.unlink()
    latest.write_text("of before")
    ServerPool(Failing()).acquire(A, tmp_path)
    assert "of before" == latest.read_text()


def test_a_refusal_that_is_repeated_names_its_own_log(tmp_path: Path) -> None:
    """Not that of the server that ran in between."""
    pool = ServerPool(start := Failing(StartError("no kernel")))
    with pytest.raises(StartError):
        pool.acquire(A, tmp_path)
    pool.acquire(B, tmp_path)
    with pytest.raises(StartError):
        pool.acquire(A, tmp_path)
    assert start.logs[0] == pool.log


def test_closing_ends_the_server(tmp_path: Path) -> None:
    """Nothing runs when the pool is closed."""
    pool = ServerPool(Recorded)
    server = pool.acquire(A, tmp_path)
    pool.close()
    assert isinstance(server, Recorded)
    assert 1 == server.stops


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, float]]:
    """How much memory is waited for, and how long. Of 100 bytes each reading finds one less."""
    readings, waits = iter(range(100, 0, -1)), list[tuple[int, float]]()
    monkeypatch.setattr(memory, "available", lambda: next(readings))
    monkeypatch.setattr(memory, "wait_until_back", lambda before, timeout_s: waits.append((before, timeout_s)))
    return waits


def test_the_next_server_waits_for_the_memory_of_the_last(waits: list[tuple[int, float]], tmp_path: Path) -> None:
    """What was free before that one, as long as its config says; the first waits for none."""
    pool = ServerPool(Recorded)
    pool.acquire(replace(A, memory_timeout_s=120.0), tmp_path)
    assert [] == waits
    pool.acquire(B, tmp_path)
    assert [(100, 120.0)] == waits


def test_a_server_that_is_stopped_for_good_holds_nobody_up(waits: list[tuple[int, float]], tmp_path: Path) -> None:
    """Its memory is waited for when there is a next one, and not before."""
    pool = ServerPool(Recorded)
    pool.acquire(A, tmp_path)
    pool.discard()
    assert [] == waits


def test_a_second_try_waits_for_the_memory_of_the_first(waits: list[tuple[int, float]], tmp_path: Path) -> None:
    """It may be what was lacking."""
    ServerPool(Failing(LacksMemoryError("out of memory"))).acquire(A, tmp_path)
    assert [(100, 1)] == waits


@pytest.mark.parametrize(("at_most_s", "expected"), [(10.0, 10.0), (math.inf, 120.0)])
def test_the_last_memory_is_waited_for_no_longer_than_said(
    waits: list[tuple[int, float]], tmp_path: Path, at_most_s: float, expected: float
) -> None:
    """Once: it is somebody else who may start a server then."""
    pool = ServerPool(Recorded)
    pool.acquire(replace(A, memory_timeout_s=120.0), tmp_path)
    pool.close(at_most_s)
    pool.close(at_most_s)
    assert [(100, expected)] == waits
