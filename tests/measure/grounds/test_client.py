"""What the client itself may have added."""

from dataclasses import replace

import pytest

from tests.records import MS, a_record, a_summary
from thorexp.measure.grounds.client import client_lag, client_saturated, schedule_lag
from thorexp.measure.metrics import Summary
from thorexp.measure.stats import Distribution

A_TENTH = 0.1


def a_mean(ms: float) -> Distribution:
    """A sample of which only the mean matters."""
    return Distribution(3, ms, 0.0, 0.0, ())


def late(lag_ms: float | None, *, ttft_ms: float | None = 100.0, itl_ms: float | None = 20.0) -> Summary:
    """A run whose loop was late by so much in the mean."""
    of = [None if mean is None else a_mean(mean) for mean in (lag_ms, ttft_ms, itl_ms)]
    return replace(a_summary(a_record()), loop_lag_ms=of[0], ttft_ms=of[1], itl_ms=of[2])


def test_a_late_loop_is_suspect() -> None:
    """A timer of whole ms takes 1 ms of 13 by itself: 12 are more than a tenth of TTFT and of ITL."""
    reason = client_lag(late(13.0), A_TENTH)
    assert reason is not None
    assert ("client_lag", "SUSPECT", ("ttft", "itl")) == (reason.name, reason.standing, reason.metrics)
    assert "the client's loop was late by 13.0 ms; mean TTFT 100.00 ms, mean ITL 20.00 ms" == reason.evidence


def test_a_late_loop_touches_only_what_is_short_beside_it() -> None:
    """4 ms beyond the timer's own are more than a tenth of 20 ms, and less of 100."""
    reason = client_lag(late(5.0), A_TENTH)
    assert reason is not None
    assert ("itl",) == reason.metrics


@pytest.mark.parametrize("lag_ms", [3.0, 1.0, 0.5])
def test_a_loop_that_was_hardly_late_is_believed(lag_ms: float) -> None:
    """1 ms is the timer's; 2 ms more are a tenth of a gap of 20 ms."""
    assert client_lag(late(lag_ms), A_TENTH) is None


def test_a_late_loop_of_answers_without_gaps_touches_the_first_token() -> None:
    """There is no ITL to touch, nor to tell of."""
    reason = client_lag(late(13.0, itl_ms=None), A_TENTH)
    assert reason is not None
    assert (("ttft",), "the client's loop was late by 13.0 ms; mean TTFT 100.00 ms") == (
        reason.metrics,
        reason.evidence,
    )


@pytest.mark.parametrize("summary", [late(None), late(500.0, ttft_ms=None, itl_ms=None)])
def test_a_lag_that_nobody_measured_accuses_nobody(summary: Summary) -> None:
    """Nor one beside which there is no latency."""
    assert client_lag(summary, A_TENTH) is None


def behind(lag_ms: int | None, ttft_ms: int = 100) -> Summary:
    """One request, released so late, its first token that long after it was sent."""
    if lag_ms is None:
        return replace(behind(50), schedule_lag_ms=None)
    released = lag_ms * MS
    return a_summary(
        a_record(scheduled_ns=0, released_ns=released, sent_ns=released, token_ns=(released + ttft_ms * MS,))
    )


def test_requests_behind_their_schedule_are_suspect() -> None:
    """11 ms are more than a tenth of a TTFT of 100 ms: another load than the one that is named."""
    reason = schedule_lag(behind(11), A_TENTH, is_open=True)
    assert reason is not None
    assert ("schedule_lag", "SUSPECT") == (reason.name, reason.standing)
    assert ("ttft", "e2el", "throughput", "goodput", "tokens_per_s", "energy") == reason.metrics
    assert "requests were released 11.0 ms late; mean TTFT 100.0 ms" == reason.evidence


@pytest.mark.parametrize("lag_ms", [10, 9, 0, None])
def test_requests_near_their_schedule_are_believed(lag_ms: int | None) -> None:
    """Up to a tenth of TTFT, and where nobody knows."""
    assert schedule_lag(behind(lag_ms), A_TENTH, is_open=True) is None


def test_a_schedule_is_kept_where_there_is_none() -> None:
    """In a closed loop all are due at once, and the lag is the load's own shape."""
    assert schedule_lag(behind(5000), A_TENTH, is_open=False) is None


def test_a_schedule_lag_without_a_first_token_accuses_nobody() -> None:
    """There is nothing to be late beside."""
    assert schedule_lag(replace(behind(5000), ttft_ms=None), A_TENTH, is_open=True) is None


def test_a_busy_client_is_suspect() -> None:
    """91 % of its core: every time that it took."""
    reason = client_saturated(replace(a_summary(a_record()), client_cpu_share=0.91), 0.9)
    assert reason is not None
    assert ("client_saturated", "SUSPECT") == (reason.name, reason.standing)
    assert ("ttft", "tpot", "itl", "e2el", "throughput", "goodput", "tokens_per_s", "energy") == reason.metrics
    assert "the client used 91 % of a core" == reason.evidence
    assert "load.max_concurrency" in reason.remedy


@pytest.mark.parametrize("share", [0.9, 0.5, None])
def test_a_client_with_time_to_spare_is_believed(share: float | None) -> None:
    """Up to 90 % of its core, and where nobody asked."""
    assert client_saturated(replace(a_summary(a_record()), client_cpu_share=share), 0.9) is None
