"""GPUs as NVML tells of them."""

import pytest

from tests.machine.machines import NO_GPU, Card, FakeNvml
from thorexp.machine.gpus import Gpus, counted, gpu_states, gpus

GB = 10**9


def test_a_server_is_told_whole() -> None:
    """Names and versions, the compute capability, and the memory of all GPUs together."""
    card = Card("NVIDIA H200", memory_bytes=150 * GB, capability=(9, 0))
    expected = Gpus(("NVIDIA H200", "NVIDIA H200"), "580.00", "13.2", "9.0", 2 * 150.0)
    assert expected == gpus(FakeNvml((card, card), cuda=13020))


def test_what_thors_nvml_does_not_support_is_absent() -> None:
    """It has a name and a compute capability, and no memory of its own."""
    assert Gpus(("NVIDIA Thor",), "580.00", "13.0", "11.0", None) == gpus(
        FakeNvml((Card("NVIDIA Thor", capability=(11, 0)),))
    )


def test_a_machine_without_a_driver_has_no_gpus() -> None:
    """NVML does not begin there."""
    assert Gpus() == gpus(NO_GPU)


@pytest.mark.parametrize(
    ("clock", "default", "highest", "locked"),
    [
        (1410, 1095, 1410, True),
        (1200, 1095, 1410, None),
        (1095, 1095, 1410, None),
        (900, 1095, 1410, False),
        (900, 1095, None, False),
        (1980, 1980, 1980, None),
        (1500, 1980, 1980, False),
        (1410, None, 1410, None),
        (None, 1095, 1410, None),
        (1410, 1095, None, None),
    ],
)
def test_clocks_are_locked_where_the_application_clock_is_raised_to_the_maximum(
    clock: int | None, default: int | None, highest: int | None, locked: bool | None
) -> None:
    """Free where it is lowered; a default one tells nothing, even where it is the maximum, as on an H200."""
    card = Card("NVIDIA A100", clock_mhz=clock, default_clock_mhz=default, max_clock_mhz=highest)
    assert [locked] == [state.clocks_locked for state in gpu_states(FakeNvml((card,)))]


def test_nvml_is_ended_as_often_as_it_is_begun() -> None:
    """Others in this process use it too."""
    nvml = FakeNvml((Card("NVIDIA H200"),))
    gpus(nvml)
    assert 0 == nvml.begun


def test_gpus_of_one_name_are_counted() -> None:
    """One alone is not."""
    h100 = "NVIDIA H100 80GB HBM3"
    assert f"2 x {h100}, NVIDIA L4" == counted((h100, "NVIDIA L4", h100))
