"""NVIDIA GPUs as their driver knows them while they work (NVML)."""

from types import SimpleNamespace
from typing import Any

import pynvml  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.machine.test_hwmon import said
from thorexp.machine.nvml import gpus
from thorexp.machine.source import AbsentError

SIGNALS = {"nvml.gpu0_w", "nvml.gpu0_j", "nvml.gpu0_c", "nvml.gpu0_percent", "nvml.gpu0_mhz", "nvml.gpu0_memory_gb"}
IDLE, CAPPED = pynvml.nvmlClocksEventReasonGpuIdle, pynvml.nvmlClocksEventReasonSwPowerCap


def a_driver(count: int = 1, reasons: int = IDLE, **answers: Any) -> Any:
    """A driver of so many GPUs that are alike; an answer is a value, or an error of NVML's to raise."""
    answers = {
        "nvmlDeviceGetPowerUsage": 412_500,
        "nvmlDeviceGetTotalEnergyConsumption": 123_456_789_123,
        "nvmlDeviceGetTemperature": 62,
        "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=97, memory=40),
        "nvmlDeviceGetClockInfo": 1980,
        "nvmlDeviceGetMemoryInfo": SimpleNamespace(used=70_000_000_000),
        "nvmlDeviceGetCurrentClocksEventReasons": reasons,
        "nvmlInit": None,
        "nvmlDeviceGetCount": count,
        "nvmlDeviceGetHandleByIndex": "handle",
        **answers,
    }

    def answering(name: str) -> Any:
        def call(*_: object) -> Any:
            asked.append(name)
            if isinstance(answers[name], Exception):
                raise answers[name]
            return answers[name]

        return call

    asked: list[str] = []
    constants = {name: value for name, value in vars(pynvml).items() if name not in answers}
    return SimpleNamespace(**{**constants, **{name: answering(name) for name in answers}}, asked=asked)


def test_a_gpu_tells_power_energy_heat_load_clock_and_memory() -> None:
    """In the units of the signals' names."""
    assert {
        "nvml.gpu0_w": 412.5,
        "nvml.gpu0_j": 123_456_789.123,
        "nvml.gpu0_c": 62.0,
        "nvml.gpu0_percent": 97.0,
        "nvml.gpu0_mhz": 1980.0,
        "nvml.gpu0_memory_gb": 70.0,
        "throttle.gpu0": 0.0,
    } == said(gpus(a_driver(), None))


@pytest.mark.parametrize(("reasons", "throttles"), [(0, 0.0), (IDLE, 0.0), (CAPPED, 1.0), (IDLE | CAPPED, 1.0)])
def test_a_gpu_throttles_for_power_or_heat(reasons: int, throttles: float) -> None:
    """Not when it has lower clocks because it idles."""
    assert throttles == said(gpus(a_driver(reasons=reasons), None))["throttle.gpu0"]


def test_a_signal_that_is_not_supported_is_left_out_and_not_asked_for_again() -> None:
    """As memory and clock on Jetson Thor."""
    driver = a_driver(nvmlDeviceGetMemoryInfo=pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED))
    found = gpus(driver, None)
    assert (SIGNALS | {"throttle.gpu0"}) - {"nvml.gpu0_memory_gb"} == said(found).keys() == said(found).keys()
    assert 1 == driver.asked.count("nvmlDeviceGetMemoryInfo")


def test_a_signal_that_fails_once_lacks_one_sample() -> None:
    """It is asked for again."""
    driver = a_driver(nvmlDeviceGetPowerUsage=pynvml.NVMLError(pynvml.NVML_ERROR_UNKNOWN))
    found = gpus(driver, None)
    assert "nvml.gpu0_w" not in said(found)
    said(found)
    assert 2 == driver.asked.count("nvmlDeviceGetPowerUsage")


def test_only_wanted_gpus_are_sampled() -> None:
    """By NVML's index."""
    assert ["GPU 1", "GPU 3"] == [gpu.name for gpu in gpus(a_driver(count=4), [1, 3])]


def test_a_wanted_gpu_that_is_not_there_is_absent_in_words() -> None:
    """With what was wanted, and how many there are."""
    with pytest.raises(AbsentError, match=r"none of the GPUs \[7\] among 2"):
        gpus(a_driver(count=2), [7])


def test_a_machine_without_a_driver_says_so() -> None:
    """In NVML's own words."""
    with pytest.raises(AbsentError, match="Shared Library Not Found"):
        gpus(a_driver(nvmlInit=pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)), None)
