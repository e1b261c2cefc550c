"""What axe-core finds wrong with a page."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

GRAVE = ("serious", "critical")


def grave_findings(tab: Page) -> list[tuple[str, list[str]]]:
    """Rules that it breaks, each with some of the elements that do; fails where axe looked at nothing."""
    found = Axe().run(tab).response
    assert len(found["passes"]) > 0
    grave = [each for each in found["violations"] if each["impact"] in GRAVE]
    return [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in grave]
