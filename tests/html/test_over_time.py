"""A run over time, as a figure."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.html.kept import BEGIN, LOAD, a_kept_run, as_drawn, every_s
from tests.records import MS, S, a_failure, a_record
from thorexp.html.blocks import Figure
from thorexp.html.over_time import over_time
from thorexp.measure.records import RequestRecord
from thorexp.measure.signals import Series
from thorexp.rundir import PLAN, RunDir

ONE = a_record(
    scheduled_ns=BEGIN,
    released_ns=BEGIN,
    sent_ns=BEGIN + 100 * MS,
    token_ns=(BEGIN + S // 2, BEGIN + S, BEGIN + 3 * S // 2),
    output_tokens=3,
)
REFUSED = a_failure(index=1, scheduled_ns=BEGIN + S, released_ns=BEGIN + S, sent_ns=BEGIN + S)
VIN = {"hwmon.VIN_w": every_s(20, 90, 80, 85)}


def figure_of(folder: Path, *requests: RequestRecord, **changes: Any) -> Figure:
    return over_time(a_kept_run(folder, *(requests or (ONE,)), **changes))


def traces(figure: Figure) -> dict[str, Any]:
    return {trace["name"]: as_drawn(trace) for trace in figure.data}


def titles(figure: Figure) -> list[str]:
    return [note["text"] for note in figure.layout["annotations"]]


def panel_of(figure: Figure, name: str) -> str:
    """The title of the panel that a trace is in."""
    axes = [key.replace("axis", "") for key in figure.layout if key.startswith("yaxis")]
    return titles(figure)[axes.index(traces(figure)[name]["yaxis"])]


def some(count: int) -> list[RequestRecord]:
    """One each millisecond of a second."""
    return [
        a_record(index=i, scheduled_ns=at, released_ns=at, sent_ns=at, token_ns=(at + MS,))
        for i, at in ((i, BEGIN + i * S // count) for i in range(count))
    ]


def test_a_request_is_a_row_of_three_parts(tmp_path: Path) -> None:
    """Due at 0, held back for 0.1 s, its first token after 0.4 s more, decoded in another second."""
    drawn = traces(figure_of(tmp_path))
    assert ([0], [0.1], [0.4], [1]) == tuple(
        drawn[name]["x"] for name in ("", "held back by the client", "until the first token", "decode")
    )


def test_a_failed_request_is_marked(tmp_path: Path) -> None:
    """In the second row, where it was last heard of."""
    drawn = traces(figure_of(tmp_path, ONE, REFUSED))
    assert ([1], [1]) == (drawn["failed"]["x"], drawn["failed"]["y"])
    assert [1, 0] == drawn["decode"]["x"]


def test_without_a_failure_nothing_is_marked(tmp_path: Path) -> None:
    """Not even in the legend."""
    assert "failed" not in traces(figure_of(tmp_path))


def test_at_most_300_requests_are_drawn_and_it_is_said(tmp_path: Path) -> None:
    """The first and the last among them, at the height of their number."""
    figure = figure_of(tmp_path, *some(1000))
    starts = traces(figure)[""]
    assert (300, 0, 0.999) == (len(starts["x"]), starts["x"][0], starts["x"][-1])
    assert 1000 == pytest.approx(300 * starts["dy"], abs=1)
    assert "300 of them are drawn, evenly chosen." in figure.description
    assert "requests, 300 of 1,000" == titles(figure)[0]


def test_gaps_are_told_at_their_median_and_at_their_largest(tmp_path: Path) -> None:
    """Two of half a second, which end 1 and 1.5 s after the begin: in the parts 75 and 112 of 150."""
    drawn = traces(figure_of(tmp_path))
    assert {75: 500, 112: 500} == {i: ms for i, ms in enumerate(drawn["largest"]["y"]) if ms is not None}
    assert drawn["median"]["y"] == drawn["largest"]["y"]


def test_a_stall_is_in_the_largest_gap_alone(tmp_path: Path) -> None:
    """Two gaps of 10 ms and one of 10.5 ms, and all three in one part."""
    stamps = tuple(BEGIN + ns for ns in (S, S + MS, S + 2 * MS, S + 12 * MS))
    drawn = traces(figure_of(tmp_path, a_record(sent_ns=BEGIN, token_ns=stamps)))
    assert (1, 10) == (drawn["median"]["y"][75], drawn["largest"]["y"][75])


def test_requests_and_tokens_are_drawn_without_any_telemetry(tmp_path: Path) -> None:
    """One request in flight, and a token in the first second and two in the other; the last step has an end."""
    drawn = traces(figure_of(tmp_path))
    assert ([0.1, 1.5], [1, 0]) == (drawn["in flight"]["x"], drawn["in flight"]["y"])
    assert (0, 1, [1, 2, 2]) == tuple(drawn["each second"][key] for key in ("x0", "dx", "y"))


def test_a_long_run_is_told_in_means_of_several_seconds(tmp_path: Path) -> None:
    """301 s are more than 2 · 150, so three at a time."""
    stamps = tuple(BEGIN + i * S for i in range(301))
    figure = figure_of(tmp_path, a_record(sent_ns=BEGIN, token_ns=stamps), load_ns=(BEGIN, BEGIN + 301 * S))
    tokens = traces(figure)["mean of 3 s"]
    assert (3, {1}, 101 + 1) == (tokens["dx"], set(tokens["y"]), len(tokens["y"]))


def test_a_signal_is_drawn_over_the_seconds_of_the_load(tmp_path: Path) -> None:
    """The idle second before it is negative."""
    trace = traces(figure_of(tmp_path, signals={"thermal.tj_c": every_s(40, 41, 42, 45)}))["thermal.tj_c"]
    assert ([-1, 0, 1, 2], [40, 41, 42, 45]) == (trace["x"], trace["y"])


def test_counts_of_requests_hold_until_the_next(tmp_path: Path) -> None:
    """In flight, running or waiting: between 3 and 5 there is no half of a request. A temperature goes through all."""
    counts = {f"server.{word}": every_s(3, 5, 4) for word in ("running", "waiting")}
    drawn = traces(figure_of(tmp_path, signals={**counts, "thermal.tj_c": every_s(40, 41, 42)}))
    stepped = {name for name, trace in drawn.items() if trace.get("line", {}).get("shape") == "hv"}
    assert {"in flight", "running in the server", "waiting in the server", "each second"} == stepped
    assert [3, 5, 4] == drawn["running in the server"]["y"]


@pytest.mark.parametrize(
    ("signal", "panel"),
    [
        ("hwmon.VDD_GPU_w", "power, W"),
        ("nvml.gpu0_c", "temperature, °C"),
        ("server.kv_cache_percent", "KV cache in use, %"),
        ("host.cpu_percent", "utilisation, %"),
        ("nvml.gpu0_percent", "utilisation, %"),
        ("tegrastats.gpu_mhz", "clock, MHz"),
        ("host.memory_gb", "memory in use, GB"),
    ],
)
def test_a_panel_is_there_if_it_has_data(tmp_path: Path, signal: str, panel: str) -> None:
    """And only that, below those of the requests."""
    figure = figure_of(tmp_path, signals={signal: every_s(1, 2, 3)})
    assert ["requests", "gap between tokens (ITL), ms", "output, tokens/s", "requests at once", panel] == titles(figure)
    assert panel == panel_of(figure, signal)


def test_the_total_is_drawn_thick_and_once(tmp_path: Path) -> None:
    """The rails that it holds are thin; what the board drew is said."""
    figure = figure_of(tmp_path, signals=VIN | {"hwmon.VDD_GPU_w": every_s(2, 40, 40)})
    widths = {name: trace["line"]["width"] for name, trace in traces(figure).items() if "hwmon" in name}
    assert {"board (hwmon.VIN_w)", "hwmon.VDD_GPU_w"} == set(widths)
    assert widths["board (hwmon.VIN_w)"] > widths["hwmon.VDD_GPU_w"]
    assert "Meanwhile the board drew 85 W on average." in figure.description


def test_the_total_is_that_of_the_gpus_of_the_job(tmp_path: Path) -> None:
    """Another's is drawn, and not counted."""
    signals = {f"nvml.gpu{i}_w": every_s(20, 90, 80) for i in range(2)}
    assert "GPU (nvml.gpu1_w)" in traces(figure_of(tmp_path, signals=signals, gpus=[1]))


