"""The machine and the versions that a result belongs to."""

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import psutil

from thorexp.machine.gpus import Gpus, NvmlFacts, counted, gpus, nvml
from thorexp.machine.in_time import NVML_TIMEOUT_S, answer
from thorexp.machine.jetson import Jetson, device_tree_model, jetson, module_gib
from thorexp.machine.system_file import text

BYTES_PER_GB = 1e9


@dataclass(frozen=True, slots=True)
class Identity:
    """What it ran on, and nothing that can change while a process lives. What is not known is absent.

    `description`: the machine in a line, which `match` of a hardware config looks at. `board`: of the device tree or
    of DMI. `module`: "T5000" or "T4000", of a Thor. `l4t`, `jetpack`: of a Jetson. `gpus`, `driver`, `cuda` (the
    driver's), `compute_capability` (of the first GPU), `gpu_memory_gb` (of all): as NVML knows them. `git_commit`: of
    the checkout that thorexp runs from; absent when it is installed.
    """

    description: str
    hostname: str
    machine: str
    board: str | None
    module: str | None
    soc: str | None
    l4t: str | None
    jetpack: str | None
    kernel: str
    cpu: str | None
    cpus: int
    memory_gb: float
    gpus: tuple[str, ...]
    gpu_memory_gb: float | None
    compute_capability: str | None
    driver: str | None
    cuda: str | None
    python: str
    thorexp: str
    git_commit: str | None


@cache
def identity() -> Identity:
    """Of this machine, read once a process."""
    return read_identity(Path("/"), psutil.virtual_memory().total, nvml())


def read_identity(root: Path, memory_bytes: int, asked: NvmlFacts) -> Identity:
    """By the files below `root`, the memory that Linux sees, and NVML."""
    cards = answer(lambda: gpus(asked), NVML_TIMEOUT_S) or Gpus()
    ours = jetson(root, memory_bytes, cards.names)
    board = device_tree_model(root) or text(root / "sys/class/dmi/id/product_name")
    cpu = cpu_model(root)
    return Identity(
        description=_of_jetson(ours, memory_bytes) if ours else _of_other(root, cards.names, board, cpu),
        hostname=platform.node(),
        machine=platform.machine(),
        board=board,
        module=ours.module if ours else None,
        soc=ours.soc if ours else None,
        l4t=ours.l4t if ours else None,
        jetpack=ours.jetpack if ours else None,
        kernel=platform.release(),
        cpu=cpu,
        cpus=os.cpu_count() or 1,
        memory_gb=memory_bytes / BYTES_PER_GB,
        gpus=cards.names,
        gpu_memory_gb=cards.memory_gb,
        compute_capability=cards.compute_capability,
        driver=cards.driver,
        cuda=cards.cuda,
        python=platform.python_version(),
        thorexp=version("thorexp"),
        git_commit=_git_commit(Path(__file__).parents[2]),
    )


def cpu_model(root: Path) -> str | None:
    """Its name; absent on ARM, where Linux knows only numbers."""
    found = re.search(r"^model name\s*:\s*(.+?)\s*$", text(root / "proc/cpuinfo") or "", re.MULTILINE)
    return found[1] if found else None


def _of_jetson(board: Jetson, memory_bytes: int) -> str:
    """ "NVIDIA Jetson AGX Thor Developer Kit, T5000"; boards whose model leaves the module open, by their memory."""
    gib = module_gib(memory_bytes)
    detail = board.module or (None if gib is None else f"{gib} GB")
    return board.board if detail is None else f"{board.board}, {detail}"


def _of_other(root: Path, names: Sequence[str], board: str | None, cpu: str | None) -> str:
    """By its GPUs; a machine whose GPU has no name is not one without."""
    if names:
        return counted(names)
    if board is not None and "DGX" in board:
        return board
    if (root / "dev/nvidiactl").exists():
        return "an NVIDIA GPU that NVML does not name"
    return f"CPU only: {cpu or platform.machine()}"


def _git_commit(checkout: Path) -> str | None:
    """The commit, with "-dirty" when tracked files differ from it."""
    if not (checkout / ".git").exists():
        return None
    try:
        said = subprocess.run(
            ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip()
