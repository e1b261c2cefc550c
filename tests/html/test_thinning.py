"""Numbers of a plot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import S
from thorexp.html.thinning import line_of, scale_of, seconds, short, told
from thorexp.measure.signals import Series


def test_a_drawn_number_has_three_digits() -> None:
    """And none behind its point, where they are all 0."""
    assert "[1270, 0.0127, 4, 0]" == str(short([1274.3, 0.012743, 4.0, 0.0]))


@pytest.mark.parametrize(
    ("value", "words"), [(12_743.02, "12,743"), (1274.3, "1274"), (93.73, "93.73"), (0.012743, "0.01274"), (30.0, "30")]
)
def test_a_number_in_words_has_no_power_of_ten(value: float, words: str) -> None:
    """Four digits, or all before the point."""
    assert words == told(value)


def test_stamps_are_as_exact_as_their_axis() -> None:
    """A pixel of 1000 s is a quarter of a second, so it is told in steps of 0.2; of 1 s, of 0.2 ms."""
    stamp = 77 * S + 123_456_789
    assert ([0.2], [0.1234]) == (seconds([stamp], 77 * S, 1000 * S), seconds([stamp], 77 * S, S))


@given(st.integers(0, 10**14), st.integers(0, 10**14))
def test_a_stamp_is_not_off_by_more_than_a_pixel(at_ns: int, span_ns: int) -> None:
    """However long the axis; one of no length is taken for a second."""
    (second,) = seconds([at_ns], 0, span_ns)
    assert abs(second - at_ns / S) <= (span_ns or S) / S / 4000


@pytest.mark.parametrize(
    ("values", "scale"),
    [([1.0, 21.0], "log"), ([1.0, 19.0], "linear"), ([0.0, 21.0], "linear"), ([-1.0, 21.0], "linear"), ([], "linear")],
)
def test_what_spans_over_20_times_itself_has_a_logarithmic_scale(values: list[float], scale: str) -> None:
    """But no 0 could stand on it."""
    assert scale == scale_of(values)


def test_few_samples_are_drawn_as_they_are() -> None:
    """Two, where two are allowed."""
    assert {"x": [0, 1], "y": [5, 6]} == line_of(Series((7 * S, 8 * S), (5.0, 6.0)), 2, 7 * S, S)


def test_many_samples_are_drawn_at_even_distances() -> None:
    """Of 8 samples in 7 s two parts, each with its least and its most, in their order."""
    series = Series(tuple((10 + i) * S for i in range(8)), (1.0, 9.0, 3.0, 4.0, 8.0, 2.0, 5.0, 5.0))
    assert {"x0": 10 - 7, "dx": 7 / 4, "y": [1, 9, 8, 2]} == line_of(series, 4, 7 * S, 20 * S)


def test_a_peak_among_many_samples_is_drawn() -> None:
    """One of 50,000, in 300."""
    values = [20.0] * 50_000
    values[31_415] = 130.0
    drawn = line_of(Series(tuple(i * S for i in range(50_000)), tuple(values)), 300, 0, 50_000 * S)
    assert (300, 130) == (len(drawn["y"]), max(drawn["y"]))


def test_where_nothing_was_sampled_the_last_holds() -> None:
    """Of three parts of 4 s the second has no sample."""
    series = Series((0, 1, 2, 3, 4 * S, 4 * S + 1, 4 * S + 2), (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0))
    assert [1, 4, 4, 4, 5, 7] == line_of(series, 6, 0, 5 * S)["y"]


def test_samples_of_one_moment_are_drawn() -> None:
    """As many requests that are sent at once, in virtual time."""
    assert [0, 9] == line_of(Series((5 * S,) * 10, tuple(map(float, range(10)))), 4, 0, S)["y"][-2:]
