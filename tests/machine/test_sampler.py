"""The process that samples a job: python -m thorexp.machine.sampler CSV."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.machine.fake_sysfs import RAILS, ZONES, thor, write
from tests.machine.test_server_metrics import PAGE, SAID, a_server
from tests.machine.waiting import until
from thorexp.machine.sampler import SamplerSpec
from thorexp.machine.telemetry import Sampler, read_telemetry
from thorexp.measure.signals import Telemetry

ROOT = Path(__file__).parents[2]
FAKE = f"{sys.executable} {ROOT / 'tests/fake_tegrastats.py'} {ROOT / 'tests/data/tegrastats_thor.log'}"
HWMON = {f"hwmon.{rail}_w" for rail in (*RAILS, "VIN")}
THERMAL = {f"thermal.{zone}_c" for zone in ZONES}
PARENT = """
import sys, time
from pathlib import Path
from thorexp.machine.sampler import SamplerSpec
from thorexp.machine.telemetry import Sampler
sampler = Sampler(SamplerSpec(tegrastats=sys.argv[1], root=sys.argv[2]), Path(sys.argv[3]))
time.sleep(600)
"""


def a_board(folder: Path, **changes: object) -> SamplerSpec:
    """Of rails, zones and a tegrastats that does not end, all at 100 Hz."""
    spec = {
        "interval_s": 0.01,
        "root": str(thor(folder / "root")),
        "tegrastats": f"{FAKE} {folder / 'emitted'} --again",
    }
    return SamplerSpec(**{**spec, **changes})  # type: ignore[arg-type]  # whatever a test changes


def has(csv: Path, *signals: str, samples: int = 1) -> bool:
    """Whether a file has so many of each by now."""
    found = read_telemetry(csv).signals
    return all(signal in found and len(found[signal].ns) >= samples for signal in signals)


def sampled(folder: Path, spec: SamplerSpec, *signals: str, samples: int = 1) -> Telemetry:
    """What it has once it has so many of each of these."""
    with Sampler(spec, csv := folder / "telemetry.csv") as sampler:
        assert until(lambda: has(csv, *signals, samples=samples))
        return sampler.stop()


def descendants(pid: int, folder: Path, count: int) -> list[psutil.Process]:
    """The processes below it that have something in this folder to work on, once there are so many."""
    found: list[psutil.Process] = []

    def are_there() -> bool:
        children = psutil.Process(pid).children(recursive=True)
        found[:] = [child for child in children if str(folder) in " ".join(words(child))]
        return len(found) == count

    assert until(are_there)
    return found


def words(process: psutil.Process) -> list[str]:
    """Its command line; none of one that has ended meanwhile."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def is_gone(process: psutil.Process) -> bool:
    """A zombie, which waits for its parent, is."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_all_that_is_there_is_sampled(tmp_path: Path) -> None:
    """Rails, zones, tegrastats, the machine as a whole and the server, into one file."""
    with a_server(lambda _: (200, PAGE)) as url:
        spec = a_board(tmp_path, metrics_url=url)
        telemetry = sampled(
            tmp_path, spec, "hwmon.VIN_w", "thermal.tj_c", "tegrastats.VIN_w", *SAID, "host.cpu_percent"
        )
    assert HWMON | THERMAL | SAID.keys() | {"host.memory_gb"} <= telemetry.signals.keys()
    assert {20.604} == set(telemetry.signals["hwmon.VIN_w"].values)


def test_samples_are_of_the_clock_that_all_processes_share(tmp_path: Path) -> None:
    """One after the other, from when it was started to when it was stopped."""
    began = time.monotonic_ns()
    ns = sampled(tmp_path, a_board(tmp_path), "hwmon.VIN_w", samples=5).signals["hwmon.VIN_w"].ns
    moments = [began, *ns, time.monotonic_ns()]
    assert sorted(set(moments)) == moments


def test_a_counter_keeps_its_last_digit(tmp_path: Path) -> None:
    """A difference of millions of tokens is one of single tokens."""
    page = 'vllm:generation_tokens_total{engine="0"} 1.23456789e+08\n'
    with a_server(lambda _: (200, page)) as url:
        spec = SamplerSpec(sensors=False, metrics_url=url)
        telemetry = sampled(tmp_path, spec, "server.generation_tokens")
    assert {123_456_789.0} == set(telemetry.signals["server.generation_tokens"].values)


def test_of_a_server_elsewhere_only_the_page_is_read(tmp_path: Path) -> None:
    """This machine's sensors say nothing of it, nor is their absence worth a word."""
    with a_server(lambda _: (200, PAGE)) as url:
        telemetry = sampled(tmp_path, a_board(tmp_path, sensors=False, metrics_url=url), "server.running")
    assert (SAID.keys(), ()) == (telemetry.signals.keys(), telemetry.absent)


