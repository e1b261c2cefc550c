"""What of a board may spoil a measurement before it begins: looked at, and never changed.

Nothing is said of a machine that has neither nvpmodel, nor an NVIDIA GPU. Each read has a time of its own.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from thorexp.machine.gpus import NvmlFacts
from thorexp.machine.in_time import NVML_TIMEOUT_S, answer, command, output
from thorexp.machine.jetson import is_jetson
from thorexp.machine.source import AbsentError
from thorexp.machine.state import MachineState, read_state
from thorexp.machine.system_file import text
from thorexp.machine.thermal import zones

GIB = 1 << 30
KIB = 1 << 10

# A Jetson with a desktop and no server holds 3 to 6 GB (NVIDIA's workshop at GTC DC 2025).
IDLE_BYTES = 6 * GIB
IDLE_SHARE = 0.1
CACHE_SHARE = 0.25  # of the memory; CUDA counts it as used (vllm #48140, ollama #12283)
SWAP_BYTES = GIB // 4  # a few MB are in it on an idle Thor
HOT_C = 65.0  # an idle Thor has 30 to 45
ZONES_TIMEOUT_S = 2.0
HOLDERS_TIMEOUT_S = 5.0
HARMLESS = ("nvidia-persistenced",)  # keeps the driver loaded


@dataclass(frozen=True, slots=True)
class Remark:
    """What was seen, and what to try."""

    says: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Expected:
    """The board by its config: its power modes, the fastest first, and whether its GPU shares the memory.

    `mode_is_chosen`, `drops_caches`: what was asked of it, and is no oversight.
    """

    power_modes: tuple[str, ...]
    unified_memory: bool
    mode_is_chosen: bool = False
    drops_caches: bool = False


def remarks(root: Path, expected: Expected, asked: NvmlFacts, euid: int) -> tuple[Remark, ...]:
    """All there is to say, as the user `euid`; nothing where nothing is amiss."""
    is_board = is_jetson(root) or command(root, "nvpmodel") is not None
    nvidia_smi = command(root, "nvidia-smi")
    if not is_board and nvidia_smi is None:
        return ()
    seen = [*_of_speed(read_state(root, asked, euid), expected), *_of_holders(root, nvidia_smi)]
    if nvidia_smi is not None:
        seen += _of_mig(nvidia_smi)
    if is_board or expected.unified_memory:
        seen += _of_memory(root, expected)
    if is_board:
        seen += _of_heat(root)
    return tuple(seen)


def _of_speed(state: MachineState, expected: Expected) -> Iterator[Remark]:
    fastest = next(iter(expected.power_modes), None)
    is_slower = state.power_mode_is_max is False if fastest is None else state.power_mode not in (None, fastest)
    if is_slower and not expected.mode_is_chosen:
        yield Remark(
            f"the power mode is {state.power_mode or state.power_mode_id}, the fastest is {fastest or 'MAXN'}",
            f"hardware.prepare.power_mode={fastest}" if fastest else "sudo nvpmodel -m 0",
        )
    if state.clocks_locked is False:
        yield Remark("the clocks are not locked", "hardware.prepare.lock_clocks=true")


def _of_mig(nvidia_smi: str) -> Iterator[Remark]:
    """It hides the GPU from CUDA until instances are made of it (NVIDIA/skills)."""
    said = output((nvidia_smi, "--query-gpu=index,mig.mode.current", "--format=csv,noheader"), NVML_TIMEOUT_S)
    for index in re.findall(r"^(\d+), *Enabled", said or "", re.MULTILINE):
        yield Remark(f"GPU {index} is split by MIG", f"nvidia-smi mig -lgi, sudo nvidia-smi -i {index} -mig 0")


def _of_holders(root: Path, nvidia_smi: str | None) -> Iterator[Remark]:
    ours = _family()
    computing = _computing(nvidia_smi)
    holding = answer(lambda: _holding(root), HOLDERS_TIMEOUT_S) or {}
    others = {pid: name for pid, name in {**holding, **computing}.items() if pid not in ours and name not in HARMLESS}
    if others:
        told = ", ".join(f"{name} (pid {pid})" for pid, name in sorted(others.items()))
        yield Remark(f"the GPU is held by {told}", "end what computes there; sudo lsof /dev/nvidia* shows all")


def _computing(nvidia_smi: str | None) -> dict[int, str]:
    """By the driver: process id to name, with the memory that it has."""
    words = ("--query-compute-apps=pid,process_name,used_memory", "--format=csv,noheader")
    said = output((nvidia_smi, *words), NVML_TIMEOUT_S) if nvidia_smi else None
    found = re.findall(r"^(\d+), *(.+?), *([^,]*)$", said or "", re.MULTILINE)
    return {int(pid): f"{name.rpartition('/')[2]}, {memory}" for pid, name, memory in found}


def _holding(root: Path) -> dict[int, str]:
    """By open files, for all processes that we may look at: all of ours, and all for root."""
    held = {}
    for process in (root / "proc").glob("[0-9]*"):
        if any(re.match(r"/dev/nvidia(?:\d+|-uvm)$", file) for file in _open_files(process / "fd")):
            held[int(process.name)] = text(process / "comm") or "a process"
    return held


def _open_files(folder: Path) -> Iterator[str]:
    try:
        files = list(folder.iterdir())
    except OSError:
        return
    for file in files:
        try:
            yield str(file.readlink())
        except OSError:
            continue


def _family() -> set[int]:
    """We and our children."""
    try:
        return {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
    except psutil.Error:
        return {os.getpid()}


def _of_memory(root: Path, expected: Expected) -> Iterator[Remark]:
    """Of memory that the GPU shares with whatever else there is."""
    memory = _meminfo(root)
    total, free, available = (memory.get(name, 0) for name in ("MemTotal", "MemFree", "MemAvailable"))
    used, cached = total - available, available - free
    if used > max(IDLE_BYTES, IDLE_SHARE * total):
        yield Remark(
            f"{used / GIB:.1f} of {total / GIB:.1f} GiB are in use before any server runs",
            "end what is left over (ps aux --sort=-rss | head, docker ps), or reboot",
        )
    if cached > CACHE_SHARE * total and not expected.drops_caches:
        yield Remark(
            f"{cached / GIB:.1f} of {total / GIB:.1f} GiB are page cache, which CUDA may count as used",
            "hardware.prepare.drop_caches=true",
        )
    swapped = memory.get("SwapTotal", 0) - memory.get("SwapFree", 0)
    if swapped > SWAP_BYTES:
        yield Remark(f"{swapped / GIB:.1f} GiB are swapped out", "sudo swapoff -a && sudo swapon -a, or reboot")


def _meminfo(root: Path) -> Mapping[str, int]:
    said = text(root / "proc/meminfo") or ""
    return {name: int(kib) * KIB for name, kib in re.findall(r"^(\w+): +(\d+) kB$", said, re.MULTILINE)}


def _of_heat(root: Path) -> Iterator[Remark]:
    readings = answer(lambda: _temperatures(root), ZONES_TIMEOUT_S) or ()
    if readings and max(readings)[0] >= HOT_C:
        degrees, zone = max(readings)
        yield Remark(
            f"the board is {degrees:.0f} °C hot ({zone}) before it has done anything",
            "sweep.cooldown_below_c=50, or a look at its fan",
        )


def _temperatures(root: Path) -> Sequence[tuple[float, str]]:
    try:
        rows = [row for zone in zones(root) for row in zone.read()]
    except AbsentError:
        return ()
    return [(degrees, signal.removeprefix("thermal.").removesuffix("_c")) for _, signal, degrees in rows]
