"""A job's model on its board, as the roofline takes it."""

import json
import math
from collections.abc import Mapping
from typing import Any

from thorexp.config import ArchitectureConfig, JobConfig
from thorexp.config_server import ServerKind
from thorexp.errors import ConfigError
from thorexp.measure.limits import Roofline
from thorexp.measure.roofline import Board, Precision, Transformer

GB = 1e9
TERA = 1e12
UTILIZATION = 0.9  # vLLM's default for gpu_memory_utilization


def roofline(config: JobConfig, args: Mapping[str, Any]) -> Roofline:
    """The model on its board, or on as many as these engine arguments spread it over.

    The peak is that of the job's compute type, or of 16 bit where the board has no units for it. Bandwidth and peak
    are unknown where weights are turned into others than the config's by an engine argument. Experts of replicas that
    share them (expert parallel) are read by all devices.
    """
    hardware, compute = config.hardware, config.quantization.compute_dtype
    peak = hardware.peak_tflops.get(compute, hardware.peak_tflops.get("bf16"))
    replicas = number(args, "data_parallel_size", 1)
    shared = replicas if args.get("enable_expert_parallel") else 1
    told = hardware.devices if config.server.kind is ServerKind.attach else devices_of(args) * shared
    devices = told if as_configured(config, args) else None
    return Roofline(
        model=transformer(config.model.architecture),
        precision=Precision(config.quantization.bytes_per_weight, _kv_bytes(config, args)),
        board=Board(
            memory_bytes=_product(hardware.memory_gb, GB),
            bandwidth_bytes_s=_product(hardware.memory_bandwidth_gb_s, GB, devices),
            peak_flops_s=_product(peak, TERA, devices),
        ),
        tokens_per_step=_tokens_per_step(args.get("speculative_config")),
        stages=int(number(args, "pipeline_parallel_size", 1)),
        replicas=int(replicas / shared),
    )


def as_configured(config: JobConfig, args: Mapping[str, Any]) -> bool:
    """Whether the weights are those that the quantization describes."""
    told = config.quantization.engine.get("quantization")
    return args.get("quantization", told) == told and not args.get("hf_overrides")


def _tokens_per_step(speculative: Any) -> float | None:
    """One, and as many as are drafted; absent where drafting is asked for and its number is not."""
    if not speculative:
        return 1.0
    try:
        asked = json.loads(speculative) if isinstance(speculative, str) else speculative
        drafted = int(asked["num_speculative_tokens"])
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
    return 1.0 + drafted if drafted >= 0 else None


def transformer(architecture: ArchitectureConfig) -> Transformer:
    """The shape that the roofline computes with."""
    return Transformer(
        layers=architecture.num_hidden_layers,
        hidden=architecture.hidden_size,
        heads=architecture.num_attention_heads,
        kv_heads=architecture.num_key_value_heads,
        head_dim=architecture.head_dim,
        intermediate=architecture.intermediate_size,
        vocab=architecture.vocab_size,
        tied=architecture.tie_word_embeddings,
        experts=architecture.num_experts,
        experts_per_token=architecture.num_experts_per_tok,
        expert_intermediate=architecture.moe_intermediate_size,
    )


def _product(*factors: float | None) -> float | None:
    """Absent where one of them is."""
    known = [factor for factor in factors if factor is not None]
    return math.prod(known) if len(known) == len(factors) else None


def devices_of(args: Mapping[str, Any]) -> float:
    """That one copy of the model is spread over."""
    return number(args, "tensor_parallel_size", 1) * number(args, "pipeline_parallel_size", 1)


def number(args: Mapping[str, Any], name: str, default: float) -> float:
    """ConfigError for what vLLM would not take for a number either."""
    value = args.get(name)
    try:
        return float(default if value is None else value)
    except (TypeError, ValueError):
        raise ConfigError(
            f"engine.{name}={value} is not a number.", ("try", f"engine.{name}={default:g}, vLLM's default")
        ) from None


def _kv_bytes(config: JobConfig, args: Mapping[str, Any]) -> float:
    """An element's; the least where nobody knows: of a server that somebody else started, of a type not known here."""
    is_16_bit = str(args.get("kv_cache_dtype", "auto")) in ("auto", "bfloat16", "float16", "half", "bf16")
    return 2.0 if is_16_bit and config.server.kind is not ServerKind.attach else 1.0
