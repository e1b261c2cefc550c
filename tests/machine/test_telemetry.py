"""Telemetry of a job: sampled by a process beside it, read back from what that wrote."""

import logging
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from typing import cast

import pytest

from tests.machine.test_sampler import FAKE, ROOT, a_board, descendants, has
from tests.machine.test_server_metrics import a_server
from tests.machine.waiting import until
from thorexp.machine.sampler import SamplerSpec
from thorexp.machine.telemetry import RECENT_BYTES, Sampler, ended, read_telemetry
from thorexp.measure.signals import Series, Telemetry

PIPE_BYTES = 2**20  # more than a pipe holds


class Undying:
    """A process that sits in the kernel, where no signal reaches it."""

    pid = 4242

    def __init__(self) -> None:
        self.killed = 0

    def communicate(self, timeout: float) -> bytes:
        raise TimeoutExpired("sampler", timeout, output=b"said before")

    def kill(self) -> None:
        self.killed += 1


def test_a_file_has_a_series_for_each_signal(tmp_path: Path) -> None:
    """Whatever the order of their rows."""
    csv = tmp_path / "telemetry.csv"
    csv.write_text("ns,signal,value\n10,hwmon.VIN_w,20.5\n11,server.waiting,3\n20,hwmon.VIN_w,-0.25\n")
    assert {
        "hwmon.VIN_w": Series((10, 20), (20.5, -0.25)),
        "server.waiting": Series((11,), (3.0,)),
    } == read_telemetry(csv).signals


def test_a_row_that_is_cut_short_is_left_out(tmp_path: Path) -> None:
    """As the last may be while the file grows: 124 W are not 12."""
    csv = tmp_path / "telemetry.csv"
    csv.write_text("ns,signal,value\n10,hwmon.VIN_w,20.5\n20,hwmon.VIN_w,12")
    assert {"hwmon.VIN_w": Series((10,), (20.5,))} == read_telemetry(csv).signals


@pytest.mark.parametrize(
    ("last_bytes", "ns"), [(1000, (10, 20, 30)), (41, (20, 30)), (40, (30,)), (39, (30,)), (5, ())]
)
def test_of_the_end_of_a_file_only_whole_rows_are_read(tmp_path: Path, last_bytes: int, ns: tuple[int, ...]) -> None:
    """Of 20 bytes each, behind a header; the row, or the end of one, that the bytes begin with is left out."""
    csv = tmp_path / "telemetry.csv"
    csv.write_text("ns,signal,value\n" + "".join(f"{ns},hwmon.VIN_w,20.5\n" for ns in (10, 20, 30)))
    signals = read_telemetry(csv, last_bytes).signals
    assert ns == sum((series.ns for series in signals.values()), ())


@pytest.mark.parametrize("text", [None, "", "ns,sig", "ns,signal,value\n"])
def test_a_file_without_rows_has_no_signals(tmp_path: Path, text: str | None) -> None:
    """Nor has one that is not there yet."""
    csv = tmp_path / "telemetry.csv"
    if text is not None:
        csv.write_text(text)
    assert Telemetry() == read_telemetry(csv)


def test_recorded_lines_come_out_as_they_were_said(tmp_path: Path) -> None:
    """All hundred, value for value, none before it was said."""
    spec = SamplerSpec(interval_s=0.02, root=str(tmp_path), tegrastats=f"{FAKE} {tmp_path / 'emitted'}")
    with Sampler(spec, csv := tmp_path / "telemetry.csv") as sampler:
        assert until(lambda: has(csv, "tegrastats.VIN_w", samples=100))
        series = sampler.stop().signals["tegrastats.VIN_w"]
    rows = [row.split(",") for row in (tmp_path / "emitted").read_text().splitlines()[1:]]
    assert tuple(float(vin) for _, vin in rows) == series.values
    assert all(int(said) <= ns for (said, _), ns in zip(rows, series.ns, strict=True))


def test_what_there_is_so_far_can_be_read_while_it_goes_on(tmp_path: Path) -> None:
    """Without an end, and more later."""
    with Sampler(a_board(tmp_path), csv := tmp_path / "telemetry.csv") as sampler:
        assert until(lambda: has(csv, "hwmon.VIN_w"))
        first = sampler.so_far().signals["hwmon.VIN_w"]
        assert until(lambda: has(csv, "hwmon.VIN_w", samples=len(first.ns) + 1))
        assert first.ns == sampler.stop().signals["hwmon.VIN_w"].ns[: len(first.ns)]


