"""A sweep as a page."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.html.reading import Page, read
from tests.records import a_record
from tests.sweep.makers import FAST, a_failed_point, a_point, a_sweep
from thorexp.results.html_page import html_page
from thorexp.results.summary import Point, rows
from thorexp.rundir import CONFIG, RECORD, REQUESTS, RESULT, SUMMARY, TELEMETRY, VERDICT, RunDir


def page(folder: Path, points: Sequence[Point]) -> Page:
    heading, table = rows(points)
    return read(html_page(a_sweep(folder / "sweep"), table, heading, "2 of 3 jobs finished, 1 failed: <here>"))


def test_the_page_says_first_what_the_sweep_was(tmp_path: Path) -> None:
    """How it went, and what was typed."""
    lead = page(tmp_path, (a_failed_point("load=a"),)).texts("p")[:2]
    assert [
        "2 of 3 jobs finished, 1 failed: <here>",
        "Begun 1970-01-01 00:00 UTC by: python -m thorexp load=high,low",
    ] == lead


def test_each_point_has_a_section_to_open(tmp_path: Path, points: tuple[Point, ...]) -> None:
    """In the order of the table, named by what it was, and led to by the table's rows."""
    found = page(tmp_path, points)
    titles = ["model=a load=high · 300.00 tokens/s · VALID", "model=a load=low · 100.00 tokens/s · VALID"]
    assert [*titles, "model=b load=high · failed"] == found.texts("h3")
    folded = [tag.attributes["id"] for tag in found.of("details") if tag.attributes.get("class") == "section"]
    links = [str(tag.attributes["href"]) for tag in found.of("a")]
    assert [f"#{anchor}" for anchor in folded] == [link for link in links if link.startswith("#point-")][-3:]


def test_what_failed_says_why(tmp_path: Path, points: tuple[Point, ...]) -> None:
    """The error as it is laid out."""
    assert "b does not fit on cpu.\n  try  another" in page(tmp_path, points).texts("pre")


def test_of_repeats_the_first_is_shown(tmp_path: Path) -> None:
    """In one section, which says how many there are."""
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    found = page(tmp_path, [a_point(jobs, "load=a", result=FAST) for _ in range(3)])
    assert 1 == len(found.texts("h3"))
    assert 1 == sum(text.startswith("3 repeats finished; this is the first of them") for text in found.texts("p"))


@pytest.mark.parametrize("name", [SUMMARY, REQUESTS, CONFIG, TELEMETRY, RECORD, RESULT, VERDICT])
def test_a_damaged_point_does_not_take_the_page_away(tmp_path: Path, name: str) -> None:
    """Its section says what is wrong with it, and the others are shown."""
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    point, other = (a_point(jobs, f"load={load}", result=FAST) for load in "ab")
    assert point.directory is not None
    run_dir = RunDir(point.directory)
    run_dir.write_json(SUMMARY, {"load_ns": [0, 1]})
    run_dir.write_jsonl(REQUESTS, [asdict(a_record())])
    run_dir.write_text(name, "ns,signal,value\n{no JSON\n")
    found = page(tmp_path, (point, other))
    assert any("damaged" in text and name in text for text in found.texts("pre"))
    assert "load=b · 300.00 tokens/s · VALID" in found.texts("h3")
