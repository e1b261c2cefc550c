"""A sweep that has ended, as rows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.sweep.makers import a_failed_point, a_point, a_run_dir
from thorexp.rundir import RunDir
from thorexp.sweep.summary import COLUMNS, Point, Row, best, disagreements, rows

KEYS = [column.key for column in COLUMNS]


def fast(tokens_per_s: float, **others: float | None) -> dict[str, Any]:
    """A result that is so fast, and whose times nobody measured."""
    return {"output_throughput": tokens_per_s, **others}


def table(*points: Point) -> tuple[Row, ...]:
    return rows(points)[1]


def test_rows_come_by_falling_throughput(tmp_path: Path) -> None:
    """The best first, whatever was run first."""
    points = [a_point(tmp_path, f"load={i}", result=fast(i)) for i in (20, 30, 10)]
    assert ["load=30", "load=20", "load=10"] == [row.name for row in table(*points)]


def test_what_was_not_measured_comes_last(tmp_path: Path) -> None:
    """After the slowest."""
    failed = a_failed_point("load=a", error="It died.")
    points = (failed, Point(("load=b",), "b", None, "not run"), a_point(tmp_path, "load=c", result=fast(0.5)))
    assert ["load=c", "load=a", "load=b"] == [row.name for row in table(*points)]
    assert ["finished", "failed", "not run"] == [row.state for row in table(*points)]


def test_a_failed_row_says_why(tmp_path: Path) -> None:
    """Each reason once, however many repeats gave it."""
    first, *rest = (a_failed_point("load=a", error=error) for error in ("It died.", "It died.", "It hung."))
    (row,) = table(first, *rest)
    assert (("It died.", "It hung."), (), {}) == (row.errors, row.directories, row.values)


def test_a_record_that_failed_has_no_values(tmp_path: Path) -> None:
    """A directory may hold the result of a load whose job failed all the same."""
    point = a_point(tmp_path, "load=a", result=fast(20.0))
    assert point.directory is not None
    a_run_dir(point.directory, "p", status="failed", error="It died.")
    (row,) = table(replace(point, state="failed", error="It died."))
    assert {} == row.values


def test_a_directory_without_a_record_has_no_values(tmp_path: Path) -> None:
    """An interrupted job leaves one behind."""
    RunDir(tmp_path).write_json("result.json", fast(20.0))
    (row,) = table(Point(("load=a",), "a", tmp_path, "not run"))
    assert ({}, (tmp_path,)) == (row.values, row.directories)


def test_repeats_are_one_row_by_their_median(tmp_path: Path) -> None:
    """Of 10, 20 and 12 tokens/s the middle one; they spread (20 - 10) / 12."""
    (row,) = table(*(a_point(tmp_path, "load=a", result=fast(each)) for each in (10.0, 20.0, 12.0)))
    value = row.values["output_throughput"]
    assert (3, 12.0, (20 - 10) / 12) == (value.count, value.median, value.spread)
    assert 3 == len(row.directories)


@pytest.mark.parametrize(
    ("other", "state"), [("failed", "failed"), ("not run", "not run"), ("finished", "finished")], ids=str
)
def test_a_row_is_as_well_as_its_worst_repeat(tmp_path: Path, other: Any, state: str) -> None:
    """What is measured is shown all the same."""
    whole = a_point(tmp_path, "load=a", result=fast(10.0))
    (row,) = table(whole, Point(("load=a",), "load=a", None, other))
    assert (state, 10.0) == (row.state, row.values["output_throughput"].median)


def test_a_metric_that_was_not_measured_is_absent(tmp_path: Path) -> None:
    """A result of one token has no TPOT: null, and not zero."""
    (row,) = table(a_point(tmp_path, "load=a", result=fast(10.0, median_tpot_ms=None, median_ttft_ms=5.0)))
    assert {"output_throughput", "median_ttft_ms"} == set(row.values)


def test_names_leave_out_what_all_points_share(tmp_path: Path) -> None:
    """In full for a file, without keys for a table."""
    points = [a_point(tmp_path, "hardware=cpu", f"load={i}", result=fast(i)) for i in (2, 1)]
    heading, found = rows(points)
    assert ("load", [("load=2", "2"), ("load=1", "1")]) == (heading, [(row.name, row.short) for row in found])


def test_a_sweep_of_no_points_has_no_rows() -> None:
    """One that was interrupted before its first."""
    assert () == table()


def test_the_best_of_each_column_is_the_most_or_the_least(tmp_path: Path) -> None:
    """More tokens a second, and fewer milliseconds."""
    times = [key for key in KEYS if key != "output_throughput"]
    points = [a_point(tmp_path, f"load={i}", result=dict.fromkeys(times, i) | fast(i)) for i in (2.0, 3.0)]
    assert {"output_throughput": 3.0} | dict.fromkeys(times, 2.0) == best(table(*points))


def test_a_row_that_is_alone_is_not_the_best(tmp_path: Path) -> None:
    """A column with one value marks nothing."""
    points = (
        a_point(tmp_path, "load=a", result=fast(10.0, median_ttft_ms=5.0)),
        a_point(tmp_path, "load=b", result=fast(20.0)),
    )
    assert {"output_throughput": 20.0} == best(table(*points))


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ((100.0, 105.0), ()),  # 5 of 102.5 are 4.9 %
        ((100.0, 100.0, 105.0), ()),  # 5 % of the median are not more than 5 %
        ((100.0, 100.0, 106.0), ("tok/s 6.0 %",)),
        ((100.0,), ()),
    ],
    ids=str,
)
def test_repeats_that_spread_more_than_5_percent_are_said(
    tmp_path: Path, samples: tuple[float, ...], said: tuple[str, ...]
) -> None:
    """Largest less smallest, over the median."""
    (row,) = table(*(a_point(tmp_path, "load=a", result=fast(each)) for each in samples))
    assert said == disagreements(row)


def doubting(*keys: str, **values: float) -> dict[str, Any]:
    """A result that says which of its percentiles its sample does not support."""
    return {**values, "thorexp": {"unsupported_percentiles": list(keys)}}


def test_a_row_says_which_percentiles_too_few_requests_made(tmp_path: Path) -> None:
    """Those that any of its repeats names; their values are there all the same."""
    first = a_point(tmp_path, "load=a", result=doubting("p99_ttft_ms", p99_ttft_ms=5.0))
    second = a_point(tmp_path, "load=a", result=doubting("p99_ttft_ms", "p99_itl_ms", p99_ttft_ms=7.0))
    (row,) = table(first, second)
    assert (frozenset({"p99_ttft_ms", "p99_itl_ms"}), (5 + 7) / 2) == (
        row.unsupported,
        row.values["p99_ttft_ms"].median,
    )


@pytest.mark.parametrize(
    "ours", [{}, {"thorexp": None}, {"thorexp": {}}, {"thorexp": {"unsupported_percentiles": None}}], ids=str
)
def test_a_result_that_says_nothing_of_it_is_not_doubted(tmp_path: Path, ours: dict[str, Any]) -> None:
    """Results of before it was said."""
    (row,) = table(a_point(tmp_path, "load=a", result={"p99_ttft_ms": 5.0, **ours}))
    assert (frozenset(), ["p99_ttft_ms"]) == (row.unsupported, list(row.comparable))


def test_a_percentile_of_too_few_requests_is_not_the_best(tmp_path: Path) -> None:
    """Of 5, 6 and 7 ms the 6 are: the 5 may be chance."""
    points = (
        a_point(tmp_path, "load=a", result=doubting("p99_ttft_ms", p99_ttft_ms=5.0)),
        a_point(tmp_path, "load=b", result={"p99_ttft_ms": 6.0}),
        a_point(tmp_path, "load=c", result={"p99_ttft_ms": 7.0}),
    )
    assert {"p99_ttft_ms": 6.0} == best(table(*points))


def test_what_stands_beside_doubted_values_alone_is_not_the_best(tmp_path: Path) -> None:
    """There is nothing that it is better than."""
    points = (
        a_point(tmp_path, "load=a", result=doubting("p99_ttft_ms", p99_ttft_ms=7.0)),
        a_point(tmp_path, "load=b", result={"p99_ttft_ms": 6.0}),
    )
    assert {} == best(table(*points))
