"""What the simulator knows: a dataclass of a config group, as in `config`."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SimConfig:
    """What the simulator knows."""

    kernels: dict[str, dict[str, Any]]
    """How much of a board they reach (`kernels.Kernels`), by the name of a model, or by `<quantization.kernels>_dense`
    and `_moe`.
    """
    request_ms: float
    """What the API server takes for a request, one after the other."""
    fitted_on: str
    """The option of `hardware=` whose shares these are."""
