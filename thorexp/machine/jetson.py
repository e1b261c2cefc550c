"""What an NVIDIA Jetson says of its own board and software."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from thorexp.machine.system_file import text

GIB = 2**30

# By L4T, as in jetson_stats, jtop/core/jetson_variables.py.
JETPACK = {
    "39.2.0": "7.2",
    "39.0.0": "7.2 EA",
    "38.4.0": "7.1",
    "38.2.2": "7.0",
    "38.2.1": "7.0",
    "38.2.0": "7.0",
    "36.5.0": "6.2.2",
    "36.4.7": "6.2.1",
    "36.4.4": "6.2.1",
    "36.4.3": "6.2",
    "36.4.2": "6.1 rev1",
    "36.4.0": "6.1",
    "36.3.0": "6.0",
}

# The words that tell a Thor's module, in the order of NVIDIA/skills, detect_jetson.sh.
THOR_MODULES = {"t4000": "T4000", "t5000": "T5000", "jetson-agx-thor-devkit": "T5000"}

# Modules are sold with so many GiB, of which Linux sees a little less.
MODULE_GIB = (4, 8, 16, 32, 64, 128)


@dataclass(frozen=True, slots=True)
class Jetson:
    """A Jetson. `board`: its model, of the device tree; `soc`: "tegra264"; `l4t`: "38.4.0"; `jetpack`: "7.1".

    `module`: "T5000" or "T4000" of a Thor, for other boards absent.
    """

    board: str
    soc: str | None
    module: str | None
    l4t: str | None
    jetpack: str | None


def jetson(root: Path, memory_bytes: float, gpus: Sequence[str] = ()) -> Jetson | None:
    """Absent when the device tree knows neither a Jetson nor a Tegra. `gpus`: their names, as NVML has them."""
    board, soc = device_tree_model(root), tegra(root)
    if board is None or not is_jetson(root):
        return None
    is_thor = soc == "tegra264" or "Thor" in board
    l4t = l4t_version(root)
    return Jetson(
        board=board,
        soc=soc,
        module=_thor_module((_boot_control(root), board, *gpus), memory_bytes) if is_thor else None,
        l4t=l4t,
        jetpack=JETPACK.get(l4t or ""),
    )


def is_jetson(root: Path) -> bool:
    """By its SoC; where the device tree keeps that to itself, by its model."""
    return tegra(root) is not None or "Jetson" in (device_tree_model(root) or "")


def device_tree_model(root: Path) -> str | None:
    """The board; absent on a machine that has no device tree."""
    return text(root / "proc/device-tree/model")


def tegra(root: Path) -> str | None:
    """The SoC; absent when it is none of NVIDIA's."""
    found = re.search(r"tegra\d+", text(root / "proc/device-tree/compatible") or "")
    return found[0] if found else None


def l4t_version(root: Path) -> str | None:
    """Release and revision: "38.4.0" of `# R38 (release), REVISION: 4.0`."""
    found = re.search(r"R(\d+) \(release\), REVISION: (\d+\.\d+)", text(root / "etc/nv_tegra_release") or "")
    return f"{found[1]}.{found[2]}" if found else None


def module_gib(memory_bytes: float) -> int | None:
    """What a module with so much visible memory is sold as."""
    return next((gib for gib in MODULE_GIB if memory_bytes <= gib * GIB), None)


def _boot_control(root: Path) -> str:
    """It names the board that was flashed, in TNSPEC and COMPATIBLE_SPEC."""
    return text(root / "etc/nv_boot_control.conf") or ""


def _thor_module(said: Iterable[str], memory_bytes: float) -> str | None:
    """By the first source that names one; then by memory, of which a T5000 has 128 GB and a T4000 64 GB."""
    for words in said:
        for sign, module in THOR_MODULES.items():
            if sign in words.lower():
                return module
    if memory_bytes >= 96 * GIB:
        return "T5000"
    return "T4000" if memory_bytes >= 32 * GIB else None
