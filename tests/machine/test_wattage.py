"""Whether a machine may tell its power, seen at a glance."""

import shlex
import sys
from pathlib import Path

import pytest

from tests.machine.fake_sysfs import thor, write
from thorexp.machine.wattage import may_tell_power

NO_COMMAND = ""


def test_a_machine_with_nothing_to_read_tells_no_power(tmp_path: Path) -> None:
    """No file is there, and no command is asked for."""
    assert not may_tell_power(NO_COMMAND, tmp_path)


def test_a_thor_may_tell_its_power(tmp_path: Path) -> None:
    """By its power monitors, whatever command is asked for."""
    assert may_tell_power(NO_COMMAND, thor(tmp_path))


@pytest.mark.parametrize("words", [[sys.executable], [sys.executable, "tegrastats.py", "a line"], ["sh", "-c", "exit"]])
def test_a_command_that_is_here_may_tell_power(tmp_path: Path, words: list[str]) -> None:
    """By its path or found in PATH, whatever words follow it."""
    assert may_tell_power(shlex.join(words), tmp_path)


def test_a_command_that_is_not_here_tells_no_power(tmp_path: Path) -> None:
    """As on all machines that are no Jetson."""
    assert not may_tell_power(f"{tmp_path / 'tegrastats'} --verbose", tmp_path)


def test_a_command_that_is_badly_quoted_tells_no_power(tmp_path: Path) -> None:
    """It cannot be run, which the sampler says in words."""
    assert not may_tell_power(f"{sys.executable} 'tegrastats.py", tmp_path)


def test_a_file_that_is_no_command_tells_no_power(tmp_path: Path) -> None:
    """It cannot be run."""
    assert not may_tell_power(str(write(tmp_path, "tegrastats", "not a program")), tmp_path)


@pytest.mark.parametrize(
    ("name", "tells"), [("ina3221", True), ("ina238", True), ("nct6775", False), ("pwmfan", False), ("", False)]
)
def test_a_power_monitor_is_known_by_its_name(tmp_path: Path, name: str, tells: bool) -> None:
    """Those of a Jetson are, and no other chip of the board."""
    write(tmp_path, "sys/class/hwmon/hwmon0/name", "acpitz")
    write(tmp_path, "sys/class/hwmon/hwmon7/name", name)
    assert tells == may_tell_power(NO_COMMAND, tmp_path)


def test_a_driver_of_nvidia_may_tell_power(tmp_path: Path) -> None:
    """By the file that it controls GPUs with."""
    write(tmp_path, "dev/nvidiactl")
    assert may_tell_power(NO_COMMAND, tmp_path)


def test_a_counter_of_energy_may_tell_power(tmp_path: Path) -> None:
    """Of a CPU package."""
    write(tmp_path, "sys/class/powercap/intel-rapl:0/energy_uj", 123_456)
    assert may_tell_power(NO_COMMAND, tmp_path)


def test_a_counter_that_only_root_may_read_tells_no_power(tmp_path: Path) -> None:
    """As kernels have it since 2020. A link that leads nowhere stands for it, for root may read everything."""
    energy = write(tmp_path, "sys/class/powercap/intel-rapl:0/energy_uj", 123_456)
    energy.unlink()
    energy.symlink_to(energy)
    assert not may_tell_power(NO_COMMAND, tmp_path)


def test_a_zone_without_a_counter_tells_no_power(tmp_path: Path) -> None:
    """As a container may have it."""
    write(tmp_path, "sys/class/powercap/intel-rapl:0/name", "package-0")
    assert not may_tell_power(NO_COMMAND, tmp_path)
