"""Panels above each other, over one axis of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from thorexp.html.template import COLOURS

TOTAL = COLOURS[1]
LINES = tuple(colour for colour in COLOURS if colour != TOTAL)
GREY = "#888888"
DASHES = ("solid", "dot", "dash", "dashdot")
TITLE_PX, TOP_PX, BOTTOM_PX = 32, 10, 45

Trace = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Panel:
    """Traces in one unit, without axes. `yaxis`: what its axis has beside its place."""

    title: str
    traces: tuple[Trace, ...]
    height_px: int = 130
    yaxis: Mapping[str, Any] = field(default_factory=lambda: {"rangemode": "tozero"})


def stacked(panels: Sequence[Panel]) -> tuple[tuple[Trace, ...], dict[str, Any], int]:
    """Traces, layout and height in px of all of them, the first on top; each has a legend of its own beside it."""
    inner_px = sum(panel.height_px + TITLE_PX for panel in panels)
    tops_px = list(accumulate((panel.height_px + TITLE_PX for panel in panels), initial=TITLE_PX))
    layout: dict[str, Any] = {
        "xaxis": {"anchor": f"y{nth(len(panels))}"},
        "annotations": [],
        "margin": {"t": TOP_PX, "b": BOTTOM_PX},
    }
    traces: list[Trace] = []
    for number, (panel, top_px) in enumerate(zip(panels, tops_px, strict=False), start=1):
        place, top = nth(number), 1 - top_px / inner_px
        bottom = max(0.0, 1 - (top_px + panel.height_px) / inner_px)
        layout[f"yaxis{place}"] = {"domain": [round(bottom, 4), round(top, 4)], **panel.yaxis}
        layout[f"legend{place}"] = {"y": round(top, 4), "yanchor": "top", "traceorder": "normal"}
        layout["annotations"].append(titled(panel.title, round(top, 4)))
        traces += [{**trace, "yaxis": f"y{place}", "legend": f"legend{place}"} for trace in panel.traces]
    return tuple(traces), layout, inner_px + TOP_PX + BOTTOM_PX


def titled(title: str, top: float, left: float = 0.0) -> dict[str, Any]:
    """The title of a panel, just above it."""
    place = {"x": left, "y": top, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
    return {"text": title, "showarrow": False, **place}


def upright(x: float, dash: str = "solid") -> dict[str, Any]:
    """A thin line through all panels."""
    return {
        "type": "line",
        "yref": "paper",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "line": {"color": GREY, "width": 1, "dash": dash},
    }


def line(name: str, place: int, **values: Any) -> dict[str, Any]:
    """A trace that is told from the others of its panel by colour and by dashes."""
    look = {"color": LINES[place % len(LINES)], "width": 1.4, "dash": DASHES[place % len(DASHES)]}
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "line": look,
        "hovertemplate": "%{y:.4g}",
        **values,
    }


def nth(number: int) -> str:
    """As plotly counts axes: y, y2, y3."""
    return "" if number == 1 else str(number)
