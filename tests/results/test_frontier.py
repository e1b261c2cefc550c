"""Throughput against speed, as a plot."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.sweep.makers import CACHED, FAST, FEW, SLOW, a_point, an_unjudged_point
from thorexp.html.blocks import Figure
from thorexp.measure.verdict import Origin, Reason
from thorexp.results.frontier import LABELS, frontier_figure
from thorexp.results.summary import Point, rows


def figure(points: Sequence[Point]) -> Figure:
    heading, table = rows(points)
    found = frontier_figure(table, heading)
    assert found is not None
    return found


def line(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    drawn = figure(points).data[0]
    return drawn["x"], drawn["y"]


def marks(points: Sequence[Point]) -> tuple[dict[str, Any], ...]:
    return tuple(dict(trace) for trace in figure(points).data[1:])


def at(folder: Path, *places: tuple[float, float], reasons: tuple[tuple[Reason, ...], ...] = ()) -> tuple[Point, ...]:
    """Points by TPOT and throughput."""
    doubts = reasons or ((),) * len(places)
    return tuple(
        a_point(folder, f"load={i}", result={"median_tpot_ms": tpot, "output_throughput": rate}, reasons=doubt)
        for i, ((tpot, rate), doubt) in enumerate(zip(places, doubts, strict=True))
    )


def test_every_point_that_was_measured_has_a_mark(points: tuple[Point, ...]) -> None:
    """40 ms a token are 25 tokens/s for a user, 20 ms are 50."""
    (trace,) = marks(points)
    assert (["a high", "a low"], [25.0, 50.0], [300.0, 100.0]) == (trace["text"], trace["x"], trace["y"])


def test_the_line_leaves_out_what_is_beaten(tmp_path: Path) -> None:
    """50 tokens/s each at 100 in all are worse than 50 at 200."""
    assert ([50.0, 25.0], [200.0, 300.0]) == line(at(tmp_path, (20.0, 200.0), (20.0, 100.0), (40.0, 300.0)))


def test_the_line_leaves_out_what_is_invalid(tmp_path: Path) -> None:
    """It would beat the others by far; it is shown, as a cross, and what is SUSPECT hollow."""
    reasons = ((CACHED,), (replace(FEW, metrics=("tpot",)),), ())
    points = at(tmp_path, (10.0, 900.0), (20.0, 200.0), (40.0, 300.0), reasons=reasons)
    assert ([50.0, 25.0], [200.0, 300.0]) == line(points)
    (trace,) = marks(points)
    assert ["circle", "circle-open", "x"] == trace["marker"]["symbol"]


def test_origins_are_told_apart(foreign: tuple[Point, ...]) -> None:
    """A trace each: diamonds were simulated, squares are of others, hollow what is SUSPECT; and in words on hover."""
    found = marks(foreign)
    words = [[text.partition("<br>")[2] for text in trace["hovertext"]] for trace in found]
    assert ["measured", "simulated", "imported"] == [trace["name"] for trace in found]
    expected = [
        ["VALID", "VALID"],
        ["simulated VALID", "simulated SUSPECT"],
        ["imported SUSPECT", "imported VALID"],
    ]
    assert expected == words
    symbols = [["circle", "circle"], ["diamond", "diamond-open"], ["square-open", "square"]]
    assert symbols == [trace["marker"]["symbol"] for trace in found]
    assert 3 == len({trace["marker"]["color"] for trace in found})


@pytest.mark.parametrize(("origin", "symbol"), [("simulated", "diamond-x-open"), ("imported", "square-x-open")])
def test_what_is_invalid_is_crossed_in_its_own_shape(tmp_path: Path, origin: Origin, symbol: str) -> None:
    """Neither a measured one, nor one to be believed."""
    doubt = replace(CACHED, metrics=("all",))
    (trace,) = marks((a_point(tmp_path, "load=a", result=FAST, reasons=(doubt,), origin=origin),))
    assert [symbol] == trace["marker"]["symbol"]


def test_the_line_joins_what_was_measured(foreign: tuple[Point, ...]) -> None:
    """Two simulated points are beyond it; 1000 / 40 ms are 25 tokens/s for a user."""
    assert ([25.0], [50.0]) == line(foreign)


def test_what_is_all_simulated_has_a_line_and_says_so(simulated: tuple[Point, ...], foreign: tuple[Point, ...]) -> None:
    """It is of one origin; in its title, as one of several origins does not."""
    assert ([50.0, 25.0], [100.0, 300.0]) == line(simulated)
    assert (True, False) == tuple(figure(each).title.startswith("simulated: ") for each in (simulated, foreign))


@pytest.mark.parametrize("word", ["throughput", "tpot"])
def test_a_place_is_as_well_as_the_worse_of_its_numbers(tmp_path: Path, word: str) -> None:
    """TPOT and throughput make it."""
    doubt = replace(CACHED, metrics=(word,))
    (trace,) = marks((a_point(tmp_path, "load=a", result=FAST, reasons=(doubt,)),))
    assert ["x"] == trace["marker"]["symbol"]


def test_a_place_that_nobody_judged_is_hollow(tmp_path: Path) -> None:
    """As what is SUSPECT."""
    (trace,) = marks((an_unjudged_point(tmp_path, "load=a", result=FAST),))
    assert ["circle-open"] == trace["marker"]["symbol"]


def test_a_number_that_makes_no_place_does_not_mark_it(tmp_path: Path) -> None:
    """TTFT is not in the plot."""
    (trace,) = marks((a_point(tmp_path, "load=a", result=FAST, reasons=(FEW,)),))
    assert ["circle"] == trace["marker"]["symbol"]


@pytest.mark.parametrize("result", [{"output_throughput": 300.0}, {"median_tpot_ms": 40.0}, {}], ids=str)
def test_no_point_no_frontier(tmp_path: Path, result: dict[str, float]) -> None:
    """Absent, not empty, where no point has both numbers."""
    heading, table = rows((a_point(tmp_path, "load=a", result=result),))
    assert frontier_figure(table, heading) is None


@pytest.mark.parametrize(("count", "mode"), [(LABELS, "markers+text"), (LABELS + 1, "markers")])
def test_many_names_would_hide_each_other(tmp_path: Path, count: int, mode: str) -> None:
    """They are shown of the point that is pointed at."""
    (trace,) = marks(at(tmp_path, *((10.0 + i, 100.0 + i) for i in range(count))))
    assert (mode, f"{count - 1}<br>VALID") == (trace["mode"], trace["hovertext"][0])


def test_names_stay_within_the_plot(tmp_path: Path) -> None:
    """Those on the right go to the left."""
    (trace,) = marks(at(tmp_path, (20.0, 100.0), (100.0, 300.0)))
    assert {10.0: "top right", 50.0: "bottom left"} == dict(zip(trace["x"], trace["textposition"], strict=True))


def test_a_name_is_no_markup_of_plotlys(tmp_path: Path) -> None:
    """Which reads some tags."""
    (trace,) = marks((a_point(tmp_path, "x=<b>", "y=1", result=FAST), a_point(tmp_path, "x=2", "y=2", result=SLOW)))
    assert ["&lt;b&gt; 1", "2 2"] == trace["text"]


def test_names_of_points_in_one_place_stand_below_each_other(tmp_path: Path) -> None:
    """At the first of them."""
    (trace,) = marks(at(tmp_path, (20.0, 100.0), (20.0, 100.0), (100.0, 300.0)))
    assert sorted(["", "0<br>1", "2"]) == sorted(trace["text"])


def test_the_plot_is_a_table_too(points: tuple[Point, ...]) -> None:
    """With the same places, and which of them are on the line."""
    table = figure(points).table
    assert table is not None
    assert "model load" == table.heads[0]
    expected = (("a high", "25.00", "300.00", "VALID", "yes"), ("a low", "50.00", "100.00", "VALID", "yes"))
    assert expected == table.rows
