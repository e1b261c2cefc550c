"""Whether clocks stand still, read without what can hang."""

import os
from pathlib import Path

import pytest

from tests.machine.machines import AGX_ORIN_MODEL, a_jetson, a_thor, with_command, with_file
from thorexp.machine.clocks import cpu_governors, gpu_governor, jetson_clocks_locked

GPC = "sys/class/devfreq/gpu-gpc-0"
ROOT, USER = 0, 1000

# Of a Thor that jetson_clocks has locked.
SHOWN = """SOC family:tegra264  Machine:NVIDIA Jetson AGX Thor Developer Kit
Online CPUs: 0-13, Offline CPUs:
cpu0:  Governor=schedutil MinFreq=2601000 MaxFreq=2601000 CurrentFreq=2601000 IdleStates: WFI=0 cc7=0
gpu-gpc-0 MinFreq=1575000000 MaxFreq=1575000000 CurrentFreq=1575000000
gpu-nvd-0 MinFreq=1692000000 MaxFreq=1692000000 CurrentFreq=1692000000
EMC MinFreq=665600000 MaxFreq=4266000000 CurrentFreq=4266000000 FreqOverride=1
PVA0_VPS0: Online=0 MinFreq=0 MaxFreq=1215000000 CurrentFreq=1215000000
PVA0_AXI:  Online=0 MinFreq=0 MaxFreq=909000000 CurrentFreq=909000000
FAN Dynamic Speed Control=nvfancontrol hwmon1_pwm1=73
FAN Dynamic Speed Control=nvfancontrol hwmon1_pwm1_enable=1
NV Power Mode: MAXN
"""
FREE = SHOWN.replace("gpu-gpc-0 MinFreq=1575000000", "gpu-gpc-0 MinFreq=306000000")
ON_ORIN = "GPU MinFreq=1300500000 MaxFreq=1300500000 CurrentFreq=1300500000\n"


def with_jetson_clocks(root: Path, shown: str) -> Path:
    return with_command(root, "usr/bin/jetson_clocks", f"[ $1 = --show ] && cat <<'END'\n{shown}END")


@pytest.mark.parametrize("device", ["gpu-gpc-0", "17000000.gpu", "17000000.ga10b"])
def test_the_gpu_is_found_under_its_name_of_each_board(tmp_path: Path, device: str) -> None:
    """Thor's, and Orin's on JetPack 6 and 5."""
    with_file(tmp_path, "sys/class/devfreq/some-other-device/governor", "userspace\n")
    assert "nvhost_podgov" == gpu_governor(
        with_file(tmp_path, f"sys/class/devfreq/{device}/governor", "nvhost_podgov\n")
    )


def test_no_frequency_file_is_opened(tmp_path: Path) -> None:
    """A read of these would wait for ever, as it may on a Thor."""
    with_file(tmp_path, f"{GPC}/governor", "performance\n")
    for name in ("min_freq", "max_freq", "cur_freq"):
        os.mkfifo(tmp_path / GPC / name)
    assert "performance" == gpu_governor(tmp_path)


def test_a_governor_that_does_not_answer_is_absent(tmp_path: Path) -> None:
    """The read is left behind in a child."""
    (tmp_path / GPC).mkdir(parents=True)
    os.mkfifo(tmp_path / GPC / "governor")
    assert gpu_governor(tmp_path) is None


def test_a_machine_without_devfreq_has_no_gpu_governor(tmp_path: Path) -> None:
    """As any that is no Jetson."""
    assert gpu_governor(tmp_path) is None


def test_cpu_governors_are_told_once_each(tmp_path: Path) -> None:
    """However many cores have them."""
    for number, governor in enumerate(("schedutil", "performance", "schedutil")):
        with_file(tmp_path, f"sys/devices/system/cpu/cpufreq/policy{number}/scaling_governor", f"{governor}\n")
    assert ("performance", "schedutil") == cpu_governors(tmp_path)


@pytest.mark.parametrize(("governor", "locked"), [("performance", True), ("nvhost_podgov", False), (None, None)])
def test_thors_governor_says_whether_its_clocks_are_locked(
    tmp_path: Path, governor: str | None, locked: bool | None
) -> None:
    """To everybody; without one it stays open."""
    assert locked is jetson_clocks_locked(a_thor(tmp_path), governor, USER)


def test_jetson_clocks_is_not_run_when_the_governor_has_said_it(tmp_path: Path) -> None:
    """It reads the files that can hang."""
    assert jetson_clocks_locked(with_jetson_clocks(a_thor(tmp_path), SHOWN), "nvhost_podgov", ROOT) is False


@pytest.mark.parametrize(("shown", "locked"), [(SHOWN, True), (FREE, False), ("Error: no GPU\n", None)])
def test_jetson_clocks_shows_root_what_the_governor_leaves_open(
    tmp_path: Path, shown: str, locked: bool | None
) -> None:
    """Lowest, highest and current clock of the GPU, which are one when it is locked."""
    assert locked is jetson_clocks_locked(with_jetson_clocks(a_thor(tmp_path), shown), None, ROOT)


@pytest.mark.parametrize(("euid", "locked"), [(ROOT, True), (USER, None)])
def test_orins_governor_leaves_it_open(tmp_path: Path, euid: int, locked: bool | None) -> None:
    """Only root learns it there."""
    orin = a_jetson(tmp_path, AGX_ORIN_MODEL, "tegra234")
    assert locked is jetson_clocks_locked(with_jetson_clocks(orin, ON_ORIN), "nvhost_podgov", euid)
