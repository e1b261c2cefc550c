"""What the times of a run mean."""

import math
from dataclasses import fields, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import MS, S, a_failure, a_record, a_run, a_summary
from thorexp.measure.metrics import (
    Slo,
    Summary,
    client_queue_ns,
    e2el_ns,
    is_good,
    itl_ns,
    itl_p99_ns,
    output_tokens,
    queued_e2el_ns,
    scheduled_e2el_ns,
    scheduled_ttft_ns,
    summarize,
    tpot_ns,
    ttft_ns,
)
from thorexp.measure.records import RequestRecord
from thorexp.measure.stats import Distribution


def of(sample: Distribution | None) -> Distribution:
    """A distribution that must be there."""
    assert sample is not None
    return sample


def test_ttft_is_counted_from_the_send() -> None:
    """TTFT is the time from the send to the first token, whatever was waited before."""
    assert 100 - 40 == ttft_ns(a_record(scheduled_ns=10, released_ns=20, sent_ns=40, token_ns=(100, 150)))


def test_e2el_ends_with_the_last_token() -> None:
    """E2EL is the time from the send to the last token."""
    assert 300 - 40 == e2el_ns(a_record(sent_ns=40, token_ns=(100, 150, 300)))


def test_tpot_spreads_the_decode_over_the_later_tokens() -> None:
    """TPOT is the time after the first token, per later token, however many came in one chunk."""
    record = a_record(sent_ns=0, token_ns=(100, 150, 210, 300), output_tokens=5)
    assert (300 - 100) / (5 - 1) == tpot_ns(record)


@pytest.mark.parametrize("tokens", [0, 1])
def test_tpot_is_absent_below_two_tokens(tokens: int) -> None:
    """There is no time per later token where there is no later token."""
    assert tpot_ns(a_record(token_ns=(100, 150), output_tokens=tokens)) is None


def test_tpot_takes_chunks_for_tokens_where_the_server_did_not_count() -> None:
    """Without usage, three chunks are three tokens."""
    assert (300 - 100) / (3 - 1) == tpot_ns(a_record(token_ns=(100, 150, 300), output_tokens=None))


def test_itl_is_the_gaps_between_chunks() -> None:
    """Chunks that came in one read are 0 apart."""
    assert (150 - 100, 0, 300 - 150) == itl_ns(a_record(token_ns=(100, 150, 150, 300)))


def test_a_single_chunk_has_no_gap() -> None:
    """ITL of one chunk is empty."""
    assert () == itl_ns(a_record(token_ns=(100,)))


def test_itl_p99_is_of_the_requests_own_gaps() -> None:
    """Of gaps of 10, 20 and 30 it lies 0.99 · 2 = 1.98 steps from the first."""
    assert pytest.approx(20 + 0.98 * 10) == itl_p99_ns(a_record(token_ns=(100, 130, 140, 160)))


def test_itl_p99_is_absent_without_a_gap() -> None:
    """A single chunk stalled nowhere, and measured nothing."""
    assert itl_p99_ns(a_record(token_ns=(100,))) is None


WHOLE = a_record(sent_ns=40, token_ns=(340,), output_tokens=30, streamed=False)


@pytest.mark.parametrize("metric", [ttft_ns, tpot_ns, itl_p99_ns, scheduled_ttft_ns])
def test_an_answer_in_one_piece_has_no_first_token(metric: object) -> None:
    """When it arrived its last token was there; of the first, and of the others, nobody knows."""
    assert callable(metric)
    assert metric(WHOLE) is None


def test_an_answer_in_one_piece_has_no_gaps() -> None:
    """Not even where its bytes came one after another."""
    assert () == itl_ns(replace(WHOLE, token_ns=(240, 340)))


def test_an_answer_in_one_piece_has_its_end() -> None:
    """E2EL is until it arrived."""
    assert 340 - 40 == e2el_ns(WHOLE)


