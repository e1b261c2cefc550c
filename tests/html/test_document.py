"""Blocks as one page."""

import re
from importlib.resources import files
from pathlib import Path

import pytest
from plotly.offline import get_plotlyjs

from tests.big_sweep import big_sweep
from tests.html.reading import drawn, read
from thorexp.html.blocks import Block, Figure, Section, Words
from thorexp.html.document import document
from thorexp.results.html_page import html_page
from thorexp.results.summary import rows

NOTHING = Words(("nothing",))


def a_figure(*y: float, **layout: object) -> Figure:
    return Figure("TTFT", "in words", ({"type": "scatter", "y": y},), layout, 320)


def sections(count: int, folded: bool = False) -> tuple[Section, ...]:
    return tuple(Section(f"part {i}", f"part-{i}", (NOTHING,), folded) for i in range(count))


def a_page(*blocks: Block) -> str:
    return document("a title", ("first of all",), blocks)


def test_a_page_begins_with_its_title_and_what_comes_first() -> None:
    """One heading above all others."""
    page = read(a_page(NOTHING))
    assert (["a title"], ["a title"]) == (page.texts("title"), page.texts("h1"))
    assert ["first of all", "nothing"] == page.texts("p")


def test_a_page_asks_for_nothing() -> None:
    """No address of another file stands in an element, and the browser is told to refuse any."""
    page = read(a_page(a_figure(1.0)))
    asked = [value for tag in page.tags for key, value in tag.attributes.items() if key in ("src", "href", "action")]
    assert ["#main"] == asked
    policies = [tag.attributes["content"] for tag in page.of("meta") if "http-equiv" in tag.attributes]
    assert ["default-src 'none'"] == [str(policy).split(";")[0] for policy in policies]


def test_a_page_is_alike_for_alike_blocks() -> None:
    """To the last byte, whenever it was written."""
    assert a_page(a_figure(1.0, 2.0)) == a_page(a_figure(1.0, 2.0))


def test_a_title_is_text() -> None:
    """Wherever it stands."""
    page = read(document("<b>&", ("<i>",), ()))
    assert (["<b>&"], ["<b>&"], []) == (page.texts("title"), page.texts("h1"), page.of("b", "i"))


def test_figures_are_in_the_page_as_they_were() -> None:
    """Traces and layout, in the page's order."""
    found = drawn(a_page(a_figure(1.5), Section("s", "s", (a_figure(2.5, barmode="stack"),))))
    first, second = ({"type": "scatter", "y": [y]} for y in (1.5, 2.5))
    assert [([first], {}), ([second], {"barmode": "stack"})] == found


@pytest.mark.parametrize(
    ("number", "shown"),
    [(1 / 3, 0.333333), (12.0, 12), (1234567.8, 1234570), (float("nan"), None), (float("inf"), None)],
)
def test_a_number_that_is_drawn_is_short(number: float, shown: float | None) -> None:
    """Six digits; what is no number is a gap."""
    (([trace], _),) = drawn(a_page(a_figure(number)))
    assert [shown] == trace["y"]


def test_a_page_without_figures_has_no_plotly() -> None:
    """It is as small as what it says."""
    assert len(a_page(NOTHING)) < 20_000
    assert "plots" not in " ".join(read(a_page(NOTHING)).texts("p"))


def test_a_page_says_what_is_missing_where_nothing_is_drawn() -> None:
    """Until a script that can draw takes it away."""
    (notice,) = [text for text in read(a_page(a_figure(1.0))).texts("p") if "not drawn" in text]
    assert "tables hold the numbers" in notice


def test_many_sections_are_listed() -> None:
    """With links; a few are not."""
    links = [tag.attributes["href"] for tag in read(a_page(*sections(4))).of("a")]
    assert ["#main", "#part-0", "#part-1", "#part-2", "#part-3"] == links
    assert [] == read(a_page(*sections(3))).of("nav")


@pytest.mark.parametrize("blocks", [sections(1, folded=True), (Section("s", "s", sections(1, folded=True)),)])
def test_folded_sections_can_be_opened_all_at_once(blocks: tuple[Block, ...]) -> None:
    """However deep they are; without any there is no button."""
    assert ["Open all sections", "Close all sections"] == read(a_page(*blocks)).texts("button")
    assert [] == read(a_page(*sections(1))).of("button")


def test_the_page_packs_plotly_to_less_than_half() -> None:
    """Which makes most of a small page."""
    assert len(a_page(a_figure(1.0))) < len(get_plotlyjs()) / 2


def test_colours_are_named_once() -> None:
    """All rules of the style sheet take them by name, so that light, dark and paper have the same rules."""
    css = (files("thorexp.html") / "assets" / "page.css").read_text(encoding="utf-8")
    assert [] == re.findall(r"^(?!\s+--).*#[0-9a-fA-F]{3,8}\b.*$", css, re.MULTILINE)


def test_200_points_of_1000_requests_are_below_5_mb(tmp_path: Path) -> None:
    """By the tenth part of them: what a point adds is added 200 times."""
    points, requests, limit = 200, 1_000, 5_000_000
    record, found = big_sweep(tmp_path, points // 10, requests)
    sizes = []
    for shown in (found[:1], found):
        heading, table = rows(shown)
        sizes.append(len(html_page(record, table, heading, "a sweep").encode()))
    a_point = (sizes[1] - sizes[0]) / (len(found) - 1)
    assert sizes[0] + (points - 1) * a_point < limit
