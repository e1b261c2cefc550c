"""What the client itself may have added."""

from dataclasses import replace

import pytest

from tests.records import MS, a_record, a_summary
from thorexp.measure.grounds.client import client_lag, client_saturated, schedule_lag
from thorexp.measure.metrics import Summary
from thorexp.measure.stats import Distribution

A_TENTH = 0.1
A_FIFTH = 0.2


def a_mean(ms: float) -> Distribution:
    """A sample of which only the mean matters."""
    return Distribution(3, ms, 0.0, 0.0, ())


def late(first_ms: float | None, share: float | None = 0.0, *, ttft_ms: float | None = 110.0) -> Summary:
    """A run whose client stamped first tokens so late in the mean, and that share of all tokens."""
    ttft = None if ttft_ms is None else a_mean(ttft_ms)
    return replace(a_summary(a_record()), first_token_lateness_ms=first_ms, late_share=share, ttft_ms=ttft)


def test_a_client_that_was_held_up_is_suspect() -> None:
    """12 ms are more than a tenth of the 98 that TTFT has without them; 21 % of the tokens more than a fifth."""
    reason = client_lag(late(12.0, 0.21), A_TENTH, A_FIFTH)
    assert reason is not None
    assert ("client_lag", "SUSPECT", ("ttft", "itl")) == (reason.name, reason.standing, reason.metrics)
    assert "first tokens by up to 12.00 ms of a mean TTFT of 110.00 ms, 21 % of all tokens" in reason.evidence


@pytest.mark.parametrize(("first_ms", "is_suspect"), [(0.0, False), (10.0, False), (10.1, True)])
def test_first_tokens_may_be_late_by_a_tenth_of_what_is_left(first_ms: float, is_suspect: bool) -> None:
    """10 ms are a tenth of the 100 that a TTFT of 110 has without them; 10.1 are more."""
    assert is_suspect == (client_lag(late(first_ms), A_TENTH, A_FIFTH) is not None)


@pytest.mark.parametrize(("share", "touched"), [(0.2, None), (0.3, ("itl",))])
def test_gaps_are_touched_where_many_tokens_were_late(share: float, touched: tuple[str, ...] | None) -> None:
    """A fifth is believed, and the first tokens with it, which were not late."""
    reason = client_lag(late(0.0, share), A_TENTH, A_FIFTH)
    assert touched == (None if reason is None else reason.metrics)


@pytest.mark.parametrize("summary", [late(None, None), late(500.0, ttft_ms=None)])
def test_a_lag_that_nobody_measured_accuses_nobody(summary: Summary) -> None:
    """Nor one beside which there is no latency."""
    assert client_lag(summary, A_TENTH, A_FIFTH) is None


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


def test_a_schedule_lag_stands_beside_e2el_where_nothing_is_streamed() -> None:
    """There is no first token to be late beside."""
    summary = behind(5000)
    reason = schedule_lag(replace(summary, ttft_ms=None, e2el_ms=summary.ttft_ms), A_TENTH, is_open=True)
    assert reason is not None
    assert "mean E2EL" in reason.evidence


def test_a_schedule_lag_without_a_success_accuses_nobody() -> None:
    """There is nothing to be late beside."""
    assert schedule_lag(replace(behind(5000), ttft_ms=None, e2el_ms=None), A_TENTH, is_open=True) is None


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
