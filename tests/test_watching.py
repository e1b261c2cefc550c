"""Machine and server, watched while a load is played."""

import logging
import os
import socket
import time
from pathlib import Path

import psutil
import pytest

from tests.machine.test_sampler import FAKE, descendants, is_gone
from tests.machine.test_server_metrics import PAGE, SAID, a_server
from tests.machine.waiting import until
from tests.test_compose import a_tree
from thorexp import rundir
from thorexp.compose import job_config
from thorexp.config import JobConfig
from thorexp.machine.telemetry import read_telemetry
from thorexp.machine.wattage import may_tell_power
from thorexp.measure.power import power_of
from thorexp.rundir import RunDir
from thorexp.watching import FIRST_READING_S, FIRST_ROW_S, SETTLE_S, Unwatched, Watch, Watched, gpus_of, is_here

NOBODY = "http://127.0.0.1:9"  # this machine, where nothing answers
ELSEWHERE = "http://thor.invalid:8000"
IDLE_S = 0.2
VIN = "tegrastats.VIN_w"
# What is shown there is a machine that tells no power; one that does is another case, and has tests of its own.
WITHOUT_SENSORS = pytest.mark.skipif(may_tell_power(""), reason="this machine tells its power without a tegrastats")


class Expected(Exception):  # noqa: N818 - it is none of ours
    """What goes wrong inside."""


def a_config(folder: Path, *overrides: str) -> JobConfig:
    """A job whose tegrastats says a recorded line each 20 ms, and which rests for 0.2 s."""
    command = f"telemetry.tegrastats='{FAKE} {folder / 'emitted'} --again'"
    return job_config(a_tree(command, "telemetry.interval_s=0.02", f"telemetry.idle_s={IDLE_S}", *overrides))


def sampled(folder: Path, *signals: str) -> bool:
    """Whether there is a row of each of these by now."""
    found = read_telemetry(folder / rundir.TELEMETRY).signals
    return all(signal in found for signal in signals)


def processes(folder: Path, count: int = 2) -> list[psutil.Process]:
    """The sampler and its tegrastats, once there are so many."""
    return descendants(os.getpid(), folder, count)


def watched(folder: Path, *overrides: str, base_url: str = NOBODY, first: str | None = None) -> Watched:
    """A whole watch, without a load; the rest begins when there is a row of `first`."""
    with Watch(a_config(folder, *overrides), base_url, RunDir(folder)) as watch:
        assert first is None or until(lambda: sampled(folder, first))
        watch.rest()
        return watch.end()


@pytest.mark.parametrize(
    ("base_url", "here"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://127.1.2.3", True),
        ("http://[::1]:8000", True),
        ("http://localhost:8000", True),
        ("https://LocalHost/v1", True),
        ("http://0.0.0.0:8000", True),
        ("http://[::]:8000", True),
        ("http://192.0.2.1:8000", False),
        ("http://[2001:db8::1]:8000", False),
        ("http://thor.invalid:8000", False),
        ("http://localhost.example.org", False),
        ("http://127.0.0.1.example.org", False),
        ("", False),
    ],
)
def test_a_server_is_here_by_its_address(base_url: str, here: bool) -> None:
    """By a loopback address or localhost, whatever port or path; a name that only begins so is elsewhere."""
    assert here == is_here(base_url)


def own(family: socket.AddressFamily) -> list[str]:
    """The addresses of this machine, without the interface that a link-local one is of."""
    return [
        each.address.partition("%")[0] for of in psutil.net_if_addrs().values() for each in of if each.family == family
    ]


def test_a_server_at_an_address_of_this_machine_is_here() -> None:
    """Of any of its interfaces, by which others reach it."""
    urls = [f"http://{ip}:8000" for ip in own(socket.AF_INET)] + [f"http://[{ip}]:8000" for ip in own(socket.AF_INET6)]
    assert urls
    assert [] == [url for url in urls if not is_here(url)]


@pytest.mark.parametrize("name", [socket.gethostname(), socket.gethostname().upper(), socket.getfqdn()])
def test_a_server_by_a_name_of_this_machine_is_here(name: str) -> None:
    """However it is written."""
    assert is_here(f"http://{name}:8000/v1")


