"""A machine in a line, and what stands behind it."""

from pathlib import Path

import pytest

from tests.machine.machines import (
    AGX_ORIN_MODEL,
    MIB,
    NO_GPU,
    ORIN_NX_MODEL,
    THOR_MODEL,
    Card,
    FakeNvml,
    a_jetson,
    a_thor,
    with_file,
)
from thorexp.machine.identity import identity, read_identity

GB = 10**9
CPUINFO = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC 9R14\nstepping\t: 1\n"
H100 = Card("NVIDIA H100 80GB HBM3", memory_bytes=85 * GB, capability=(9, 0))


@pytest.mark.parametrize(
    ("model", "soc", "memory_mib", "description"),
    [
        (THOR_MODEL, "tegra264", 125_772, f"{THOR_MODEL}, T5000"),
        ("NVIDIA Jetson T4000", "tegra264", 62_800, "NVIDIA Jetson T4000, T4000"),
        (AGX_ORIN_MODEL, "tegra234", 62_841, f"{AGX_ORIN_MODEL}, 64 GB"),
        (AGX_ORIN_MODEL, "tegra234", 30_000, f"{AGX_ORIN_MODEL}, 32 GB"),
        (ORIN_NX_MODEL, "tegra234", 15_388, f"{ORIN_NX_MODEL}, 16 GB"),
    ],
)
def test_a_jetson_is_its_board_and_module(
    tmp_path: Path, model: str, soc: str, memory_mib: int, description: str
) -> None:
    """Where the model leaves the module open, its memory tells it."""
    assert description == read_identity(a_jetson(tmp_path, model, soc), memory_mib * MIB, NO_GPU).description


def test_a_thor_has_its_software(tmp_path: Path) -> None:
    """L4T, JetPack, driver and CUDA."""
    thor = read_identity(a_thor(tmp_path), 125_772 * MIB, FakeNvml((Card("NVIDIA Thor", capability=(11, 0)),)))
    assert ("38.4.0", "7.1", "580.00", "13.0") == (thor.l4t, thor.jetpack, thor.driver, thor.cuda)
    assert (THOR_MODEL, "T5000", "tegra264") == (thor.board, thor.module, thor.soc)
    assert (("NVIDIA Thor",), "11.0", None) == (thor.gpus, thor.compute_capability, thor.gpu_memory_gb)


@pytest.mark.parametrize(
    ("cards", "description"), [((H100,), "NVIDIA H100 80GB HBM3"), ((H100, H100), "2 x NVIDIA H100 80GB HBM3")]
)
def test_a_server_is_its_gpus(tmp_path: Path, cards: tuple[Card, ...], description: str) -> None:
    """Whatever its maker calls it."""
    with_file(tmp_path, "sys/class/dmi/id/product_name", "PowerEdge XE9680\n")
    server = read_identity(tmp_path, 512 * GB, FakeNvml(cards))
    assert (description, "PowerEdge XE9680") == (server.description, server.board)


@pytest.mark.parametrize(
    ("nvml", "description"), [(FakeNvml((Card("NVIDIA GB10"),)), "NVIDIA GB10"), (NO_GPU, "NVIDIA_DGX_Spark")]
)
def test_a_dgx_spark_is_its_gpu_or_its_product_name(tmp_path: Path, nvml: FakeNvml, description: str) -> None:
    """It has no device tree."""
    with_file(tmp_path, "sys/class/dmi/id/product_name", "NVIDIA_DGX_Spark\n")
    assert description == read_identity(tmp_path, 128 * GB, nvml).description


def test_a_machine_without_a_gpu_is_its_cpu(tmp_path: Path) -> None:
    """By the name that Linux has for it."""
    machine = read_identity(with_file(tmp_path, "proc/cpuinfo", CPUINFO), 64 * GB, NO_GPU)
    assert ("CPU only: AMD EPYC 9R14", "AMD EPYC 9R14") == (machine.description, machine.cpu)


def test_a_gpu_without_a_name_is_not_taken_for_none(tmp_path: Path) -> None:
    """A driver that is broken leaves its device there."""
    with_file(with_file(tmp_path, "proc/cpuinfo", CPUINFO), "dev/nvidiactl", "")
    assert "an NVIDIA GPU that NVML does not name" == read_identity(tmp_path, 64 * GB, NO_GPU).description


def test_what_a_machine_does_not_tell_is_absent(tmp_path: Path) -> None:
    """None of it is guessed."""
    machine = read_identity(tmp_path, 64 * GB, NO_GPU)
    assert {None} == {machine.board, machine.module, machine.soc, machine.l4t, machine.jetpack, machine.cpu}
    assert {None} == {machine.driver, machine.cuda, machine.compute_capability, machine.gpu_memory_gb}
    assert () == machine.gpus


def test_this_machine_is_read_once() -> None:
    """Every job of a sweep asks for it."""
    assert identity() is identity()
