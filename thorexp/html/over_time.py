"""A run over time: what was asked, what came back, and how the machine fared."""

from collections.abc import Iterator

from thorexp.html.blocks import Figure
from thorexp.html.kept_run import KeptRun
from thorexp.html.panels import Panel, stacked, upright
from thorexp.html.sensors import sensor_table, sensors
from thorexp.html.spans import ROWS, spans
from thorexp.html.streams import at_once, gaps, output
from thorexp.html.thinning import told

NS_PER_S = 1_000_000_000


def over_time(run: KeptRun) -> Figure:
    """All of it, the rest before the load too, over one axis of seconds, on which the load begins at 0."""
    zero_ns, (start_ns, end_ns) = run.played.start_ns, run.shown
    data, layout, height_px = stacked(tuple(_panels(run)))
    start_s, load_s = (start_ns - zero_ns) / NS_PER_S, (end_ns - zero_ns) / NS_PER_S
    layout["xaxis"] |= {"range": [start_s, load_s], "title": {"text": "s since the start of the load"}}
    layout["shapes"] = [upright(0), upright(load_s), *(upright(begin_s, "dot") for _, begin_s in _stages(run))]
    layout |= {"barmode": "stack", "bargap": 0, "hovermode": "closest"}
    return Figure("Over time", " ".join(_words(run)), data, layout, height_px, sensor_table(run))


def _panels(run: KeptRun) -> Iterator[Panel]:
    yield spans(run.played.requests, run.played.start_ns, run.shown_ns)
    yield from (panel for panel in (gaps(run.played), output(run.played), at_once(run)) if panel is not None)
    yield from sensors(run)


def _stages(run: KeptRun) -> list[tuple[str, float]]:
    """With their begin in s."""
    return [(name, (begin_ns - run.played.start_ns) / NS_PER_S) for name, begin_ns in run.stages]


def _words(run: KeptRun) -> Iterator[str]:
    requests = run.played.requests
    failed = sum(not record.ok for record in requests)
    load_s = (run.played.end_ns - run.played.start_ns) / NS_PER_S
    ends = f"{failed:,} failed, each marked by a cross" if failed else "none failed"
    what = "request" if len(requests) == 1 else "requests"
    yield f"{len(requests):,} {what} in {told(load_s)} s; {ends}."
    if len(requests) > ROWS:
        yield f"{ROWS} of them are drawn, evenly chosen."
    yield (
        "Each is a row from when it was due: the time that the client held it back, that until its first token, "
        "which is the server's queue and its prefill, then its decode."
    )
    if run.stages:
        yield f"Stages: {', '.join(f'{name} from {begin_s:.3g} s' for name, begin_s in _stages(run))}, at dotted lines."
    if run.idle is not None:
        yield f"Before the load the machine rested for {(run.idle[1] - run.idle[0]) / NS_PER_S:.3g} s."
    if run.power is not None:
        mean = run.power.series.within(run.played.start_ns, run.played.end_ns).mean
        yield "" if mean is None else f"Meanwhile the {run.power.scope} drew {mean:.3g} W on average."
