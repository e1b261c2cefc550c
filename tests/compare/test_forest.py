"""Ratios as a plot."""

from typing import Any

import pytest

from tests.compare.makers import RATE, TTFT, a_pair, a_point, faster, met
from thorexp.compare.forest import COARSE, FINE, forest
from thorexp.compare.pairs import Pair
from thorexp.html.blocks import Figure
from thorexp.measure.ratios import Side


def drawn(pair: Pair) -> Figure:
    figure = forest(pair, "better in 2 of 2 metrics")
    assert figure is not None
    return figure


def traces(pair: Pair) -> dict[str, Any]:
    """By what they say."""
    return {trace["name"]: trace for trace in drawn(pair).data}


def test_each_number_is_a_mark_with_its_interval() -> None:
    """Two numbers, both better: 0.8 and 1.2 times; the interval begins left of the mark and ends right of it."""
    (trace,) = traces(faster()).values()
    assert {TTFT: 0.8, RATE: 1.2} == dict(zip(trace["y"], trace["x"], strict=True))
    ends = [*trace["error_x"]["array"], *trace["error_x"]["arrayminus"]]
    assert all(end > 0 for end in ends)


def test_what_is_not_ranked_looks_otherwise() -> None:
    """By another symbol, so that colour is not all that tells it."""
    ranked, unranked = traces(faster())["better"], traces(faster(conditions=met(hardware="orin")))["not ranked"]
    assert ranked["marker"]["symbol"] != unranked["marker"]["symbol"]


@pytest.mark.parametrize(("ms", "ticks"), [(110.0, FINE), (500.0, COARSE)])
def test_ticks_are_fine_where_ratios_are_near_1(ms: float, ticks: tuple[float, ...]) -> None:
    """10 % and five times."""
    pair = a_pair(a_point(side=Side(({TTFT: 100.0},), (), True)), a_point(side=Side(({TTFT: ms},), (), True)))
    assert ticks == drawn(pair).layout["xaxis"]["tickvals"]


def test_the_first_metric_stands_on_top() -> None:
    """An axis of categories is read from below."""
    assert [RATE, TTFT] == drawn(faster()).layout["yaxis"]["categoryarray"]


def test_points_without_a_number_in_common_are_not_drawn() -> None:
    """One has TTFT alone, the other throughput."""
    pair = a_pair(a_point(side=Side(({TTFT: 1.0},), (), True)), a_point(side=Side(({RATE: 1.0},), (), True)))
    assert forest(pair, "") is None
