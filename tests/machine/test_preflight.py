"""What is said of a board before it is measured on."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_board import Board
from tests.machine.machines import NO_GPU, a_thor, with_file
from thorexp.machine.preflight import Expected, Remark, remarks

THOR = Expected(power_modes=("MAXN", "120W", "90W", "70W"), unified_memory=True)
USER = 1000
KIB_PER_GIB = 1 << 20
MODE = Remark("the power mode is 120W, the fastest is MAXN", "hardware.prepare.power_mode=MAXN")
CLOCKS = Remark("the clocks are not locked", "hardware.prepare.lock_clocks=true")


def meminfo(free: int, available: int, swapped_mib: int = 0) -> str:
    """Of 120 GiB, as the kernel writes it; in GiB."""
    gib = {"MemTotal": 120, "MemFree": free, "MemAvailable": available, "SwapTotal": 4}
    kib = {name: value * KIB_PER_GIB for name, value in gib.items()}
    kib["SwapFree"] = kib["SwapTotal"] - swapped_mib * 1024
    return "".join(f"{name}:{value:>16} kB\n" for name, value in kib.items())


@pytest.fixture
def thor(tmp_path: Path) -> Path:
    """One of which there is nothing to say: MAXN, locked, cool and empty."""
    board = Board(tmp_path)
    (board.folder / "mode").write_text("0")
    a_thor(tmp_path)
    with_file(tmp_path, "sys/class/devfreq/gpu-gpc-0/governor", "performance\n")
    with_file(tmp_path, "sys/class/thermal/thermal_zone0/type", "tj-thermal\n")
    with_file(tmp_path, "sys/class/thermal/thermal_zone0/temp", "36843\n")
    return with_file(tmp_path, "proc/meminfo", meminfo(free=112, available=115))


def said(root: Path, expected: Expected = THOR) -> list[Remark]:
    """Of that board."""
    return list(remarks(root, expected, NO_GPU, USER))


def test_of_a_board_that_is_ready_nothing_is_said(thor: Path) -> None:
    """And nothing was changed to see that."""
    assert [] == said(thor)
    assert not [line for line in (thor / "said").read_text().splitlines() if " -m" in line or "--store" in line]


def test_of_a_computer_without_such_a_board_nothing_is_said(tmp_path: Path) -> None:
    """However full its memory."""
    assert [] == said(with_file(tmp_path, "proc/meminfo", meminfo(free=1, available=2, swapped_mib=4000)))


def test_a_slower_power_mode_is_said(thor: Path) -> None:
    """With the key that sets the fastest."""
    (thor / "mode").write_text("1")
    assert [MODE] == said(thor)


def test_a_power_mode_that_was_chosen_is_not_said(thor: Path) -> None:
    """It is what shall be measured."""
    (thor / "mode").write_text("1")
    assert [] == said(thor, Expected(THOR.power_modes, unified_memory=True, mode_is_chosen=True))


def test_a_board_whose_modes_are_not_known_is_asked_for_maxn(thor: Path) -> None:
    """By nvpmodel's name."""
    (thor / "mode").write_text("1")
    (remark,) = said(thor, Expected((), unified_memory=True))
    assert Remark("the power mode is 120W, the fastest is MAXN", "sudo nvpmodel -m 0") == remark


def test_clocks_that_are_free_are_said(thor: Path) -> None:
    """By the governor alone: other files of devfreq may never answer."""
    with_file(thor, "sys/class/devfreq/gpu-gpc-0/governor", "nvhost_podgov\n")
    for name in ("cur_freq", "min_freq", "max_freq"):
        os.mkfifo(thor / "sys/class/devfreq/gpu-gpc-0" / name)
    assert [CLOCKS] == said(thor)


def test_mig_is_said(thor: Path) -> None:
    """It hides the GPU from CUDA."""
    (thor / "board.json").write_text('{"mig": "Enabled"}')
    (remark,) = said(thor)
    assert ("GPU 0 is split by MIG", True) == (remark.says, "-mig 0" in remark.remedy)


def test_what_computes_on_the_gpu_is_said(thor: Path) -> None:
    """With its memory, as the driver tells it; ourselves left out."""
    (thor / "board.json").write_text(
        f'{{"processes": ["4711, /usr/local/bin/ollama, 3891 MiB", "{os.getpid()}, python, 1 MiB"]}}'
    )
    (remark,) = said(thor)
    assert "the GPU is held by ollama, 3891 MiB (pid 4711)" == remark.says


def holding(root: Path, pid: int, name: str, *files: str) -> None:
    """A process with these files open."""
    with_file(root, f"proc/{pid}/comm", f"{name}\n")
    (folder := root / f"proc/{pid}/fd").mkdir()
    for number, file in enumerate(files):
        (folder / str(number)).symlink_to(file)


def test_what_has_the_gpu_open_is_said(thor: Path) -> None:
    """A desktop and a camera's daemon; not the driver's own, nor what only asks."""
    holding(thor, 900, "Xorg", "/dev/null", "/dev/nvidia0")
    holding(thor, 901, "nvargus-daemon", "/dev/nvidia0", "/dev/nvidiactl")
    holding(thor, 902, "nvidia-persistenced", "/dev/nvidia0")
    holding(thor, 903, "nvtop", "/dev/nvidiactl", "socket:[123]")
    (remark,) = said(thor)
    assert "the GPU is held by Xorg (pid 900), nvargus-daemon (pid 901)" == remark.says


MEMORY = (
    (meminfo(free=70, available=72), "48.0 of 120.0 GiB are in use before any server runs"),
    (meminfo(free=40, available=115), "75.0 of 120.0 GiB are page cache, which CUDA may count as used"),
    (meminfo(free=112, available=115, swapped_mib=1024), "1.0 GiB are swapped out"),
)


@pytest.mark.parametrize(("memory", "says"), MEMORY, ids=["left over", "page cache", "swapped"])
def test_memory_that_a_server_would_miss_is_said(thor: Path, memory: str, says: str) -> None:
    """Of memory that the GPU shares."""
    assert [says] == [remark.says for remark in said(with_file(thor, "proc/meminfo", memory))]


def test_a_page_cache_that_will_be_dropped_is_not_said(thor: Path) -> None:
    """It is gone before the server starts."""
    with_file(thor, "proc/meminfo", meminfo(free=40, available=115))
    assert [] == said(thor, Expected(THOR.power_modes, unified_memory=True, drops_caches=True))


def other_gpus(root: Path) -> Iterator[str]:
    """What is said of a computer with a GPU that has memory of its own."""
    expected = Expected((), unified_memory=False)
    return (remark.says for remark in remarks(root, expected, NO_GPU, USER))


def test_memory_that_the_gpu_does_not_share_is_not_said(tmp_path: Path) -> None:
    """A server of vLLM takes little of it."""
    Board(tmp_path, "nvpmodel", "jetson_clocks")
    with_file(tmp_path, "proc/meminfo", meminfo(free=1, available=2, swapped_mib=4000))
    assert [] == list(other_gpus(tmp_path))


def test_a_hot_board_is_said(thor: Path) -> None:
    """By its hottest zone."""
    with_file(thor, "sys/class/thermal/thermal_zone0/temp", "71500\n")
    (remark,) = said(thor)
    assert "the board is 72 °C hot (tj) before it has done anything" == remark.says


def test_tools_that_hang_are_left(thor: Path) -> None:
    """nvidia-smi of a driver that is stuck."""
    (thor / "usr/sbin/nvidia-smi").write_text("#!/bin/sh\nsleep 600\n")
    assert [] == said(thor)
