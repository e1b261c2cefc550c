"""A published table beside a sweep."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.sweep.makers import a_point
from thorexp.baseline import shipped
from thorexp.errors import RecordError
from thorexp.results.beside import baseline_rows
from thorexp.results.files import text
from thorexp.results.summary import COLUMNS, Row, origin_compared, rows

BLOG = shipped("thor_blog_2025_10")
AWQ = "qwen3_32b_awq"


@pytest.fixture(scope="module")
def table() -> tuple[Row, ...]:
    """Of a sweep of one model."""
    return baseline_rows(BLOG, {AWQ})


def test_rows_are_those_of_the_sweeps_models(table: tuple[Row, ...]) -> None:
    """Of seven models one, at both of its loads."""
    expected = [f"thor_blog_2025_10: Qwen3-32B-AWQ, {at_once} at once" for at_once in (8, 1)]
    assert (expected, expected) == ([row.name for row in table], [row.short for row in table])


def test_a_model_that_nobody_published_has_no_row() -> None:
    """Though there is a table."""
    assert () == baseline_rows(BLOG, {"tiny_qwen3"})


def test_no_baseline_has_no_rows() -> None:
    """Nor is a file looked for."""
    assert () == baseline_rows(shipped("none"), {AWQ})


def test_a_row_has_the_published_figures_of_its_columns(table: tuple[Row, ...]) -> None:
    """As they are printed in the page, of the high load; 12,421 tokens in 459.09 s."""
    published = {
        "output_throughput": 12_421 / 459.09,
        "median_ttft_ms": 6419.03,
        "p99_ttft_ms": 19_086.70,
        "median_tpot_ms": 238.28,
        "p99_tpot_ms": 295.35,
        "median_itl_ms": 92.45,
        "p99_itl_ms": 3155.36,
    }
    assert {column.key for column in COLUMNS} == set(published)
    assert published == pytest.approx({key: value.median for key, value in table[0].values.items()})


def test_a_row_is_of_what_was_imported(table: tuple[Row, ...]) -> None:
    """With what speaks against it: its prompts at 1 at once were in the prefix cache."""
    assert {"imported"} == {row.origin for row in table}
    low = table[1].verdict
    assert low is not None
    assert "ttft_below_prefill_limit" in [reason.name for reason in low.reasons]


def test_a_row_is_marked_beside_those_of_the_sweep(tmp_path: Path, table: tuple[Row, ...]) -> None:
    """In its verdict, and in a remark; what the sweep measured is the best, whatever was published."""
    measured = [a_point(tmp_path, f"load={n}", result={"output_throughput": 1.0 + n}) for n in (0, 1)]
    heading, together = rows(measured, table)
    assert (2 + 2, "measured") == (len(together), origin_compared(together))
    said = text(together, heading, "a sweep")
    assert 2 == sum("imp " in line for line in said.splitlines() if line.startswith("│"))
    assert "imp: imported, measured by others" in said
    assert "2.00*" in said


def test_a_table_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """With its path."""
    with pytest.raises(RecordError, match=r"none\.md"):
        baseline_rows(replace(BLOG, file=str(tmp_path / "none.md")), {AWQ})
