"""A sample, summed up."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thorexp.measure.stats import (
    NORMAL_95,
    T_95,
    Agreement,
    Distribution,
    agreement,
    distribution,
    frontier,
    percentile,
    percentile_word,
    supports,
    t_95,
)


def of(sample: list[float], *percentiles: float) -> Distribution:
    """The distribution of a sample that has one."""
    found = distribution(sample, percentiles)
    assert found is not None
    return found


def test_an_empty_sample_has_no_distribution() -> None:
    """Absent, not zero."""
    assert distribution([], (99.0,)) is None


def test_a_sample_of_one_is_that_one() -> None:
    """One value is its own mean, median and percentile, and does not vary."""
    assert Distribution(1, 7.0, 7.0, 0.0, ((1.0, 7.0), (99.0, 7.0))) == of([7.0], 1.0, 99.0)


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=300), st.floats(0, 100))
def test_the_percentile_of_a_few_values_is_numpys(sample: list[int], p: float) -> None:
    """To the last bit."""
    assert float(np.percentile(sample, p)) == percentile(sample, p)


def test_the_mean_weighs_every_value_alike() -> None:
    """Sum over count."""
    assert (1 + 2 + 9) / 3 == of([1.0, 2.0, 9.0]).mean


def test_the_median_of_an_even_sample_lies_between_the_middle_two() -> None:
    """Halfway, in whatever order they came."""
    assert (2 + 3) / 2 == of([9.0, 2.0, 3.0, 1.0]).median


def test_the_standard_deviation_divides_by_the_count() -> None:
    """2 and 4 lie 1 from their mean: with n - 1 it would be 1.41."""
    assert 1.0 == of([2.0, 4.0]).std


@pytest.mark.parametrize(
    ("p", "value"),
    [(0.0, 10.0), (25.0, 20.0), (50.0, 30.0), (90.0, 40 + 0.6 * 10), (99.0, 40 + 0.96 * 10), (100.0, 50.0)],
)
def test_a_percentile_is_interpolated_between_its_neighbours(p: float, value: float) -> None:
    """P90 of five values lies 0.9 · 4 = 3.6 steps from the first."""
    ((_, found),) = of([10.0, 20.0, 30.0, 40.0, 50.0], p).percentiles
    assert pytest.approx(value) == found


def test_percentiles_keep_their_order() -> None:
    """As asked, not sorted."""
    assert ((99.0, 1.0), (50.0, 1.0), (99.9, 1.0)) == of([1.0, 1.0], 99.0, 50.0, 99.9).percentiles


@given(st.lists(st.floats(-1e9, 1e9), min_size=1))
def test_percentiles_stay_within_the_sample(sample: list[float]) -> None:
    """No percentile lies outside of what was measured, and P0 and P100 are its ends."""
    (_, low), (_, high) = of(sample, 0.0, 100.0).percentiles
    assert (min(sample), max(sample)) == (low, high)


@pytest.mark.parametrize(("p", "word"), [(99.0, "p99"), (50, "p50"), (99.9, "p99.9")])
def test_a_percentile_is_written_as_vllm_does(p: float, word: str) -> None:
    """Integers without decimals."""
    assert word == percentile_word(p)


@pytest.mark.parametrize(
    ("p", "enough"),
    [
        (99.0, 100),
        (99.9, 1000),
        (99.99, 10_000),
        (95.0, 20),
        (90.0, 10),
        (50.0, 2),
        (10.0, 10),
        (1.0, 100),
        (0.1, 1000),
    ],
)
def test_a_percentile_is_supported_from_one_value_beyond_it_on(p: float, enough: int) -> None:
    """Of 100 values one lies beyond P99, of 99 not yet a whole one; alike at the low end."""
    assert (True, True, False) == (supports(enough, p), supports(enough + 1, p), supports(enough - 1, p))


@pytest.mark.parametrize("p", [0.0, 100.0])
def test_the_ends_are_supported_by_no_sample(p: float) -> None:
    """Nothing lies beyond them: how slow the slowest of all requests is, none of a million says."""
    assert not supports(1_000_000, p)


@given(st.integers(2, 99))
def test_an_unsupported_p99_lies_between_the_two_largest(count: int) -> None:
    """Up to 99 values, whatever the others are."""
    ((_, p99),) = of([0.0] * (count - 2) + [1.0, 2.0], 99.0).percentiles
    assert 1.0 <= p99 <= 2.0


def test_a_distribution_says_which_of_its_percentiles_it_does_not_support() -> None:
    """In the order they were asked for: twenty values support P95, and neither P99.9 nor P99."""
    assert (99.9, 99.0) == of([1.0] * 20, 99.9, 50.0, 95.0, 99.0).unsupported


def test_no_repeat_agrees_with_nothing() -> None:
    """Absent, not zero."""
    assert agreement([]) is None


def test_one_measurement_has_neither_spread_nor_interval() -> None:
    """Nobody knows how far another would be from it."""
    assert Agreement(1, 7.0, None, None) == agreement([7.0])


def agreed(*sample: float) -> Agreement:
    """Of repeats that there are."""
    found = agreement(sample)
    assert found is not None
    return found


def test_the_spread_is_of_the_extremes_over_the_median() -> None:
    """In whatever order they came."""
    assert (3, 10.0, (12 - 9) / 10) == (agreed(12, 9, 10).count, agreed(12, 9, 10).median, agreed(12, 9, 10).spread)


def test_a_median_of_zero_has_no_spread() -> None:
    """It cannot be divided by."""
    assert agreed(-1.0, 0.0, 1.0).spread is None


def test_the_interval_of_two_is_wide() -> None:
    """10 and 12: mean 11, s = √2, √n = √2, and t of one degree of freedom is 12.706."""
    assert pytest.approx((11 - 12.706, 11 + 12.706)) == agreed(10.0, 12.0).interval


def test_the_interval_is_of_the_mean() -> None:
    """2, 4 and 9: mean 5, s² = (9 + 1 + 16) / 2, and t of two degrees of freedom is 4.303."""
    half = 4.303 * math.sqrt(13) / math.sqrt(3)
    assert pytest.approx((5 - half, 5 + half)) == agreed(2.0, 4.0, 9.0).interval


def test_repeats_that_are_equal_agree() -> None:
    """No spread, and an interval of no width."""
    assert Agreement(3, 7.0, 0.0, (7.0, 7.0)) == agreement([7.0, 7.0, 7.0])


def test_beyond_the_table_an_interval_is_right_to_some_percent() -> None:
    """Of 40 values, half 0 and half 2: s² = 40 / 39, and t of 39 degrees of freedom is 2.023."""
    low, high = agreed(*(20 * [0.0, 2.0])).interval or (0.0, 0.0)
    assert pytest.approx(2 * 2.023 * math.sqrt(40 / 39) / math.sqrt(40), rel=4 / 100) == high - low


def test_the_table_is_students() -> None:
    """To the three digits that are printed; SciPy comes with MLflow."""
    stats = pytest.importorskip("scipy.stats")
    printed = [round(float(stats.t.ppf(0.975, degrees)), 3) for degrees in range(1, 31)]
    assert (printed, round(float(stats.norm.ppf(0.975)), 3)) == (list(T_95), NORMAL_95)


@pytest.mark.parametrize("degrees", [31, 60, 120, 1000])
def test_beyond_the_table_t_comes_near_to_the_normal(degrees: int) -> None:
    """To 0.0015, as scipy has it."""
    stats = pytest.importorskip("scipy.stats", reason="MLflow brings scipy, which nothing else here needs")
    assert pytest.approx(float(stats.t.ppf(0.975, degrees)), abs=0.0015) == t_95(degrees)


def test_a_frontier_leaves_out_what_another_beats() -> None:
    """(2, 2) is less than (3, 3) in both; by falling first coordinate."""
    assert (2, 1, 0) == frontier([(1.0, 5.0), (3.0, 3.0), (5.0, 1.0), (2.0, 2.0)])


def test_of_points_with_one_coordinate_alike_the_better_stays() -> None:
    """As many for a user, and more in all."""
    assert ((1,), (0,)) == (frontier([(2.0, 1.0), (2.0, 3.0)]), frontier([(2.0, 1.0), (1.0, 1.0)]))


def test_no_points_have_no_frontier() -> None:
    """Nothing stands out of nothing."""
    assert () == frontier([])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1))
def test_every_point_is_on_the_frontier_or_no_better_than_one_that_is(points: list[tuple[float, float]]) -> None:
    """And none on it is as good as another in both."""
    kept = [points[i] for i in frontier(points)]
    assert all(any(x <= u and y <= v for u, v in kept) for x, y in points)
    assert [] == [(a, b) for a in kept for b in kept if a is not b and a[0] <= b[0] and a[1] <= b[1]]
