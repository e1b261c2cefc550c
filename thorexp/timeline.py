"""A run over time, as one HTML page that opens without a network."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from thorexp.measure.curves import extremes, in_flight, tokens_per_s
from thorexp.measure.power import Power
from thorexp.measure.records import RunRecord
from thorexp.measure.signals import Series, Telemetry

NS_PER_S = 1_000_000_000
LINE_POINTS = 2_000  # about as many as a screen has columns
PAGE_POINTS = 50_000  # of all lines: 0.6 MB, beside the 4.8 MB of plotly itself
PANEL_PX, TITLE_PX, EDGE_PX = 200, 45, 90
TOTAL_COLOUR = "#000000"
# Okabe and Ito's, which the colour-blind tell apart too, without the yellow that white swallows.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
DASHES = ("solid", "dot", "dash", "dashdot")
SOURCES = ("hwmon", "tegrastats", "nvml", "rapl", "thermal")  # what two of them read is shown of the first
PANELS = (  # title, and the signals that are in it
    ("KV cache in use, %", r"server\.kv_cache_percent"),
    ("utilisation, %", r"(?!server\.).*_percent"),
    ("clock, MHz", r".*_mhz"),
    ("memory in use, GB", r".*_gb"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One curve. `stepped`: a value holds until the next; `total`: what the others of its panel are parts of."""

    name: str
    series: Series
    stepped: bool = False
    total: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines in one unit. `from_0`: whether its axis has to show where nothing is."""

    title: str
    lines: tuple[Line, ...]
    from_0: bool = True


def timeline(title: str, run: RunRecord, telemetry: Telemetry, power: Power | None, start_ns: int, end_ns: int) -> str:
    """[start, end] in panels over one axis of seconds, on which the load begins at 0; only panels that have data.

    `power`: the result's, drawn thick. Lines of many samples show the least and the most of each stretch.
    """
    from plotly.subplots import make_subplots

    shown_power = None if power is None else replace(power, series=power.series.within(start_ns, end_ns))
    panels = _panels(run, telemetry.within(start_ns, end_ns), shown_power)
    rows = max(len(panels), 1)
    height = rows * (PANEL_PX + TITLE_PX) + EDGE_PX
    points = min(LINE_POINTS, PAGE_POINTS // max(sum(len(panel.lines) for panel in panels), 1))
    plot = make_subplots(
        rows,
        1,
        shared_xaxes=True,
        vertical_spacing=TITLE_PX / height,
        subplot_titles=[panel.title for panel in panels],
    )
    for row, panel in enumerate(panels, start=1):
        for place, line in enumerate(panel.lines):
            plot.add_trace(_trace(line, place, run.start_ns, points, f"legend{row}"), row=row, col=1)
        top = plot.get_subplot(row, 1).yaxis.domain[1]
        plot.update_layout({f"legend{row}": {"y": top, "yanchor": "top"}})
        plot.update_yaxes(rangemode="tozero" if panel.from_0 else "normal", row=row, col=1)
    for ns in (run.start_ns, run.end_ns):
        plot.add_vline(_since(run.start_ns, ns), line={"color": "#999999", "width": 1})
    plot.update_xaxes(range=[_since(run.start_ns, start_ns), _since(run.start_ns, end_ns)], showticklabels=True)
    plot.update_xaxes(title="s since the start of the load", row=rows, col=1)
    plot.update_layout(title=title, height=height, template="plotly_white", hovermode="x")
    return str(plot.to_html(include_plotlyjs=True, full_html=True))


def _panels(run: RunRecord, shown: Telemetry, power: Power | None) -> list[Panel]:
    words = ("running", "waiting")
    server = [Line(f"{word} in the server", _signal(shown, f"server.{word}"), stepped=True) for word in words]
    panels = [
        Panel("requests", (Line("in flight", in_flight(run), stepped=True), *server)),
        Panel("output, tokens/s", (Line("each second", _held_for_1_s(tokens_per_s(run)), stepped=True),)),
        Panel("power, W", (*_total(power), *_lines(shown, r".*_w", power))),
        Panel("temperature, °C", tuple(_lines(shown, r".*_c")), from_0=False),
        *(Panel(title, tuple(_lines(shown, pattern))) for title, pattern in PANELS),
    ]
    filled = [replace(panel, lines=tuple(line for line in panel.lines if line.series.ns)) for panel in panels]
    return [panel for panel in filled if panel.lines]


def _total(power: Power | None) -> Iterator[Line]:
    if power is not None:
        yield Line(f"{power.scope} ({power.source})", power.series, total=True)


def _held_for_1_s(series: Series) -> Series:
    """With an end to its last step."""
    return Series((*series.ns, series.ns[-1] + NS_PER_S), (*series.values, series.values[-1])) if series.ns else series


def _signal(shown: Telemetry, name: str) -> Series:
    return shown.signals.get(name, Series((), ()))


def _lines(shown: Telemetry, pattern: str, power: Power | None = None) -> Iterator[Line]:
    """The signals of that pattern; of what two sources read, the first of SOURCES."""
    names = sorted((name for name in shown.signals if re.fullmatch(pattern, name)), key=_rank)
    first = {name.partition(".")[2]: name for name in reversed(names)}
    shown_as_total = None if power is None else power.source
    return (Line(name, shown.signals[name]) for name in names if name in first.values() and name != shown_as_total)


def _rank(name: str) -> tuple[int, str]:
    source = name.partition(".")[0]
    return (SOURCES.index(source) if source in SOURCES else len(SOURCES), name)


def _trace(line: Line, place: int, zero_ns: int, points: int, legend: str) -> dict[str, Any]:
    """As plotly's; 32-bit floats, which it writes in 4 bytes, resolve 1 ms within the first two hours."""
    series = extremes(line.series, points)
    colour, dash = COLOURS[place % len(COLOURS)], DASHES[place // len(COLOURS) % len(DASHES)]
    thick = {"color": TOTAL_COLOUR, "width": 3}
    return {
        "type": "scatter",
        "mode": "lines",
        "name": line.name,
        "x": np.array([_since(zero_ns, ns) for ns in series.ns], dtype=np.float32),
        "y": np.array(series.values, dtype=np.float32),
        "line": (thick if line.total else {"color": colour, "width": 1.3, "dash": dash})
        | {"shape": "hv" if line.stepped else "linear"},
        "legend": legend,
        "hovertemplate": "%{y:.4g}",
    }


def _since(zero_ns: int, ns: int) -> float:
    return (ns - zero_ns) / NS_PER_S
