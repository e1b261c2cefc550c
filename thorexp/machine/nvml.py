"""NVIDIA GPUs as their driver knows them while they work (NVML)."""

import importlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from thorexp.machine.source import AbsentError, Row, Sensor, Source

BYTES_PER_GB = 1e9
MW_PER_W = 1e3
MJ_PER_J = 1e3
INIT_S = 10.0  # the driver of a GPU that nothing else uses loads for seconds

Calls = dict[str, Callable[[], float]]


class NvmlSensors(Protocol):
    """The part of `pynvml` that is asked while a GPU works, so that a test can answer in its place."""

    NVMLError: type[Exception]
    NVMLError_NotSupported: type[Exception]
    NVMLError_FunctionNotFound: type[Exception]
    NVMLError_NoPermission: type[Exception]
    NVML_TEMPERATURE_GPU: int
    NVML_CLOCK_SM: int
    nvmlClocksEventReasonSwPowerCap: int  # noqa: N815  NVML's own names, documented there, here and below
    nvmlClocksEventReasonHwSlowdown: int  # noqa: N815
    nvmlClocksEventReasonSwThermalSlowdown: int  # noqa: N815
    nvmlClocksEventReasonHwThermalSlowdown: int  # noqa: N815
    nvmlClocksEventReasonHwPowerBrakeSlowdown: int  # noqa: N815

    # ruff: noqa: D102, N802
    def nvmlInit(self) -> None: ...
    def nvmlDeviceGetCount(self) -> int: ...
    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any: ...
    def nvmlDeviceGetPowerUsage(self, handle: Any) -> int: ...
    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Any) -> int: ...
    def nvmlDeviceGetTemperature(self, handle: Any, sensor: int) -> int: ...
    def nvmlDeviceGetUtilizationRates(self, handle: Any) -> Any: ...
    def nvmlDeviceGetClockInfo(self, handle: Any, clock: int) -> int: ...
    def nvmlDeviceGetMemoryInfo(self, handle: Any) -> Any: ...
    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: Any) -> int: ...


class Gpu:
    """One GPU, asked by a call for each signal.

    A signal that NVML once says it does not support is not asked for again; after another error of NVML's it is.
    """

    def __init__(
        self, index: int, calls: Calls, unsupported: tuple[type[Exception], ...], failed: type[Exception]
    ) -> None:
        self.name = f"GPU {index}"
        self._calls, self._unsupported, self._failed = calls, unsupported, failed

    def read(self) -> list[Row]:
        """All its signals, each stamped on its own."""
        rows = []
        for signal, call in tuple(self._calls.items()):
            try:
                value = float(call())
            except self._unsupported:
                del self._calls[signal]
            except self._failed:
                continue
            else:
                rows.append((time.monotonic_ns(), signal, value))
        return rows


def source(interval_s: float, wanted: Sequence[int] | None) -> Source:
    """The GPUs by NVML's own indices, which CUDA_VISIBLE_DEVICES does not change; None for all."""
    return Source("nvml", interval_s, lambda: gpus(importlib.import_module("pynvml"), wanted), INIT_S)


def gpus(nvml: NvmlSensors, wanted: Sequence[int] | None) -> list[Sensor]:
    """AbsentError without a driver, or without a GPU that is wanted."""
    try:
        nvml.nvmlInit()
        indices = range(nvml.nvmlDeviceGetCount())
        found: list[Sensor] = [_gpu(nvml, index) for index in indices if wanted is None or index in wanted]
    except nvml.NVMLError as refused:
        raise AbsentError(str(refused)) from None
    if not found:
        raise AbsentError("no GPU" if wanted is None else f"none of the GPUs {list(wanted)} among {len(indices)}")
    return found


def _gpu(nvml: NvmlSensors, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    unsupported = (nvml.NVMLError_NotSupported, nvml.NVMLError_FunctionNotFound, nvml.NVMLError_NoPermission)
    return Gpu(index, _calls(nvml, f"gpu{index}", handle), unsupported, nvml.NVMLError)


def _calls(nvml: NvmlSensors, gpu: str, handle: Any) -> Calls:
    """By signal. Power is the mean of the last second on most GPUs since Ampere (NVML's reference); joules lag not."""
    throttling = _throttling(nvml)
    return {
        f"nvml.{gpu}_w": lambda: nvml.nvmlDeviceGetPowerUsage(handle) / MW_PER_W,
        f"nvml.{gpu}_j": lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / MJ_PER_J,
        f"nvml.{gpu}_c": lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
        f"nvml.{gpu}_percent": lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu,
        f"nvml.{gpu}_mhz": lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM),
        f"nvml.{gpu}_memory_gb": lambda: nvml.nvmlDeviceGetMemoryInfo(handle).used / BYTES_PER_GB,
        f"throttle.{gpu}": lambda: nvml.nvmlDeviceGetCurrentClocksEventReasons(handle) & throttling != 0,
    }


def _throttling(nvml: NvmlSensors) -> int:
    """The reasons for lower clocks that are a slowdown; being idle or set to them is none."""
    return (
        nvml.nvmlClocksEventReasonSwPowerCap
        | nvml.nvmlClocksEventReasonHwSlowdown
        | nvml.nvmlClocksEventReasonSwThermalSlowdown
        | nvml.nvmlClocksEventReasonHwThermalSlowdown
        | nvml.nvmlClocksEventReasonHwPowerBrakeSlowdown
    )
