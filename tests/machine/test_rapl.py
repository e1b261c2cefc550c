"""Power of Intel and AMD processors, from the energy they count (RAPL, /sys/class/powercap)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.machine.fake_sysfs import write
from thorexp.machine.rapl import domains
from thorexp.machine.source import AbsentError, Row

S = 1_000_000_000
POWERCAP = "sys/class/powercap"


def a_domain(root: Path, folder: str, name: str, energy_uj: int, range_uj: int = 262_143_328_850) -> None:
    write(root, f"{POWERCAP}/{folder}/name", name)
    write(root, f"{POWERCAP}/{folder}/energy_uj", energy_uj)
    write(root, f"{POWERCAP}/{folder}/max_energy_range_uj", range_uj)


def ticking(*ns: int) -> Callable[[], int]:
    """A clock that says these, one after the other."""
    moments = iter(ns)
    return lambda: next(moments)


def rows(root: Path, clock: Callable[[], int], *energies_uj: int) -> list[Row]:
    """Of the one domain below the root, over reads at which it had counted so much."""
    (domain,) = domains(root, clock)
    said: list[Row] = []
    for energy_uj in energies_uj:
        write(root, f"{POWERCAP}/intel-rapl:0/energy_uj", energy_uj)
        said += domain.read()
    return said


def test_power_is_the_energy_between_two_reads(tmp_path: Path) -> None:
    """6 J in 0.1 s are 60 W, in the middle of that time; the first read has nothing to be compared with."""
    a_domain(tmp_path, "intel-rapl:0", "package-0", 0)
    clock = ticking(10 * S, 10 * S + S // 10)
    assert [(10 * S + S // 20, "rapl.package-0_w", 60.0)] == rows(tmp_path, clock, 1_000_000, 7_000_000)


def test_a_counter_that_wrapped_has_counted_on(tmp_path: Path) -> None:
    """From 999 of 1000 µJ to 2 are 3 µJ."""
    a_domain(tmp_path, "intel-rapl:0", "package-0", 0, range_uj=1000)
    ((_, _, watts),) = rows(tmp_path, ticking(0, S), 999, 2)
    assert pytest.approx(3e-6) == watts


def test_parts_of_a_package_are_named_after_it(tmp_path: Path) -> None:
    """So that nobody adds them up, and two packages' memories stay apart."""
    for package in (0, 1):
        a_domain(tmp_path, f"intel-rapl:{package}", f"package-{package}", 0)
        a_domain(tmp_path, f"intel-rapl:{package}:0", "dram", 0)
    assert {
        "rapl.package-0_w",
        "rapl.package-0-dram_w",
        "rapl.package-1_w",
        "rapl.package-1-dram_w",
    } == {domain.name for domain in domains(tmp_path)}


def test_energy_that_only_root_may_read_is_absent_in_words(tmp_path: Path) -> None:
    """As kernels have it since 2020. A link that leads nowhere stands for it, for root may read everything."""
    a_domain(tmp_path, "intel-rapl:0", "package-0", 0)
    energy = tmp_path / POWERCAP / "intel-rapl:0" / "energy_uj"
    energy.unlink()
    energy.symlink_to(energy)
    with pytest.raises(AbsentError, match="root only"):
        domains(tmp_path)


def test_a_machine_without_rapl_says_so(tmp_path: Path) -> None:
    """In words."""
    with pytest.raises(AbsentError, match="intel-rapl"):
        domains(tmp_path)
