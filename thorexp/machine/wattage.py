"""Whether a machine may tell its power, seen at a glance."""

import os
import shlex
import shutil
from pathlib import Path

from thorexp.machine.system_file import text

MONITORS = ("ina3221", "ina238")


def may_tell_power(tegrastats: str, root: Path = Path("/")) -> bool:
    """Whether a first reading is worth a wait: a tegrastats, a power monitor, an NVIDIA driver or RAPL is here
    and ours to read.

    Any of them may still refuse.
    """
    monitors = (text(path) for path in root.glob("sys/class/hwmon/hwmon*/name"))
    return (
        _can_be_run(tegrastats)
        or any(name in MONITORS for name in monitors)
        or (root / "dev/nvidiactl").exists()
        or any(os.access(energy, os.R_OK) for energy in root.glob("sys/class/powercap/intel-rapl:*/energy_uj"))
    )


def _can_be_run(command: str) -> bool:
    """Not one whose quotes are not closed, nor none."""
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    return bool(words) and shutil.which(words[0]) is not None
