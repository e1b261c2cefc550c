"""Most output below a limit."""

from collections.abc import Sequence

from tests.sweep.makers import CACHED, FEW
from thorexp.measure.stats import agreement
from thorexp.measure.verdict import Reason, Verdict
from thorexp.results.ladder import ladder
from thorexp.results.summary import Row

KEY = "p99_ttft_ms"


def a_row(name: str, tokens_per_s: float, ttft_ms: float, *reasons: Reason) -> Row:
    numbers = {"output_throughput": tokens_per_s, KEY: ttft_ms}
    values = {key: value for key, number in numbers.items() if (value := agreement([number])) is not None}
    return Row(name, name, "finished", values, (), (), Verdict(reasons))


SMALL, LARGE = a_row("small", 100.0, 300.0), a_row("large", 400.0, 900.0)


def answers(rivals: Sequence[Row], *limits_ms: float) -> list[tuple[float, str | None]]:
    rungs = ladder(rivals, KEY, limits_ms)
    return [(rung.limit_ms, None if rung.winner is None else rung.winner.name) for rung in rungs]


def test_the_most_output_below_each_limit_wins() -> None:
    """The one that waits longer serves more where that is allowed."""
    assert [(500.0, "small"), (1000.0, "large")] == answers((SMALL, LARGE), 500.0, 1000.0)


def test_a_limit_with_the_answer_of_the_one_before_is_left_out() -> None:
    """It says nothing new."""
    assert [(500.0, "small"), (1000.0, "large")] == answers((SMALL, LARGE), 500.0, 700.0, 1000.0, 2000.0)


def test_of_limits_that_nothing_reaches_the_loosest_is_told() -> None:
    """Nothing reaches the tighter ones either."""
    assert [(200.0, None), (500.0, "small")] == answers((SMALL, LARGE), 50.0, 100.0, 200.0, 500.0)


def test_a_limit_is_not_reached_by_what_is_just_at_it() -> None:
    """Under it is below it."""
    assert [(300.0, None)] == answers((SMALL,), 300.0)


def test_numbers_that_are_not_valid_win_nothing() -> None:
    """Neither a TTFT of too few requests, nor a throughput from the cache."""
    doubted = (a_row("few", 900.0, 100.0, FEW), a_row("cached", 900.0, 100.0, CACHED))
    assert [(500.0, "small")] == answers((*doubted, SMALL), 500.0)
    assert [(500.0, None)] == answers(doubted, 500.0)


def test_without_rivals_nothing_is_reached() -> None:
    """The loosest limit says it."""
    assert [(500.0, None)] == answers((), 200.0, 500.0)
