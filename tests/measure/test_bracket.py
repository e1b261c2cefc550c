"""The search for the highest value that holds."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thorexp.measure.bracket import Bracket

AT_ONCE = Bracket(start=8, within=0.05, whole=True)
PER_S = Bracket(start=0.5, within=0.05, whole=False)
MOST = 12  # probes, as conf/load/max_under_slo.yaml has them


def searched(bracket: Bracket, holds: Callable[[float], bool]) -> tuple[list[float], Bracket]:
    """What was tried in this order, and what is known then."""
    tried: list[float] = []
    while (value := bracket.proposed()) is not None:
        tried.append(value)
        bracket = bracket.told(value, holds(value))
    return tried, bracket


def test_it_doubles_then_halves_what_is_between() -> None:
    """At the geometric mean: √(32 · 64) = 45.3, √(32 · 45) = 37.9, √(32 · 38) = 34.9, √(32 · 35) = 33.5, and 35 is 1
    above 34.
    """
    tried, known = searched(AT_ONCE, lambda value: value <= 34)
    assert [8, 16, 32, 64, 45, 38, 35, 33, 34] == tried
    assert (34, 35) == (known.holds, known.fails)


def test_it_halves_while_nothing_holds() -> None:
    """To 1 of whole numbers, which may fail too."""
    tried, known = searched(AT_ONCE, lambda value: False)
    assert ([8, 4, 2, 1], None, 1) == (tried, known.holds, known.fails)


def test_a_rate_is_a_number_that_can_be_read() -> None:
    """Three digits: √(0.25 · 0.5) = 0.354, √(0.25 · 0.354) = 0.297, √(0.297 · 0.354) = 0.324, √(0.297 · 0.324) = 0.310,
    which 0.324 is 4.5 % above.
    """
    tried, known = searched(PER_S, lambda value: value < 0.32)
    assert [0.5, 0.25, 0.354, 0.297, 0.324, 0.31] == tried
    assert (0.31, 0.324) == (known.holds, known.fails)


def test_a_rate_that_never_holds_is_given_up() -> None:
    """Above a thousandth of the first one: 1, 1/2, …, 1/512."""
    tried, known = searched(replace(PER_S, start=1.0), lambda value: False)
    assert (10, 0.00195, None) == (len(tried), tried[-1], known.holds)


def test_it_ends_at_the_most_that_may_be_tried() -> None:
    """Where that holds, nothing fails."""
    tried, known = searched(replace(AT_ONCE, most=50), lambda value: True)
    assert ([8, 16, 32, 50], 50, None) == (tried, known.holds, known.fails)


@given(st.booleans(), st.floats(8.0, 5000.0))
def test_no_more_is_tried_than_may_be(whole: bool, most: float) -> None:
    """Not by rounding either: of 9.6 at once 9, of 1.2346 a second no 1.23 or 1.235."""
    tried, _ = searched(replace(AT_ONCE if whole else PER_S, most=most), lambda value: True)
    assert (most if not whole else int(most)) == max(tried)


@given(st.floats(1.0, 1000.0))
def test_a_concurrency_is_found_within_its_probes(threshold: float) -> None:
    """From 1 to 1000: to 5 %, or to the next whole number, in 12 probes."""
    tried, known = searched(AT_ONCE, lambda value: value <= threshold)
    assert known.holds is not None
    assert known.fails is not None
    assert known.holds <= threshold < known.fails <= max(known.holds * 1.05, known.holds + 1)
    assert len(tried) <= MOST


@given(st.floats(0.03, 60.0))
def test_a_rate_is_found_within_its_probes(threshold: float) -> None:
    """From two in a minute to 60 in a second, to 5 % in 12 probes."""
    tried, known = searched(PER_S, lambda value: value <= threshold)
    assert known.holds is not None
    assert known.fails is not None
    assert known.holds <= threshold < known.fails <= known.holds * 1.05
    assert len(tried) <= MOST


@given(st.booleans(), st.data())
def test_it_ends_at_an_edge_whatever_it_is_told(whole: bool, data: st.DataObject) -> None:
    """Also where more load holds better: below the lowest that fails no other value is left to try."""
    answers: dict[float, bool] = {}

    def holds(value: float) -> bool:
        return answers.setdefault(value, data.draw(st.booleans()))

    tried, known = searched(replace(AT_ONCE if whole else PER_S, most=5000), holds)
    assert len(tried) == len(set(tried))
    assert known.holds == max((value for value in tried if answers[value]), default=None)
    assert known.fails == min((value for value in tried if not answers[value]), default=None)


@pytest.mark.parametrize("bracket", [AT_ONCE, PER_S], ids=["at once", "per s"])
@given(threshold=st.floats(1.0, 60.0))
def test_it_knows_how_many_values_it_will_take(bracket: Bracket, threshold: float) -> None:
    """One more at most, from where one holds and one fails; of small whole numbers there are fewer."""
    while bracket.holds is None or bracket.fails is None:
        bracket = bracket.told(value := bracket.proposed() or 0.0, value <= threshold)
    tried, known = searched(bracket, lambda value: value <= threshold)
    assert len(tried) <= bracket.left + 1
    assert 0 == known.left


def test_what_cannot_be_is_refused() -> None:
    """A value that holds above one that fails would leave no edge between them."""
    with pytest.raises(ValueError, match="16 holds and 8 fails"):
        AT_ONCE.told(8, holds=False).told(16, holds=True)