@pytest.mark.parametrize(
    ("overrides", "around", "gpus"),
    [
        ((), None, None),
        ((), "2,3", (2, 3)),
        ((), "", None),
        ((), "GPU-8932f937", None),
        (("+server.env.CUDA_VISIBLE_DEVICES='1'",), "2,3", (1,)),
        (("+server.env.CUDA_VISIBLE_DEVICES='0, 1'",), None, (0, 1)),
        (("telemetry.gpus=[4]", "+server.env.CUDA_VISIBLE_DEVICES='1'"), "2,3", (4,)),
        (("telemetry.gpus=[]",), "2,3", ()),
        (("server=attach", "server.base_url=http://127.0.0.1:8000"), "2,3", None),
    ],
    ids=["nothing", "around", "empty", "by UUID", "the server's own", "with a space", "typed", "none", "attached"],
)
def test_gpus_are_those_typed_or_those_that_the_server_sees(
    monkeypatch: pytest.MonkeyPatch, overrides: tuple[str, ...], around: str | None, gpus: tuple[int, ...] | None
) -> None:
    """By NVML's indices; absent for all, as of a server that somebody else started with an environment of its own."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if around is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", around)
    assert gpus == gpus_of(job_config(a_tree(*overrides)))


def test_a_machine_that_tells_its_power_rests(tmp_path: Path) -> None:
    """As long as it was told to, at least, before the load."""
    idle = watched(tmp_path, first=VIN).idle
    assert idle is not None
    start_ns, end_ns = idle
    assert start_ns < end_ns < time.monotonic_ns()
    assert IDLE_S <= (end_ns - start_ns) / 1e9


def test_the_idle_span_begins_when_the_warm_up_has_settled(tmp_path: Path) -> None:
    """The mean power of the second before is not that of the warm-up."""
    with Watch(a_config(tmp_path), NOBODY, RunDir(tmp_path)) as watch:
        assert until(lambda: sampled(tmp_path, VIN))
        began = time.monotonic_ns()
        watch.rest()
        idle = watch.end().idle
    assert idle is not None
    assert SETTLE_S <= (idle[0] - began) / 1e9


def test_the_rest_begins_after_the_first_reading(tmp_path: Path) -> None:
    """So that all of it can be seen."""
    found = watched(tmp_path, first=VIN)
    assert found.idle is not None
    assert found.telemetry is not None
    assert found.telemetry.signals[VIN].ns[0] < found.idle[0]


def test_telemetry_is_kept_beside_the_job(tmp_path: Path) -> None:
    """What is handed back is what lies in its directory."""
    found = watched(tmp_path, first=VIN)
    assert found.telemetry is not None
    assert VIN in found.telemetry.signals
    assert found.telemetry.signals == read_telemetry(tmp_path / rundir.TELEMETRY).signals


def test_the_server_is_sampled_too(tmp_path: Path) -> None:
    """By its own page of metrics."""
    with a_server(lambda _: (200, PAGE)) as url:
        first, *_ = SAID
        found = watched(tmp_path, base_url=url, first=first)
    assert found.telemetry is not None
    assert SAID.keys() <= found.telemetry.signals.keys()


def test_how_fast_the_machine_may_run_is_read_before_and_after(tmp_path: Path) -> None:
    """Also where nothing is sampled."""
    found = watched(tmp_path, "telemetry.enabled=false")
    assert found.before is not None
    assert found.after is not None
    assert found.before.cpu_governors == found.after.cpu_governors


def test_without_telemetry_nothing_rests(tmp_path: Path) -> None:
    """Nor is there a file."""
    found = watched(tmp_path, "telemetry.enabled=false")
    assert (None, None, False) == (found.telemetry, found.idle, (tmp_path / rundir.TELEMETRY).exists())


def test_a_machine_elsewhere_does_not_rest(tmp_path: Path) -> None:
    """This one's power is not its own, nor how fast it may run."""
    found = watched(tmp_path, base_url=ELSEWHERE)
    assert (None, None, None) == (found.idle, found.before, found.after)


def test_of_a_machine_elsewhere_no_sensor_is_read(tmp_path: Path) -> None:
    """A sampler that has begun has no tegrastats: it is for the server's page alone."""
    with Watch(a_config(tmp_path), ELSEWHERE, RunDir(tmp_path)) as watch:
        assert until((tmp_path / rundir.TELEMETRY).exists)
        processes(tmp_path, 1)
        found = watch.end().telemetry
    assert found is not None
    assert {} == found.signals


