"""What the simulator knows: a dataclass of a config group, as in `config`."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SimConfig:
    """`kernels`: how much of a board they reach (`kernels.Kernels`), by the name of a model, or by
    `<quantization.kernels>_dense` and `_moe`. `request_ms`: what the API server takes for a
    request, one after the other. `fitted_on`: the option of `hardware=` whose shares these are.
    """

    kernels: dict[str, dict[str, Any]]
    request_ms: float
    fitted_on: str
