from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import pytest

from tests.sweep.makers import a_failed_point, a_point
from thorexp.measure.verdict import Origin
from thorexp.results.images import FRONTIER_PNG, POINTS_PNG, images
from thorexp.results.summary import Row, rows

FAST = {"output_throughput": 300.0, "median_tpot_ms": 20.0, "median_ttft_ms": 700.0}


def a_table(
    folder: Path, count: int, result: Mapping[str, float] = FAST, origin: Origin = "measured"
) -> tuple[Row, ...]:
    """So many points of this result, and one that failed."""
    folder.mkdir(exist_ok=True)
    points = [a_point(folder, f"load={i}", result=result, origin=origin) for i in range(count)]
    return rows([*points, a_failed_point("load=failed")])[1]


def size_of(image: bytes) -> tuple[int, int]:
    from matplotlib.image import imread

    height, width, _ = imread(BytesIO(image), format="png").shape
    return width, height


@pytest.mark.parametrize("origin", ["measured", "simulated", "imported"])
def test_a_sweep_has_two_plots(tmp_path: Path, origin: Origin) -> None:
    """Each as wide as a description is shown, whatever a point is marked by."""
    found = images(a_table(tmp_path, 3, origin=origin), "load")
    assert {FRONTIER_PNG: 800, POINTS_PNG: 800} == {name: size_of(image)[0] for name, image in found.items()}


def test_points_without_a_place_are_bars_only(tmp_path: Path) -> None:
    """A frontier needs the time of a token."""
    assert {POINTS_PNG} == set(images(a_table(tmp_path, 2, {"output_throughput": 300.0}), "load"))


def test_a_sweep_without_a_number_has_no_plot(tmp_path: Path) -> None:
    """Empty axes say nothing."""
    assert {} == images(a_table(tmp_path, 0), "load")


def test_plots_grow_with_their_points_to_a_limit(tmp_path: Path) -> None:
    """30 bars in a column can be read, and a hundred cannot."""
    few, many, more = (a_table(tmp_path / str(count), count) for count in (2, 31, 40))
    heights = [size_of(images(table, "load")[POINTS_PNG])[1] for table in (few, many, more)]
    assert heights[0] < heights[1] == heights[2]


def test_a_plot_is_the_same_whenever_it_is_drawn(tmp_path: Path) -> None:
    """So a sweep that is asked for again has the files that it had."""
    table = a_table(tmp_path, 2)
    assert images(table, "load") == images(table, "load")


def test_a_dollar_in_a_name_is_a_dollar(tmp_path: Path) -> None:
    """Not mathematics, of which `$x_a_b$` would be none."""
    points = [a_point(tmp_path, f"model={name}", result=FAST) for name in ("$x_a_b$", "b$")]
    assert {FRONTIER_PNG, POINTS_PNG} == set(images(rows(points)[1], "$y_a_b$"))
