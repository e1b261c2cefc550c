"""What an output token costs in energy at each point of a sweep, as a plot."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from thorexp.html.blocks import Figure, Table
from thorexp.html.template import COLOURS
from thorexp.measure.verdict import WORSE, Standing
from thorexp.results.entry import ENERGY, Entry
from thorexp.results.files import give_or_take

MOST = 40  # bars that can be told apart; the table has all
BAR_PX, EDGE_PX = 26, 110
HATCHES: Mapping[Standing, str] = {"VALID": "", "SUSPECT": "/", "INVALID": "x"}
UNIT = "J per output token"


def energy_figure(entries: Sequence[Entry], heading: str) -> Figure | None:
    """The points by rising energy per output token, those of which it is known; absent without any."""
    known = sorted((each for each in entries if ENERGY in each.values), key=lambda each: each.values[ENERGY].median)
    if not known:
        return None
    shown = known[:MOST]
    cut = "" if len(shown) == len(known) else f" The {MOST} lowest of {len(known)}; the table has all."
    return Figure(
        title="Energy per output token",
        description=f"Joules of the load over its output tokens, by point: less is better. A hatched bar is SUSPECT, "
        f"a crossed one INVALID. Joules of different meters do not compare.{cut}",
        data=tuple(_bars(standing, shown) for standing in WORSE if any(_standing(e) == standing for e in shown)),
        layout={
            "xaxis": {"title": {"text": UNIT}, "rangemode": "tozero"},
            "yaxis": {
                "type": "category",
                "categoryorder": "array",
                "categoryarray": [escape(each.row.short) for each in reversed(shown)],
                "dtick": 1,
            },
            "barmode": "overlay",
            "showlegend": True,
            "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0.0},
        },
        height_px=len(shown) * BAR_PX + EDGE_PX,
        table=_table(known, heading),
    )


def _bars(standing: Standing, shown: Sequence[Entry]) -> dict[str, Any]:
    own = [each for each in shown if _standing(each) == standing]
    return {
        "type": "bar",
        "orientation": "h",
        "name": standing,
        "x": [each.values[ENERGY].median for each in own],
        "y": [escape(each.row.short) for each in own],
        "marker": {"color": COLOURS[WORSE.index(standing)], "pattern": {"shape": HATCHES[standing]}},
        "hovertemplate": "%{y}<br>%{x:.3g} J<extra></extra>",
    }


def _table(known: Sequence[Entry], heading: str) -> Table:
    rows = tuple(
        (each.row.short, give_or_take(each.values[ENERGY]), each.said.get("power_of", "-"), _standing(each))
        for each in known
    )
    links = tuple(each.anchor for each in known)
    return Table("Energy per output token", (heading, UNIT, "power of", "standing"), rows, links)


def _standing(entry: Entry) -> Standing:
    return entry.row.standing_of(ENERGY)
