"""Machines that are not here: a tree of their files, their commands, and the answers of their NVML."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

Value = TypeVar("Value")

MIB = 2**20

THOR_MODEL = "NVIDIA Jetson AGX Thor Developer Kit"
AGX_ORIN_MODEL = "NVIDIA Jetson AGX Orin Developer Kit"
ORIN_NX_MODEL = "NVIDIA Jetson Orin NX Engineering Reference Developer Kit"

# JetPack 7.0 and 7.1, as on the boards.
R38_2 = """\
# R38 (release), REVISION: 2.0, GCID: 41844464, BOARD: generic, EABI: aarch64, DATE: Fri Aug 22 00:55:42 UTC 2025
# KERNEL_VARIANT: oot
TARGET_USERSPACE_LIB_DIR=nvidia
TARGET_USERSPACE_LIB_DIR_PATH=usr/lib/aarch64-linux-gnu/nvidia
INSTALL_TYPE=
"""
R38_4 = """\
# R38 (release), REVISION: 4.0, GCID: 43443517, BOARD: generic, EABI: aarch64, DATE: Wed Dec 31 00:15:19 UTC 2025
# KERNEL_VARIANT: oot
"""


class NvmlError(Exception):
    """As pynvml.NVMLError."""


@dataclass(frozen=True)
class Card:
    """A GPU. What is None, NVML does not support."""

    name: str
    memory_bytes: int | None = None
    capability: tuple[int, int] | None = None
    power_limit_mw: int | None = None
    default_power_limit_mw: int | None = None
    clock_mhz: int | None = None
    default_clock_mhz: int | None = None
    max_clock_mhz: int | None = None


def answer(value: Value | None) -> Value:
    """What NVML does with a question that this GPU does not support."""
    if value is None:
        raise NvmlError("Not Supported")
    return value


@dataclass
class FakeNvml:
    """Answers for these cards as pynvml does; without a driver it does not even begin. `begun`: and not ended."""

    cards: Sequence[Card] = ()
    driver: str | None = "580.00"
    cuda: int | None = 13000
    begun: int = 0
    NVMLError: type[Exception] = NvmlError
    NVML_CLOCK_GRAPHICS: int = 0

    def nvmlInit(self) -> None:  # noqa: N802
        answer(self.driver)
        self.begun += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.begun -= 1

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return answer(self.driver)

    def nvmlSystemGetCudaDriverVersion_v2(self) -> int:  # noqa: N802
        return answer(self.cuda)

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:  # noqa: N802
        return self.cards[index]

    def nvmlDeviceGetName(self, handle: Card) -> str:  # noqa: N802
        return handle.name

    def nvmlDeviceGetMemoryInfo(self, handle: Card) -> Any:  # noqa: N802
        return SimpleNamespace(total=answer(handle.memory_bytes))

    def nvmlDeviceGetCudaComputeCapability(self, handle: Card) -> tuple[int, int]:  # noqa: N802
        return answer(handle.capability)

    def nvmlDeviceGetPowerManagementLimit(self, handle: Card) -> int:  # noqa: N802
        return answer(handle.power_limit_mw)

    def nvmlDeviceGetPowerManagementDefaultLimit(self, handle: Card) -> int:  # noqa: N802
        return answer(handle.default_power_limit_mw)

    def nvmlDeviceGetApplicationsClock(self, handle: Card, clock: int) -> int:  # noqa: N802
        return answer(handle.clock_mhz)

    def nvmlDeviceGetDefaultApplicationsClock(self, handle: Card, clock: int) -> int:  # noqa: N802
        return answer(handle.default_clock_mhz)

    def nvmlDeviceGetMaxClockInfo(self, handle: Card, clock: int) -> int:  # noqa: N802
        return answer(handle.max_clock_mhz)


NO_GPU = FakeNvml(driver=None)


def with_file(root: Path, path: str, text: str) -> Path:
    """The same tree with one more file."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return root


def with_command(root: Path, path: str, script: str) -> Path:
    """The same tree with one more shell script that can be run."""
    with_file(root, path, f"#!/bin/sh\n{script}\n")
    (root / path).chmod(0o755)
    return root


def a_jetson(root: Path, model: str, soc: str, release: str = R38_4) -> Path:
    """The files by which a Jetson tells what it is."""
    with_file(root, "proc/device-tree/model", f"{model}\0")
    with_file(root, "proc/device-tree/compatible", f"nvidia,some-carrier+some-module\0nvidia,{soc}\0")
    return with_file(root, "etc/nv_tegra_release", release)


def a_thor(root: Path) -> Path:
    """An AGX Thor developer kit with JetPack 7.1."""
    return a_jetson(root, THOR_MODEL, "tegra264")
