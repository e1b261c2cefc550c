"""What was sampled over time: power, heat, clocks, memory, as panels."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

from thorexp.html.blocks import Table
from thorexp.html.kept_run import KeptRun
from thorexp.html.panels import TOTAL, Panel, line
from thorexp.html.thinning import line_of, told
from thorexp.measure.signals import Series

LINE_POINTS = 300
PANEL_POINTS = 2_000  # of all lines together; a line has FEWEST at least
FEWEST = 60
SOURCES = ("hwmon", "tegrastats", "nvml", "rapl", "thermal")  # what two of them read is shown of the first
PANELS = (  # title, and the signals that are in it
    ("KV cache in use, %", r"server\.kv_cache_percent"),
    ("power, W", r".*_w"),
    ("temperature, °C", r".*_c"),
    ("utilisation, %", r"(?!server\.).*_percent"),
    ("clock, MHz", r".*_mhz"),
    ("memory in use, GB", r".*_gb"),
)
FROM_ANY = ("temperature, °C",)  # whose axis need not show where nothing is


@dataclass(frozen=True, slots=True)
class _Line:
    """`is_total`: what the others of its panel are parts of."""

    name: str
    series: Series
    is_total: bool = False


def sensors(run: KeptRun) -> tuple[Panel, ...]:
    """Only those that have data; the total power is thick."""
    lines = _lines(run)
    count = sum(len(each) for each in lines.values())
    points = min(LINE_POINTS, max(FEWEST, PANEL_POINTS // max(count, 1)))
    return tuple(_panel(title, each, run, points) for title, each in lines.items())


def sensor_table(run: KeptRun) -> Table | None:
    """Least, mean and most of each line during the load; absent where nothing was sampled in it."""
    start_ns, end_ns = run.played.start_ns, run.played.end_ns
    rows = tuple(
        (f"{each.name}, {title.rpartition(', ')[2]}", *_summed(series))
        for title, lines in _lines(run).items()
        for each in lines
        if (series := each.series.within(start_ns, end_ns)).ns
    )
    return Table("Sampled during the load", ("", "least", "mean", "most"), rows) if rows else None


def _panel(title: str, lines: tuple[_Line, ...], run: KeptRun, points: int) -> Panel:
    traces = []
    for place, each in enumerate(lines):
        trace = line(each.name, place, **line_of(each.series, points, run.played.start_ns, run.shown_ns))
        traces.append(trace | {"line": {"color": TOTAL, "width": 3.5}} if each.is_total else trace)
    return Panel(title, tuple(traces), yaxis={} if title in FROM_ANY else {"rangemode": "tozero"})


def _lines(run: KeptRun) -> dict[str, tuple[_Line, ...]]:
    """By the title of their panel."""
    found = {title: tuple(each for each in _matching(run, pattern) if each.series.ns) for title, pattern in PANELS}
    if run.power is not None:
        total = _Line(f"{run.power.scope} ({run.power.source})", run.power.series, is_total=True)
        parts = (each for each in found["power, W"] if each.name != run.power.source)
        found["power, W"] = (total, *parts)
    return {title: lines for title, lines in found.items() if lines}


def _matching(run: KeptRun, pattern: str) -> Iterator[_Line]:
    """The signals of that pattern; of what two sources read, the first of SOURCES."""
    signals = run.telemetry.signals
    names = sorted((name for name in signals if re.fullmatch(pattern, name)), key=_rank)
    first = {name.partition(".")[2]: name for name in reversed(names)}
    return (_Line(name, _finite(signals[name])) for name in names if name in first.values())


def _finite(series: Series) -> Series:
    """Without what a sensor told that is no number."""
    if all(map(isfinite, series.values)):
        return series
    kept = [(ns, value) for ns, value in zip(series.ns, series.values, strict=True) if isfinite(value)]
    return Series(tuple(ns for ns, _ in kept), tuple(value for _, value in kept))


def _rank(name: str) -> tuple[int, str]:
    source = name.partition(".")[0]
    return (SOURCES.index(source) if source in SOURCES else len(SOURCES), name)


def _summed(series: Series) -> tuple[str, str, str]:
    mean = sum(series.values) / len(series.values)
    return told(min(series.values)), told(mean), told(max(series.values))