def test_ttft_from_the_schedule_counts_all_that_came_before() -> None:
    """From when the plan wanted it, however late it went out."""
    record = a_record(scheduled_ns=10, released_ns=20, sent_ns=40, token_ns=(100, 300))
    assert (100 - 10, 300 - 10) == (scheduled_ttft_ns(record), scheduled_e2el_ns(record))


def test_a_stall_of_the_server_is_seen_from_the_schedule() -> None:
    """A second goes by before the first answer; the request behind it was sent late and then answered at once."""
    stalled = a_record(scheduled_ns=0, sent_ns=0, token_ns=(S,))
    behind = a_record(scheduled_ns=100 * MS, released_ns=100 * MS, sent_ns=S, token_ns=(S + 10 * MS,))
    summary = a_summary(stalled, behind)
    assert (1000 + 10) / 2 == of(summary.ttft_ms).mean
    assert (1000 + 910) / 2 == of(summary.ttft_from_schedule_ms).mean
    assert (1000 + 910) / 2 == of(summary.e2el_from_schedule_ms).mean


def test_client_queue_time_is_the_wait_of_a_released_request() -> None:
    """From the client's waking to the send: max concurrency's doing."""
    assert 90 - 20 == client_queue_ns(a_record(scheduled_ns=10, released_ns=20, sent_ns=90))


def test_queued_e2el_includes_that_wait() -> None:
    """From the client's waking to the last token."""
    assert 300 - 20 == queued_e2el_ns(a_record(scheduled_ns=10, released_ns=20, sent_ns=90, token_ns=(100, 300)))


@pytest.mark.parametrize("metric", [ttft_ns, e2el_ns, tpot_ns, queued_e2el_ns, scheduled_ttft_ns, scheduled_e2el_ns])
def test_a_request_without_tokens_has_no_latency(metric: object) -> None:
    """What was not measured is absent, not zero."""
    assert callable(metric)
    assert metric(a_failure(sent_ns=10)) is None


@pytest.mark.parametrize("metric", [ttft_ns, e2el_ns, client_queue_ns])
def test_a_request_never_sent_has_no_latency(metric: object) -> None:
    """What never left the client took no time."""
    assert callable(metric)
    assert metric(a_failure(sent_ns=None)) is None


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**9), min_size=2, max_size=50))
def test_one_token_a_chunk_makes_mean_itl_the_tpot(sent: int, gaps: list[int]) -> None:
    """With a token in every chunk, E2EL is TTFT and TPOT times the later tokens."""
    arrivals = [sent + sum(gaps[: i + 1]) for i in range(len(gaps))]
    record = a_record(sent_ns=sent, token_ns=tuple(arrivals), output_tokens=len(gaps))
    assert pytest.approx(sum(gaps[1:]) / len(gaps[1:])) == tpot_ns(record)
    assert sum(gaps) == e2el_ns(record)


def test_output_tokens_are_the_servers() -> None:
    """The server's count holds even where chunks carried several tokens."""
    assert 5 == output_tokens(a_record(token_ns=(100, 150), output_tokens=5))


def test_output_tokens_are_chunks_where_the_server_did_not_count() -> None:
    """Without usage, each chunk is taken for a token."""
    assert 2 == output_tokens(a_record(token_ns=(100, 150), output_tokens=None))


def test_throughput_is_over_the_whole_run() -> None:
    """Requests and tokens of successes, per second from the first dispatch to the last end."""
    two = [a_record(input_tokens=30, output_tokens=10), a_record(input_tokens=50, output_tokens=20)]
    summary = a_summary(*two, end_ns=4 * S)
    assert 4.0 == summary.duration_s
    assert 2 / 4 == summary.request_throughput
    assert (10 + 20) / 4 == summary.output_throughput
    assert (30 + 50 + 10 + 20) / 4 == summary.total_token_throughput


def test_input_tokens_are_absent_where_a_success_came_without_usage() -> None:
    """A sum with a part missing is no sum; what does not need it is there."""
    summary = a_summary(a_record(input_tokens=30, output_tokens=10), a_record(input_tokens=None), end_ns=4 * S)
    assert (None, None) == (summary.total_input_tokens, summary.total_token_throughput)
    assert (10 + 1) / 4 == summary.output_throughput


