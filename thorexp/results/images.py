"""A sweep's plots as PNG files, for where no page can be opened: MLflow, an issue, a blog."""

from collections.abc import Mapping, Sequence
from html import unescape
from io import BytesIO
from typing import TYPE_CHECKING, Any

from thorexp.html.blocks import Figure
from thorexp.html.template import COLOURS
from thorexp.measure.verdict import Origin
from thorexp.results.frontier import SYMBOLS, frontier_figure
from thorexp.results.summary import Row, unreal_alone

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

FRONTIER_PNG, POINTS_PNG = "frontier.png", "points.png"
WIDTH_IN, DPI = 8.0, 100  # as wide as MLflow's description, with its assistant beside it
SHOWN_POINTS = 30  # the best; more bars than that cannot be read
# plotly's names of marks in matplotlib's; of "-open" ones only the edge is drawn.
MARKERS = {"circle": "o", "diamond": "D", "square": "s", "x": "x", "cross": "P", "asterisk": "+"}
BARS = (
    ("output_throughput", "output tokens/s"),
    ("median_ttft_ms", "median TTFT, ms"),
    ("median_tpot_ms", "median TPOT, ms"),
)


def images(table: Sequence[Row], heading: str) -> dict[str, bytes]:
    """PNG files by their names; none of a sweep without a number.

    matplotlib, which MLflow brings along, is imported here: it takes most of a second.
    """
    from matplotlib import rc_context

    shown = [row for row in table if any(key in row.values for key, _ in BARS)][:SHOWN_POINTS]
    figure = frontier_figure(table, heading)
    with rc_context({"text.parse_math": False}):  # a "$" of a name is one
        made = {} if figure is None else {FRONTIER_PNG: _png(_frontier(figure))}
        return made | ({POINTS_PNG: _png(_points(shown, len(table)))} if shown else {})


def _frontier(figure: Figure) -> "Canvas":
    """As the page draws it."""
    canvas = _canvas(4.8)
    axes = canvas.add_subplot()
    for trace in figure.data:
        if trace["mode"] == "lines":
            axes.plot(trace["x"], trace["y"], ":", color="black", linewidth=1, label=trace["name"])
        else:
            _marks(axes, trace)
    axes.set(xlabel=figure.layout["xaxis"]["title"]["text"], ylabel=figure.layout["yaxis"]["title"]["text"])
    _names(axes, figure)
    axes.set_xlim(0, 1.2 * axes.dataLim.x1)  # room for names
    axes.set_ylim(0, 1.2 * axes.dataLim.y1)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    canvas.suptitle(figure.title)
    return canvas


def _marks(axes: "Axes", trace: Mapping[str, Any]) -> None:
    """One point at a time, for each has a mark of its own."""
    colour = trace["marker"]["color"]
    for i, (x, y, symbol) in enumerate(zip(trace["x"], trace["y"], trace["marker"]["symbol"], strict=True)):
        kind, filling = symbol.split("-")[0], "none" if symbol.endswith("-open") else colour
        name = trace["name"] if i == 0 else None
        axes.plot(x, y, MARKERS[kind], color=colour, markerfacecolor=filling, markersize=9, label=name)
        if "-x" in symbol:
            axes.plot(x, y, "x", color=colour, markersize=6)


def _names(axes: "Axes", figure: Figure) -> None:
    """Those at one place one above the other."""
    named = (trace for trace in figure.data if trace["mode"] == "markers+text")
    places: dict[tuple[float, float], list[str]] = {}
    for x, y, name in (point for trace in named for point in zip(trace["x"], trace["y"], trace["text"], strict=True)):
        places.setdefault((round(x, 1), round(y, 1)), []).append(unescape(name.replace("<br>", "\n")))
    for place, names in places.items():
        words = "\n".join(names)
        axes.annotate(words, place, xytext=(0, 8), textcoords="offset points", ha="center", fontsize=8)


def _points(shown: Sequence[Row], count: int) -> "Canvas":
    """A bar for each point in each of three columns, the best on top."""
    canvas = _canvas(1.6 + 0.34 * len(shown))
    columns = canvas.subplots(1, len(BARS), sharey=True)
    for axes, (key, heading) in zip(columns, BARS, strict=True):
        for place, row in enumerate(shown):
            _bar(axes, row, key, place)
        axes.set_title(heading, fontsize=10)
        axes.margins(x=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    columns[0].set_yticks(range(len(shown)), [row.short for row in shown], fontsize=8)
    columns[0].invert_yaxis()
    unreal = unreal_alone(shown, "; ")
    left = f"; the best {len(shown)} of {count} points" if len(shown) < count else ""
    canvas.suptitle(f"{unreal}filled bars are VALID, hollow ones SUSPECT, hatched ones INVALID{left}", fontsize=10)
    return canvas


def _bar(axes: "Axes", row: Row, key: str, place: int) -> None:
    value = row.values.get(key)
    if value is None:
        return
    standing, colour = row.standing_of(key), _colour(row.origin)
    (bar,) = axes.barh(place, value.median, 0.7, edgecolor=colour, facecolor=colour if standing == "VALID" else "none")
    bar.set_hatch("///" if standing == "INVALID" else "")
    axes.annotate(f" {_digits(value.median)}", (value.median, place), va="center", fontsize=8)


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 1000 else f"{value:.4g}"


def _colour(origin: Origin) -> str:
    return COLOURS[list(SYMBOLS).index(origin)]


def _canvas(height_in: float) -> "Canvas":
    from matplotlib.figure import Figure as Canvas

    return Canvas(figsize=(WIDTH_IN, height_in), dpi=DPI, layout="constrained")


def _png(canvas: "Canvas") -> bytes:
    """The same bytes whenever it is drawn, without any display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(canvas)
    file = BytesIO()
    canvas.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()
