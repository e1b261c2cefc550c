"""Power rails as the kernel reads them: INA3221 and INA238, without privilege."""

import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.machine.fake_sysfs import thor, write
from thorexp.machine.hwmon import rails
from thorexp.machine.source import AbsentError, Sensor


def said(sensors: Iterable[Sensor]) -> dict[str, float]:
    """What each says now, by signal."""
    return {signal: value for sensor in sensors for _, signal, value in sensor.read()}


def test_the_rails_of_thor(tmp_path: Path) -> None:
    """Volts times amperes; VIN by the chip's own multiplication. The sum of shunt voltages is no rail."""
    assert {
        "hwmon.VDD_GPU_w": 5.040 * 1.235,
        "hwmon.VDD_CPU_SOC_MSS_w": 5.040 * 1.170,
        "hwmon.VIN_SYS_5V0_w": 5.064 * 1.000,
        "hwmon.VIN_w": 20.604,
    } == pytest.approx(said(rails(thor(tmp_path))))


def test_a_rail_says_what_it_draws_now(tmp_path: Path) -> None:
    """Its file is kept open, and read anew."""
    found = rails(thor(tmp_path))
    said(found)
    write(tmp_path, "sys/class/hwmon/hwmon5/power1_input", 87_426_000)
    assert 87.426 == said(found)["hwmon.VIN_w"]


def test_a_rail_is_stamped_when_it_was_read(tmp_path: Path) -> None:
    """On the clock that all processes share."""
    found = rails(thor(tmp_path))
    moments = [time.monotonic_ns(), *(ns for rail in found for ns, _, _ in rail.read()), time.monotonic_ns()]
    assert (1 + len(found) + 1, sorted(moments)) == (len(moments), moments)


def test_a_rail_can_be_negative(tmp_path: Path) -> None:
    """By an offset of its sensor, at idle."""
    thor(tmp_path)
    write(tmp_path, "sys/class/hwmon/hwmon3/curr1_input", -78)
    assert pytest.approx(5.040 * -0.078) == said(rails(tmp_path))["hwmon.VDD_GPU_w"]


def test_rails_are_found_by_name_whatever_their_number(tmp_path: Path) -> None:
    """Numbers change between boots; a fan beside them is no rail."""
    write(tmp_path, "sys/class/hwmon/hwmon0/name", "pwmfan")
    write(tmp_path, "sys/class/hwmon/hwmon0/power1_input", 1)
    for file, text in (("name", "ina3221"), ("in2_label", "VDD_IN"), ("in2_input", 5000), ("curr2_input", 900)):
        write(tmp_path, f"sys/class/hwmon/hwmon17/{file}", text)
    assert {"hwmon.VDD_IN_w": 4.5} == said(rails(tmp_path))


def test_a_channel_that_is_not_connected_is_no_rail(tmp_path: Path) -> None:
    """Its label says so."""
    thor(tmp_path)
    write(tmp_path, "sys/class/hwmon/hwmon3/in1_label", "NC")
    assert "hwmon.NC_w" not in said(rails(tmp_path))


@pytest.mark.parametrize("text", ["", "busy"])
def test_a_rail_that_gives_no_number_has_no_row(tmp_path: Path, text: str) -> None:
    """Not 0; and the next sample may have one again."""
    found = rails(thor(tmp_path))
    write(tmp_path, "sys/class/hwmon/hwmon3/curr1_input", text)
    without = said(found)
    write(tmp_path, "sys/class/hwmon/hwmon3/curr1_input", 1000)
    assert (False, 5.04) == ("hwmon.VDD_GPU_w" in without, said(found)["hwmon.VDD_GPU_w"])


def test_a_rail_whose_file_is_gone_has_no_row(tmp_path: Path) -> None:
    """The others still do."""
    found = rails(thor(tmp_path))
    (tmp_path / "sys/class/hwmon/hwmon5/power1_input").unlink()
    assert {"hwmon.VDD_GPU_w", "hwmon.VDD_CPU_SOC_MSS_w", "hwmon.VIN_SYS_5V0_w"} == said(found).keys()


def test_a_machine_without_such_chips_says_so(tmp_path: Path) -> None:
    """In words."""
    with pytest.raises(AbsentError, match="no INA3221 or INA238"):
        rails(tmp_path)
