"""The power mode of a Jetson, as nvpmodel has set it."""

import re
from dataclasses import dataclass
from pathlib import Path

from thorexp.machine.in_time import command, output
from thorexp.machine.system_file import text

NVPMODEL_TIMEOUT_S = 2.0
POWER_MODEL = re.compile(r"POWER_MODEL:? ID=(\d{1,9}) NAME=(\S+)")


@dataclass(frozen=True, slots=True)
class PowerMode:
    """`name`: "MAXN", "120W"; `number`: nvpmodel's own. Both are absent on a machine without nvpmodel."""

    name: str | None
    number: int | None

    @property
    def is_max(self) -> bool | None:
        """The mode without a limit is MAXN (MAXN_SUPER), which is 0 on Thor, AGX Orin and Orin NX."""
        if self.name is not None:
            return self.name.startswith("MAXN")
        return None if self.number is None else self.number == 0


def power_mode(root: Path) -> PowerMode:
    """By `nvpmodel -q`; when that does not answer, the number alone, of the status file that it keeps."""
    nvpmodel = command(root, "nvpmodel")
    said = nvpmodel and output((nvpmodel, "-q"), NVPMODEL_TIMEOUT_S)
    found = re.search(r"^NV Power Mode: *(\S+)\s+(\d{1,9})$", said or "", re.MULTILINE)
    if found:
        return PowerMode(found[1], int(found[2]))
    status = re.search(r"pmode:(\d{1,9})", text(root / "var/lib/nvpmodel/status") or "")
    return PowerMode(None, int(status[1]) if status else None)


def power_modes(root: Path) -> dict[str, int]:
    """nvpmodel's number of each mode, by name: as `nvpmodel -p --verbose` tells, else of its file."""
    nvpmodel = command(root, "nvpmodel")
    said = nvpmodel and output((nvpmodel, "-p", "--verbose"), NVPMODEL_TIMEOUT_S)
    known = POWER_MODEL.findall(said or "") or POWER_MODEL.findall(text(root / "etc/nvpmodel.conf") or "")
    return {name: int(number) for number, name in known}
