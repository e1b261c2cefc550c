"""A comparison as a page."""

from dataclasses import replace
from pathlib import Path

from tests.compare.makers import a_pair, a_point, a_run_dir, faster, met, slower, some_requests
from tests.html.reading import read
from thorexp.compare.measured import measured
from thorexp.compare.web import html


def test_the_title_says_what_is_held_against_what() -> None:
    """By their names."""
    pair = replace(faster(), name="model=b", base="model=a")
    assert ["Compared: model=b against model=a"] == read(html([pair])).texts("h1")


def test_every_metric_has_a_row() -> None:
    """With what B is in it."""
    cells = read(html([faster()])).texts("td")
    assert 2 == cells.count("better")


def test_what_was_not_measured_alike_has_a_table() -> None:
    """Both sides of it."""
    page = read(html([faster(conditions=met(power_mode="70W"))]))
    assert "Not measured alike" in page.texts("caption")
    assert {"MAXN", "70W"} <= set(page.texts("td"))


def test_several_pairs_are_a_table_that_leads_to_each() -> None:
    """By anchors that are there."""
    page = read(html([faster(), replace(slower(), name="load=low")]))
    links = [tag.attributes.get("href") for tag in page.of("a")]
    assert {"#pair-1", "#pair-2"} <= set(links)
    assert {"pair-1", "pair-2"} <= {tag.attributes.get("id") for tag in page.tags}


def test_a_gap_is_told() -> None:
    """Above all that is there."""
    gap = "failed in B: load=low"
    assert gap in read(html([faster()], [gap])).texts("p")


def test_points_are_told_whole(tmp_path: Path) -> None:
    """Each by its own section, and requests of both in one plot."""
    points = [measured([a_run_dir(tmp_path / name, requests=some_requests(20))]) for name in ("a", "b")]
    page = read(html([a_pair(*points)]))
    assert {"point-1", "point-2"} <= {tag.attributes.get("id") for tag in page.tags}
    assert "Latency distributions" in " ".join(page.texts("h2", "h3", "h4", "p", "figcaption", "strong"))


def test_results_of_others_have_no_section() -> None:
    """Of which there are no files."""
    assert "point-1" not in {tag.attributes.get("id") for tag in read(html([a_pair(a_point(), a_point())])).tags}
