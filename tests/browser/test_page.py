"""A report as a browser shows it."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.accessible import grave_findings
from tests.browser.conftest import TIMEOUT_MS, Opened, Scheme, opened

FIRST = "#point-1"
LIGHT, DARK = 600, 200  # sums of red, green and blue of at least and of at most


def brightness(page: Opened, selector: str, of: str) -> int:
    """Red, green and blue of a colour, added up."""
    colour = page.tab.locator(selector).first.evaluate(f"(element) => getComputedStyle(element).{of}")
    return sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")[:3])


def is_open(page: Opened, selector: str) -> bool:
    return bool(page.tab.locator(selector).evaluate("(element) => element.open"))


def test_a_page_opens_without_a_complaint_and_asks_for_nothing(browser: Browser, report: Path) -> None:
    """But for itself, all of it opened."""
    page = opened(browser, report.as_uri())
    page.wait_until_drawn()
    page.tab.get_by_role("button", name="Open all sections").click()
    page.tab.locator(f"{FIRST} .plot").last.scroll_into_view_if_needed()
    page.wait_until_drawn(FIRST)
    assert ([], [report.as_uri()]) == (page.complaints, page.requests)


def test_plots_are_drawn_only_in_view(page: Opened) -> None:
    """Those of a section when it opens."""
    places, drawn = (page.tab.locator(f"{FIRST} {what}") for what in (".plot", "svg.main-svg"))
    assert places.count() > 0
    assert 0 == drawn.count()
    page.tab.locator(f"{FIRST} > summary").click()
    places.first.scroll_into_view_if_needed()
    page.wait_until_drawn(FIRST)


def test_no_serious_finding_of_axe(browser: Browser, report: Path, scheme: Scheme) -> None:
    """Of the whole page with a point opened, by day and by night."""
    page = opened(browser, f"{report.as_uri()}{FIRST}", scheme)
    page.wait_until_drawn(FIRST)
    page.tab.locator(f"{FIRST} details.numbers > summary").first.click()
    assert [] == grave_findings(page.tab)


def test_a_dark_screen_has_light_words(browser: Browser, report: Path, scheme: Scheme) -> None:
    """In the page and in its plots, on a ground that is the other."""
    page = opened(browser, report.as_uri(), scheme)
    page.wait_until_drawn()
    ground = brightness(page, "body", "backgroundColor")
    words = (brightness(page, "h1", "color"), brightness(page, "svg.main-svg .xtick text", "fill"))
    if scheme == "light":
        assert (ground > LIGHT, max(words) < DARK) == (True, True)
    else:
        assert (ground < DARK, min(words) > LIGHT) == (True, True)


def test_paper_is_white_whatever_the_screen_is(browser: Browser, report: Path) -> None:
    """Without what is closed, which is said."""
    page = opened(browser, report.as_uri(), "dark")
    page.wait_until_drawn()
    page.tab.emulate_media(media="print", color_scheme="dark")
    assert brightness(page, "body", "backgroundColor") > LIGHT
    assert brightness(page, "svg.main-svg .xtick text", "fill") < DARK
    shown = [page.tab.locator(selector).first.is_visible() for selector in (FIRST, ".tools", ".unprinted")]
    assert [False, False, True] == shown


def test_plots_fit_on_paper(page: Opened) -> None:
    """In the width of a page while it prints, and in that of the screen again after it."""
    width = page.place_of("svg.main-svg")["width"]
    page.tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.place_of("svg.main-svg")["width"] < 700 < width
    page.tab.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert width == page.place_of("svg.main-svg")["width"]


def test_tab_begins_with_the_way_past_the_contents(page: Opened) -> None:
    """Which is seen while it has the focus, and leads to what comes next."""
    page.tab.keyboard.press("Tab")
    focused = page.tab.locator(":focus")
    assert ("Skip to the content", True) == (focused.inner_text(), page.place_of(":focus")["y"] >= 0)
    page.tab.keyboard.press("Enter")
    assert "main" == page.tab.evaluate("document.activeElement.id")


def test_enter_opens_a_section(page: Opened) -> None:
    """And closes it again."""
    page.tab.locator(f"{FIRST} > summary").focus()
    states = []
    for _ in range(2):
        page.tab.keyboard.press("Enter")
        states.append(is_open(page, FIRST))
    assert [True, False] == states


@pytest.mark.parametrize("key", ["Enter", "click"])
def test_a_link_opens_the_section_that_it_leads_to(page: Opened, key: str) -> None:
    """From the table of all points; again after it was closed, with the same address."""
    link = page.tab.locator(f'a[href="{FIRST}"]')
    for _ in range(2):
        link.press("Enter") if key == "Enter" else link.click()
        assert is_open(page, FIRST)
        page.tab.locator(FIRST).evaluate("(section) => { section.open = false; }")


def test_an_address_opens_the_section_that_it_names(browser: Browser, report: Path) -> None:
    """As one pastes it, and when it is changed."""
    page = opened(browser, f"{report.as_uri()}{FIRST}")
    assert is_open(page, FIRST)
    page.tab.evaluate("location.hash = '#point-2'")
    expect(page.tab.locator("#point-2")).to_have_js_property("open", True, timeout=TIMEOUT_MS)


def test_buttons_open_and_close_all_sections(page: Opened) -> None:
    """One after the other."""
    sections = page.tab.locator("details.section")
    for name, count in (("Open all sections", sections.count()), ("Close all sections", 0)):
        page.tab.get_by_role("button", name=name).click()
        assert count == page.tab.locator("details.section[open]").count()
    assert sections.count() > 1


def test_without_scripts_the_tables_hold_the_numbers(browser: Browser, report: Path) -> None:
    """Which is said; nothing stands where plots would be."""
    page = opened(browser, report.as_uri(), scripts=False)
    visible = [page.tab.locator(selector).first.is_visible() for selector in (".undrawn", ".plot", ".tools", "table")]
    assert [True, False, False, True] == visible


def test_a_browser_that_cannot_inflate_is_told_too(browser: Browser, report: Path) -> None:
    """As one before 2023."""
    context = browser.new_context()
    context.add_init_script("delete window.DecompressionStream")
    tab = context.new_page()
    tab.goto(report.as_uri())
    assert tab.locator(".undrawn").is_visible()
    context.close()


def test_a_narrow_screen_scrolls_tables_only(page: Opened) -> None:
    """As of a phone: the page itself is as wide as the screen."""
    page.tab.set_viewport_size({"width": 390, "height": 800})
    expect(page.tab.locator("html")).to_have_js_property("scrollWidth", 390, timeout=TIMEOUT_MS)


def test_a_caption_is_broken_on_a_narrow_screen_only(page: Opened) -> None:
    """Else it would be as narrow as its table."""
    caption = page.tab.locator("#choice caption")
    broken = []
    for width in (1280, 390):
        page.tab.set_viewport_size({"width": width, "height": 800})
        broken.append(caption.evaluate("(element) => getComputedStyle(element).whiteSpace") != "nowrap")
    assert [False, True] == broken
