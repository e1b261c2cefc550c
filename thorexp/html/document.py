"""Blocks as one HTML page: all that it shows and the scripts that draw it are in it."""

import gzip
import json
import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from itertools import count
from typing import Any

from thorexp.html.blocks import Block, Figure, Section
from thorexp.html.markup import figures, markup
from thorexp.html.template import TEMPLATE

MANY_SECTIONS = 3  # above which a page has a list of them
DIGITS = 6  # of a number that is drawn: a screen has some thousand dots

# The page may show and run what is in it, and ask for nothing.
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
# What an old browser, or one without JavaScript, shows instead of plots, is taken away by a class.
ABLE = 'if ("DecompressionStream" in window) document.documentElement.classList.add("able");'
UNDRAWN = (
    "The plots of this page are not drawn: that takes JavaScript and a browser of 2023 or later. "
    "The tables hold the numbers."
)
UNPRINTED = "Sections that are closed are not printed; “Open all sections”, at the top of the page, opens them."


def document(title: str, lead: Sequence[str], blocks: Sequence[Block]) -> str:
    """The whole page, its title and what one has to know first on top; alike for alike blocks.

    Plots are drawn when they come into view. Numbers in them are rounded to DIGITS digits.
    """
    numbers = count()
    body = "\n".join(markup(block, 2, numbers) for block in blocks)
    drawn = tuple(figures(blocks))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>
{_asset("page.css")}</style>
<script>{ABLE}</script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<h1>{escape(title)}</h1>
{"".join(f"<p>{escape(words)}</p>" for words in lead)}
</header>
{_contents(blocks)}
<main id="main" tabindex="-1">
{f'<p class="notice undrawn">{UNDRAWN}</p>' if drawn else ""}
{body}
</main>
{_scripts(drawn)}
</body>
</html>
"""


def _contents(blocks: Sequence[Block]) -> str:
    """Links to the sections where there are many, and what opens those that are folded."""
    sections = [block for block in blocks if isinstance(block, Section)]
    links = "".join(f'<li><a href="#{escape(each.anchor)}">{escape(each.title)}</a></li>' for each in sections)
    listed = f"<ul>{links}</ul>" if len(sections) > MANY_SECTIONS else ""
    tools = _tools() if any(map(_is_folding, sections)) else ""
    return f'<nav aria-label="Contents">{listed}{tools}</nav>' if listed or tools else ""


def _tools() -> str:
    buttons = (
        '<button type="button" data-opens="yes">Open all sections</button>'
        '<button type="button" data-opens="no">Close all sections</button>'
    )
    return f'<div class="tools">{buttons}</div><p class="notice unprinted">{UNPRINTED}</p>'


def _is_folding(block: Block) -> bool:
    return isinstance(block, Section) and (block.folded or any(map(_is_folding, block.blocks)))


def _scripts(drawn: Sequence[Figure]) -> str:
    if not drawn:
        return f"<script>\n{_asset('page.js')}</script>"
    # Layouts are much alike, and gzip sees that only of what is within 32 kB.
    shown = {"template": TEMPLATE, "layouts": [each.layout for each in drawn], "data": [each.data for each in drawn]}
    plots = json.dumps(_rounded(shown), separators=(",", ":"), allow_nan=False)
    return (
        f'<script type="text/plain" id="figures">{_packed(plots)}</script>\n'
        f'<script type="text/plain" id="plotly">{_packed_plotly()}</script>\n'
        f"<script>\n{_asset('page.js')}</script>"
    )


def _rounded(value: Any) -> Any:
    """As JSON takes it: no more digits than a plot shows; what is no finite number is a gap."""
    match value:
        case Mapping():
            return {key: _rounded(each) for key, each in value.items()}
        case list() | tuple():
            return [_rounded(each) for each in value]
        case float():
            return _short(value) if math.isfinite(value) else None
        case _:
            return value


def _short(number: float) -> float | int:
    short = float(f"{number:.{DIGITS}g}")
    return int(short) if short.is_integer() else short


def _packed(text: str) -> str:
    return b64encode(gzip.compress(text.encode(), mtime=0)).decode("ascii")


@cache
def _packed_plotly() -> str:
    """Plotly's script, of 4.8 MB, in 1.9."""
    from plotly.offline import get_plotlyjs

    return _packed(get_plotlyjs())


def _asset(name: str) -> str:
    return (files("thorexp.html") / "assets" / name).read_text(encoding="utf-8")
