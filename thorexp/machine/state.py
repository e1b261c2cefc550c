"""What somebody can change of a machine while it measures: power mode, clocks, fan, power limits."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from thorexp.machine.clocks import cpu_governors, gpu_governor, jetson_clocks_locked
from thorexp.machine.gpus import GpuState, NvmlFacts, gpu_states, nvml
from thorexp.machine.in_time import NVML_TIMEOUT_S, answer
from thorexp.machine.jetson import is_jetson
from thorexp.machine.power_mode import power_mode
from thorexp.machine.system_file import number, text


@dataclass(frozen=True, slots=True)
class MachineState:
    """Read before and after a load, the same twice when nothing was changed. What is not known is absent.

    `power_mode`, `power_mode_id`, `power_mode_is_max`, `gpu_governor`: of a Jetson. `clocks_locked`: those of the GPU.
    `fan_pwm`: 0 to 255; `fan_rpm`: its speed. `gpus`: in NVML's order, none on a Jetson.
    """

    power_mode: str | None
    power_mode_id: int | None
    power_mode_is_max: bool | None
    gpu_governor: str | None
    cpu_governors: tuple[str, ...]
    clocks_locked: bool | None
    fan_pwm: int | None
    fan_rpm: int | None
    gpus: tuple[GpuState, ...]


def state() -> MachineState:
    """Of this machine. What does not answer within seconds is absent."""
    return read_state(Path("/"), nvml(), os.geteuid())


def read_state(root: Path, asked: NvmlFacts, euid: int) -> MachineState:
    """By the files and commands below `root`, and NVML where that is no Jetson's; as the user `euid`."""
    mode, governor, jetson = power_mode(root), gpu_governor(root), is_jetson(root)
    cards = () if jetson else answer(lambda: gpu_states(asked), NVML_TIMEOUT_S) or ()
    return MachineState(
        power_mode=mode.name,
        power_mode_id=mode.number,
        power_mode_is_max=mode.is_max,
        gpu_governor=governor,
        cpu_governors=cpu_governors(root),
        clocks_locked=jetson_clocks_locked(root, governor, euid) if jetson else _all_locked(cards),
        fan_pwm=_of_fan(root, "pwm1"),
        fan_rpm=_of_fan(root, "fan1_input"),
        gpus=cards,
    )


def _all_locked(cards: Sequence[GpuState]) -> bool | None:
    """False as soon as one GPU is set lower; absent when one does not tell."""
    locked = {card.clocks_locked for card in cards}
    if False in locked:
        return False
    return True if locked == {True} else None


def _of_fan(root: Path, file: str) -> int | None:
    """Of the first monitor that is named after a fan (`pwmfan`) and has such a file; hwmon numbers change at boot."""
    monitors = sorted((root / "sys/class/hwmon").glob("hwmon*"))
    of_fans = (m for m in monitors if re.search("fan|tach", text(m / "name") or ""))
    return next((reading for m in of_fans if (reading := number(m / file)) is not None), None)
