"""A plan, played against a server that knows when it was asked what."""

import gc
import math
import statistics
import sys
import threading
import time
from itertools import pairwise

import numpy as np
import pytest

from tests.golden import GoldenServer, Manner, Settings, Truth, golden_server, text_of
from tests.records import MS, S, a_plan, some_asks
from thorexp.errors import DeathError
from thorexp.load import client
from thorexp.load.generator import play
from thorexp.load.target import Target
from thorexp.load.watch import LoadState
from thorexp.measure.arrivals import Rate, arrival_offsets_ns
from thorexp.measure.plan import LoadPlan
from thorexp.measure.records import RunRecord

ERROR_NS = 50 * MS  # what a median error may be on the slowest of machines; on a quiet one it is 100 times less
HOUR_NS = 3600 * S


def alive() -> None:
    """The server is there."""


def played(plan: LoadPlan, settings: Settings) -> tuple[RunRecord, Truth]:
    """A plan played against a server of its own: what the client says of it, and what the server did."""
    with golden_server(settings) as server:
        run = play(plan, a_target(server), check_alive=alive)
        return run, server.truth()


def offsets_ns(count: int, burstiness: float) -> tuple[int, ...]:
    """So many arrivals at 200/s."""
    rng = np.random.default_rng(0)
    return arrival_offsets_ns(count, Rate(200.0, 200.0), burstiness=burstiness, burst_size=1, rng=rng)


def a_target(server: GoldenServer) -> Target:
    """Where it listens."""
    return Target(server.base_url, "golden")


@pytest.fixture(scope="module")
def measured() -> tuple[RunRecord, Truth]:
    """24 requests of 16 tokens, 8 at a time, the first token after 30 ms, the others 5 ms apart."""
    plan = a_plan(*some_asks(24, tokens=16), max_concurrency=8)
    return played(plan, Settings(ttft_s=0.03, itl_s=0.005))


def errors_ns(measured: tuple[RunRecord, Truth], token: int) -> list[int]:
    """By how much each request's time to that token exceeds the server's own."""
    run, truth = measured
    errors = []
    for record, ask in zip(run.requests, some_asks(24), strict=True):
        served = truth.of(ask.token_ids or ())
        assert record.sent_ns is not None
        errors.append((record.token_ns[token] - record.sent_ns) - (served.token_ns[token] - served.arrived_ns))
    return errors


@pytest.mark.parametrize("token", [0, -1], ids=["TTFT", "E2EL"])
def test_a_latency_is_never_below_the_servers(measured: tuple[RunRecord, Truth], token: int) -> None:
    """From send to token the client sees all that the server did in between."""
    assert min(errors_ns(measured, token)) > 0


@pytest.mark.parametrize("token", [0, -1], ids=["TTFT", "E2EL"])
def test_a_latency_is_the_servers_but_for_the_way(measured: tuple[RunRecord, Truth], token: int) -> None:
    """What the client adds is small."""
    assert statistics.median(errors_ns(measured, token)) < ERROR_NS


def test_itl_is_the_servers(measured: tuple[RunRecord, Truth]) -> None:
    """Gaps between arrivals are gaps between writes, more or less: either side may have been held up."""
    run, truth = measured
    errors = []
    for record, ask in zip(run.requests, some_asks(24), strict=True):
        written_ns = truth.of(ask.token_ids or ()).token_ns
        errors += [
            abs((arrived[1] - arrived[0]) - (written[1] - written[0]))
            for arrived, written in zip(pairwise(record.token_ns), pairwise(written_ns), strict=True)
        ]
    assert 24 * 15 == len(errors)
    assert statistics.median(errors) < ERROR_NS


def test_every_token_of_every_request_is_counted(measured: tuple[RunRecord, Truth]) -> None:
    """No token is lost or made up, and the server's count is kept."""
    run, _ = measured
    assert [(None, 16, 16, 8)] * 24 == [
        (record.error, len(record.token_ns), record.output_tokens, record.input_tokens) for record in run.requests
    ]
    assert {text_of(16)} == {record.text for record in run.requests}


