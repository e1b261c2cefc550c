"""Thermal zones: how hot the machine is, part by part."""

from pathlib import Path

import pytest

from tests.machine.fake_sysfs import thor, write
from tests.machine.test_hwmon import said
from thorexp.machine.source import AbsentError
from thorexp.machine.thermal import zones


def test_the_zones_of_thor(tmp_path: Path) -> None:
    """In degrees, by the part's name."""
    assert {
        "thermal.tj_c": 36.843,
        "thermal.cpu_c": 35.437,
        "thermal.gpu_c": 36.187,
        "thermal.soc012_c": 35.468,
        "thermal.soc345_c": 36.843,
    } == said(zones(thor(tmp_path)))


@pytest.mark.parametrize("millidegrees", [-256_000, 0])
def test_a_zone_that_is_off_has_no_row(tmp_path: Path, millidegrees: int) -> None:
    """It reads -256 °C, or nothing worth the name."""
    thor(tmp_path)
    write(tmp_path, "sys/class/thermal/thermal_zone2/temp", millidegrees)
    assert "thermal.gpu_c" not in said(zones(tmp_path))


def test_zones_of_one_type_are_told_apart(tmp_path: Path) -> None:
    """By their order, as their numbers have it."""
    for number, millidegrees in ((10, 30_000), (2, 20_000)):
        write(tmp_path, f"sys/class/thermal/thermal_zone{number}/type", "acpitz")
        write(tmp_path, f"sys/class/thermal/thermal_zone{number}/temp", millidegrees)
    assert {"thermal.acpitz_c": 20.0, "thermal.acpitz2_c": 30.0} == said(zones(tmp_path))


def test_a_type_is_made_fit_for_a_table(tmp_path: Path) -> None:
    """A comma would end the column."""
    write(tmp_path, "sys/class/thermal/thermal_zone0/type", "soc, left")
    write(tmp_path, "sys/class/thermal/thermal_zone0/temp", 40_000)
    assert {"thermal.soc_left_c": 40.0} == said(zones(tmp_path))


def test_a_machine_without_zones_says_so(tmp_path: Path) -> None:
    """In words."""
    with pytest.raises(AbsentError, match="no thermal zones"):
        zones(tmp_path)
