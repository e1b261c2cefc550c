"""What can change of a machine, read twice a load."""

import os
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.machine.machines import NO_GPU, Card, FakeNvml, a_thor, with_command, with_file
from thorexp.machine.gpus import GpuState
from thorexp.machine.state import MachineState, read_state, state

USER = 1000
NOTHING = MachineState(None, None, None, None, (), None, None, None, ())


def test_a_thor_is_read_whole(tmp_path: Path) -> None:
    """Power mode, governors, clocks and fan; NVML is not asked."""
    with_command(a_thor(tmp_path), "usr/sbin/nvpmodel", "printf 'NV Power Mode: 120W\\n1\\n'")
    with_file(tmp_path, "sys/class/devfreq/gpu-gpc-0/governor", "nvhost_podgov\n")
    with_file(tmp_path, "sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "schedutil\n")
    with_file(tmp_path, "sys/class/hwmon/hwmon1/name", "pwmfan\n")
    with_file(tmp_path, "sys/class/hwmon/hwmon1/pwm1", "73\n")
    nvml = FakeNvml((Card("NVIDIA Thor", power_limit_mw=130_000),))
    expected = MachineState(
        power_mode="120W",
        power_mode_id=1,
        power_mode_is_max=False,
        gpu_governor="nvhost_podgov",
        cpu_governors=("schedutil",),
        clocks_locked=False,
        fan_pwm=73,
        fan_rpm=None,
        gpus=(),
    )
    assert expected == read_state(tmp_path, nvml, USER)


def test_power_limits_are_each_gpus_own(tmp_path: Path) -> None:
    """In watts, the one in force and the one it comes with."""
    capped = Card("NVIDIA H200", power_limit_mw=500_000, default_power_limit_mw=700_000)
    whole = Card("NVIDIA H200", power_limit_mw=700_000, default_power_limit_mw=700_000)
    read = read_state(tmp_path, FakeNvml((capped, whole)), USER)
    assert (GpuState(500.0, 700.0, None), GpuState(700.0, 700.0, None)) == read.gpus


@pytest.mark.parametrize(
    ("first", "second", "locked"),
    [
        (1410, 1410, True),
        (1410, 1095, None),
        (1410, 900, False),
        (1095, 900, False),
        (1095, 1095, None),
        (None, None, None),
    ],
)
def test_clocks_are_locked_when_those_of_all_gpus_are(
    tmp_path: Path, first: int | None, second: int | None, locked: bool | None
) -> None:
    """And free when one GPU is set lower than its default of 1095 MHz."""
    cards = [
        Card("NVIDIA A100", clock_mhz=each, default_clock_mhz=1095, max_clock_mhz=1410) for each in (first, second)
    ]
    assert locked is read_state(tmp_path, FakeNvml(cards), USER).clocks_locked


def test_a_fan_has_its_speed_beside_its_duty(tmp_path: Path) -> None:
    """In monitors of their own, among others that have neither."""
    with_file(tmp_path, "sys/class/hwmon/hwmon0/name", "nct6775\n")
    with_file(tmp_path, "sys/class/hwmon/hwmon0/pwm1", "255\n")
    with_file(tmp_path, "sys/class/hwmon/hwmon2/name", "pwmfan\n")
    with_file(tmp_path, "sys/class/hwmon/hwmon2/pwm1", "0\n")
    with_file(tmp_path, "sys/class/hwmon/hwmon3/name", "pwm_tach\n")
    with_file(tmp_path, "sys/class/hwmon/hwmon3/fan1_input", "2100\n")
    read = read_state(tmp_path, NO_GPU, USER)
    assert (0, 2100) == (read.fan_pwm, read.fan_rpm)


def test_what_a_machine_does_not_tell_is_absent(tmp_path: Path) -> None:
    """All of it, on one that has no such files."""
    assert NOTHING == read_state(tmp_path, NO_GPU, os.geteuid())


def test_this_machine_is_in_the_same_state_twice() -> None:
    """Apart from the fan, whose speed follows the heat."""
    states = [{**asdict(state()), "fan_pwm": None, "fan_rpm": None} for _ in range(2)]
    assert states[0] == states[1]