def test_records_come_in_the_order_of_the_plan(measured: tuple[RunRecord, Truth]) -> None:
    """Whoever ended first."""
    assert list(range(24)) == [record.index for record in measured[0].requests]


def test_a_run_holds_all_that_happened(measured: tuple[RunRecord, Truth]) -> None:
    """It starts before the first release and ends after the last token."""
    run, _ = measured
    assert run.start_ns <= min(record.released_ns for record in run.requests)
    assert max(record.token_ns[-1] for record in run.requests) <= run.end_ns


def test_sends_go_out_in_the_order_of_the_plan(measured: tuple[RunRecord, Truth]) -> None:
    """The earlier request is let through first, also among those that are due together."""
    sent_ns = [record.sent_ns or 0 for record in measured[0].requests]
    assert sorted(sent_ns) == sent_ns


def test_one_stream_asks_in_the_order_of_the_plan() -> None:
    """The server meets prompt after prompt as planned."""
    asks = some_asks(10, tokens=1)
    _, truth = played(a_plan(*asks, max_concurrency=1), Settings())
    assert [ask.prompt for ask in asks] == [served.prompt for served in truth.served]


@pytest.mark.parametrize("streams", [1, 3, 8])
def test_max_concurrency_is_reached_and_never_exceeded(streams: int) -> None:
    """The server, which answers nobody before it had so many at once, never had one more."""
    plan = a_plan(*some_asks(3 * streams, tokens=2), max_concurrency=streams)
    run, truth = played(plan, Settings(ttft_s=0.01, together=streams))
    assert {None} == {record.error for record in run.requests}
    assert (3 * streams, streams) == (len(truth.served), truth.peak)


def test_without_a_limit_all_that_are_due_are_in_flight() -> None:
    """The server answers nobody before it has had all twenty at once."""
    run, truth = played(a_plan(*some_asks(20, tokens=1)), Settings(together=20))
    assert ({None}, 20) == ({record.error for record in run.requests}, truth.peak)


@pytest.mark.parametrize("streams", [1, 8, 64])
def test_connections_are_open_before_the_load_begins(streams: int) -> None:
    """One for each stream, all opened before the run started, and none after."""
    plan = a_plan(*some_asks(2 * streams, tokens=1), max_concurrency=streams)
    run, truth = played(plan, Settings())
    assert streams == len(truth.opened_ns)
    assert max(truth.opened_ns) < run.start_ns


def test_requests_are_scheduled_as_planned() -> None:
    """A Poisson schedule is kept to the nanosecond, counted from the start of its stage."""
    due_ns = offsets_ns(20, burstiness=1.0)
    run, _ = played(a_plan(*some_asks(20, tokens=1), due_ns=due_ns), Settings())
    assert list(due_ns) == [record.scheduled_ns - run.stages[0].start_ns for record in run.requests]


def test_no_request_is_early() -> None:
    """A request is released when it is due or later, and the server has it later still."""
    due_ns = offsets_ns(20, burstiness=math.inf)
    asks = some_asks(20, tokens=1)
    run, truth = played(a_plan(*asks, due_ns=due_ns), Settings())
    lags = [record.released_ns - record.scheduled_ns for record in run.requests]
    assert min(lags) >= 0
    assert all(
        record.released_ns < truth.of(ask.token_ids or ()).arrived_ns
        for record, ask in zip(run.requests, asks, strict=True)
    )


def test_requests_are_released_when_due() -> None:
    """The median request waits for nothing but its time: lags do not add up over the run."""
    due_ns = offsets_ns(100, burstiness=math.inf)
    run, _ = played(a_plan(*some_asks(100, tokens=1), due_ns=due_ns), Settings())
    assert statistics.median(record.released_ns - record.scheduled_ns for record in run.requests) < ERROR_NS


