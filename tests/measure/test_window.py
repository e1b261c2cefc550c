"""Part of a run as a run of its own."""

import math
from dataclasses import replace
from typing import Any

import pytest

from tests.records import S, a_failure, a_record
from thorexp.errors import ConfigError, LoadError
from thorexp.measure.metrics import Slo, summarize
from thorexp.measure.records import RequestRecord, RunRecord, StageRecord
from thorexp.measure.window import Exclusion, of_stage, steady

# Ten requests, one sent every second from 101 s on; each is answered two seconds later. Then the run ends.
START, END = 100 * S, 112 * S
RUN = RunRecord(
    start_ns=START,
    end_ns=END,
    requests=tuple(
        a_record(
            index=i,
            scheduled_ns=(101 + i) * S,
            released_ns=(101 + i) * S,
            sent_ns=(101 + i) * S,
            token_ns=((103 + i) * S,),
            stage=i // 5,
        )
        for i in range(10)
    ),
    stages=(StageRecord("warm", 100 * S, 107 * S), StageRecord("hot", 106 * S, 112 * S)),
    loop_lag_ns=(1, 2, 3),
    stopped="time was up",
)


def indices(run: RunRecord) -> list[int]:
    return [record.index for record in run.requests]


def with_requests(*requests: RequestRecord) -> RunRecord:
    return replace(RUN, requests=requests)


def test_no_exclusion_is_the_run_itself() -> None:
    """Nothing is left out, not even a run without requests."""
    assert (RUN, RunRecord(0, S, ())) == (
        steady(RUN, Exclusion()),
        steady(RunRecord(0, S, ()), Exclusion()),
    )


@pytest.mark.parametrize(
    ("exclusion", "window_s", "left"),
    [
        (Exclusion(first=3), (101 + 3, 112), range(3, 10)),
        (Exclusion(last=3), (100, 101 + 7), range(7)),
        (Exclusion(first=3, last=3), (101 + 3, 101 + 7), range(3, 7)),
        (Exclusion(first_s=2.5), (100 + 2.5, 112), range(2, 10)),
        (Exclusion(last_s=2.5), (100, 112 - 2.5), range(9)),
        (Exclusion(first_s=2.5, last_s=2.5), (100 + 2.5, 112 - 2.5), range(2, 9)),
        (Exclusion(first=5, first_s=2.5), (101 + 5, 112), range(5, 10)),
        (Exclusion(first=1, first_s=2.5), (100 + 2.5, 112), range(2, 10)),
        (Exclusion(last=5, last_s=2.5), (100, 101 + 5), range(5)),
        (Exclusion(last=1, last_s=2.5), (100, 112 - 2.5), range(9)),
    ],
    ids=str,
)
def test_what_is_left_out_moves_the_window(exclusion: Exclusion, window_s: tuple[float, float], left: range) -> None:
    """Of requests and of seconds at either end, the one that leaves out more holds."""
    part = steady(RUN, exclusion)
    assert (window_s[0] * S, window_s[1] * S, list(left)) == (part.start_ns, part.end_ns, indices(part))


def test_the_window_begins_no_earlier_than_its_first_request() -> None:
    """Half a second in, nothing had been sent; the window begins when something is."""
    assert 101 * S == steady(RUN, Exclusion(first_s=0.5)).start_ns


def test_one_sent_at_the_begin_is_in_and_one_at_the_end_is_not() -> None:
    """From 103 s to 108 s: the requests of these six seconds but the last."""
    part = steady(RUN, Exclusion(first_s=3.0, last_s=4.0))
    assert [103 - 101, 104 - 101, 105 - 101, 106 - 101, 107 - 101] == indices(part)


