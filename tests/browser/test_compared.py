"""The page of a comparison, in a browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.accessible import grave_findings
from tests.browser.conftest import Scheme, opened
from thorexp.compare.__main__ import main

PLOTS = 2  # ratios, and latency distributions


@pytest.fixture(scope="session")
def comparison(report: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the two models at the high load."""
    page = tmp_path_factory.mktemp("compared") / "compared.html"
    assert 0 == main([str(report.parent), "load=high", "--html", str(page)])
    return page


def test_a_comparison_draws_its_plots_without_a_complaint(browser: Browser, comparison: Path) -> None:
    """Ratios and distributions, and nothing is asked for but the file itself."""
    page = opened(browser, comparison.as_uri())
    page.tab.locator(".plot").nth(PLOTS - 1).scroll_into_view_if_needed()
    page.tab.locator("svg.main-svg").nth(PLOTS - 1).wait_for()
    assert ([], [comparison.as_uri()]) == (page.complaints, page.requests)
    page.tab.close()


def test_a_comparison_has_no_serious_finding_of_axe(browser: Browser, comparison: Path, scheme: Scheme) -> None:
    """With its points opened, by day and by night."""
    page = opened(browser, comparison.as_uri(), scheme)
    page.wait_until_drawn()
    page.tab.get_by_role("button", name="Open all sections").click()
    assert [] == grave_findings(page.tab)
    page.tab.close()


def test_a_comparison_names_what_is_better(browser: Browser, comparison: Path) -> None:
    """In its title and in a table: the mixture of experts decodes faster."""
    page = opened(browser, comparison.as_uri())
    assert "Compared: model=qwen3_30b_a3b_fp8 against model=qwen3_32b_awq" == page.tab.title()
    row = page.tab.get_by_role("row").filter(has=page.tab.get_by_role("rowheader", name="median_tpot_ms", exact=True))
    assert "better" in (row.first.text_content() or "")
    page.tab.close()