def test_input_tokens_of_failures_are_not_missed() -> None:
    """A failure came without usage, but does not count."""
    assert 30 == a_summary(a_record(input_tokens=30), a_failure()).total_input_tokens


def test_duration_is_from_the_start_of_the_run() -> None:
    """A clock that does not start at 0 changes nothing."""
    assert 2.5 == summarize(a_run(a_record(), start_ns=7 * S, end_ns=9 * S + S // 2), (), Slo()).duration_s


def test_failures_are_counted_and_enter_nothing_else() -> None:
    """A failed request is neither a latency nor a token."""
    broken = a_record(token_ns=(9 * MS, 90 * MS), output_tokens=2, error="ServerDisconnectedError")
    summary = a_summary(a_record(token_ns=(3 * MS,), input_tokens=16), broken, a_failure())
    assert (1, 2) == (summary.completed, summary.failed)
    assert (16, 1) == (summary.total_input_tokens, summary.total_output_tokens)
    assert (1, 3.0) == (of(summary.ttft_ms).count, of(summary.ttft_ms).mean)
    assert summary.itl_ms is None


def test_latencies_are_in_milliseconds() -> None:
    """Nanoseconds end here."""
    summary = a_summary(
        a_record(
            scheduled_ns=1 * MS,
            released_ns=2 * MS,
            sent_ns=5 * MS,
            token_ns=(15 * MS, 20 * MS, 45 * MS),
            output_tokens=4,
        )
    )
    assert 15 - 5 == of(summary.ttft_ms).mean
    assert (45 - 15) / (4 - 1) == of(summary.tpot_ms).mean
    assert ((20 - 15) + (45 - 20)) / 2 == of(summary.itl_ms).mean
    assert 45 - 5 == of(summary.e2el_ms).mean
    assert 5 - 2 == of(summary.client_queue_time_ms).mean
    assert 45 - 2 == of(summary.e2el_including_client_queue_ms).mean
    assert 2 - 1 == of(summary.schedule_lag_ms).mean


def test_itl_is_pooled_over_requests() -> None:
    """A long request weighs as much as it has gaps."""
    long = a_record(token_ns=(10 * MS, 20 * MS, 30 * MS, 40 * MS), output_tokens=4)
    short = a_record(token_ns=(10 * MS, 50 * MS), output_tokens=2)
    assert (10 + 10 + 10 + 40) / 4 == of(a_summary(long, short).itl_ms).mean


def test_tpot_weighs_every_request_alike() -> None:
    """TPOT is a number of a request, and one-token requests have none."""
    long = a_record(token_ns=(10 * MS, 20 * MS, 30 * MS, 40 * MS), output_tokens=4)
    short = a_record(token_ns=(10 * MS, 50 * MS), output_tokens=2)
    tpot = of(a_summary(long, short, a_record()).tpot_ms)
    assert (2, (10 + 40) / 2) == (tpot.count, tpot.mean)


def test_schedule_lag_counts_failures_too() -> None:
    """The client was late for a request that then failed."""
    summary = a_summary(a_record(released_ns=1 * MS), a_failure(released_ns=3 * MS))
    assert (2, (1 + 3) / 2) == (of(summary.schedule_lag_ms).count, of(summary.schedule_lag_ms).mean)


def test_a_request_that_was_given_up_unsent_has_no_schedule_lag() -> None:
    """The client was not late for it: it was never due."""
    given_up = a_failure(scheduled_ns=9 * MS, released_ns=1 * MS, sent_ns=None)
    assert 1 == of(a_summary(a_record(), given_up).schedule_lag_ms).count


def test_percentiles_come_in_the_order_asked() -> None:
    """The caller's order is the report's."""
    summary = a_summary(a_record(), percentiles=(99.0, 50.0))
    assert [99.0, 50.0] == [p for p, _ in of(summary.ttft_ms).percentiles]


def test_a_run_without_success_has_no_latency() -> None:
    """Where every request failed nothing is 0 ms: it is absent."""
    summary = a_summary(a_failure(), a_failure())
    absent = {field.name for field in fields(Summary) if getattr(summary, field.name) is None}
    latencies = {
        "ttft_ms",
        "tpot_ms",
        "itl_ms",
        "e2el_ms",
        "client_queue_time_ms",
        "e2el_including_client_queue_ms",
        "ttft_from_schedule_ms",
        "e2el_from_schedule_ms",
        "loop_lag_ms",
        "first_token_lateness_ms",
        "late_share",
    }
    others = {
        "max_output_tokens_per_s",
        "max_concurrent_requests",
        "tokens_per_chunk",
        "one_read_share",
        "request_goodput",
        "goodput_fraction",
        "stopped",
        "client_cpu_share",
    }
    assert latencies | others == absent


def test_a_run_without_success_has_no_throughput() -> None:
    """Rates are counts over time, and the count is known: it is 0."""
    summary = a_summary(a_failure())
    assert (0.0, 0.0, 0.0) == (
        summary.request_throughput,
        summary.output_throughput,
        summary.total_token_throughput,
    )


def test_a_run_without_requests_has_no_latency_at_all() -> None:
    """Not even a schedule lag."""
    summary = a_summary()
    assert (0, 0, None, None) == (summary.completed, summary.failed, summary.ttft_ms, summary.schedule_lag_ms)


def test_requests_that_never_went_out_are_counted_apart() -> None:
    """They failed, too; the one that was sent and refused did go out."""
    summary = a_summary(a_record(), a_failure(sent_ns=5), a_failure(sent_ns=None), a_failure(sent_ns=None))
    assert (3, 2) == (summary.failed, summary.unsent)


def test_a_load_that_was_ended_says_why() -> None:
    """In the words of its record."""
    run = replace(a_run(a_record()), stopped="time was up")
    assert "time was up" == summarize(run, (), Slo()).stopped


def test_the_lag_of_the_loop_is_in_milliseconds() -> None:
    """Of the run, whatever became of its requests."""
    lag = of(summarize(replace(a_run(), loop_lag_ns=(1 * MS, 5 * MS)), (), Slo()).loop_lag_ms)
    assert (2, (1 + 5) / 2) == (lag.count, lag.mean)


def held(*held_ms: tuple[int, int]) -> Summary:
    """Two answers of two tokens, at 100 and 120, 200 and 220 ms, read by a loop that was held up at these times."""
    answers = (
        a_record(index=0, token_ns=(100 * MS, 120 * MS), output_tokens=2),
        a_record(index=1, token_ns=(200 * MS, 220 * MS), output_tokens=2),
    )
    times = tuple((begin * MS, end * MS) for begin, end in held_ms)
    return summarize(replace(a_run(*answers), loop_lag_ns=(0,), held_ns=times), (), Slo())


def test_a_token_that_came_while_the_loop_was_held_up_may_be_late_since_then() -> None:
    """The first of two first tokens by 40 ms, the other by none; one of four tokens."""
    summary = held((60, 100))
    assert (40 / 2, 1 / 4) == (summary.first_token_lateness_ms, summary.late_share)


def test_what_is_read_just_after_is_late_by_no_more_than_the_lag() -> None:
    """At 120 ms, 1 ms after a loop went on that had stood for 9."""
    summary = held((110, 119))
    assert (0.0, 1 / 4) == (summary.first_token_lateness_ms, summary.late_share)


def test_a_loop_that_was_held_up_at_other_times_stamped_nothing_late() -> None:
    """However long."""
    summary = held((0, 90), (230, 900))
    assert (0.0, 0.0) == (summary.first_token_lateness_ms, summary.late_share)


def test_a_loop_that_was_never_held_up_stamped_nothing_late() -> None:
    """Known, and none."""
    assert (0.0, 0.0) == (held().first_token_lateness_ms, held().late_share)


def test_nobody_knows_of_a_loop_that_was_not_asked() -> None:
    """Absent, not 0."""
    summary = a_summary(a_record())
    assert (None, None) == (summary.first_token_lateness_ms, summary.late_share)


def test_answers_in_one_piece_enter_the_e2el_alone() -> None:
    """Beside a streamed one they are no sample of its latencies."""
    streamed = a_record(token_ns=(10 * MS, 20 * MS), output_tokens=2)
    whole = a_record(token_ns=(60 * MS,), output_tokens=2, streamed=False)
    summary = a_summary(streamed, whole)
    latencies = (summary.ttft_ms, summary.tpot_ms, summary.itl_ms, summary.ttft_from_schedule_ms)
    assert [(1, 10.0)] * 4 == [(of(sample).count, of(sample).mean) for sample in latencies]
    assert (2, (20 + 60) / 2) == (of(summary.e2el_ms).count, of(summary.e2el_ms).mean)
    assert (2, (20 + 60) / 2) == (of(summary.e2el_from_schedule_ms).count, of(summary.e2el_from_schedule_ms).mean)


def test_tokens_per_chunk_are_over_all_chunks() -> None:
    """A long answer weighs as much as it has chunks."""
    drafted = a_record(token_ns=(1, 2, 3), output_tokens=9)
    plain = a_record(token_ns=(1, 2), output_tokens=2)
    assert (9 + 2) / (3 + 2) == a_summary(drafted, plain).tokens_per_chunk


@pytest.mark.parametrize(
    "other",
    [
        a_record(token_ns=(1,), output_tokens=30, streamed=False),
        a_record(token_ns=(1, 2, 3), output_tokens=None),
        a_failure(),
    ],
    ids=["not streamed", "not counted", "failed"],
)
def test_tokens_per_chunk_leave_out_what_says_nothing_of_them(other: RequestRecord) -> None:
    """Beside another it changes nothing, and alone there is no such number."""
    drafted = a_record(token_ns=(1, 2), output_tokens=5)
    assert (5 / 2, None) == (a_summary(drafted, other).tokens_per_chunk, a_summary(other).tokens_per_chunk)


GOOD = a_record(sent_ns=0, token_ns=(100 * MS, 150 * MS, 200 * MS), output_tokens=3)


@pytest.mark.parametrize(
    ("slo", "goodput"),
    [
        (Slo(ttft_ms=100.0), 1 / 4),
        (Slo(ttft_ms=99.9), 0.0),
        (Slo(tpot_ms=50.0), 1 / 4),
        (Slo(tpot_ms=49.9), 0.0),
        (Slo(itl_p99_ms=50.0), 1 / 4),
        (Slo(itl_p99_ms=49.9), 0.0),
        (Slo(e2el_ms=200.0), 1 / 4),
        (Slo(e2el_ms=199.9), 0.0),
        (Slo(ttft_ms=100.0, tpot_ms=50.0, e2el_ms=200.0), 1 / 4),
        (Slo(ttft_ms=100.0, tpot_ms=50.0, e2el_ms=199.9), 0.0),
    ],
)
def test_goodput_counts_requests_that_keep_every_limit(slo: Slo, goodput: float) -> None:
    """A limit just reached is kept."""
    assert goodput == a_summary(GOOD, slo=slo, end_ns=4 * S).request_goodput


def test_goodput_is_absent_without_limits() -> None:
    """Nothing is good where nothing was asked."""
    assert a_summary(GOOD, slo=Slo()).request_goodput is None


def test_goodput_leaves_failures_out() -> None:
    """A failure is never good."""
    assert 1 / 1 == a_summary(GOOD, a_failure(), slo=Slo(e2el_ms=1000.0)).request_goodput


def test_a_request_of_one_token_keeps_any_tpot() -> None:
    """For goodput, and only there, a missing TPOT is 0, as in vLLM."""
    assert 1 / 1 == a_summary(a_record(output_tokens=1), slo=Slo(tpot_ms=0.001)).request_goodput


def test_a_stall_breaks_the_limit_of_itl_alone() -> None:
    """In 200 gaps of 10 ms three of a second: the P99 is one of them, the TPOT below 25 ms."""
    gaps_ms = [10] * 197 + [1000] * 3
    token_ns = tuple((100 + sum(gaps_ms[:i])) * MS for i in range(len(gaps_ms) + 1))
    record = a_record(token_ns=token_ns, output_tokens=201)
    assert (True, False) == (is_good(record, Slo(tpot_ms=25.0)), is_good(record, Slo(itl_p99_ms=999.0)))


def test_a_request_of_one_chunk_keeps_any_itl() -> None:
    """Nothing was waited for after it."""
    assert is_good(a_record(), Slo(itl_p99_ms=0.001))


@pytest.mark.parametrize(
    ("slo", "good"),
    [
        (Slo(ttft_ms=1e9), False),
        (Slo(tpot_ms=1e9), False),
        (Slo(itl_p99_ms=1e9), False),
        (Slo(e2el_ms=1e9), True),
    ],
)
@pytest.mark.parametrize("tokens", [1, 30])
def test_an_answer_in_one_piece_shows_its_e2el_alone(slo: Slo, good: bool, tokens: int) -> None:
    """A limit on what nobody saw is not kept."""
    assert good == is_good(replace(WHOLE, output_tokens=tokens), slo)


def test_goodput_as_a_fraction_is_of_all_that_were_played() -> None:
    """One is good, one too slow, one failed and one never went out."""
    slow = a_record(token_ns=(300 * MS,))
    summary = a_summary(GOOD, slow, a_failure(), a_failure(sent_ns=None), slo=Slo(e2el_ms=200.0), end_ns=2 * S)
    assert (1 / 4, 1 / 2) == (summary.goodput_fraction, summary.request_goodput)


def test_goodput_as_a_fraction_is_absent_without_limits() -> None:
    """Nothing is good where nothing was asked."""
    assert a_summary(GOOD).goodput_fraction is None


def test_goodput_as_a_fraction_is_absent_without_requests() -> None:
    """None of none is no fraction, where in a second none were good."""
    summary = a_summary(slo=Slo(e2el_ms=200.0))
    assert (None, 0.0) == (summary.goodput_fraction, summary.request_goodput)


def test_each_limit_binds() -> None:
    """One is enough, and without any nothing does."""
    limits = [Slo(ttft_ms=1.0), Slo(tpot_ms=1.0), Slo(itl_p99_ms=1.0), Slo(e2el_ms=1.0)]
    assert ([True] * 4, False) == ([slo.binds for slo in limits], Slo().binds)


def test_peak_output_leaves_answers_in_one_piece_out() -> None:
    """The arrival of one is no chunk of tokens."""
    streamed = a_record(token_ns=(S // 4, S // 2), output_tokens=2)
    whole = a_record(token_ns=(S // 2,), output_tokens=30, streamed=False)
    assert 2.0 == a_summary(streamed, whole).max_output_tokens_per_s


def test_a_load_without_streams_has_no_peak_output() -> None:
    """But it has a peak of requests."""
    summary = a_summary(WHOLE, WHOLE)
    assert (None, 2) == (summary.max_output_tokens_per_s, summary.max_concurrent_requests)


def test_peak_output_is_the_fullest_second() -> None:
    """Seconds are counted from the first send, not from the start of the run."""
    one = a_record(sent_ns=S // 2, token_ns=(S, S + S // 4), output_tokens=2)
    other = a_record(sent_ns=S, token_ns=(S + S // 4, S + 3 * S // 4, 2 * S), output_tokens=3)
    # From 0.5 s: the first second holds 1.0, 1.25 and 1.25 s, the second 1.75 and 2.0 s.
    assert 3.0 == a_summary(one, other, end_ns=3 * S).max_output_tokens_per_s


def test_peak_output_counts_a_chunk_at_a_full_second_in_the_next() -> None:
    """A second holds its start, not its end."""
    assert 1.0 == a_summary(a_record(sent_ns=0, token_ns=(S - 1, S), output_tokens=2)).max_output_tokens_per_s


def test_peak_concurrency_counts_who_touched_a_second() -> None:
    """Three requests one after the other in one second were three in that second."""
    one_by_one = [a_record(sent_ns=i * 200 * MS, token_ns=((i + 1) * 200 * MS,)) for i in range(3)]
    assert 3 == a_summary(*one_by_one).max_concurrent_requests


def test_peak_concurrency_does_not_count_who_never_met() -> None:
    """A request of the first second and one of the third are one at a time."""
    early = a_record(sent_ns=0, token_ns=(S // 2,))
    late = a_record(sent_ns=2 * S, token_ns=(2 * S + S // 2,))
    assert 1 == a_summary(early, late, end_ns=3 * S).max_concurrent_requests


def test_peak_concurrency_counts_a_long_request_in_every_second() -> None:
    """A request is active from its send to its last token, in between too."""
    long = a_record(sent_ns=0, token_ns=(S // 2, 5 * S))
    middle = a_record(sent_ns=2 * S, token_ns=(2 * S + 1,))
    assert 2 == a_summary(long, middle, end_ns=6 * S).max_concurrent_requests


def test_peak_concurrency_counts_a_request_in_the_second_it_ends() -> None:
    """Both ends are part of the second they fall in."""
    ends = a_record(sent_ns=0, token_ns=(S,))
    starts = a_record(sent_ns=S + S // 2, token_ns=(S + 3 * S // 4,))
    assert 2 == a_summary(ends, starts, end_ns=3 * S).max_concurrent_requests


def a_closed_loop(gaps_ms: list[int]) -> list[RequestRecord]:
    """One request after another, each of one token."""
    ends = [sum(gaps_ms[: i + 1]) * MS for i in range(len(gaps_ms))]
    return [a_record(sent_ns=start, token_ns=(end,)) for start, end in pairwise([0, *ends])]


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=30))
def test_a_stream_without_pause_fills_the_run(gaps_ms: list[int]) -> None:
    """With one request always in flight the E2ELs add up to the duration."""
    summary = a_summary(*a_closed_loop(gaps_ms), end_ns=sum(gaps_ms) * MS)
    assert math.isclose(summary.duration_s * 1000, of(summary.e2el_ms).mean * len(gaps_ms))


def test_errors_are_counted_the_most_frequent_first() -> None:
    """In the server's words; a run without a failure has none."""
    failures = (a_failure("HTTP 400"), a_failure("too late"), a_failure("too late"))
    assert ("2 x too late", "1 x HTTP 400") == a_summary(a_record(), *failures).errors
    assert () == a_summary(a_record()).errors


def test_chunks_that_came_in_one_read_are_a_share_of_all_gaps() -> None:
    """Of 3 and 2 gaps, pooled over both requests, one and one are 0."""
    summary = a_summary(a_record(token_ns=(10, 20, 20, 30)), a_record(token_ns=(40, 40, 41)))
    assert 2 / 5 == summary.one_read_share


def test_only_gaps_of_exactly_nothing_came_in_one_read() -> None:
    """A nanosecond later is another read: known, and none."""
    assert 0.0 == a_summary(a_record(token_ns=(10, 11, 12))).one_read_share


@pytest.mark.parametrize("changes", [{"token_ns": (100,)}, {"token_ns": (100, 100), "streamed": False}])
def test_without_a_gap_nobody_knows_what_came_in_one_read(changes: dict[str, object]) -> None:
    """Absent, not zero: of an answer of one chunk, and of one that was not streamed."""
    assert a_summary(a_record(**changes)).one_read_share is None


def test_a_failure_has_no_gaps_to_share() -> None:
    """Only successes enter, as in ITL."""
    failed = a_failure(sent_ns=0)
    assert 1 / 2 == a_summary(a_record(token_ns=(10, 10, 20)), replace(failed, token_ns=(5, 5, 5))).one_read_share
