"""Blocks as HTML."""

from itertools import count

import pytest

from tests.html.reading import read
from thorexp.html.blocks import Block, Excerpt, Figure, Section, Table, Words
from thorexp.html.markup import figures, markup

EVIL = """<script>alert("1")</script> & 'x'"""


def html(block: Block, level: int = 2) -> str:
    return markup(block, level, count())


def a_figure(title: str, table: Table | None = None) -> Figure:
    return Figure(title, "in words", (), {}, 320, table)


@pytest.mark.parametrize(
    "block",
    [
        Words((EVIL,)),
        Excerpt(EVIL, EVIL),
        Table(EVIL, (EVIL,), ((EVIL,),), (EVIL,)),
        Figure(EVIL, EVIL, (), {}, 100),
        Section(EVIL, EVIL, ()),
        Section(EVIL, EVIL, (), folded=True),
    ],
    ids=lambda block: type(block).__name__,
)
def test_what_users_write_is_text(block: Block) -> None:
    """Whatever it looks like, in elements and in attributes."""
    page = read(html(block))
    assert [] == page.of("script")
    told = [*(tag.text.strip() for tag in page.tags), *(v for tag in page.tags for v in tag.attributes.values())]
    assert EVIL in told


def test_a_table_names_itself_its_columns_and_its_rows() -> None:
    """As a screen reader says them."""
    page = read(html(Table("Latencies", ("in ms", "P50"), (("TTFT", "12"), ("TPOT", "3")))))
    assert ["Latencies"] == page.texts("caption")
    scopes = [(tag.text.strip(), tag.attributes["scope"]) for tag in page.of("th")]
    assert [("in ms", "col"), ("P50", "col"), ("TTFT", "row"), ("TPOT", "row")] == scopes
    assert ["12", "3"] == page.texts("td")


def test_a_table_that_scrolls_can_be_reached_by_keyboard() -> None:
    """And says what it is."""
    (around,) = read(html(Table("Latencies", ("a",), (("b",),)))).of("div")
    assert ("0", "Latencies") == (around.attributes["tabindex"], around.attributes["aria-label"])


def test_a_column_of_words_is_set_left() -> None:
    """One of numbers right, be it that some are absent, marked or with a unit."""
    rows = (("a", "1.5?", "high"), ("b", "-", "8 at once"), ("c", "12 ± 0.5", "low"), ("d", "", "low"))
    page = read(html(Table("x", ("point", "tok/s", "load"), rows)))
    sides = [tag.attributes.get("class") for tag in page.of("th")[:3]]
    assert ["words", None, "words"] == sides
    assert [None, "words"] * 4 == [tag.attributes.get("class") for tag in page.of("td")]


def test_a_rows_name_leads_to_its_section() -> None:
    """Where it has one."""
    page = read(html(Table("x", ("point",), (("a",), ("b",)), ("point-1", None))))
    assert [("#point-1", "a")] == [(tag.attributes["href"], tag.text.strip()) for tag in page.of("a")]


def test_headings_go_down_with_the_sections() -> None:
    """To the last that HTML has."""
    nested = Section("3", "3", (Section("4", "4", ()),))
    for level in (2, 1):
        nested = Section(str(level), str(level), (nested,))
    deep = Section("top", "top", (nested,))
    assert ["h4", "h5", "h6", "h6", "h6"] == [tag.name for tag in read(html(deep, 4)).tags if tag.name.startswith("h")]


def test_a_folded_section_opens_when_asked() -> None:
    """Its heading is in what one asks with."""
    page = read(html(Section("a point", "point-1", (Words(("more",)),), folded=True)))
    assert ["details", "summary", "h2"] == [tag.name for tag in page.tags][:3]
    assert ("point-1", False) == (page.tags[0].attributes["id"], "open" in page.tags[0].attributes)


def test_a_figure_is_an_image_by_its_name() -> None:
    """Its description stands beside it, its numbers are a table below."""
    page = read(html(a_figure("TTFT", Table("TTFT in ms", ("a",), (("b",),)))))
    (plot,) = [tag for tag in page.of("div") if tag.attributes.get("role") == "img"]
    (title,) = [tag for tag in page.tags if tag.attributes.get("id") == plot.attributes["aria-labelledby"]]
    assert ("TTFT", "height:320px") == (title.text.strip(), plot.attributes["style"])
    assert (["in words"], ["TTFT in ms: table"]) == (page.texts("span"), page.texts("summary"))


def test_figures_are_numbered_in_the_order_in_which_they_are_drawn() -> None:
    """Through all sections."""
    blocks = (a_figure("0"), Section("s", "s", (a_figure("1"), Section("t", "t", (a_figure("2"),)))), a_figure("3"))
    numbers = count()
    page = read("".join(markup(block, 2, numbers) for block in blocks))
    places = [tag.attributes["data-figure"] for tag in page.of("div") if "data-figure" in tag.attributes]
    assert places == page.texts("strong") == [figure.title for figure in figures(blocks)]


@pytest.mark.parametrize(
    "evidence", ["83.7 to 120.9 W at rest", "96 of 128 prompt tokens", "60 % of TTFT was the queue"]
)
def test_a_sentence_that_begins_with_a_number_is_set_left(evidence: str) -> None:
    """Were it the only one of its column."""
    page = read(html(Table("x", ("reason", "evidence"), (("queue", evidence),))))
    assert ["words"] == [tag.attributes.get("class") for tag in page.of("td")]


@pytest.mark.parametrize("number", ["12 ± 0.5", "−12 ms (−15 to −9 ms)", "1.05 (0.98 to 1.12)", "8.2 times"])
def test_a_number_with_its_unit_and_interval_is_set_right(number: str) -> None:
    """It is no sentence."""
    page = read(html(Table("x", ("point", "number"), (("a", number),))))
    assert [None] == [tag.attributes.get("class") for tag in page.of("td")]
