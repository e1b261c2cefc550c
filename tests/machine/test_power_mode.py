"""The power mode as nvpmodel tells it."""

from pathlib import Path

import pytest

from tests.machine.machines import with_command, with_file
from thorexp.machine.power_mode import PowerMode, power_mode, power_modes


@pytest.mark.parametrize(
    ("name", "number", "is_max"),
    [("MAXN", 0, True), ("120W", 1, False), ("MAXN_SUPER", 0, True), ("MODE_15W", 1, False)],
)
def test_nvpmodel_tells_name_and_number(tmp_path: Path, name: str, number: int, is_max: bool) -> None:
    """Both, and so whether the board has any limit."""
    with_command(tmp_path, "usr/sbin/nvpmodel", f"[ $1 = -q ] && printf 'NV Power Mode: {name}\\n{number}\\n'")
    mode = power_mode(tmp_path)
    assert (PowerMode(name, number), is_max) == (mode, mode.is_max)


def test_words_around_the_answer_do_not_matter(tmp_path: Path) -> None:
    """nvpmodel of other releases warns before it answers."""
    with_command(tmp_path, "usr/sbin/nvpmodel", "printf 'NVPM WARN: fan mode is not set!\\nNV Power Mode: 90W\\n2\\n'")
    assert PowerMode("90W", 2) == power_mode(tmp_path)


@pytest.mark.parametrize("nvpmodel", ["exit 1", "echo nothing of use"])
@pytest.mark.parametrize(("status", "is_max"), [("pmode:0000", True), ("pmode:0001", False)])
def test_the_status_file_stands_in_with_the_number(tmp_path: Path, nvpmodel: str, status: str, is_max: bool) -> None:
    """It does not hold the name."""
    with_command(tmp_path, "usr/sbin/nvpmodel", nvpmodel)
    mode = power_mode(with_file(tmp_path, "var/lib/nvpmodel/status", f"{status}\n"))
    assert (PowerMode(None, int(status[-1])), is_max) == (mode, mode.is_max)


def test_an_nvpmodel_that_hangs_is_left(tmp_path: Path) -> None:
    """And the status file read."""
    with_command(tmp_path, "usr/sbin/nvpmodel", "sleep 600")
    assert PowerMode(None, 1) == power_mode(with_file(tmp_path, "var/lib/nvpmodel/status", "pmode:0001"))


def test_a_machine_without_nvpmodel_has_no_power_mode(tmp_path: Path) -> None:
    """Not the largest one either."""
    mode = power_mode(tmp_path)
    assert (PowerMode(None, None), None) == (mode, mode.is_max)


def test_modes_are_told_by_nvpmodel(tmp_path: Path) -> None:
    """As NVIDIA's does, among much else (here of an AGX Xavier)."""
    said = "NVPM VERB: PM_CONFIG: DEFAULT=MAXN(3)\\nNVPM VERB: POWER_MODEL: ID=0 NAME=MAXN\\n"
    other = "NVPM VERB: value = 1\\nNVPM VERB: POWER_MODEL: ID=3 NAME=MODE_10W_2CORE\\n"
    with_command(tmp_path, "usr/sbin/nvpmodel", f"[ \"$*\" = '-p --verbose' ] && printf '{said}{other}'")
    assert {"MAXN": 0, "MODE_10W_2CORE": 3} == power_modes(tmp_path)


def test_modes_are_told_by_nvpmodels_file_where_it_does_not_answer(tmp_path: Path) -> None:
    """Which stands in /etc."""
    with_command(tmp_path, "usr/sbin/nvpmodel", "exit 1")
    with_file(
        tmp_path, "etc/nvpmodel.conf", "< POWER_MODEL ID=0 NAME=MAXN >\nCPU_ONLINE\n< POWER_MODEL ID=1 NAME=120W >\n"
    )
    assert {"MAXN": 0, "120W": 1} == power_modes(tmp_path)
