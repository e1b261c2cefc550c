"""The NVIDIA GPUs of a machine, as NVML knows them."""

import importlib
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

BYTES_PER_GB = 1e9

MILLIWATTS_PER_W = 1000

Answer = TypeVar("Answer")


class NvmlFacts(Protocol):
    """The part of `pynvml` that tells what a GPU is and how it is set, so that a test can answer in its place."""

    NVMLError: type[Exception]
    NVML_CLOCK_GRAPHICS: int

    # ruff: noqa: D102, N802 - NVML's own names, documented there
    def nvmlInit(self) -> None: ...
    def nvmlShutdown(self) -> None: ...
    def nvmlSystemGetDriverVersion(self) -> str: ...
    def nvmlSystemGetCudaDriverVersion_v2(self) -> int: ...
    def nvmlDeviceGetCount(self) -> int: ...
    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any: ...
    def nvmlDeviceGetName(self, handle: Any) -> str: ...
    def nvmlDeviceGetMemoryInfo(self, handle: Any) -> Any: ...
    def nvmlDeviceGetCudaComputeCapability(self, handle: Any) -> Sequence[int]: ...
    def nvmlDeviceGetPowerManagementLimit(self, handle: Any) -> int: ...
    def nvmlDeviceGetPowerManagementDefaultLimit(self, handle: Any) -> int: ...
    def nvmlDeviceGetApplicationsClock(self, handle: Any, clock: int) -> int: ...
    def nvmlDeviceGetDefaultApplicationsClock(self, handle: Any, clock: int) -> int: ...
    def nvmlDeviceGetMaxClockInfo(self, handle: Any, clock: int) -> int: ...


@dataclass(frozen=True, slots=True)
class Gpus:
    """What does not change: names, in NVML's order, and versions. `memory_gb`: of all together.

    `compute_capability`: "11.0", of the first. Whatever NVML does not answer is absent, as the memory of a Jetson.
    """

    names: tuple[str, ...] = ()
    driver: str | None = None
    cuda: str | None = None
    compute_capability: str | None = None
    memory_gb: float | None = None


@dataclass(frozen=True, slots=True)
class GpuState:
    """What an administrator can change of a GPU.

    `clocks_locked`: true when its application clock is raised from the default one to its maximum, false when it is set
    lower than the default one. Absent otherwise: NVML does not tell of a lock (`nvidia-smi -lgc`), a default that is
    the maximum already (H100, H200) tells of none, and newer drivers have no application clocks.
    """

    power_limit_w: float | None
    default_power_limit_w: float | None
    clocks_locked: bool | None


def nvml() -> NvmlFacts:
    """NVML's Python face, imported when it is first asked for."""
    face: NvmlFacts = importlib.import_module("pynvml")
    return face


def gpus(of: NvmlFacts) -> Gpus:
    """None of anything on a machine without NVIDIA's driver."""
    return _within(of, _gpus) or Gpus()


def gpu_states(of: NvmlFacts) -> tuple[GpuState, ...]:
    """One for each GPU, in the order of their names; none without NVIDIA's driver."""
    return _within(of, _gpu_states) or ()


def counted(names: Sequence[str]) -> str:
    """ "2 x NVIDIA H100 80GB HBM3"; one alone is not counted."""
    return ", ".join(name if count == 1 else f"{count} x {name}" for name, count in Counter(names).items())


def _within(of: NvmlFacts, ask: Callable[[NvmlFacts], Answer]) -> Answer | None:
    """Between NVML's beginning and end; absent when it does not begin, or its GPUs cannot be told."""
    try:
        of.nvmlInit()
    except of.NVMLError:
        return None
    try:
        return ask(of)
    except of.NVMLError:
        return None
    finally:
        of.nvmlShutdown()


def _handles(of: NvmlFacts) -> tuple[Any, ...]:
    return tuple(of.nvmlDeviceGetHandleByIndex(index) for index in range(of.nvmlDeviceGetCount()))


def _gpus(of: NvmlFacts) -> Gpus:
    handles = _handles(of)
    cuda = _asked(of, of.nvmlSystemGetCudaDriverVersion_v2)
    capability = _asked(of, of.nvmlDeviceGetCudaComputeCapability, handles[0]) if handles else None
    memory = [_asked(of, _memory_gb, of, handle) for handle in handles]
    return Gpus(
        names=tuple(of.nvmlDeviceGetName(handle) for handle in handles),
        driver=_asked(of, of.nvmlSystemGetDriverVersion),
        cuda=None if cuda is None else f"{cuda // 1000}.{cuda % 1000 // 10}",
        compute_capability=None if capability is None else ".".join(map(str, capability)),
        memory_gb=math.fsum(filter(None, memory)) if memory and None not in memory else None,
    )


def _memory_gb(of: NvmlFacts, handle: Any) -> float:
    return float(of.nvmlDeviceGetMemoryInfo(handle).total) / BYTES_PER_GB


def _gpu_states(of: NvmlFacts) -> tuple[GpuState, ...]:
    return tuple(
        GpuState(
            power_limit_w=_watts(_asked(of, of.nvmlDeviceGetPowerManagementLimit, handle)),
            default_power_limit_w=_watts(_asked(of, of.nvmlDeviceGetPowerManagementDefaultLimit, handle)),
            clocks_locked=_locked(of, handle),
        )
        for handle in _handles(of)
    )


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else milliwatts / MILLIWATTS_PER_W


def _locked(of: NvmlFacts, handle: Any) -> bool | None:
    """Its maximum is the clock that it is designed for (nvmlDeviceGetMaxClockInfo, of every GPU since Fermi)."""
    clock = _asked(of, of.nvmlDeviceGetApplicationsClock, handle, of.NVML_CLOCK_GRAPHICS)
    default = _asked(of, of.nvmlDeviceGetDefaultApplicationsClock, handle, of.NVML_CLOCK_GRAPHICS)
    if clock is None or default is None or clock == default:
        return None
    if clock < default:
        return False
    return True if clock == _asked(of, of.nvmlDeviceGetMaxClockInfo, handle, of.NVML_CLOCK_GRAPHICS) else None


def _asked(of: NvmlFacts, call: Callable[..., Answer], *of_what: Any) -> Answer | None:
    """One answer; absent where this GPU has none."""
    try:
        return call(*of_what)
    except of.NVMLError:
        return None
