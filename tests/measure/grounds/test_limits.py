"""Latencies below what the hardware allows."""

from collections.abc import Callable, Sequence

import pytest

from thorexp.measure.grounds.limits import batch_above_bandwidth, tpot_below_decode_limit, ttft_below_prefill_limit
from thorexp.measure.limits import Against, Limit, Utilization
from thorexp.measure.verdict import Reason

Ground = Callable[[Sequence[Against], float], Reason | None]
BOTH = pytest.mark.parametrize("ground", [ttft_below_prefill_limit, tpot_below_decode_limit])
TWO_PERCENT = 0.02


def a_latency(measured_ms: float, what: str = "mean TTFT", limit_ms: float = 100.0) -> Against:
    """Beside a limit of 100 ms."""
    return Against(what, measured_ms, Limit(limit_ms, "27.30 GB at 273 GB/s"))


def test_a_first_token_before_its_prefill_is_invalid() -> None:
    """TTFT and all that counts it in, and what is made of its computing."""
    reason = ttft_below_prefill_limit([a_latency(97.9)], TWO_PERCENT)
    assert reason is not None
    assert ("ttft_below_prefill_limit", "INVALID") == (reason.name, reason.standing)
    assert ("ttft", "e2el", "mfu", "throughput", "goodput", "tokens_per_s", "energy") == reason.metrics
    assert "cold prefix cache" in reason.remedy


def test_tokens_before_their_weights_are_read_are_invalid() -> None:
    """TPOT, ITL and all that counts them in, and what is made of their reading."""
    reason = tpot_below_decode_limit([a_latency(97.9)], TWO_PERCENT)
    assert reason is not None
    assert ("tpot_below_decode_limit", "INVALID") == (reason.name, reason.standing)
    assert ("tpot", "itl", "e2el", "mbu", "throughput", "goodput", "tokens_per_s", "energy") == reason.metrics
    assert "look at the text" in reason.remedy


@BOTH
@pytest.mark.parametrize("measured_ms", [98.0, 98.1, 100.0, 5000.0])
def test_a_latency_is_believed_to_two_percent_below_its_limit(ground: Ground, measured_ms: float) -> None:
    """100 ms · (1 - 0.02) = 98 ms, and anything above."""
    assert ground([a_latency(measured_ms)], TWO_PERCENT) is None


@BOTH
@pytest.mark.parametrize(
    ("below", "others", "standing"),
    [(1, 0, "INVALID"), (1, 1, "INVALID"), (1, 2, "SUSPECT"), (2, 2, "INVALID"), (2, 3, "SUSPECT"), (3, 2, "INVALID")],
)
def test_half_of_the_figures_below_their_limit_make_a_result_invalid(
    ground: Ground, below: int, others: int, standing: str
) -> None:
    """Of three, one may have been stamped late by a client that was held up; of two or of one, it is half of them."""
    reason = ground([a_latency(90.0)] * below + [a_latency(110.0)] * others, TWO_PERCENT)
    assert reason is not None
    assert standing == reason.standing


@BOTH
def test_without_a_limit_nothing_is_below_one(ground: Ground) -> None:
    """What is absent accuses nobody."""
    assert ground([], TWO_PERCENT) is None


@BOTH
def test_the_evidence_is_the_latency_furthest_below_its_own_limit(ground: Ground) -> None:
    """45 of 50 ms is more than 60 of 100, although it is the smaller figure; 200 ms is not below at all."""
    latencies = [a_latency(45, "P99 TTFT", 50.0), a_latency(60.0), a_latency(200.0, "median TTFT")]
    reason = ground(latencies, TWO_PERCENT)
    assert reason is not None
    said = "mean TTFT 60.00 ms, where 27.30 GB at 273 GB/s take at least 100.0 ms (2 of 3 are below)"
    assert said == reason.evidence


def test_the_evidence_of_the_seed_reads_as_a_sentence() -> None:
    """Qwen3-32B-AWQ at low load, whose three figures of TTFT are all below."""
    limit = Limit(493.27, "127.51 TFLOP at 258.5 TFLOP/s")
    figures = [Against("mean TTFT", 96.62, limit), Against("median TTFT", 96.92, limit), Against("P99", 98.87, limit)]
    reason = ttft_below_prefill_limit(figures, TWO_PERCENT)
    assert reason is not None
    said = "mean TTFT 96.62 ms, where 127.51 TFLOP at 258.5 TFLOP/s take at least 493.3 ms (3 of 3 are below)"
    assert said == reason.evidence


def test_one_that_is_below_is() -> None:
    """Not are."""
    reason = ttft_below_prefill_limit([a_latency(90.0, "TTFT of request 7"), a_latency(110.0)], TWO_PERCENT)
    assert reason is not None
    said = "TTFT of request 7 90.00 ms, where 27.30 GB at 273 GB/s take at least 100.0 ms (1 of 2 is below)"
    assert said == reason.evidence


def test_a_batch_that_reads_more_than_the_memory_can_is_suspect() -> None:
    """1.14 of the bandwidth: gaps are too short for all that decoded at once."""
    reason = batch_above_bandwidth(Utilization(mbu=1.14), TWO_PERCENT)
    assert reason is not None
    assert ("batch_above_bandwidth", "SUSPECT") == (reason.name, reason.standing)
    assert ("tpot", "itl", "e2el", "mbu", "throughput", "goodput", "tokens_per_s", "energy") == reason.metrics
    assert "at the median gap decode reads 114 % of what the memory can" == reason.evidence
    assert "look at the text" in reason.remedy


@pytest.mark.parametrize("mbu", [1.02, 1.0, 0.5, None])
def test_a_batch_is_believed_to_two_percent_above_the_bandwidth(mbu: float | None) -> None:
    """For clocks above the datasheet's; and where nobody knows."""
    assert batch_above_bandwidth(Utilization(mbu=mbu), TWO_PERCENT) is None


def test_experts_that_may_have_been_hit_evenly_accuse_nobody() -> None:
    """Nobody knows that they were: the least that was read is what counts."""
    assert batch_above_bandwidth(Utilization(mbu=0.9, mbu_uniform=1.5), TWO_PERCENT) is None