def test_of_a_server_elsewhere_its_page_alone_is_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own words, and by no sensor of this machine."""
    monkeypatch.setattr("thorexp.watching.is_here", lambda _: False)
    with a_server(lambda _: (200, PAGE)) as url:
        first, *_ = SAID
        found = watched(tmp_path, base_url=url, first=first)
    assert found.telemetry is not None
    assert SAID.keys() == found.telemetry.signals.keys()
    assert (None, None, None) == (found.idle, found.before, found.after)


def test_a_server_elsewhere_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With its address, though a sweep has many jobs on it; nothing is said of one that is here."""
    caplog.set_level(logging.INFO, "thorexp.watching")
    url = "http://said-once.invalid:8000"
    for base_url in (url, url, NOBODY):
        Watch(a_config(tmp_path), base_url, RunDir(tmp_path))
    said = f"the server is on another machine, whose power, heat and clocks are not told: {url}"
    assert [said] == [record.message for record in caplog.records if record.name == "thorexp.watching"]


@WITHOUT_SENSORS
@pytest.mark.parametrize("command", ["''", "no-such-tegrastats"])
def test_a_machine_without_sensors_does_not_rest(tmp_path: Path, command: str) -> None:
    """Nor is there power to be read; how fast it may run is."""
    found = watched(tmp_path, f"telemetry.tegrastats={command}")
    assert found.telemetry is not None
    assert (None, None) == (found.idle, power_of(found.telemetry, None))
    assert found.before is not None


@WITHOUT_SENSORS
def test_a_load_does_not_begin_while_the_sampler_starts(tmp_path: Path) -> None:
    """Its first row is waited for where no power can come, or else for as long as it may take."""
    with Watch(a_config(tmp_path, "telemetry.tegrastats=''"), NOBODY, RunDir(tmp_path)) as watch:
        began = time.monotonic()
        watch.rest()
        waited_s = time.monotonic() - began
        assert read_telemetry(tmp_path / rundir.TELEMETRY).signals or waited_s >= FIRST_ROW_S


@WITHOUT_SENSORS
def test_a_machine_whose_sensors_stay_silent_does_not_rest(tmp_path: Path) -> None:
    """A first reading is waited for as long as one may take, and then no more."""
    with Watch(a_config(tmp_path, "telemetry.tegrastats='sleep 600'"), NOBODY, RunDir(tmp_path)) as watch:
        began = time.monotonic()
        watch.rest()
        waited_s = time.monotonic() - began
        assert watch.end().idle is None
    assert waited_s > FIRST_READING_S


def test_what_goes_wrong_inside_leaves_no_process_behind(tmp_path: Path) -> None:
    """Neither the sampler nor its tegrastats; and it comes out."""
    found: list[psutil.Process] = []

    def go_wrong() -> None:
        with Watch(a_config(tmp_path), NOBODY, RunDir(tmp_path)):
            found.extend(processes(tmp_path))
            raise Expected

    with pytest.raises(Expected):
        go_wrong()
    assert 2 == len(found)
    assert until(lambda: all(map(is_gone, found)))


def test_an_end_leaves_no_process_behind(tmp_path: Path) -> None:
    """Before the watch is left: what follows a load is not sampled."""
    with Watch(a_config(tmp_path), NOBODY, RunDir(tmp_path)) as watch:
        found = processes(tmp_path)
        watch.end()
        assert until(lambda: all(map(is_gone, found)))


def test_without_a_rest_there_is_no_idle_span(tmp_path: Path) -> None:
    """Telemetry is handed back nevertheless."""
    with Watch(a_config(tmp_path), NOBODY, RunDir(tmp_path)) as watch:
        assert until(lambda: sampled(tmp_path, VIN))
        found = watch.end()
    assert (None, True) == (found.idle, found.telemetry is not None and VIN in found.telemetry.signals)


def test_what_is_simulated_is_not_watched() -> None:
    """No sensor is asked, and nothing is known of any board."""
    with Unwatched() as watch:
        watch.rest()
        found = watch.end()
    assert Watched() == found