def test_what_is_due_at_one_moment_goes_out_in_the_order_of_the_plan() -> None:
    """A burst of forty, and another while the first is answered."""
    asks = some_asks(80, tokens=1)
    run, truth = played(a_plan(*asks, due_ns=(0,) * 40 + (50 * MS,) * 40), Settings(ttft_s=0.05))
    sent_ns = [record.sent_ns or 0 for record in run.requests]
    assert sorted(sent_ns) == sent_ns
    assert {0, 50 * MS} == {record.scheduled_ns - run.stages[0].start_ns for record in run.requests}
    assert 80 == len(truth.served)


class StandsStill:
    """A clock that stops its thread, which is the loop's, for 300 ms: once, when it is asked for that time."""

    def __init__(self, at_call: int) -> None:
        self._left = at_call

    def __call__(self) -> int:
        self._left -= 1
        if self._left == 0:
            time.sleep(0.3)
        return time.monotonic_ns()


@pytest.fixture(scope="module")
def two_seconds() -> RunRecord:
    """200 requests/s for 2 s."""
    due_ns = tuple(range(0, 2 * S, S // 200))
    return played(a_plan(*some_asks(400, tokens=1), due_ns=due_ns), Settings())[0]


def test_an_open_loop_holds_its_rate(two_seconds: RunRecord) -> None:
    """The last is due to the nanosecond; the median gap is the plan's, so lateness does not add up."""
    sent_ns = [record.sent_ns or 0 for record in two_seconds.requests]
    assert 2 * S - S // 200 == two_seconds.requests[-1].scheduled_ns - two_seconds.stages[0].start_ns
    gap_ns = statistics.median(later - earlier for earlier, later in pairwise(sent_ns))
    assert gap_ns == pytest.approx(S / 200, rel=0.5)


def test_every_request_is_sent_however_late(two_seconds: RunRecord) -> None:
    """None is dropped, and none is early."""
    assert [None] * 400 == [record.error for record in two_seconds.requests]
    assert all(record.released_ns >= record.scheduled_ns for record in two_seconds.requests)


def test_a_request_that_was_held_up_is_sent_late() -> None:
    """A loop that stood still while twenty were due sends them all when it goes on."""
    due_ns = tuple(range(0, 200 * MS, 10 * MS))
    with golden_server(Settings()) as server:
        plan = a_plan(*some_asks(20, tokens=1), due_ns=due_ns)
        run = play(plan, a_target(server), check_alive=alive, clock=StandsStill(at_call=20))
    assert [None] * 20 == [record.error for record in run.requests]
    assert max(record.released_ns - record.scheduled_ns for record in run.requests) > 100 * MS


def test_the_lag_of_the_loop_is_kept(two_seconds: RunRecord) -> None:
    """Asked every 10 ms, but for those that it slept over; never negative."""
    assert 0 < len(two_seconds.loop_lag_ns) <= (two_seconds.end_ns - two_seconds.start_ns) // (10 * MS)
    assert min(two_seconds.loop_lag_ns) >= 0


def test_a_loop_that_stood_still_is_seen_in_its_lag() -> None:
    """What held it up for 300 ms is one lag of about that."""

    with golden_server(Settings(ttft_s=0.5)) as server:
        run = play(a_plan(*some_asks(4)), a_target(server), check_alive=alive, clock=StandsStill(at_call=50))
    assert max(run.loop_lag_ns) > 250 * MS


def test_a_limit_in_an_open_loop_queues_in_the_client() -> None:
    """Four due at once, one at a time: each is released when due, and sent when the one before it is answered."""
    asks = some_asks(4, tokens=1)
    plan = a_plan(*asks, due_ns=(0, 0, 0, 0), max_concurrency=1)
    run, truth = played(plan, Settings(ttft_s=0.3))
    assert 1 == truth.peak
    queued_ns = [(record.sent_ns or 0) - record.released_ns for record in run.requests]
    assert all(queued > 300 * MS * place for place, queued in enumerate(queued_ns))
    assert max(record.released_ns - record.scheduled_ns for record in run.requests) < min(queued_ns[1:])


def test_more_streams_than_are_opened_beforehand_are_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others connect when they are due, and all twelve are in flight together."""
    monkeypatch.setattr(client, "MOST_OPENED", 3)
    run, truth = played(a_plan(*some_asks(12, tokens=1), due_ns=(0,) * 12), Settings(together=12))
    assert ({None}, 12) == ({record.error for record in run.requests}, truth.peak)
    assert 3 == sum(opened_ns < run.start_ns for opened_ns in truth.opened_ns)


def test_an_open_loop_does_not_wait_for_answers() -> None:
    """The second request goes out while the first is unanswered: the server waits for both."""
    plan = a_plan(*some_asks(2, tokens=1), due_ns=(0, 50 * MS))
    run, _ = played(plan, Settings(together=2))
    assert [None, None] == [record.error for record in run.requests]


def test_waiting_for_a_stream_is_client_queue_time() -> None:
    """Of two that are due together the second is sent after the first has ended."""
    asks = some_asks(2, tokens=2)
    run, truth = played(a_plan(*asks, due_ns=(0, 0), max_concurrency=1), Settings(ttft_s=0.05))
    first, second = run.requests
    assert second.sent_ns is not None
    assert second.released_ns < first.token_ns[0]
    assert truth.of(asks[0].token_ids or ()).token_ns[-1] < second.sent_ns


def test_failures_stand_among_successes() -> None:
    """Each record has its own end, and a failure frees its stream."""
    by_prompt = {0: Manner.BAD_REQUEST, 2: Manner.CLOSES, 3: Manner.ERROR_MESSAGE, 5: Manner.UNAVAILABLE}
    run, _ = played(a_plan(*some_asks(8), max_concurrency=2), Settings(by_prompt=by_prompt))
    assert [False, True, False, False, True, False, True, True] == [record.ok for record in run.requests]


class Doctor:
    """Asks whether the server lives, and says no a second after the server has done all it will do."""

    def __init__(self, server: GoldenServer, ended: int, written: int) -> None:
        self._server = server
        self._expected = (ended, written)
        self._saw_it = False

    def __call__(self) -> None:
        if self._saw_it:
            raise DeathError("vLLM exited with code 1 under load.")
        served = self._server.truth().served
        ended = sum(each.ended_ns is not None for each in served)
        self._saw_it = (ended, sum(len(each.token_ns) for each in served)) == self._expected


@pytest.fixture(scope="module")
def died() -> RunRecord:
    """Two requests that succeed, two that stall after half of 4 tokens, one due in an hour; then the end."""
    plan = a_plan(*some_asks(5), due_ns=(0, 0, 0, 0, HOUR_NS))
    with golden_server(Settings(by_prompt={1: Manner.STALLS, 3: Manner.STALLS})) as server:
        doctor = Doctor(server, ended=2, written=4 + 2 + 4 + 2)
        return play(plan, a_target(server), check_alive=doctor)


def test_a_dead_server_ends_the_run(died: RunRecord) -> None:
    """Nobody waits for the request that is due in an hour."""
    assert died.end_ns - died.start_ns < HOUR_NS


def test_what_had_ended_before_the_death_is_kept(died: RunRecord) -> None:
    """Successes stay successes."""
    assert [True, False, True, False, False] == [record.ok for record in died.requests]


def test_what_was_in_flight_at_the_death_is_marked(died: RunRecord) -> None:
    """With the tokens that came."""
    stalled = [died.requests[1], died.requests[3]]
    assert [(2, "given up: the server had ended")] * 2 == [(len(r.token_ns), r.error) for r in stalled]


def test_what_was_not_due_at_the_death_is_marked(died: RunRecord) -> None:
    """It was never sent."""
    last = died.requests[4]
    assert (None, (), "given up: the server had ended") == (last.sent_ns, last.token_ns, last.error)


def test_a_fault_in_asking_is_not_taken_for_a_death() -> None:
    """What is no ServerError comes out as it is."""

    def broken() -> None:
        raise ZeroDivisionError

    plan = a_plan(*some_asks(1), due_ns=(HOUR_NS,))
    with golden_server(Settings()) as server, pytest.raises(ZeroDivisionError):
        play(plan, a_target(server), check_alive=broken)


class Watcher:
    """Keeps what it is told and by which thread; its server dies once it was told twice."""

    def __init__(self) -> None:
        self.told: list[LoadState] = []
        self.threads: set[int] = set()

    def __call__(self, state: LoadState) -> None:
        self.told.append(state)
        self.threads.add(threading.get_ident())

    def check_alive(self) -> None:
        if len(self.told) == 2:
            raise DeathError("vLLM exited with code 1 under load.")


@pytest.fixture(scope="module")
def watched() -> tuple[Watcher, RunRecord]:
    """One request that stalls after 2 of 4 tokens and one that is due in an hour, looked at until a death."""
    watcher = Watcher()
    plan = a_plan(*some_asks(2), due_ns=(0, HOUR_NS))
    with golden_server(Settings(manner=Manner.STALLS)) as server:
        run = play(plan, a_target(server), check_alive=watcher.check_alive, watch=watcher)
    return watcher, run


def test_a_load_is_watched_while_it_is_played(watched: tuple[Watcher, RunRecord]) -> None:
    """Told twice that none of two has ended, then that it is over, which none did."""
    told = [(each.done, each.failed, each.total, each.over) for each in watched[0].told]
    assert [(0, 0, 2, False), (0, 0, 2, False), (0, 0, 2, True)] == told


def test_watching_is_not_the_players_work(watched: tuple[Watcher, RunRecord]) -> None:
    """No state is told by the thread whose loop stamps the tokens."""
    assert watched[0].threads
    assert threading.get_ident() not in watched[0].threads


def test_the_last_look_is_no_part_of_the_run() -> None:
    """A terminal that takes a while over the end of a load does not lengthen it."""
    told_ns: list[int] = []

    def watch(_state: LoadState) -> None:
        told_ns.append(time.monotonic_ns())

    with golden_server(Settings()) as server:
        run = play(a_plan(*some_asks(3)), a_target(server), check_alive=alive, watch=watch)
    assert run.end_ns < told_ns[-1]


def test_the_end_of_a_load_is_told_with_its_failures() -> None:
    """Four requests, of which one is refused and one ends without a token."""
    watcher = Watcher()
    by_prompt = {1: Manner.BAD_REQUEST, 2: Manner.CLOSES}
    with golden_server(Settings(by_prompt=by_prompt)) as server:
        plan = a_plan(*some_asks(4), max_concurrency=2)
        play(plan, a_target(server), check_alive=alive, watch=watcher)
    last = watcher.told[-1]
    assert (4, 2, 4) == (last.done, last.failed, last.total)


def test_looks_do_not_overlap() -> None:
    """A look that lasts beyond the load's end is over before the last one begins."""
    begun: list[int] = []
    over: list[int] = []
    first, second = some_asks(2)
    with golden_server(Settings(together=2)) as server:

        def slow(state: LoadState) -> None:
            begun.append(state.done)
            if len(begun) == 1:  # the server has been waiting for a second request
                play(a_plan(second), a_target(server), check_alive=alive)
                time.sleep(0.2)
            over.append(state.done)

        play(a_plan(first), a_target(server), check_alive=alive, watch=slow)
    assert (0, 1) == (begun[0], begun[-1])
    assert begun == over


def test_a_fault_in_watching_is_not_taken_for_a_death() -> None:
    """It comes out as it is."""

    def broken(_state: LoadState) -> None:
        raise ZeroDivisionError

    plan = a_plan(*some_asks(1), due_ns=(HOUR_NS,))
    with golden_server(Settings()) as server, pytest.raises(ZeroDivisionError):
        play(plan, a_target(server), check_alive=alive, watch=broken)


def test_a_run_leaves_the_process_as_it_was(measured: tuple[RunRecord, Truth]) -> None:
    """Garbage is collected again, and threads are left the time that they had."""
    assert 24 == len(measured[0].requests)
    assert gc.isenabled()
    assert sys.getswitchinterval() == pytest.approx(0.005)
