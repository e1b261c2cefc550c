"""How every plot looks, but for the colours of its text, paper and grid, which the page's style sheet has."""

from collections.abc import Mapping
from typing import Any

# Okabe and Ito's, which the colour-blind tell apart too. The last two are below 3:1 on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INK = "#000000"  # the style sheet draws what is of this colour in that of the text
CLEAR = "rgba(0,0,0,0)"
AXIS: Mapping[str, Any] = {"automargin": True, "zeroline": False, "title": {"standoff": 10}}

TEMPLATE: Mapping[str, Any] = {
    "layout": {
        "colorway": COLOURS,
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
        "margin": {"l": 60, "r": 20, "t": 32, "b": 48},
        "xaxis": AXIS,
        "yaxis": AXIS,
        "hovermode": "closest",
    }
}
