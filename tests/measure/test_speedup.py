"""A load and a run in another time."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import MS, S, a_failure, a_plan, a_record, a_run, some_asks
from thorexp.measure.metrics import Slo, summarize
from thorexp.measure.plan import LoadPlan, Stage
from thorexp.measure.records import RunRecord, StageRecord
from thorexp.measure.speedup import faster, faster_slo, slower

SPEEDS = st.floats(0.05, 1000.0)
MOMENTS = st.integers(0, 3600 * S)


def due(plan: LoadPlan) -> list[int]:
    return [request.due_ns for request in plan.requests]


def a_timed_plan() -> LoadPlan:
    """A ramp of users over ten seconds, then an open loop."""
    users = Stage("users", a_plan(*some_asks(2)).requests, ((0, 1), (4 * S, 2)), length_ns=10 * S)
    return LoadPlan((users, *a_plan(*some_asks(2), due_ns=(1 * S, 3 * S)).stages), ignore_eos=True)


def a_whole_run() -> RunRecord:
    """Begun at one second, with all that a run can have."""
    request = a_record(
        scheduled_ns=1 * S, released_ns=1 * S + 1 * MS, sent_ns=1 * S + 2 * MS, token_ns=(1 * S + 10 * MS, 2 * S)
    )
    return replace(
        a_run(request, a_failure(index=1, scheduled_ns=1 * S, released_ns=1 * S, sent_ns=None), start_ns=1 * S),
        end_ns=3 * S,
        stages=(StageRecord("load", 1 * S, 3 * S),),
        loop_lag_ns=(1000, 2000),
        held_ns=((1 * S + 4 * MS, 1 * S + 7 * MS),),
        cpu_share=0.25,
        stopped="it was",
    )


def test_a_faster_load_comes_in_less_time() -> None:
    """Twice as fast: what is due at 1 and 3 s is at half of that."""
    plan = faster(a_plan(*some_asks(2), due_ns=(1 * S, 3 * S)), 2.0)
    assert [S // 2, S * 3 // 2] == due(plan)


def test_limits_and_lengths_of_a_faster_load_are_shorter() -> None:
    """A second user after 4 s of 10 comes after 1 s of 2.5."""
    users, _ = faster(a_timed_plan(), 4.0).stages
    assert (((0, 1), (1 * S, 2)), S * 5 // 2) == (users.limits, users.length_ns)


def test_what_is_asked_in_a_faster_load_is_the_same() -> None:
    """Prompts and lengths, in their order."""
    plan = a_timed_plan()
    assert [each.ask for each in plan.requests] == [each.ask for each in faster(plan, 7.0).requests]


def test_a_load_that_is_no_faster_is_the_same() -> None:
    """Not a nanosecond is rounded."""
    assert a_timed_plan() == faster(a_timed_plan(), 1.0)


@given(st.lists(MOMENTS, min_size=1, max_size=5), SPEEDS)
def test_a_load_played_faster_is_told_as_it_was_planned(due_ns: list[int], speedup: float) -> None:
    """Offsets come back but for the half nanosecond that rounding takes in either time."""
    plan = faster(a_plan(*some_asks(len(due_ns)), due_ns=tuple(due_ns)), speedup)
    played = a_run(*(a_record(scheduled_ns=5 * S + offset_ns) for offset_ns in due(plan)), start_ns=5 * S, end_ns=9 * S)
    told = [record.scheduled_ns - 5 * S for record in slower(played, speedup).requests]
    assert due_ns == pytest.approx(told, abs=speedup / 2 + 1)


@given(st.lists(MOMENTS, min_size=1, max_size=5, unique=True), SPEEDS)
def test_to_be_slower_keeps_the_order_of_tokens(token_ns: list[int], speedup: float) -> None:
    """None overtakes another."""
    (record,) = slower(a_run(a_record(token_ns=tuple(sorted(token_ns)))), speedup).requests
    assert sorted(record.token_ns) == list(record.token_ns)


@given(SPEEDS.filter(lambda speedup: speedup > 1))
def test_a_run_made_slower_and_faster_again_is_what_it_was(speedup: float) -> None:
    """To the nanosecond: what was stretched lost nothing."""
    assert a_whole_run() == slower(slower(a_whole_run(), speedup), 1 / speedup)


def test_a_run_that_was_no_faster_is_the_same() -> None:
    """As it was played."""
    assert a_whole_run() == slower(a_whole_run(), 1.0)


def test_a_run_begins_when_it_began() -> None:
    """All else is that much later after it."""
    run = slower(a_whole_run(), 10.0)
    assert (1 * S, 1 * S + 10 * 2 * S) == (run.start_ns, run.end_ns)
    assert (StageRecord("load", 1 * S, 21 * S),) == run.stages


def test_a_requests_times_are_that_much_later() -> None:
    """Sent 2 ms after the begin, and a token at 10 ms: 20 and 100 ms."""
    record, _ = slower(a_whole_run(), 10.0).requests
    assert (1 * S, 1 * S + 10 * MS, 1 * S + 20 * MS) == (record.scheduled_ns, record.released_ns, record.sent_ns)
    assert (1 * S + 100 * MS, 1 * S + 10 * S) == record.token_ns


def test_what_was_not_sent_stays_so() -> None:
    """Absent, not at some time."""
    _, failed = slower(a_whole_run(), 10.0).requests
    assert failed.sent_ns is None


def test_what_the_client_added_is_told_in_the_same_time() -> None:
    """A lag of 1 µs stands for 10; a core's share is of the client's own time."""
    run = slower(a_whole_run(), 10.0)
    assert (10_000, 20_000) == run.loop_lag_ns
    assert ((1 * S + 40 * MS, 1 * S + 70 * MS),) == run.held_ns
    assert (0.25, "it was") == (run.cpu_share, run.stopped)


def test_rates_and_latencies_are_those_of_the_slower_time() -> None:
    """A tenth of the tokens a second, ten times the TTFT."""
    run = a_run(a_record(token_ns=(100 * MS, 200 * MS), output_tokens=2))
    ours, told = (summarize(each, (99.0,), Slo()) for each in (run, slower(run, 10.0)))
    assert ours.ttft_ms is not None
    assert told.ttft_ms is not None
    assert pytest.approx((ours.output_throughput / 10, ours.ttft_ms.mean * 10)) == (
        told.output_throughput,
        told.ttft_ms.mean,
    )


def test_limits_of_what_is_faster_are_shorter() -> None:
    """500 ms are 50 in a tenth of the time; what does not bind does not."""
    assert Slo(ttft_ms=50.0, itl_p99_ms=3.0) == faster_slo(Slo(ttft_ms=500.0, itl_p99_ms=30.0), 10.0)
