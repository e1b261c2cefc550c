"""Throttling: what the kernel says of a machine that slows itself down."""

from pathlib import Path

import pytest

from tests.machine.fake_sysfs import thor, write
from tests.machine.test_hwmon import said
from thorexp.machine.source import AbsentError
from thorexp.machine.throttle import alerts, counters, is_counter


def test_an_alert_is_a_state(tmp_path: Path) -> None:
    """Of a cooling device by that name; a fan is one too and alerts nobody."""
    for number, (kind, state) in enumerate((("pwm-fan", 3), ("cpu-throttle-alert", 1), ("gpu-throttle-alert", 0))):
        write(tmp_path, f"sys/class/thermal/cooling_device{number}/type", kind)
        write(tmp_path, f"sys/class/thermal/cooling_device{number}/cur_state", state)
    assert {"throttle.cpu-throttle-alert": 1.0, "throttle.gpu-throttle-alert": 0.0} == said(alerts(tmp_path))


def test_over_current_events_are_counted(tmp_path: Path) -> None:
    """Each by its own number."""
    for number, count in ((1, 0), (3, 242)):
        write(tmp_path, f"sys/class/hwmon/hwmon4/oc{number}_event_cnt", count)
    assert {"throttle.oc1": 0.0, "throttle.oc3": 242.0} == said(counters(tmp_path))


def test_of_a_package_the_cpu_that_counted_the_most_is_taken(tmp_path: Path) -> None:
    """All of them count the same events."""
    for cpu, count in ((0, 5), (1, 7), (10, 6)):
        write(tmp_path, f"sys/devices/system/cpu/cpu{cpu}/thermal_throttle/package_throttle_count", count)
    assert {"throttle.cpu_package": 7.0} == said(counters(tmp_path))


@pytest.mark.parametrize(
    ("signal", "counts"),
    [
        ("throttle.oc1", True),
        ("throttle.cpu_package", True),
        ("throttle.gpu0", False),
        ("throttle.cpu-throttle-alert", False),
        ("hwmon.oc1", False),
    ],
)
def test_counters_are_told_from_states(signal: str, counts: bool) -> None:
    """A counter that stands high tells of a time before the load."""
    assert counts == is_counter(signal)


def test_a_machine_that_does_not_tell_says_so(tmp_path: Path) -> None:
    """Of states and of counters, in words."""
    thor(tmp_path)
    with pytest.raises(AbsentError, match="no cooling device"):
        alerts(tmp_path)
    with pytest.raises(AbsentError, match="no counter"):
        counters(tmp_path)
