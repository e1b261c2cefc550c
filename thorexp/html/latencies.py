"""How TTFT, TPOT, ITL and E2EL were spread."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thorexp.html.blocks import Figure, Table
from thorexp.html.panels import DASHES, LINES, TOTAL, Trace, nth, titled
from thorexp.html.thinning import scale_of, short, told
from thorexp.measure.metrics import e2el_ns, itl_ns, tpot_ns, ttft_ns
from thorexp.measure.records import RequestRecord, RunRecord
from thorexp.measure.stats import supports
from thorexp.measure.verdict import MARKS, Verdict

NS_PER_MS = 1_000_000
QUANTILES = 200
HEIGHT_PX = 540
SHOWN = (50, 90, 99)  # percentiles in the table
MARKED = ((50, "circle"), (99, "diamond"))  # and in the plot, by their symbols
PLACES = ((0.0, 0.56), (0.56, 0.56), (0.0, 0.0), (0.56, 0.0))  # left and bottom of each panel
WIDTH = 0.44
ABSENT = "-"
NAMES = ("TTFT", "TPOT", "ITL", "E2EL")
WHAT = "The share of requests (of gaps between tokens for ITL) that took at most so long."

Sample = NDArray[np.float64]  # ascending, in ms
Samples = dict[str, Sample]


def latencies(run: RunRecord, verdict: Verdict | None) -> Figure | None:
    """Of all successes of the run; absent without any."""
    samples = _samples(run.requests)
    if not samples:
        return None
    traces = [trace for place, (name, sample) in enumerate(samples.items()) for trace in _traces(name, sample, place)]
    return Figure(
        "Latency distributions",
        f"{WHAT} {_words(samples)}",
        tuple(traces),
        _layout(samples, {name: f"% of {len(sample):,} {_of(name)}" for name, sample in samples.items()}),
        HEIGHT_PX,
        _table(samples, verdict),
    )


def latencies_beside(runs: Mapping[str, RunRecord]) -> Figure | None:
    """Of several runs by their names, each panel with a curve of each; absent where they have no latency in common."""
    of_runs = {run: _samples(record.requests) for run, record in runs.items()}
    names = [name for name in NAMES if of_runs and all(name in samples for samples in of_runs.values())]
    if not names:
        return None
    pooled = {name: np.sort(np.concatenate([samples[name] for samples in of_runs.values()])) for name in names}
    return Figure(
        "Latency distributions",
        f"{WHAT} {' '.join(f'{run}: {_words(samples)}' for run, samples in of_runs.items())}",
        tuple(
            _beside(_curve(name, samples[name], place), run, number)
            for number, (run, samples) in enumerate(of_runs.items())
            for place, name in enumerate(names)
        ),
        _layout(pooled, {name: f"% of {_of(name)}" for name in names})
        | {"showlegend": True, "legend": {"orientation": "h", "y": 1.08, "yanchor": "bottom"}},
        HEIGHT_PX,
    )


def _beside(curve: Trace, run: str, number: int) -> Trace:
    """Told from other runs by colour and dashes; in the legend once, by the first panel."""
    look = {"color": LINES[number % len(LINES)], "dash": DASHES[number % len(DASHES)], "width": 2}
    return {**curve, "name": run, "legendgroup": run, "showlegend": curve["xaxis"] == "x", "line": look}


def _samples(requests: Sequence[RequestRecord]) -> Samples:
    """By name; none without a value."""
    good = [record for record in requests if record.ok]
    found = {
        "TTFT": _in_ms(map(ttft_ns, good)),
        "TPOT": _in_ms(map(tpot_ns, good)),
        "ITL": _in_ms(gap for record in good for gap in itl_ns(record)),
        "E2EL": _in_ms(map(e2el_ns, good)),
    }
    return {name: sample for name, sample in found.items() if len(sample)}


def _in_ms(sample: Iterable[float | None]) -> Sample:
    return np.sort(np.array([ns for ns in sample if ns is not None], dtype=np.float64)) / NS_PER_MS


def _curve(name: str, sample: Sample, place: int) -> Trace:
    """The distribution, as at most QUANTILES + 1 of its quantiles at even distances."""
    count = min(len(sample), QUANTILES + 1)
    return {
        "type": "scatter",
        "mode": "lines" if count > 1 else "markers",
        "name": name,
        "x": short(_percentiles(sample, np.linspace(0, 100, count).tolist())),
        "y0": 0,
        "dy": 100 / max(count - 1, 1),
        "line": {"color": LINES[0], "width": 2},
        "hovertemplate": "%{y:.3g} % in %{x:.4g} ms",
        **_axes(place),
    }


def _traces(name: str, sample: Sample, place: int) -> list[Trace]:
    """The distribution, and what is marked of it."""
    marked = [(p, symbol) for p, symbol in MARKED if supports(len(sample), p)]
    marks = {
        "type": "scatter",
        "mode": "markers+text",
        "name": name,
        "x": short(_percentiles(sample, [p for p, _ in marked])),
        "y": [p for p, _ in marked],
        "text": [f"P{p}" for p, _ in marked],
        "textposition": "bottom right",
        "cliponaxis": False,
        "marker": {"color": TOTAL, "size": 9, "symbol": [symbol for _, symbol in marked]},
        "hovertemplate": "%{text} %{x:.4g} ms",
        **_axes(place),
    }
    return [_curve(name, sample, place), *([marks] if marked else [])]


def _axes(place: int) -> dict[str, Any]:
    return {"xaxis": f"x{nth(place + 1)}", "yaxis": f"y{nth(place + 1)}", "showlegend": False}


def _percentiles(sample: Sample, percents: Sequence[float]) -> list[float]:
    return [float(value) for value in np.percentile(sample, percents)] if percents else []


def _layout(samples: Samples, shares: Mapping[str, str]) -> dict[str, Any]:
    """`shares`: of what, by name."""
    layout: dict[str, Any] = {"annotations": [], "margin": {"t": 35, "b": 45}, "showlegend": False}
    for place, ((name, sample), (left, bottom)) in enumerate(zip(samples.items(), PLACES, strict=False), start=1):
        domain = {"domain": [left, round(left + WIDTH, 4)], "anchor": f"y{nth(place)}"}
        scale = scale_of((sample[0], sample[-1]))
        layout[f"xaxis{nth(place)}"] = domain | {"type": scale} | ({} if scale == "log" else {"rangemode": "tozero"})
        layout[f"yaxis{nth(place)}"] = {
            "domain": [bottom, bottom + WIDTH],
            "anchor": f"x{nth(place)}",
            "range": [0, 103],
        }
        layout["annotations"].append(titled(f"{name} in ms, {shares[name]}", bottom + WIDTH, left))
    return layout


def _of(name: str) -> str:
    return "gaps" if name == "ITL" else "requests"


def _words(samples: Samples) -> str:
    """The medians, and P99 where there are values enough."""
    return " ".join(f"{name}: {', '.join(_marks(sample))}." for name, sample in samples.items())


def _marks(sample: Sample) -> list[str]:
    marks = [f"P{p} {told(np.percentile(sample, p))} ms" for p, _ in MARKED if supports(len(sample), p)]
    return marks or [f"{told(sample[0])} to {told(sample[-1])} ms, too few for a percentile"]


def _table(samples: Samples, verdict: Verdict | None) -> Table:
    heads = ("in ms", "least", *(f"P{p}" for p in SHOWN), "most", "of")
    return Table("Latencies", heads, tuple(_row(name, sample, verdict) for name, sample in samples.items()))


def _row(name: str, sample: Sample, verdict: Verdict | None) -> tuple[str, ...]:
    """A percentile that so many values do not support is absent; what may not be believed is marked."""
    shares = (
        _marked(told(np.percentile(sample, p)), f"p{p}_{name.lower()}_ms", verdict)
        if supports(len(sample), p)
        else ABSENT
        for p in SHOWN
    )
    return (name, told(sample[0]), *shares, told(sample[-1]), f"{len(sample):,}")


def _marked(number: str, key: str, verdict: Verdict | None) -> str:
    return number if verdict is None else f"{number} {MARKS[verdict.of(key)]}".rstrip()