def test_what_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    """By source."""
    spec = SamplerSpec(root=str(tmp_path), tegrastats="/nowhere/tegrastats")
    absent = sampled(tmp_path, spec, "host.memory_gb").absent
    assert {"tegrastats", "hwmon", "thermal", "throttle alerts", "throttle counters", "rapl"} <= {
        words.partition(":")[0] for words in absent
    }


def test_a_counter_of_throttling_has_a_value_from_the_very_end(tmp_path: Path) -> None:
    """What it counts between its last look, a second apart, and the end is not lost."""
    spec = a_board(tmp_path)
    count = write(Path(spec.root), "sys/class/hwmon/hwmon3/oc1_event_cnt", 5)
    with Sampler(spec, csv := tmp_path / "telemetry.csv") as sampler:
        assert until(lambda: has(csv, "throttle.oc1"))
        count.write_text("7\n")
        stopped_ns = time.monotonic_ns()
        series = sampler.stop().signals["throttle.oc1"]
    assert (5.0, 7.0, True) == (series.values[0], series.values[-1], stopped_ns < series.ns[-1])


def test_a_tegrastats_that_is_badly_quoted_is_absent_and_the_others_are_sampled(tmp_path: Path) -> None:
    """It is a line that a user wrote."""
    telemetry = sampled(tmp_path, a_board(tmp_path, tegrastats="sudo 'tegrastats"), "hwmon.VIN_w")
    assert "tegrastats: `sudo 'tegrastats` cannot be run: No closing quotation" in telemetry.absent


def test_it_says_what_it_cost(tmp_path: Path) -> None:
    """Some of a core."""
    cpu_share = sampled(tmp_path, a_board(tmp_path), "hwmon.VIN_w").cpu_share
    assert cpu_share is not None
    assert cpu_share > 0


@pytest.mark.parametrize("hanging", ["hwmon/hwmon3/in1_input", "thermal/thermal_zone2/temp"])
def test_a_sensor_that_hangs_stops_neither_the_others_nor_the_run(tmp_path: Path, hanging: str) -> None:
    """A pipe without a writer blocks whoever opens it, as a lock in the kernel may."""
    spec = a_board(tmp_path)
    sensor = Path(spec.root) / "sys/class" / hanging
    sensor.unlink()
    os.mkfifo(sensor)
    hung = {"hwmon/hwmon3/in1_input": "hwmon.VDD_GPU_w", "thermal/thermal_zone2/temp": "thermal.gpu_c"}[hanging]
    telemetry = sampled(tmp_path, spec, *(HWMON | THERMAL) - {hung}, samples=3)
    assert (False, True) == (hung in telemetry.signals, f"{hung} did not answer for 1 s" in telemetry.absent)


def test_a_sensor_that_vanishes_is_absent_from_then_on(tmp_path: Path) -> None:
    """What it said before is kept."""
    spec = a_board(tmp_path)
    with Sampler(spec, csv := tmp_path / "telemetry.csv") as sampler:
        assert until(lambda: has(csv, "hwmon.VIN_w"))
        (Path(spec.root) / "sys/class/hwmon/hwmon5/power1_input").rename(tmp_path / "gone")
        write(tmp_path, "gone", "no number")
        before = len(read_telemetry(csv).signals["hwmon.VDD_GPU_w"].ns)
        assert until(lambda: has(csv, "hwmon.VDD_GPU_w", samples=before + 200))
        telemetry = sampler.stop()
    assert 0 < len(telemetry.signals["hwmon.VIN_w"].ns) < len(telemetry.signals["hwmon.VDD_GPU_w"].ns)


def test_a_killed_parent_leaves_no_sampler_and_no_tegrastats(tmp_path: Path) -> None:
    """Though nobody has told them."""
    spec = a_board(tmp_path)
    command = [sys.executable, "-c", PARENT, spec.tegrastats, spec.root, str(tmp_path / "telemetry.csv")]
    with subprocess.Popen(command, cwd=ROOT) as parent:
        both = descendants(parent.pid, tmp_path, 2)
        parent.kill()
    assert until(lambda: all(map(is_gone, both)))


def test_a_killed_sampler_leaves_no_tegrastats(tmp_path: Path) -> None:
    """It is hung up by the kernel."""
    with Sampler(a_board(tmp_path), tmp_path / "telemetry.csv"):
        sampler, tegrastats = descendants(os.getpid(), tmp_path, 2)
        sampler.kill()
        assert until(lambda: is_gone(tegrastats))


def test_a_key_of_the_servers_is_on_no_command_line(tmp_path: Path) -> None:
    """Everybody on the machine could read it there."""
    spec = SamplerSpec(sensors=False, headers={"Authorization": "Bearer secret"})
    with Sampler(spec, tmp_path / "telemetry.csv"):
        (process,) = descendants(os.getpid(), tmp_path, 1)
        assert "secret" not in json.dumps([process.cmdline(), process.environ(), repr(spec)])
