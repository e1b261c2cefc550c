"""What came back over time: gaps between tokens, tokens per second, requests at once."""

import numpy as np

from thorexp.html.kept_run import KeptRun
from thorexp.html.panels import Panel, line
from thorexp.html.thinning import line_of, scale_of, short
from thorexp.measure.curves import in_flight, tokens_per_s
from thorexp.measure.records import RunRecord
from thorexp.measure.signals import Series

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
BINS = 150
POINTS = 300
COUNTED = ("running", "waiting")  # by the server


def gaps(run: RunRecord) -> Panel | None:
    """ITL, median and largest of each of BINS equal parts of the run, at the end of the gap; absent without a gap."""
    records = [record for record in run.requests if record.ok and record.streamed and len(record.token_ns) > 1]
    if not records or run.end_ns <= run.start_ns:
        return None
    stamps = [np.array(record.token_ns, dtype=np.int64) for record in records]
    ends = np.concatenate([each[1:] for each in stamps]) - run.start_ns
    gaps_ms = np.concatenate([np.diff(each) for each in stamps]) / NS_PER_MS
    bins = np.clip(ends * BINS // (run.end_ns - run.start_ns), 0, BINS - 1)
    order = np.argsort(bins, kind="stable")
    parts = np.split(gaps_ms[order], np.searchsorted(bins[order], np.arange(1, BINS)))
    medians, largest = ([float(of(part)) if len(part) else None for part in parts] for of in (np.median, np.max))
    step_s = (run.end_ns - run.start_ns) / BINS / NS_PER_S
    even = {"x0": float(f"{step_s / 2:.6g}"), "dx": float(f"{step_s:.6g}")}
    lines = (
        line("median", 0, y=_short(medians), **even),
        line("largest", 1, y=_short(largest), **even),
    )
    known = [value for value in (*medians, *largest) if value is not None]
    return Panel("gap between tokens (ITL), ms", lines, yaxis={"type": scale_of(known)} | _from_0(known))


def output(run: RunRecord) -> Panel | None:
    """Output tokens/s, of each second or of as many as make BINS of them; absent of a run of less than one."""
    each_second = np.array(tokens_per_s(run).values)
    if not len(each_second):
        return None
    width = -(-len(each_second) // BINS)
    means = [float(each_second[first : first + width].mean()) for first in range(0, len(each_second), width)]
    name = "each second" if width == 1 else f"mean of {width} s"
    steps = {"x0": 0, "dx": width, "y": short((*means, means[-1]))}  # the last step has an end
    return Panel("output, tokens/s", (_stepped(line(name, 0, **steps)),))


def at_once(run: KeptRun) -> Panel | None:
    """Requests in flight, as the client sees it, running and waiting, as the server does; absent without any."""
    told = {"in flight": in_flight(run.played)}
    for word in COUNTED:
        told[f"{word} in the server"] = run.telemetry.signals.get(f"server.{word}", Series((), ()))
    lines = tuple(
        _stepped(line(name, place, **line_of(series, POINTS, run.played.start_ns, run.shown_ns)))
        for place, (name, series) in enumerate(told.items())
        if series.ns
    )
    return Panel("requests at once", lines) if lines else None


def _stepped(trace: dict[str, object]) -> dict[str, object]:
    """Whose value holds until the next."""
    look = trace["line"]
    assert isinstance(look, dict)
    return trace | {"line": look | {"shape": "hv"}}


def _short(values: list[float | None]) -> list[float | None]:
    return [None if value is None else short([value])[0] for value in values]


def _from_0(values: list[float]) -> dict[str, str]:
    return {} if scale_of(values) == "log" else {"rangemode": "tozero"}