def test_of_a_long_file_only_the_end_is_read_while_it_goes_on(tmp_path: Path) -> None:
    """Of the sampler's own rows, which fill 64 KiB within a second here; all of them at the end."""
    with Sampler(a_board(tmp_path), csv := tmp_path / "telemetry.csv") as sampler:
        assert until(lambda: csv.exists() and csv.stat().st_size > 2 * RECENT_BYTES)
        recent, whole = sampler.so_far().signals["hwmon.VIN_w"], sampler.stop().signals["hwmon.VIN_w"]
    assert whole.ns[0] < recent.ns[0]


def test_to_stop_twice_is_to_stop_once(tmp_path: Path) -> None:
    """The same telemetry, and no process."""
    sampler = Sampler(SamplerSpec(sensors=False), tmp_path / "telemetry.csv")
    assert sampler.stop() is sampler.stop()


def test_a_sampler_that_hears_nothing_is_killed(tmp_path: Path) -> None:
    """What it had written is kept; what it cost is not known."""
    with Sampler(a_board(tmp_path), csv := tmp_path / "telemetry.csv") as sampler:
        assert until(lambda: has(csv, "hwmon.VIN_w"))
        process, _ = descendants(os.getpid(), tmp_path, 2)
        process.send_signal(signal.SIGSTOP)
        telemetry = sampler.stop()
    assert (True, None) == ("hwmon.VIN_w" in telemetry.signals, telemetry.cpu_share)
    assert ("the sampler came to a bad end",) == telemetry.absent


def test_a_sampler_that_cannot_be_killed_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    """A run goes on, with what it said before."""
    undying = Undying()
    assert b"said before" == ended(cast("Popen[bytes]", undying))
    assert (1, True) == (undying.killed, "(pid 4242) cannot be ended and is left behind" in caplog.text)


def test_a_sampler_that_cannot_write_stops_no_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its last words are in the log, and in what is absent."""
    telemetry = Sampler(SamplerSpec(sensors=False), tmp_path / "nowhere" / "telemetry.csv").stop()
    (words,) = telemetry.absent
    assert (True, True, {}) == ("No such file" in words, "No such file" in caplog.text, telemetry.signals)


def test_a_sampler_for_which_no_descriptor_is_left_stops_no_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It has sampled nothing, and says why."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        sampler = Sampler(SamplerSpec(), tmp_path / "telemetry.csv")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    words = "the sampler cannot be started: Too many open files"
    assert (Telemetry(absent=(words,)), [words]) == (sampler.stop(), caplog.messages)


def test_a_sampler_that_cannot_be_run_stops_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has nothing so far and nothing at its end, and says why."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    sampler = Sampler(SamplerSpec(), tmp_path / "telemetry.csv")
    words = "the sampler cannot be started: No such file or directory"
    assert (Telemetry(), Telemetry(absent=(words,))) == (sampler.so_far(), sampler.stop())


def test_a_sampler_that_dies_before_it_has_heard_stops_no_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pipe is broken, which is told at the end."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    headers = {"x-long": "x" * PIPE_BYTES}
    telemetry = Sampler(SamplerSpec(headers=headers), tmp_path / "telemetry.csv").stop()
    words = "the sampler came to a bad end"
    assert (Telemetry(absent=(words,)), [words]) == (telemetry, caplog.messages)


def test_absence_is_said_once_a_process(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is the same on every job of a machine; the words in full are in each record."""
    caplog.set_level(logging.INFO, "thorexp.machine.telemetry")
    asked: list[object] = []

    def refuse(request: object) -> tuple[int, str]:
        asked.append(request)
        return 404, ""

    def absence(job: int) -> tuple[str, ...]:
        with Sampler(SamplerSpec(sensors=False, metrics_url=url), tmp_path / f"{job}.csv") as sampler:
            (process,) = descendants(os.getpid(), tmp_path, 1)
            assert until(lambda: len(asked) > job and process.num_threads() == 1)  # its source has ended
            return sampler.stop().absent

    with a_server(refuse) as url:
        absences = [absence(job) for job in range(2)]
    assert 2 * [(f"server: HTTP 404 from {url.removeprefix('http://')}",)] == absences
    assert ["not sampled here: server"] == caplog.messages


def test_nothing_of_it_reaches_the_terminal(tmp_path: Path) -> None:
    """Neither of its output nor of its errors."""
    script = f"""
from pathlib import Path
from thorexp.machine.sampler import SamplerSpec
from thorexp.machine.telemetry import Sampler
Sampler(SamplerSpec(root={str(tmp_path)!r}, tegrastats="sh -c 'echo loud; echo louder >&2'"), Path("t.csv")).stop()
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True
    )
    assert (0, b"", b"") == (ran.returncode, ran.stdout, ran.stderr)
