"""How large the page of a sweep is, and how soon it shows its first plot: 200 points of 1,000 requests.

    python -m tests.bench.page [--points 200] [--requests 1000] [--rounds 3]

The points are copies of one that is predicted, with noise for stamps and for 16 sensors. Prints MB, the seconds that it
took to write the page, and for each round those from asking Chromium for it until it paints words and draws a plot.
Most of the latter is plotly's own: running its script takes about 1 s.
"""

import argparse
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.big_sweep import big_sweep
from tests.browser.chromium import ARGUMENTS, chromium
from thorexp.results.html_page import html_page
from thorexp.results.summary import rows


def main() -> None:
    """Print a line for the page, and one for each round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page = Path(folder) / "report.html"
        record, points = big_sweep(Path(folder), asked.points, asked.requests)
        began = time.monotonic()
        heading, table = rows(points)
        page.write_text(html_page(record, table, heading, "a sweep"), encoding="utf-8")
        print(f"{page.stat().st_size / 1e6:.2f} MB, written in {time.monotonic() - began:.1f} s", flush=True)
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        for _ in range(asked.rounds):
            painted, drawn = opened(browser, page)
            print(f"words after {painted:.2f} s, first plot after {drawn:.2f} s", flush=True)
        browser.close()


def opened(browser: Browser, page: Path) -> tuple[float, float]:
    """Seconds until the first words are painted, and until the first plot is drawn."""
    tab = browser.new_page()
    began = time.monotonic()
    tab.goto(page.as_uri(), wait_until="commit")
    tab.wait_for_selector("svg.main-svg")
    drawn = time.monotonic() - began
    painted = tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000")
    tab.close()
    return float(painted), drawn


if __name__ == "__main__":
    main()
