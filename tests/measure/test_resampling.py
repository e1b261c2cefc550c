"""What chance makes of a run, against what can be counted."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.records import MS, S, a_failure, a_record
from thorexp.measure.records import RequestRecord
from thorexp.measure.resampling import MOST_VALUES, RESAMPLES, Counts, Floats, draws, redrawn, sent_in_order, under_way
from thorexp.measure.stats import supports

# How often each request is in a resample, and its values.
TIMES_AND_VALUES = st.lists(
    st.tuples(st.integers(0, 4), st.lists(st.integers(0, 10_000), min_size=0, max_size=5)), min_size=1, max_size=12
).filter(lambda drawn: any(times and values for times, values in drawn))


def with_gaps(index: int, gaps_ns: Sequence[int]) -> RequestRecord:
    """Whose first token came at once, and each after it so much later."""
    return a_record(index=index, token_ns=tuple(np.cumsum([0, *gaps_ns]).tolist()), output_tokens=1 + len(gaps_ns))


def with_ttft(index: int, ttft_ns: int) -> RequestRecord:
    return a_record(index=index, token_ns=(ttft_ns,))


def one_resample(*times: int) -> Counts:
    """In which each request is so many times."""
    return np.array([times], dtype=np.int64)


def edges(weights: Counts) -> list[int]:
    """Of each resample: how many requests are in it more or less often than their neighbour, in a circle."""
    counted: list[int] = (weights != np.roll(weights, 1, axis=1)).sum(axis=1).tolist()
    return counted


def number(key: str, requests: Sequence[RequestRecord], weights: Counts) -> Floats:
    """Of each resample, for there is one."""
    found = redrawn(key, requests, weights)
    assert found is not None
    return found


@pytest.mark.parametrize("block", [0.3, 1.0, 2.6, 7.0, 1_000.0])
@pytest.mark.parametrize("count", [1, 2, 30, 101])
def test_a_resample_has_as_many_requests_as_the_run(count: int, block: float) -> None:
    """In each of them, however long its blocks."""
    assert [count] * RESAMPLES == draws(count, block, seed=0).sum(axis=1).tolist()


def test_neighbours_come_together() -> None:
    """Ten blocks of ten begin ten times and end ten times."""
    assert max(edges(draws(100, 10.0, seed=0))) <= 10 + 10


def test_requests_that_were_alone_are_drawn_alone() -> None:
    """A hundred draws of one begin and end far more often than ten of ten, in every resample."""
    assert min(edges(draws(100, 1.0, seed=0))) > 10 + 10


def test_blocks_are_cut_shorter_where_fewer_than_ten_would_fit() -> None:
    """Twenty requests are drawn by two at most."""
    assert draws(20, 20 / 10, seed=0).tolist() == draws(20, 8.0, seed=0).tolist()


@pytest.mark.parametrize("block", [1.0, 10.0])
def test_each_request_is_as_likely_as_any(block: float) -> None:
    """Those at the ends too: once in a resample on average, here within five standard errors of a Poisson count."""
    means = draws(100, block, seed=0).mean(axis=0)
    assert np.abs(means - 1).max() < 5 / RESAMPLES**0.5


def test_a_seed_draws_the_same_again() -> None:
    """So that a comparison says the same twice."""
    assert draws(50, 3.0, seed=7).tolist() == draws(50, 3.0, seed=7).tolist()


def test_another_seed_draws_others() -> None:
    """0 is a seed as well."""
    assert draws(50, 3.0, seed=0).tolist() != draws(50, 3.0, seed=1).tolist()


@given(drawn=TIMES_AND_VALUES, tenths=st.integers(0, 1_000))
def test_a_percentile_is_that_of_the_values_so_many_times(drawn: list[tuple[int, list[int]]], tenths: int) -> None:
    """As numpy has it of the values written out; of a percentile that there are values enough for."""
    assume(supports(sum(len(gaps) for _, gaps in drawn), tenths / 10))
    requests = [with_gaps(i, gaps) for i, (_, gaps) in enumerate(drawn)]
    repeated = [gap for times, gaps in drawn for gap in gaps * times]
    (found,) = number(f"p{tenths / 10:g}_itl_ms", requests, one_resample(*(times for times, _ in drawn)))
    assert pytest.approx(np.percentile(repeated, tenths / 10)) == found


@given(drawn=TIMES_AND_VALUES)
def test_a_mean_is_that_of_the_values_so_many_times(drawn: list[tuple[int, list[int]]]) -> None:
    """A request with many gaps counts for more than one with few."""
    requests = [with_gaps(i, gaps) for i, (_, gaps) in enumerate(drawn)]
    repeated = [gap for times, gaps in drawn for gap in gaps * times]
    (found,) = number("mean_itl_ms", requests, one_resample(*(times for times, _ in drawn)))
    assert pytest.approx(np.mean(repeated)) == found


@pytest.mark.parametrize(
    ("key", "value_ns"),
    [("ttft", 100.0), ("e2el", 400.0), ("tpot", (400 - 100) / 2), ("itl", (50 + 250) / 2)],
)
def test_each_latency_is_that_of_its_definition(key: str, value_ns: float) -> None:
    """Of one request with tokens at 100, 150 and 400 ns."""
    request = a_record(token_ns=(100, 150, 400), output_tokens=3)
    assert [value_ns] == number(f"mean_{key}_ms", [request], one_resample(1)).tolist()


def test_the_median_is_the_middle_of_a_resample() -> None:
    """Of 1, 9 and 9 ms it is 9, where it was 5 of 1, 5 and 9."""
    requests = [with_ttft(i, ms * MS) for i, ms in enumerate((1, 5, 9))]
    assert [5 * MS, 9 * MS] == number("median_ttft_ms", requests, np.array([[1, 1, 1], [1, 0, 2]])).tolist()


@pytest.mark.parametrize("key", ["mean_tpot_ms", "median_tpot_ms"])
def test_a_resample_without_a_value_has_no_number(key: str) -> None:
    """A single token has no TPOT."""
    answered = a_record(token_ns=(100, 150), output_tokens=2)
    found = number(key, [a_record(token_ns=(100,)), answered, answered], np.array([[3, 0, 0], [0, 2, 1]]))
    assert [True, False] == np.isnan(found).tolist()


@pytest.mark.parametrize(("requests", "known"), [(99, False), (100, True)])
def test_a_percentile_needs_values_enough(requests: int, known: bool) -> None:
    """P99 of 99 requests hangs on the largest alone, whatever is drawn."""
    found = redrawn("p99_ttft_ms", [with_ttft(i, i * MS) for i in range(requests)], draws(requests, 1.0, seed=0))
    assert known == (found is not None)


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution() -> None:
    """Mean ± 1.96 s/√n, of 400 requests that have nothing to do with each other, within 15 %."""
    values = np.random.default_rng(0).normal(100 * MS, 10 * MS, 400).astype(int).tolist()
    means = number("mean_ttft_ms", [with_ttft(i, ns) for i, ns in enumerate(values)], draws(400, 1.0, seed=0))
    half = 1.96 * float(np.std(values, ddof=1)) / 400**0.5
    low, high = np.percentile(means, (2.5, 97.5))
    assert pytest.approx((half, half), rel=0.15) == (np.mean(values) - low, high - np.mean(values))


# 10 tokens in 1 s and 30 tokens in 4 s, of 16 and 64 of prompt: 40 tokens in 5 s of slots.
TWO = (
    a_record(token_ns=(S,), output_tokens=10, input_tokens=16),
    a_record(token_ns=(4 * S,), output_tokens=30, input_tokens=64),
)


@pytest.mark.parametrize(
    ("key", "whole", "first_twice"),
    [
        ("output_throughput", 40 / 5, 20 / 2),
        ("request_throughput", 2 / 5, 2 / 2),
        ("total_token_throughput", (40 + 80) / 5, (20 + 32) / 2),
    ],
)
def test_throughput_is_what_was_done_over_the_time_that_it_took(key: str, whole: float, first_twice: float) -> None:
    """As a multiple of that of all requests."""
    found = number(key, TWO, np.array([[1, 1], [2, 0]]))
    assert pytest.approx([1.0, first_twice / whole]) == found.tolist()


@pytest.mark.parametrize(
    "key", ["std_ttft_ms", "request_goodput", "mfu_percent", "max_output_tokens_per_s", "mean_power_w", "duration"]
)
def test_what_requests_alone_do_not_tell_is_absent(key: str) -> None:
    """A power, a peak or a spread is of the whole run."""
    assert redrawn(key, TWO, one_resample(1, 1)) is None


def test_requests_count_in_the_order_of_their_sending() -> None:
    """Without those that failed."""
    first, second = (a_record(index=i, sent_ns=ns) for i, ns in ((4, 10), (2, 20)))
    assert (first, second) == sent_in_order([second, a_failure(index=0, sent_ns=5), first])


def test_requests_that_overlap_are_under_way_together() -> None:
    """Two of 100 ns each, of which the second was sent when half of the first was over: 200 / 150."""
    overlapping = [a_record(sent_ns=0, token_ns=(100,)), a_record(sent_ns=50, token_ns=(150,))]
    assert (100 + 100) / 150 == under_way(overlapping)


def test_one_after_another_is_one_at_once() -> None:
    """Where each is sent as the one before has ended."""
    assert 1 == under_way([a_record(sent_ns=100 * i, token_ns=(100 * i + 100,)) for i in range(5)])


def test_requests_that_tell_no_times_were_alone() -> None:
    """Nothing shows that they shared a step."""
    assert 1 == under_way([a_record(sent_ns=None), a_record(token_ns=())])


def test_percentiles_of_very_many_values_are_of_some_of_them() -> None:
    """Of 300 requests of 1,000 gaps every second by rank: 0 to 299,999 ns, of which half is a median of 150,000."""
    requests = [with_gaps(i, list(range(i, 300_000, 300))) for i in range(300)]
    medians = number("median_itl_ms", requests, draws(300, 1.0, seed=0))
    assert pytest.approx(150_000, rel=0.01) == float(np.median(medians))
    assert 300_000 > MOST_VALUES
