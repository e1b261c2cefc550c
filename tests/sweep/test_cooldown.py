"""A pause between two jobs."""

import time
from dataclasses import replace

import pytest

from tests.sweep.makers import SWEEP
from thorexp.sweep import cooldown
from thorexp.sweep.cooldown import cool_down

BELOW_50 = replace(SWEEP, cooldown_below_c=50.0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sensor is read again after a moment."""
    monkeypatch.setattr(cooldown, "POLL_S", 0.001)


class Sensor:
    """A board that reads so, one reading after the other; the last one stays."""

    def __init__(self, *readings: float | None) -> None:
        self.left = list(readings)
        self.taken = 0

    def __call__(self) -> float | None:
        self.taken += 1
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


def test_a_job_follows_when_the_board_is_below_its_limit() -> None:
    """Readings of 61, 55 and 50 degrees are waited out; 49.5 is below 50."""
    sensor = Sensor(61.0, 55.0, 50.0, 49.5, 99.0)
    cool_down(BELOW_50, sensor)
    assert 4 == sensor.taken


def test_a_cool_board_is_read_once() -> None:
    """There is nothing to wait for."""
    sensor = Sensor(40.0)
    cool_down(BELOW_50, sensor)
    assert 1 == sensor.taken


def test_without_a_limit_no_sensor_is_read() -> None:
    """The default pauses for nothing."""
    sensor = Sensor(99.0)
    cool_down(SWEEP, sensor)
    assert 0 == sensor.taken


def test_a_board_that_stays_hot_is_waited_for_so_long_and_no_longer(caplog: pytest.LogCaptureFixture) -> None:
    """The sweep goes on, and says how hot it is."""
    began = time.monotonic()
    cool_down(replace(BELOW_50, cooldown_timeout_s=0.05), Sensor(72.5))
    assert time.monotonic() - began >= 0.05
    assert "still 72.5 °C after 0.05 s; goes on" in caplog.text


def test_a_machine_without_a_sensor_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """A limit that cannot be kept is not kept in silence."""
    cool_down(BELOW_50, Sensor(None))
    assert "sweep.cooldown_below_c=50" in caplog.text


def test_a_sensor_that_goes_away_is_not_waited_for() -> None:
    """A board whose sensor is lost would never be cool."""
    sensor = Sensor(61.0, None)
    cool_down(BELOW_50, sensor)
    assert 2 == sensor.taken


def test_a_pause_has_its_length() -> None:
    """At least as long as it was asked for."""
    began = time.monotonic()
    cool_down(replace(SWEEP, cooldown_s=0.05))
    assert time.monotonic() - began >= 0.05


def test_the_sensor_is_read_after_the_pause() -> None:
    """The board cools while the sweep is idle."""
    began, read_at = time.monotonic(), []

    def read_c() -> float:
        read_at.append(time.monotonic())
        return 40.0

    cool_down(replace(BELOW_50, cooldown_s=0.05), read_c)
    (first,) = read_at
    assert first - began >= 0.05
