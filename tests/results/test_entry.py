"""What a point's files say beside the columns of a table."""

from pathlib import Path

import pytest

from tests.sweep.makers import a_failed_point, a_point
from thorexp.results.entry import ENERGY, Entry, entries
from thorexp.results.summary import Point, rows
from thorexp.rundir import CONFIG, MACHINE, RECORD, RESULT, RunDir


def entry(*points: Point) -> Entry:
    (found,) = entries(rows(points)[1])
    return found


def test_repeats_are_told_together(tmp_path: Path) -> None:
    """The median of 2, 3 and 7 J."""
    results = ({"thorexp": {ENERGY: joules, "power_of": "board (VIN)"}} for joules in (2.0, 7.0, 3.0))
    found = entry(*(a_point(tmp_path, "load=a", result=result) for result in results))
    assert (3.0, 3, "board (VIN)") == (found.values[ENERGY].median, len(found.finished), found.said["power_of"])


def test_what_no_result_has_is_absent(tmp_path: Path) -> None:
    """Not 0."""
    assert {} == entry(a_point(tmp_path, "load=a", result={"request_goodput": None})).values


def test_a_row_of_others_has_no_place_on_the_page(tmp_path: Path) -> None:
    """What was not run has none either; what failed has one."""
    points = (a_point(tmp_path, "x=a", result={}), a_failed_point("x=b"), Point(("x=c",), "c", None, "not run"))
    anchors = {each.row.name: each.anchor is not None for each in entries(rows(points)[1])}
    assert {"x=a": True, "x=b": True, "x=c": False} == anchors


@pytest.mark.parametrize(
    ("load", "words"),
    [
        ({"name": "high", "num_prompts": 100, "max_concurrency": 8}, "high: 100 requests, 8 at once"),
        ({"name": "poisson", "num_prompts": 50, "request_rate": 2.5}, "poisson: 50 requests, 2.5/s"),
        ({"num_prompts": 50, "request_rate": float("inf")}, "50 requests"),
        ({}, ""),
    ],
    ids=str,
)
def test_a_load_in_words(tmp_path: Path, load: dict[str, object], words: str) -> None:
    """Its name, how many requests, how many at once or at which rate."""
    (row,) = rows((a_point(tmp_path, "x=a", result={}),))[1]
    assert words == Entry(row, config={"load": load}).load


def test_an_slo_in_words(tmp_path: Path) -> None:
    """Only limits that bind."""
    (row,) = rows((a_point(tmp_path, "x=a", result={}),))[1]
    limits = {"ttft_ms": 500.0, "tpot_ms": None, "itl_p99_ms": 62.5}
    assert "TTFT ≤ 500 ms, P99 ITL ≤ 62.5 ms" == Entry(row, config={"slo": limits}).slo
    assert "" == Entry(row).slo


@pytest.mark.parametrize("name", [CONFIG, RECORD, RESULT, MACHINE])
def test_what_cannot_be_read_is_told_in_its_row(tmp_path: Path, name: str) -> None:
    """With the file that is to blame; the rows beside it are as they were."""
    point, other = (a_point(tmp_path, f"x={x}", result={"request_goodput": 2.0}) for x in "ab")
    table = rows((point, other))[1]
    assert point.directory is not None
    RunDir(point.directory).write_text(name, "[]\n" if name != RECORD else "{")
    damaged, whole = sorted(entries(table), key=lambda each: each.row.name)
    assert ("damaged", True) == (damaged.row.state, name in damaged.row.errors[0])
    assert ("finished", ()) == (whole.row.state, whole.row.errors)


def test_a_power_mode_is_that_of_the_machine(tmp_path: Path) -> None:
    """Absent where nobody says."""
    point = a_point(tmp_path, "x=a", result={})
    assert point.directory is not None
    assert entry(point).power_mode is None
    RunDir(point.directory).write_json(MACHINE, {"before": {"power_mode": "MAXN"}})
    assert "MAXN" == entry(point).power_mode