def test_what_two_sources_read_is_drawn_once(tmp_path: Path) -> None:
    """As the kernel reads it; another rail of tegrastats is there."""
    same = {f"{source}.VDD_GPU_w": every_s(2, 40, 40) for source in ("tegrastats", "hwmon")}
    drawn = traces(figure_of(tmp_path, signals=same | {"tegrastats.VDD_CPU_CV_w": every_s(20, 90, 90)}))
    assert {"hwmon.VDD_GPU_w", "tegrastats.VDD_CPU_CV_w"} == {name for name in drawn if name.endswith("_w")}


def test_what_was_sampled_outside_of_the_window_is_not_drawn(tmp_path: Path) -> None:
    """Before the idle second, and after the load; of the total neither."""
    series = Series((BEGIN - 2 * S, BEGIN, BEGIN + S, BEGIN + 3 * S), (1, 2, 3, 4))
    drawn = traces(figure_of(tmp_path, signals={"thermal.tj_c": series, "hwmon.VIN_w": series}))
    assert ([0, 1], [0, 1]) == (drawn["thermal.tj_c"]["x"], drawn["board (hwmon.VIN_w)"]["x"])


def test_what_is_no_number_is_not_drawn(tmp_path: Path) -> None:
    """A sensor may tell NaN, which JSON has not; a signal of nothing else is not there."""
    nan = float("nan")
    drawn = traces(figure_of(tmp_path, signals={"a.x_c": every_s(40, nan, 42), "a.y_c": every_s(nan, nan)}))
    assert ([-1, 1], False) == (drawn["a.x_c"]["x"], "a.y_c" in drawn)


