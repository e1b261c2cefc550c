"""A sample, summed up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thorexp.measure.stats import Distribution, distribution, percentile_word


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
