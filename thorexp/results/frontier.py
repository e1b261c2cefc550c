"""What a sweep's points serve in all against how fast each user is served, as a plot."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from thorexp.html.blocks import Figure, Table
from thorexp.html.template import COLOURS, INK
from thorexp.measure.stats import frontier
from thorexp.measure.verdict import Origin, Standing
from thorexp.results.summary import Row, origin_compared, origins, unreal_alone

Placed = tuple[Row, tuple[float, float]]  # tokens/s per user, and of the system

LABELS = 12  # above which names would hide each other, and are shown of the point that is pointed at
NEAR = (0.2, 0.045)  # of either axis: about the width and the height of a name
HEIGHT_PX = 520
HEADS = ("tokens/s per user", "output tokens/s of the system")
SYMBOLS: Mapping[Origin, Mapping[Standing, str]] = {
    "measured": {"VALID": "circle", "SUSPECT": "circle-open", "INVALID": "x"},
    "simulated": {"VALID": "diamond", "SUSPECT": "diamond-open", "INVALID": "diamond-x-open"},
    "imported": {"VALID": "square", "SUSPECT": "square-open", "INVALID": "square-x-open"},
    "rehearsed": {"VALID": "cross", "SUSPECT": "cross-open", "INVALID": "asterisk-open"},
}
DESCRIPTION = (
    "Each point by the output tokens/s that one user sees (1000 / median TPOT in ms) and that all see together: "
    "the further right and up, the better. The line joins the points that no other beats in both. "
    "Circles are measured, diamonds simulated, squares imported, crosses rehearsed; "
    "a hollow mark is SUSPECT, a crossed one INVALID."
)


def frontier_figure(table: Sequence[Row], heading: str) -> Figure | None:
    """Output tokens/s of the system against tokens/s per user; absent when no point has both numbers.

    The line is of those that are not INVALID and of the origin compared.
    """
    shown = [(row, place) for row in table if (place := _place(row)) is not None]
    if not shown:
        return None
    placed, line = [row for row, _ in shown], _line(shown)
    mode = "markers+text" if len(shown) <= LABELS else "markers"
    unreal = unreal_alone(placed, ": ")
    marks = (_marks(origin, shown) | {"mode": mode} for origin in SYMBOLS if origin in origins(placed))
    return Figure(
        title=f"{unreal}output of the system against speed for each user",
        description=DESCRIPTION,
        data=(_drawn(line), *marks),
        layout={
            "xaxis": {"title": {"text": HEADS[0]}, "rangemode": "tozero"},
            "yaxis": {"title": {"text": HEADS[1]}, "rangemode": "tozero"},
            "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0.0},
        },
        height_px=HEIGHT_PX,
        table=_table(shown, line, heading),
    )


def _line(shown: Sequence[Placed]) -> list[tuple[float, float]]:
    compared = origin_compared([row for row, _ in shown])
    believed = [at for row, at in shown if row.origin == compared and _standing(row) != "INVALID"]
    return [believed[i] for i in frontier(believed)]


def _drawn(line: Sequence[tuple[float, float]]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "frontier",
        "x": [user for user, _ in line],
        "y": [system for _, system in line],
        "line": {"color": INK, "width": 1, "dash": "dot"},
        "hoverinfo": "skip",
    }


def _marks(origin: Origin, shown: Sequence[Placed]) -> dict[str, Any]:
    """Of one origin, which the plot's legend names."""
    own = [(row, place) for row, place in shown if row.origin == origin]
    return {
        "type": "scatter",
        "name": origin,
        "x": [user for _, (user, _) in own],
        "y": [system for _, (_, system) in own],
        "text": _labels(own, shown),
        "textposition": [_side(user, shown) for _, (user, _) in own],
        "hovertext": [f"{escape(row.short)}<br>{_words(row)}" for row, _ in own],
        "hovertemplate": "%{hovertext}<br>%{x:.1f} tokens/s per user, %{y:.1f} in all<extra></extra>",
        "marker": {
            "symbol": [SYMBOLS[origin][_standing(row)] for row, _ in own],
            "color": COLOURS[list(SYMBOLS).index(origin)],
            "size": 10,
        },
        "cliponaxis": False,
        "showlegend": True,
    }


def _labels(own: Sequence[Placed], shown: Sequence[Placed]) -> list[str]:
    """Names; of points whose names would lie over each other, below each other at the first of them."""
    user_span, system_span = (max(place[axis] for _, place in shown) or 1.0 for axis in (0, 1))
    anchors: list[tuple[float, float]] = []
    named: list[list[str]] = []
    for row, (user, system) in own:
        near = (
            i
            for i, (x, y) in enumerate(anchors)
            if abs(user - x) < NEAR[0] * user_span and abs(system - y) < NEAR[1] * system_span
        )
        at = next(near, len(anchors))
        anchors.append((user, system) if at == len(anchors) else (math.inf, math.inf))
        named.append([])
        named[at].append(escape(row.short))
    return ["<br>".join(names) for names in named]


def _side(user: float, shown: Sequence[Placed]) -> str:
    """Where a name stays within the plot, and beside a line that falls."""
    return "bottom left" if 2 * user > max(other for _, (other, _) in shown) else "top right"


def _table(shown: Sequence[Placed], line: Sequence[tuple[float, float]], heading: str) -> Table:
    rows = tuple(
        (row.short, f"{at[0]:.2f}", f"{at[1]:.2f}", _words(row), "yes" if at in line else "no") for row, at in shown
    )
    return Table("Throughput against speed", (heading, *HEADS, "standing", "on the frontier"), rows)


def _standing(row: Row) -> Standing:
    """The worse of the two numbers that make its place."""
    standings = {row.standing_of("median_tpot_ms"), row.standing_of("output_throughput")}
    return next(standing for standing in ("INVALID", "SUSPECT", "VALID") if standing in standings)


def _words(row: Row) -> str:
    """The standing of its place, behind an origin that is not our own measuring."""
    standing = _standing(row)
    return standing if row.origin == "measured" else f"{row.origin} {standing}"


def _place(row: Row) -> tuple[float, float] | None:
    """Tokens/s per user, and of the system."""
    tpot, throughput = row.values.get("median_tpot_ms"), row.values.get("output_throughput")
    return None if tpot is None or throughput is None or not tpot.median else (1000 / tpot.median, throughput.median)
