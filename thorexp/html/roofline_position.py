"""How near a run came to what its hardware can do."""

from collections.abc import Iterator, Mapping
from typing import Any

from thorexp.html.blocks import Figure, Table
from thorexp.html.panels import GREY, LINES, Trace, titled
from thorexp.html.thinning import short, told
from thorexp.measure.limits import Against, Utilization
from thorexp.measure.position import Position, Work, from_json

TERA = 1e12
HEIGHT_PX = 330
SHARES_PX = 150  # without a roofline beside them
DRAWN = 0.42  # of the width, where there is one


def roofline_position(summary: Mapping[str, Any]) -> Figure | None:
    """Of a summary.json; absent where neither utilization nor limits are known."""
    used = Utilization(**summary.get("utilization") or {})
    place = from_json(summary["position"]) if summary.get("position") else None
    shares = tuple(_shares(used))
    roofs = () if place is None else tuple(_roofline(place))
    if not shares and not roofs:
        return None
    return Figure(
        "Roofline position",
        " ".join(_words(shares, place)),
        (_bars(shares), *roofs),
        _layout(bool(roofs)),
        HEIGHT_PX if roofs else SHARES_PX,
        _table(place),
    )


def _shares(used: Utilization) -> Iterator[tuple[str, float]]:
    """In %, by name."""
    named = (
        ("prefill, MFU", used.mfu),
        ("decode, MBU", used.mbu),
        ("decode, MBU if experts are even", used.mbu_uniform),
    )
    return ((name, 100 * share) for name, share in named if share is not None)


def _bars(shares: tuple[tuple[str, float], ...]) -> Trace:
    return {
        "type": "bar",
        "orientation": "h",
        "x": short(share for _, share in shares),
        "y": [name for name, _ in shares],
        "text": [f"{share:.3g} %" for _, share in shares],
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": LINES[0]},
        "hovertemplate": "%{y} %{x:.3g} %<extra></extra>",
        "showlegend": False,
    }


def _roofline(place: Position) -> Iterator[Trace]:
    """The roof, then what lies below it; nothing where the board's figures or the work are not known."""
    peak, bandwidth = place.peak_flops_s, place.bandwidth_bytes_s
    works = [(name, work) for name, work in (("prefill", place.prefill), ("decode", place.decode)) if work is not None]
    if peak is None or bandwidth is None or not works:
        return
    ridge = peak / bandwidth
    ends = (
        min(ridge, *(work.intensity for _, work in works)) / 4,
        ridge,
        max(ridge, *(w.intensity for _, w in works)) * 4,
    )
    roof = [min(peak, bandwidth * end) / TERA for end in ends]
    beside = {"type": "scatter", "xaxis": "x2", "yaxis": "y2"}
    look = {"mode": "lines", "line": {"color": GREY, "width": 3}, "hovertemplate": "%{y:.3g} TFLOP/s"}
    yield {**beside, **look, "name": "the board's limit", "x": short(ends), "y": short(roof)}
    for (name, work), symbol, colour in zip(works, ("circle", "diamond"), LINES, strict=False):
        yield {**beside, **_point(work, symbol, colour), "name": name}


def _point(work: Work, symbol: str, colour: str) -> Trace:
    return {
        "mode": "markers",
        "x": short([work.intensity]),
        "y": short([work.flops_s / TERA]),
        "marker": {"symbol": symbol, "size": 11, "color": colour},
        "hovertemplate": "%{x:.3g} FLOP/byte, %{y:.3g} TFLOP/s",
    }


def _layout(has_roofline: bool) -> dict[str, Any]:
    width = DRAWN if has_roofline else 1.0
    layout: dict[str, Any] = {
        "xaxis": {"domain": [0, width], "range": [0, 118], "title": {"text": "% of the board's limit"}},
        "yaxis": {"autorange": "reversed", "automargin": True},
        "margin": {"t": 30, "b": 50},
    }
    if not has_roofline:
        return layout
    return layout | {
        "xaxis2": {
            "domain": [0.55, 1],
            "anchor": "y2",
            "type": "log",
            "dtick": 1,
            "title": {"text": "FLOP per byte moved"},
        },
        "yaxis2": {"anchor": "x2", "type": "log", "dtick": 1},
        "annotations": [titled("TFLOP/s", 1.0, 0.55)],
        "legend": {"x": 1, "xanchor": "right", "y": 0.02, "yanchor": "bottom"},
    }


def _words(shares: tuple[tuple[str, float], ...], place: Position | None) -> Iterator[str]:
    yield from (f"{name}: {share:.3g} % of the limit." for name, share in shares)
    for each in () if place is None else place.against:
        yield f"{each.what} {told(each.measured_ms)} ms, {_times(each)} the least possible {told(each.limit.ms)} ms."


def _table(place: Position | None) -> Table | None:
    if place is None or not place.against:
        return None
    rows = tuple(
        (each.what, told(each.measured_ms), told(each.limit.ms), _times(each), each.limit.why) for each in place.against
    )
    return Table("Beside the least possible", ("in ms", "measured", "at least", "times", "which is"), rows)


def _times(each: Against) -> str:
    return f"{each.measured_ms / each.limit.ms:.3g} times"
