"""Whether clocks follow the load or stand still.

Of a GPU's devfreq only `governor` is read: on Thor with JetPack 7.2 a read of `min_freq`, `max_freq` or `cur_freq` may
never return, and jetson_clocks reads them.
"""

import re
from pathlib import Path

from thorexp.machine.in_time import command, output
from thorexp.machine.jetson import tegra
from thorexp.machine.system_file import text

GOVERNOR_TIMEOUT_S = 1.0
JETSON_CLOCKS_TIMEOUT_S = 3.0

# Of Thor, and of Orin on JetPack 6 and 5.
GPU_DEVFREQ = ("gpu-gpc-*", "*.gpu", "*.ga10b")

SUPERUSER = 0


def gpu_governor(root: Path) -> str | None:
    """ "performance", "nvhost_podgov"; absent where the GPU has no devfreq, or does not answer."""
    folders = [folder for name in GPU_DEVFREQ for folder in sorted((root / "sys/class/devfreq").glob(name))]
    said = output(("cat", str(folders[0] / "governor")), GOVERNOR_TIMEOUT_S) if folders else None
    return said.strip() or None if said is not None else None


def cpu_governors(root: Path) -> tuple[str, ...]:
    """The distinct ones, sorted; none where the CPU has no frequency to scale."""
    files = (root / "sys/devices/system/cpu/cpufreq").glob("policy*/scaling_governor")
    return tuple(sorted({said for said in map(text, files) if said is not None}))


def jetson_clocks_locked(root: Path, governor: str | None, euid: int) -> bool | None:
    """Whether the GPU of a Jetson stands at its highest clock.

    By its governor: `performance` pins it, Thor's `nvhost_podgov` does not. What that leaves open jetson_clocks tells
    to root alone, and it is absent for others.
    """
    if governor == "performance":
        return True
    if governor == "nvhost_podgov" and tegra(root) == "tegra264":
        return False
    jetson_clocks = command(root, "jetson_clocks")
    if jetson_clocks is None or euid != SUPERUSER:
        return None
    return _locked_in(output((jetson_clocks, "--show"), JETSON_CLOCKS_TIMEOUT_S) or "")


def _locked_in(shown: str) -> bool | None:
    """Locked is a GPU whose lowest, highest and current clock are one; absent when none is shown."""
    line = r"^(?:gpu-gpc-\d+|GPU) .*?MinFreq=(\d+) MaxFreq=(\d+) CurrentFreq=(\d+)"
    clocks = re.findall(line, shown, re.MULTILINE)
    return all(len(set(of_gpu)) == 1 for of_gpu in clocks) if clocks else None
