"""A Jetson by its own files, as JetPack writes them."""

from pathlib import Path

import pytest

from tests.machine.machines import (
    AGX_ORIN_MODEL,
    MIB,
    R38_2,
    THOR_MODEL,
    a_jetson,
    a_thor,
    with_file,
)
from thorexp.machine.jetson import Jetson, jetson, module_gib

GIB = 2**30


def release(major: int, revision: str) -> str:
    """The first line of /etc/nv_tegra_release."""
    return f"# R{major} (release), REVISION: {revision}, GCID: 1, BOARD: generic, EABI: aarch64, DATE: …\n"


def test_a_thor_is_told_whole(tmp_path: Path) -> None:
    """Board without its NUL, SoC, module, and the JetPack of its L4T."""
    assert Jetson(THOR_MODEL, "tegra264", "T5000", "38.4.0", "7.1") == jetson(a_thor(tmp_path), 125_772 * MIB)


@pytest.mark.parametrize(
    ("text", "l4t", "jetpack"),
    [
        (R38_2, "38.2.0", "7.0"),
        (release(39, "2.0"), "39.2.0", "7.2"),
        (release(36, "4.3"), "36.4.3", "6.2"),
        (release(36, "5.0"), "36.5.0", "6.2.2"),
        (release(40, "1.0"), "40.1.0", None),
        ("", None, None),
    ],
)
def test_jetpack_is_known_by_l4t(tmp_path: Path, text: str, l4t: str | None, jetpack: str | None) -> None:
    """A release that the map does not have has no JetPack, and a file that says nothing no release."""
    board = jetson(a_jetson(tmp_path, THOR_MODEL, "tegra264", text), 125_772 * MIB)
    assert board is not None
    assert (l4t, jetpack) == (board.l4t, board.jetpack)


def test_without_a_release_file_l4t_is_absent(tmp_path: Path) -> None:
    """As in a container that has the board's device tree alone."""
    (a_thor(tmp_path) / "etc/nv_tegra_release").unlink()
    board = jetson(tmp_path, 125_772 * MIB)
    assert board is not None
    assert (None, None) == (board.l4t, board.jetpack)


@pytest.mark.parametrize(
    ("boot", "model", "gpus", "memory_gib", "module"),
    [
        ("TNSPEC 3834-0008-400-A.0-1-0-jetson-agx-thor-devkit-", "a carrier", (), 20, "T5000"),
        ("COMPATIBLE_SPEC 1-2-jetson-t4000-", "NVIDIA Jetson T5000", (), 128, "T4000"),
        ("TNSPEC of-somebody-else", "NVIDIA Jetson T4000", ("NVIDIA T5000",), 128, "T4000"),
        ("", "a carrier", ("NVIDIA Jetson T4000",), 128, "T4000"),
        ("", "a carrier", ("NVIDIA Thor",), 122.8, "T5000"),
        ("", "a carrier", (), 61.5, "T4000"),
        ("", "a carrier", (), 30, None),
    ],
)
def test_the_first_source_that_names_a_module_counts(
    tmp_path: Path, boot: str, model: str, gpus: tuple[str, ...], memory_gib: float, module: str | None
) -> None:
    """Boot control file, model, GPU, and at last the memory."""
    with_file(a_jetson(tmp_path, model, "tegra264"), "etc/nv_boot_control.conf", boot)
    board = jetson(tmp_path, memory_gib * GIB, gpus)
    assert board is not None
    assert module == board.module


def test_an_orin_has_no_modules_of_thor(tmp_path: Path) -> None:
    """Whatever its memory."""
    board = jetson(a_jetson(tmp_path, AGX_ORIN_MODEL, "tegra234"), 62_841 * MIB)
    assert board is not None
    assert ("tegra234", None) == (board.soc, board.module)


@pytest.mark.parametrize(("seen_mib", "gib"), [(125_772, 128), (62_841, 64), (15_388, 16), (7_620, 8), (262_144, None)])
def test_a_module_is_sold_with_a_little_more_memory_than_linux_sees(seen_mib: int, gib: int | None) -> None:
    """The next size there is; beyond the largest none is known."""
    assert gib == module_gib(seen_mib * MIB)


@pytest.mark.parametrize("model", [None, "Raspberry Pi 5 Model B Rev 1.0"])
def test_another_machine_is_no_jetson(tmp_path: Path, model: str | None) -> None:
    """With a device tree of another maker, or with none."""
    if model is not None:
        with_file(tmp_path, "proc/device-tree/model", f"{model}\0")
        with_file(tmp_path, "proc/device-tree/compatible", "raspberrypi,5-model-b\0brcm,bcm2712\0")
    assert jetson(tmp_path, 8 * GIB) is None
