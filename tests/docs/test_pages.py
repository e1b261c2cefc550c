"""What the pages promise of each other, and of the code."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, headings, links
from thorexp.measure.findings import NAMES

SCREENS = 120  # lines: two of them


def _anchor(heading: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_link_leads_somewhere(page: Path) -> None:
    """To a file that is there, and to a heading in it."""
    for link in (link for link in links(page) if not link.startswith("https://")):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), link
        assert not anchor or anchor in map(_anchor, headings(target)), link


def test_every_page_is_linked_from_the_readme() -> None:
    """Nobody has to look for one."""
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in links(ROOT / "README.md")}
    assert {page for page in PAGES if page.name != "README.md"} - linked == set()


def test_the_readme_has_two_screens() -> None:
    """The rest is in docs/."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= SCREENS


def test_every_reason_is_explained() -> None:
    """Under its name, in the order of the verdict."""
    of_reasons = tuple(name for name in headings(ROOT / "docs/explanation.md", level=4))
    assert sorted(NAMES) == sorted(of_reasons)
