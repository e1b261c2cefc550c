"""All that makes a simulated server, as one JSON text."""

import json
from dataclasses import asdict, dataclass

from thorexp.measure.roofline import Precision, Transformer
from thorexp.sim.cost import Cost, Reach
from thorexp.sim.engine import Engine, Limits

MODELLED = "0.32"  # the vLLM whose scheduler and HTTP these are
SPEC = "THOREXP_SIM"  # the environment variable that a simulated server reads its spec from


@dataclass(frozen=True, slots=True)
class SimSpec:
    """A model on a board under a vLLM's scheduler. `name`: by which the model is served. `speedup`: seconds of the
    simulation in one of the clock. `request_s`: of the simulation, what the API server takes for a request.
    """

    name: str
    model: Transformer
    precision: Precision
    reach: Reach
    limits: Limits
    request_s: float
    speedup: float = 1.0

    def engine(self) -> Engine:
        """A cold one."""
        return Engine(self.limits, Cost(self.model, self.precision, self.reach).step_s)

    def as_json(self) -> str:
        """Of which `from_json` makes the same."""
        return json.dumps(asdict(self), sort_keys=True)


def from_json(text: str) -> SimSpec:
    """ValueError, KeyError or TypeError where it is none."""
    values = json.loads(text)
    return SimSpec(
        **values
        | {
            "model": Transformer(**values["model"]),
            "precision": Precision(**values["precision"]),
            "reach": Reach(**values["reach"]),
            "limits": Limits(**values["limits"]),
        }
    )
