"""How much of a board the kernels of a job reach, as the config says it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from thorexp.config import JobConfig
from thorexp.errors import ConfigError

SMALLEST = 1e-6  # share of a board that still gets anywhere


@dataclass(frozen=True, slots=True)
class Kernels:
    """A family of kernels.

    `bandwidth`: the share of the board's memory bandwidth while they decode. `prefill`: the share of its peak FLOP/s
    in prefill. `step_ms`, `sequence_ms`: what a step takes besides, and each sequence in it. `routed_alike`: tokens of
    a step that go to the same experts together. `source`: where these numbers come from. `quantization`: for which
    alone they hold; absent for all of their family.
    """

    bandwidth: float
    prefill: float
    step_ms: float
    source: str
    sequence_ms: float = 0.0
    routed_alike: float = 1.0
    quantization: str | None = None


def kernels_of(config: JobConfig) -> tuple[str, Kernels]:
    """Those of the model, else of the family, with their name. ConfigError where there are none, or wrong ones."""
    model, quantization = config.model.name, config.quantization
    told = config.sim.kernels
    if model in told and told[model].get("quantization") in (None, quantization.name):
        return model, _kernels(model, told[model])
    family = family_of(config)
    if family not in told:
        raise ConfigError(
            f"The simulator knows no kernels for quantization={quantization.name} of {model}.",
            ("where", f"sim.kernels.{family}"),
            ("have", ", ".join(told)),
            ("try", f"'+sim.kernels.{family}={{bandwidth: 0.8, prefill: 0.1, step_ms: 1.0, source: a guess}}'"),
        )
    return family, _kernels(family, told[family])


def family_of(config: JobConfig) -> str:
    """The name of the family that computes the model, by its weights and whether it has experts."""
    kind = "dense" if config.model.architecture.num_experts is None else "moe"
    return f"{config.quantization.kernels}_{kind}"


def _kernels(name: str, said: Mapping[str, Any]) -> Kernels:
    known = {field.name for field in fields(Kernels)}
    if unknown := sorted(said.keys() - known):
        raise ConfigError(f"There is no key sim.kernels.{name}.{unknown[0]}.", ("have", ", ".join(sorted(known))))
    try:
        kernels = Kernels(**said)
    except TypeError as missing:
        raise ConfigError(f"sim.kernels.{name} is not whole.", ("says", str(missing))) from None
    for key, value, least in (
        ("bandwidth", kernels.bandwidth, SMALLEST),
        ("prefill", kernels.prefill, SMALLEST),
        ("step_ms", kernels.step_ms, 0.0),
        ("sequence_ms", kernels.sequence_ms, 0.0),
        ("routed_alike", kernels.routed_alike, 1.0),
    ):
        if not isinstance(value, int | float) or not least <= value < math.inf:
            raise ConfigError(f"sim.kernels.{name}.{key}={value} is none.", ("try", f"a number from {least:g} up"))
    return kernels
