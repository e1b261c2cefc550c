"""Ratios with their intervals, as a forest plot."""

from collections.abc import Mapping, Sequence
from typing import Any

from thorexp.compare.pairs import Pair
from thorexp.html.blocks import Figure
from thorexp.html.panels import GREY, TOTAL
from thorexp.html.template import COLOURS
from thorexp.measure.ratios import Ratio

ROW_PX, EDGE_PX = 24, 90
FINE = (0.7, 0.8, 0.9, 0.95, 1, 1.05, 1.1, 1.2, 1.3, 1.4)  # plotly names the ticks of a logarithm by their digit
COARSE = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
BLUE = COLOURS[0]
# By colour and by symbol; ranked effects alone are filled.
LOOKS: Mapping[str, tuple[str, str]] = {
    "better": (BLUE, "triangle-up"),
    "worse": (TOTAL, "triangle-down"),
    "within noise": (GREY, "circle-open"),
    "no interval": (GREY, "x-thin-open"),
    "not ranked": (GREY, "square-open"),
}


def forest(pair: Pair, summary: str) -> Figure | None:
    """B / A of each number on a logarithmic axis, 1 marked; absent where they have no number in common."""
    if not pair.ratios:
        return None
    effects = {effect: [r for r in pair.ratios if pair.effect(r) == effect] for effect in LOOKS}
    return Figure(
        title="B / A",
        description=f"Each metric of B over that of A, with its 95 % interval; 1 is no difference. {summary}.",
        data=tuple(_trace(effect, found) for effect, found in effects.items() if found),
        layout=_layout(pair.ratios),
        height_px=len(pair.ratios) * ROW_PX + EDGE_PX,
    )


def _trace(effect: str, found: Sequence[Ratio]) -> dict[str, Any]:
    colour, symbol = LOOKS[effect]
    ends = [ratio.interval or (ratio.ratio, ratio.ratio) for ratio in found]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": effect,
        "x": [round(ratio.ratio, 4) for ratio in found],
        "y": [ratio.key for ratio in found],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [round(max(high - ratio.ratio, 0), 4) for (_, high), ratio in zip(ends, found, strict=True)],
            "arrayminus": [round(max(ratio.ratio - low, 0), 4) for (low, _), ratio in zip(ends, found, strict=True)],
        },
        "marker": {"color": colour, "symbol": symbol, "size": 10},
        "hovertemplate": "%{y}: %{x}",
    }


def _layout(ratios: Sequence[Ratio]) -> dict[str, Any]:
    """The first metric on top, whatever trace it is in."""
    keys = [ratio.key for ratio in ratios]
    ends = [end for ratio in ratios for end in (ratio.ratio, *(ratio.interval or ()))]
    ticks = FINE if FINE[0] <= min(ends) and max(ends) <= FINE[-1] else COARSE
    return {
        "xaxis": {"type": "log", "title": {"text": "B / A"}, "tickvals": ticks, "ticktext": [f"{t:g}" for t in ticks]},
        "yaxis": {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": keys[::-1],
            "automargin": True,
        },
        "shapes": [{"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": 1, "x1": 1, "line": {"color": GREY}}],
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        "margin": {"t": 40, "b": 50},
    }
