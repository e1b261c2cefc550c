"""A run over time, as a page."""

import json
import subprocess
import sys
from base64 import b64decode
from typing import Any

import numpy as np
import pytest

from tests.records import S, a_failure, a_record, a_run
from thorexp.measure.power import Power
from thorexp.measure.records import RunRecord
from thorexp.measure.signals import Series, Telemetry
from thorexp.timeline import timeline

BEGIN = 77 * S  # of the load, on a clock that runs since boot
RUN = a_run(
    a_record(sent_ns=BEGIN, token_ns=(BEGIN + S // 2, BEGIN + 3 * S // 2)), start_ns=BEGIN, end_ns=BEGIN + 2 * S
)
NOTHING = a_run(a_failure(sent_ns=None), start_ns=BEGIN, end_ns=BEGIN + 2 * S)


def every_s(*values: float) -> Series:
    """Read each second, from one before the load on."""
    return Series(tuple(BEGIN + (i - 1) * S for i in range(len(values))), values)


def page(run: RunRecord, telemetry: Telemetry, power: Power | None = None) -> str:
    """From a second before the load to its end."""
    return timeline("qwen3_32b_awq high", run, telemetry, power, BEGIN - S, BEGIN + 2 * S)


def drawn(html: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Traces and layout, as plotly is given them."""
    call = html.rindex("Plotly.newPlot(")
    decoder, text = json.JSONDecoder(), html[html.index(",", call) + 1 :].lstrip()
    traces, end = decoder.raw_decode(text)
    return traces, decoder.raw_decode(text[end:].lstrip(" ,\n"))[0]


def traces_of(html: str) -> dict[str, dict[str, Any]]:
    return {trace["name"]: trace for trace in drawn(html)[0]}


def titles_of(html: str) -> list[str]:
    return [note["text"] for note in drawn(html)[1]["annotations"]]


def numbers(packed: dict[str, str]) -> list[float]:
    """What plotly writes as little-endian 32-bit floats."""
    assert "f4" == packed["dtype"]
    return [float(number) for number in np.frombuffer(b64decode(packed["bdata"]), "<f4")]


def test_a_signal_is_drawn_over_the_seconds_of_the_load() -> None:
    """The idle second before it is negative."""
    trace = traces_of(page(RUN, Telemetry({"thermal.tj_c": every_s(40, 41, 42, 45)})))["thermal.tj_c"]
    assert ([-1, 0, 1, 2], [40, 41, 42, 45]) == (numbers(trace["x"]), numbers(trace["y"]))


def test_requests_and_tokens_are_drawn_without_any_telemetry() -> None:
    """One request in flight, and a token in each of two seconds; the last step has an end."""
    traces = traces_of(page(RUN, Telemetry()))
    assert ([0.0, 1.5], [1.0, 0.0]) == (numbers(traces["in flight"]["x"]), numbers(traces["in flight"]["y"]))
    tokens = traces["each second"]
    assert ([0.0, 1.0, 2.0], [1.0, 1.0, 1.0]) == (numbers(tokens["x"]), numbers(tokens["y"]))


def test_counts_of_requests_hold_until_the_next() -> None:
    """In flight, running or waiting: between 3 and 5 there is no half of a request. A temperature goes through all."""
    signals = {f"server.{word}": every_s(3, 5, 4) for word in ("running", "waiting")}
    traces = traces_of(page(RUN, Telemetry({**signals, "thermal.tj_c": every_s(40, 41, 42)})))
    stepped = {name for name, trace in traces.items() if trace["line"]["shape"] == "hv"}
    assert {"in flight", "running in the server", "waiting in the server", "each second"} == stepped
    assert [3, 5, 4] == numbers(traces["running in the server"]["y"])
    assert "linear" == traces["thermal.tj_c"]["line"]["shape"]


@pytest.mark.parametrize(
    ("signal", "panel"),
    [
        ("server.waiting", "requests"),
        ("server.running", "requests"),
        ("hwmon.VDD_GPU_w", "power, W"),
        ("nvml.gpu0_c", "temperature, °C"),
        ("server.kv_cache_percent", "KV cache in use, %"),
        ("host.cpu_percent", "utilisation, %"),
        ("nvml.gpu0_percent", "utilisation, %"),
        ("tegrastats.gpu_mhz", "clock, MHz"),
        ("host.memory_gb", "memory in use, GB"),
    ],
)
def test_a_panel_is_there_if_it_has_data(signal: str, panel: str) -> None:
    """And only that, where nothing else was read."""
    assert [panel] == titles_of(page(NOTHING, Telemetry({signal: every_s(1, 2, 3)})))


def test_a_run_of_which_nothing_is_known_has_a_page() -> None:
    """Empty, and no error."""
    assert [] == drawn(page(NOTHING, Telemetry()))[0]


def test_the_total_is_drawn_thick_and_once() -> None:
    """The rails that it holds are thin."""
    rails = {"hwmon.VIN_w": every_s(20, 90, 90), "hwmon.VDD_GPU_w": every_s(2, 40, 40)}
    html = page(NOTHING, Telemetry(rails), Power("board", "hwmon.VIN_w", rails["hwmon.VIN_w"]))
    widths = {name: trace["line"]["width"] for name, trace in traces_of(html).items()}
    assert {"board (hwmon.VIN_w)", "hwmon.VDD_GPU_w"} == set(widths)
    assert widths["board (hwmon.VIN_w)"] > widths["hwmon.VDD_GPU_w"]


def test_what_two_sources_read_is_drawn_once() -> None:
    """As the kernel reads it; another rail of tegrastats is there."""
    same = {f"{source}.VDD_GPU_w": every_s(2, 40, 40) for source in ("tegrastats", "hwmon")}
    html = page(NOTHING, Telemetry(same | {"tegrastats.VIN_w": every_s(20, 90, 90)}))
    assert {"hwmon.VDD_GPU_w", "tegrastats.VIN_w"} == set(traces_of(html))


def test_what_was_sampled_outside_of_the_window_is_not_drawn() -> None:
    """Before the idle second, and after the load; of the total neither."""
    series = Series((BEGIN - 2 * S, BEGIN, BEGIN + S, BEGIN + 3 * S), (1, 2, 3, 4))
    power = Power("board", "hwmon.VIN_w", series)
    traces = traces_of(page(NOTHING, Telemetry({"thermal.tj_c": series}), power))
    assert {"board (hwmon.VIN_w)": [0.0, 1.0], "thermal.tj_c": [0.0, 1.0]} == {
        name: numbers(trace["x"]) for name, trace in traces.items()
    }


def test_all_panels_share_one_axis() -> None:
    """Whoever looks at one of them closely has the others follow."""
    telemetry = Telemetry({"hwmon.VIN_w": every_s(20, 90), "thermal.tj_c": every_s(40, 41)})
    layout = drawn(page(NOTHING, telemetry))[1]
    assert ("x2", [-1.0, 2.0]) == (layout["xaxis"]["matches"], layout["xaxis2"]["range"])


def test_the_page_is_named_after_the_run() -> None:
    """It may be looked at alone."""
    assert "qwen3_32b_awq high" == drawn(page(RUN, Telemetry()))[1]["title"]["text"]


def test_a_page_of_hundreds_of_thousands_of_samples_stays_small() -> None:
    """40 signals of 10,000 samples, in under 5.5 MB with plotly itself, no line of more than 2,000 points."""
    stamps = tuple(BEGIN + i * S // 5000 for i in range(10_000))
    values = tuple(float(i % 97) for i in range(10_000))
    signals = {f"thermal.zone{i}_c": Series(stamps, values) for i in range(40)}
    html = page(NOTHING, Telemetry(signals))
    lengths = [len(numbers(trace["y"])) for trace in drawn(html)[0]]
    assert (40, True) == (len(lengths), max(lengths) <= 2_000)
    assert len(html.encode()) < 5_500_000


def test_a_peak_among_many_samples_is_drawn() -> None:
    """One of 50,000."""
    values = [20.0] * 50_000
    values[31_415] = 130.0
    series = Series(tuple(BEGIN + i * S // 50_000 for i in range(50_000)), tuple(values))
    trace = traces_of(page(NOTHING, Telemetry({"hwmon.VIN_w": series})))["hwmon.VIN_w"]
    assert 130.0 == max(numbers(trace["y"]))


def test_the_page_fetches_nothing() -> None:
    """plotly itself is in it."""
    html = page(RUN, Telemetry())
    assert ("plotly.js v" in html, "<script src" in html, "<link" in html) == (True, False, False)


def test_importing_the_module_does_not_import_plotly() -> None:
    """A job without telemetry does not wait for it."""
    program = "import sys, thorexp.timeline; print('plotly' in sys.modules)"
    assert b"False" == subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout.strip()