def test_all_panels_share_one_axis_from_the_rest_to_the_end(tmp_path: Path) -> None:
    """With a line where the load begins, and one where it ends; the table tells of the load alone."""
    figure = figure_of(tmp_path, signals=VIN)
    assert all("xaxis" not in trace for trace in figure.data)
    assert ([-1, 2], [0, 2]) == (figure.layout["xaxis"]["range"], [line["x0"] for line in figure.layout["shapes"]])
    assert figure.table is not None
    assert (("board (hwmon.VIN_w), W", "80", "85", "90"),) == figure.table.rows


def test_without_a_rest_the_axis_begins_with_the_load(tmp_path: Path) -> None:
    """And nothing is said of one."""
    figure = figure_of(tmp_path, idle_ns=None)
    assert ([0, 2], False, None) == (figure.layout["xaxis"]["range"], "rested" in figure.description, figure.table)


def test_stages_begin_at_lines(tmp_path: Path) -> None:
    """When the first request of each is due, by the names of the plan."""
    RunDir(tmp_path).write_json(PLAN, {"stages": [{"name": "calm"}, {"name": "spike"}]})
    later = a_record(index=1, stage=1, scheduled_ns=BEGIN + S, sent_ns=BEGIN + S, token_ns=(BEGIN + 2 * S,))
    figure = figure_of(tmp_path, ONE, later)
    assert [0, 1] == [line["x0"] for line in figure.layout["shapes"] if line["line"]["dash"] == "dot"]
    assert "Stages: calm from 0 s, spike from 1 s, at dotted lines." in figure.description


def test_panels_lie_below_each_other(tmp_path: Path) -> None:
    """None into the next, the last on the ground."""
    figure = figure_of(tmp_path, signals=VIN)
    domains = [axis["domain"] for key, axis in figure.layout.items() if key.startswith("yaxis")]
    assert all(above[0] > below[1] for above, below in pairwise(domains))
    assert (0, f"y{len(domains)}") == (domains[-1][0], figure.layout["xaxis"]["anchor"])


def test_lines_of_a_panel_differ_by_more_than_their_colour(tmp_path: Path) -> None:
    """Six temperatures: no two of one dash are next to each other."""
    drawn = traces(figure_of(tmp_path, signals={f"thermal.zone{i}_c": every_s(40, 41) for i in range(6)}))
    looks = [
        (drawn[f"thermal.zone{i}_c"]["line"]["dash"], drawn[f"thermal.zone{i}_c"]["line"]["color"]) for i in range(6)
    ]
    assert 6 == len(set(looks))
    assert 4 == len({dash for dash, _ in looks})


def test_hundreds_of_thousands_of_samples_are_few_points(tmp_path: Path) -> None:
    """40 signals of 5,000 samples: 2,400 points, since each line keeps 60."""
    stamps = tuple(BEGIN + i * 2 * S // 5000 for i in range(5000))
    series = Series(stamps, tuple(float(i % 97) for i in range(5000)))
    drawn = traces(figure_of(tmp_path, signals={f"thermal.zone{i}_c": series for i in range(40)}))
    assert {60} == {len(trace["y"]) for name, trace in drawn.items() if name.startswith("thermal")}


def test_the_description_counts_what_failed(tmp_path: Path) -> None:
    """For who cannot see the crosses."""
    said = [figure_of(tmp_path, *requests, load_ns=LOAD).description for requests in ((ONE,), (ONE, REFUSED))]
    assert said[0].startswith("1 request in 2 s; none failed.")
    assert said[1].startswith("2 requests in 2 s; 1 failed, each marked by a cross.")


def test_nothing_but_failures_is_drawn(tmp_path: Path) -> None:
    """Rows and crosses; no gap, no token, and nothing that is known to have been in flight."""
    assert ["requests"] == titles(figure_of(tmp_path, REFUSED))
