"""What can be changed of a board for a measurement, and how each is undone: its power mode, its clocks."""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from thorexp.errors import ConfigError
from thorexp.machine.in_time import NVML_TIMEOUT_S, command, output
from thorexp.machine.power_mode import PowerMode, power_mode, power_modes
from thorexp.superuser import Superuser

# nvpmodel waits for clocks to settle, jetson_clocks writes a hundred files.
NVPMODEL_S = 60.0
JETSON_CLOCKS_S = 60.0
NVIDIA_SMI_S = 60.0
REBOOT = re.compile(r"reboot (?:is )?required|want to reboot", re.IGNORECASE)

_log = logging.getLogger(__name__)

Kind = Literal["power_mode", "jetson_clocks", "gpu_clocks"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change, as it is remembered to be undone.

    `before`, `after`: nvpmodel's numbers of a power mode; of clocks the file that jetson_clocks keeps them in, or the
    GPU's index, and the clock that they are locked at.
    """

    kind: Kind
    before: str
    after: str

    @property
    def outlives_boot(self) -> bool:
        """nvpmodel's mode is set anew at boot, clocks are free again."""
        return self.kind == "power_mode"


@dataclass(frozen=True, slots=True)
class Planned:
    """A change that can be made now."""

    change: Change
    make: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Tools:
    """The commands of the system below `root`, and who runs them."""

    root: Path
    superuser: Superuser

    def to_power_mode(self, name: str) -> tuple[Planned, ...]:
        """Nothing where that is the mode already. ConfigError where there is no such mode."""
        self._found("nvpmodel", f"hardware.prepare.power_mode={name}")
        number, before = power_modes(self.root).get(name), power_mode(self.root)
        if number is None or before.number is None:
            raise ConfigError(
                f"hardware.prepare.power_mode={name}: nvpmodel knows no such mode.",
                ("have", ", ".join(power_modes(self.root)) or "none"),
                ("try", "nvpmodel -p --verbose"),
            )
        if number == before.number:
            return ()
        change = Change("power_mode", str(before.number), str(number))
        return (Planned(change, lambda: self._set_power_mode(number, name, before)),)

    def to_locked_clocks(self, store: Path, gpus: Sequence[int] | None) -> tuple[Planned, ...]:
        """Those of a Jetson, kept in `store` before; else of the GPUs with these indices, or of all."""
        if command(self.root, "jetson_clocks") is not None:
            return (Planned(Change("jetson_clocks", str(store), "max"), lambda: self._lock_jetson(store)),)
        return tuple(
            Planned(Change("gpu_clocks", index, highest), partial(self._lock_gpu, index, highest))
            for index, highest in self._highest_clocks(gpus)
        )

    def undo(self, change: Change) -> None:
        """Set back what was before, if it is still as we left it. ConfigError when that cannot be done."""
        match change.kind:
            case "power_mode":
                self._undo_power_mode(change)
            case "jetson_clocks":
                self._undo_jetson(Path(change.before))
            case "gpu_clocks":
                nvidia_smi = self._found("nvidia-smi", "restoring the clocks")
                self.superuser.run((nvidia_smi, "-i", change.before, "-rgc"), NVIDIA_SMI_S)
                _log.info("board: clocks of GPU %s are free again", change.before)

    def _set_power_mode(self, number: int, name: str, before: PowerMode) -> None:
        said = self._nvpmodel(number)
        if REBOOT.search(said):
            raise self._no_reboot(number, name, before)
        if power_mode(self.root).number != number:
            raise ConfigError(
                f"hardware.prepare.power_mode={name}: the mode did not change.",
                ("says", said.strip() or "nothing"),
                ("try", f"sudo nvpmodel -m {number}"),
            )
        _log.info("board: power mode %s, was %s", name, before.name or before.number)

    def _nvpmodel(self, number: int) -> str:
        """What it says to that mode: to a question for a reboot it fails, be it answered no or not."""
        words = (self._found("nvpmodel", f"nvpmodel -m {number}"), "-m", str(number))
        try:
            return self.superuser.run(words, NVPMODEL_S, answer="no\n")
        except ConfigError as refused:
            if REBOOT.search(str(refused)):
                return str(refused)
            raise

    def _no_reboot(self, number: int, name: str, before: PowerMode) -> ConfigError:
        """Nothing is left of a mode that was asked for, neither now nor at the next boot; said where something is."""
        now, is_left = before.name or str(before.number), not self._takes_back(before)
        return ConfigError(
            f"hardware.prepare.power_mode={name} needs a reboot: not done.",
            ("now", now),
            *([("but", f"the next boot has it; sudo nvpmodel -m {before.number} for {now}")] if is_left else []),
            ("try", f"sudo nvpmodel -m {number}, answer YES, and start again when the board is back"),
        )

    def _takes_back(self, before: PowerMode) -> bool:
        """A mode that waits for a boot, by setting the one that is; whether nvpmodel took it."""
        if before.number is None:
            return False
        try:
            return REBOOT.search(self._nvpmodel(before.number)) is None
        except ConfigError:
            return False

    def _undo_power_mode(self, change: Change) -> None:
        now = power_mode(self.root)
        if str(now.number) == change.before:
            self._takes_back(now)  # from whoever ended while nvpmodel asked for a reboot
            return
        if str(now.number) != change.after:
            _log.warning("board: the power mode is %s, which somebody else has set, and stays", now.name or now.number)
            return
        names = {number: name for name, number in power_modes(self.root).items()}
        self._set_power_mode(int(change.before), names.get(int(change.before), change.before), now)

    def _lock_jetson(self, store: Path) -> None:
        jetson_clocks = self._found("jetson_clocks", "hardware.prepare.lock_clocks=true")
        store.unlink(missing_ok=True)  # it would ask whether to overwrite it
        self.superuser.run((jetson_clocks, "--store", str(store)), JETSON_CLOCKS_S)
        self.superuser.run((jetson_clocks,), JETSON_CLOCKS_S)
        _log.info("board: clocks are locked at their highest")

    def _undo_jetson(self, store: Path) -> None:
        """Without its file the clocks were not locked yet."""
        if not store.exists():
            return
        jetson_clocks = self._found("jetson_clocks", "restoring the clocks")
        self.superuser.run((jetson_clocks, "--restore", str(store)), JETSON_CLOCKS_S)
        store.unlink(missing_ok=True)
        _log.info("board: clocks are as they were")

    def _highest_clocks(self, gpus: Sequence[int] | None) -> list[tuple[str, str]]:
        nvidia_smi = self._found("nvidia-smi", "hardware.prepare.lock_clocks=true")
        asked = (nvidia_smi, "--query-gpu=index,clocks.max.graphics", "--format=csv,noheader,nounits")
        told = re.findall(r"^(\d+), *(\d+)", output(asked, NVML_TIMEOUT_S) or "", re.MULTILINE)
        found = [(index, highest) for index, highest in told if gpus is None or int(index) in gpus]
        if not found:
            raise ConfigError(
                "hardware.prepare.lock_clocks=true: no GPU here tells its highest clock.",
                ("command", " ".join(asked)),
                ("try", "hardware.prepare.lock_clocks=false"),
            )
        return found

    def _lock_gpu(self, index: str, mhz: str) -> None:
        nvidia_smi = self._found("nvidia-smi", "hardware.prepare.lock_clocks=true")
        self.superuser.run((nvidia_smi, "-i", index, "-lgc", f"{mhz},{mhz}"), NVIDIA_SMI_S)
        _log.info("board: clocks of GPU %s are locked at %s MHz", index, mhz)

    def _found(self, name: str, wanted: str) -> str:
        found = command(self.root, name)
        if found is None:
            raise ConfigError(
                f"{wanted}: this machine has no {name}.",
                ("try", "hardware.prepare.power_mode=null hardware.prepare.lock_clocks=false"),
            )
        return found
