"""Energy per output token, as a plot."""

from dataclasses import replace
from pathlib import Path

from tests.sweep.makers import CACHED, a_point
from thorexp.html.blocks import Figure
from thorexp.measure.verdict import Reason
from thorexp.results.entry import ENERGY, entries
from thorexp.results.spent import MOST, energy_figure
from thorexp.results.summary import Point, rows


def figure(*points: Point) -> Figure | None:
    heading, table = rows(points)
    return energy_figure(entries(table), heading)


def spending(folder: Path, name: str, joules: float | None, *reasons: Reason) -> Point:
    ours = {ENERGY: joules, "power_of": "board (hwmon.VIN)"}
    return a_point(folder, f"load={name}", result={"output_throughput": 1.0, "thorexp": ours}, reasons=reasons)


def test_the_least_energy_stands_first(tmp_path: Path) -> None:
    """In the table with whose power it is, and with a link to the point; what nobody knows is left out."""
    found = figure(spending(tmp_path, "a", 3.0), spending(tmp_path, "b", 2.0), spending(tmp_path, "c", None))
    assert found is not None
    assert found.table is not None
    expected = (("b", "2.00", "board (hwmon.VIN)", "VALID"), ("a", "3.00", "board (hwmon.VIN)", "VALID"))
    assert (expected, ("point-2", "point-1")) == (found.table.rows, found.table.links)
    assert ["a", "b"] == found.layout["yaxis"]["categoryarray"]


def test_what_may_not_be_believed_is_hatched(tmp_path: Path) -> None:
    """Beside its colour."""
    doubt = replace(CACHED, metrics=("energy",))
    found = figure(spending(tmp_path, "a", 3.0), spending(tmp_path, "b", 2.0, doubt))
    assert found is not None
    hatches = {trace["name"]: (trace["y"], trace["marker"]["pattern"]["shape"]) for trace in found.data}
    assert {"VALID": (["a"], ""), "INVALID": (["b"], "x")} == hatches


def test_nobody_looked_at_power(tmp_path: Path) -> None:
    """Absent, not empty."""
    assert figure(spending(tmp_path, "a", None)) is None


def test_many_points_are_not_all_drawn(tmp_path: Path) -> None:
    """The table has them."""
    found = figure(*(spending(tmp_path, str(i), 1.0 + i) for i in range(MOST + 1)))
    assert found is not None
    assert found.table is not None
    assert (MOST, MOST + 1) == (sum(len(trace["y"]) for trace in found.data), len(found.table.rows))
    assert f"The {MOST} lowest of {MOST + 1}" in found.description