def test_one_that_ended_after_the_window_counts() -> None:
    """That of 104 s was answered at 106 s, when the window was over."""
    part = steady(RUN, Exclusion(last_s=7.5))
    assert (112 * S - 15 * S // 2, 106 * S) == (part.end_ns, part.requests[-1].token_ns[-1])


def test_throughput_of_a_steady_state_is_its_rate() -> None:
    """One request a second, whichever seconds are looked at; over the whole run it would be 10 in 12 s."""
    summary = summarize(steady(RUN, Exclusion(first=2, last=4)), (), Slo())
    assert 1.0 == summary.request_throughput


def test_requests_are_counted_in_the_order_of_their_sending() -> None:
    """The one that had waited longest went out last; the rest stays in the plan's order."""
    late, *others = RUN.requests
    part = steady(with_requests(replace(late, sent_ns=111 * S), *others), Exclusion(first=1, last=1))
    assert [2, 3, 4, 5, 6, 7, 8, 9] == indices(part)


def test_what_is_left_keeps_its_order() -> None:
    """That of the plan, not of the sending."""
    first, second, *others = RUN.requests
    swapped = with_requests(replace(second, sent_ns=first.sent_ns), replace(first, sent_ns=second.sent_ns), *others)
    assert [1, 0, 2] == indices(steady(swapped, Exclusion(last=7)))


def test_one_that_was_never_sent_always_counts() -> None:
    """It was given up when the run ended, and is no part of its tail."""
    unsent = a_failure(index=3, released_ns=RUN.end_ns, sent_ns=None)
    run = with_requests(*RUN.requests[:3], unsent, *RUN.requests[4:])
    assert [3, 4, 5, 6, 7, 8, 9] == indices(steady(run, Exclusion(first=3)))
    assert [0, 1, 2, 3, 4, 5, 6, 7] == indices(steady(run, Exclusion(last=2)))


def test_the_rest_of_the_run_is_kept() -> None:
    """Its stages, how late the loop was, and why it was stopped."""
    part = steady(RUN, Exclusion(first=3))
    assert (RUN.stages, (1, 2, 3), "time was up") == (part.stages, part.loop_lag_ns, part.stopped)


@pytest.mark.parametrize(
    "exclusion",
    [
        Exclusion(first=10),
        Exclusion(last=10),
        Exclusion(first=11),
        Exclusion(last=11),
        Exclusion(first=5, last=5),
        Exclusion(first=8, last=8),
        Exclusion(first_s=11.5),
        Exclusion(last_s=11.5),
        Exclusion(first_s=60.0),
        Exclusion(last_s=60.0),
        Exclusion(first_s=6.0, last_s=6.0),
        Exclusion(first=5, last_s=6.0),
    ],
    ids=str,
)
def test_an_exclusion_that_leaves_nothing_is_an_error(exclusion: Exclusion) -> None:
    """No summary of nothing."""
    with pytest.raises(LoadError, match=r"^Nothing of the load is left to be measured\."):
        steady(RUN, exclusion)


def test_the_error_says_what_was_left_out_of_what() -> None:
    """By full keys, with the counts."""
    with pytest.raises(LoadError) as raised:
        steady(RUN, Exclusion(first=8, last_s=6.0))
    assert [
        ("left out", "load.exclude_first=8 load.exclude_last_s=6.0"),
        ("of", "10 requests in 12.0 s"),
    ] == [(fact.label, fact.text) for fact in raised.value.facts[:2]]


@pytest.mark.parametrize("name", ["first", "first_s", "last", "last_s"])
@pytest.mark.parametrize("value", [-1, -0.5, math.nan, math.inf])
def test_what_cannot_be_left_out_is_refused(name: str, value: Any) -> None:
    """The error names the key."""
    with pytest.raises(ConfigError, match=f"^load.exclude_{name}={value} cannot"):
        Exclusion(**{name: value})


def test_a_stage_has_its_own_requests_and_times() -> None:
    """Those of that stage, from its begin to its end."""
    part = of_stage(RUN, 1)
    assert (106 * S, 112 * S, [5, 6, 7, 8, 9]) == (part.start_ns, part.end_ns, indices(part))


def test_stages_share_the_requests_among_them() -> None:
    """Each request is of one stage."""
    assert list(range(10)) == indices(of_stage(RUN, 0)) + indices(of_stage(RUN, 1))


def test_a_stage_can_be_cut_as_a_run() -> None:
    """The head of a stage is ramp-up, too."""
    part = steady(of_stage(RUN, 1), Exclusion(first=2))
    assert ((101 + 7) * S, [7, 8, 9]) == (part.start_ns, indices(part))
