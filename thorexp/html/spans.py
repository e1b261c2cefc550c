"""Requests over time, one row each."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from thorexp.html.panels import GREY, LINES, TOTAL, Panel, Trace
from thorexp.html.thinning import seconds
from thorexp.measure.records import RequestRecord

ROWS = 300
HEIGHT_PX = 260
# A bar that is not seen: plotly stacks bars, and does not stack those that begin elsewhere than at 0.
UNSEEN = "rgba(0,0,0,0)"
PARTS = (("held back by the client", GREY), ("until the first token", LINES[1]), ("decode", LINES[0]))


def chosen(requests: Sequence[RequestRecord]) -> tuple[RequestRecord, ...]:
    """In the order in which they were due, at most ROWS of them, evenly."""
    order = sorted(requests, key=lambda record: (record.scheduled_ns, record.index))
    places = np.linspace(0, len(order) - 1, min(len(order), ROWS)).round().astype(int).tolist()
    return tuple(order[place] for place in places)


def spans(requests: Sequence[RequestRecord], zero_ns: int, span_ns: int) -> Panel:
    """Each from when it was due, from left to right: held back, until its first token, decode. A cross: it failed.

    What is known of an answer that came in one piece is when it was whole.
    """
    shown = chosen(requests)
    rows = {"y0": 0, "dy": max(1.0, round(len(requests) / max(len(shown), 1), 3))}
    stamps = [_stamps(record) for record in shown]
    lengths = zip(*([after - before for before, after in pairwise(each)] for each in stamps), strict=True)
    bars = [
        _bar(name, colour, seconds(length, 0, span_ns), rows)
        for (name, colour), length in zip(PARTS, lengths, strict=True)
    ]
    start = _bar("", UNSEEN, seconds((each[0] for each in stamps), zero_ns, span_ns), rows)
    failed = [(place, record) for place, record in enumerate(shown) if not record.ok]
    crosses = [_crosses(failed, zero_ns, span_ns, rows["dy"])] if failed else []
    title = "requests" if len(shown) == len(requests) else f"requests, {len(shown)} of {len(requests):,}"
    hidden = {"showlegend": False, "hoverinfo": "skip", "hovertemplate": None}
    return Panel(title, (start | hidden, *bars, *crosses), HEIGHT_PX, {"autorange": "reversed", "zeroline": False})


def _stamps(record: RequestRecord) -> tuple[int, int, int, int]:
    """Due, sent, first token, last; what never came is where it was last heard of."""
    sent = record.released_ns if record.sent_ns is None else record.sent_ns
    first, last = (record.token_ns[0], record.token_ns[-1]) if record.token_ns else (sent, sent)
    return record.scheduled_ns, sent, first, last


def _bar(name: str, colour: str, lengths: Sequence[float], rows: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": lengths,
        **rows,
        "marker": {"color": colour, "line": {"width": 0}},
        "hovertemplate": "request %{y:.0f}",
    }


def _crosses(failed: Sequence[tuple[int, RequestRecord]], zero_ns: int, span_ns: int, step: float) -> Trace:
    """Where each was last heard of."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "failed",
        "x": seconds((_stamps(record)[-1] for _, record in failed), zero_ns, span_ns),
        "y": [round(place * step, 3) for place, _ in failed],
        "marker": {"symbol": "x", "size": 6, "color": TOTAL},
        "hovertemplate": "request %{y:.0f} failed",
    }
