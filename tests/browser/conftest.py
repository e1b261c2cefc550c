"""Chromium, and a page for it to open."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, FloatRect, Page, sync_playwright

from tests.browser.chromium import ARGUMENTS, NAMES, chromium
from tests.command_line import thorexp
from thorexp.sweep.ending import SWEEP_PAGE

WORDS = ("-m", "model=qwen3_32b_awq,qwen3_30b_a3b_fp8", "load=high,low", "predict=true", "tracking=off")
TIMEOUT_MS = 60_000  # of a machine that is busy otherwise
REQUIRED = "THOREXP_REQUIRE_BROWSER"  # set where a machine without Chromium is a fault of the machine

Scheme = Literal["light", "dark"]


@dataclass
class Opened:
    """A page in a tab, with all that it complained of and asked for."""

    tab: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def wait_until_drawn(self, within: str = "main") -> None:
        """Until the first plot of that element, which is drawn in view only, is there."""
        self.tab.locator(f"{within} .plot").first.scroll_into_view_if_needed()
        self.tab.wait_for_selector(f"{within} svg.main-svg")

    def place_of(self, selector: str) -> FloatRect:
        """Its box on the screen."""
        box = self.tab.locator(selector).first.bounding_box()
        assert box is not None
        return box


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; without one these tests are skipped, or fail where REQUIRED is set.

    Of a module: while Playwright runs, its event loop does, and no other test could have one.
    """
    path = chromium()
    if path is None:
        lacking = f"none of {', '.join(NAMES)} is installed"
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(lacking)
        pytest.skip(lacking)  # a browser is no dependency of ours; CI installs one, and sets REQUIRED
    with sync_playwright() as playwright:
        chosen = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS), timeout=TIMEOUT_MS)
        yield chosen
        chosen.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a predicted sweep, of two models by two loads."""
    ran = thorexp(tmp_path_factory.mktemp("report"), *WORDS)
    assert 0 == ran.code, ran.err
    (page,) = ran.folder.glob(f"outputs/*/{SWEEP_PAGE}")
    return page


def opened(browser: Browser, address: str, scheme: Scheme = "light", scripts: bool = True) -> Opened:
    """In a tab of its own."""
    found = Opened(browser.new_page(color_scheme=scheme, java_script_enabled=scripts))
    found.tab.set_default_timeout(TIMEOUT_MS)
    found.tab.on("console", lambda message: found.complaints.append(f"{message.type}: {message.text}"))
    found.tab.on("pageerror", lambda error: found.complaints.append(str(error)))
    found.tab.on("request", lambda request: found.requests.append(request.url))
    found.tab.goto(address)
    return found


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> Scheme:
    """What the user's system asks for."""
    chosen: Scheme = request.param
    return chosen


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Opened]:
    """The report with its first plot."""
    found = opened(browser, report.as_uri())
    found.wait_until_drawn()
    yield found
    found.tab.close()
