"""What a job takes of its board, in memory and time, before anything is started."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from thorexp.config import ArchitectureConfig, JobConfig, ServerKind
from thorexp.config_load import WorkloadConfig
from thorexp.errors import ConfigError
from thorexp.measure.limits import Roofline
from thorexp.measure.plan import LoadPlan
from thorexp.measure.roofline import Board, Fit, Precision, Transformer, load_floor_s, memory_fit
from thorexp.prepare import PreparedJob

GB = 1e9
NS_PER_S = 1_000_000_000
TERA = 1e12
UTILIZATION = 0.9  # vLLM's default for gpu_memory_utilization
OTHER_MEASURES = ("kv_cache_memory_bytes", "cpu_offload_gb")
# An answer of ours can be wrong where a checkpoint keeps layers at another precision.
KNOWN_BETTER = "hardware.memory_gb=null, if you know that it fits"


@dataclass(frozen=True, slots=True)
class Capacity:
    """`fit`: weights and the KV cache of the longest request that the server takes; absent where the board's
    memory is unknown. `floor_s`: the load at the full peak of the board; absent where that is unknown.
    """

    fit: Fit | None
    floor_s: float | None


def capacity(job: PreparedJob) -> Capacity:
    """What the roofline says of a job."""
    limits = roofline(job.config, job.args)
    return Capacity(_fit(job, job.args, limits), _floor_s(job.plan, limits))


def roofline(config: JobConfig, args: Mapping[str, Any]) -> Roofline:
    """The model on its board, or on as many as these engine arguments spread it over.

    The peak is that of the job's compute type, or of 16 bit where the board has no units for it. Bandwidth and peak
    are unknown where weights are turned into others than the config's by an engine argument. Experts of replicas that
    share them (expert parallel) are read by all devices.
    """
    hardware, compute = config.hardware, config.quantization.compute_dtype
    peak = hardware.peak_tflops.get(compute, hardware.peak_tflops.get("bf16"))
    replicas = _number(args, "data_parallel_size", 1)
    shared = replicas if args.get("enable_expert_parallel") else 1
    told = hardware.devices if config.server.kind is ServerKind.attach else _devices(args) * shared
    devices = told if _as_configured(config, args) else None
    return Roofline(
        model=transformer(config.model.architecture),
        precision=Precision(config.quantization.bytes_per_weight, _kv_bytes(config, args)),
        board=Board(
            memory_bytes=_product(hardware.memory_gb, GB),
            bandwidth_bytes_s=_product(hardware.memory_bandwidth_gb_s, GB, devices),
            peak_flops_s=_product(peak, TERA, devices),
        ),
        tokens_per_step=_tokens_per_step(args.get("speculative_config")),
        stages=int(_number(args, "pipeline_parallel_size", 1)),
        replicas=int(replicas / shared),
    )


def _as_configured(config: JobConfig, args: Mapping[str, Any]) -> bool:
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


def check_fit(job: PreparedJob, needs: Capacity) -> None:
    """ConfigError for a job that its board cannot carry, or whose requests its server would refuse."""
    args = job.args
    longest, most = max(job.plan.lengths.values()), args.get("max_model_len")
    if isinstance(most, int) and longest > most > 0:
        raise ConfigError(
            f"Requests of {longest} tokens are longer than the model is served for.",
            ("where", f"{_longest_from(job.config.workload)}, engine.max_model_len={most}"),
            ("try", f"engine.max_model_len={longest}"),
        )
    fit, hardware = needs.fit, job.config.hardware
    if fit is not None and not fit.fits:
        share = args.get("gpu_memory_utilization") or UTILIZATION
        room = f"{fit.room_bytes / GB:.1f} GB"
        raise ConfigError(
            f"{job.config.model.name} does not fit on {hardware.name}.",
            ("needs", f"{fit.weights_bytes / GB:.1f} GB of weights and {fit.kv_bytes / GB:.1f} GB of KV cache"),
            ("has", f"{room}: hardware.memory_gb={hardware.memory_gb} x engine.gpu_memory_utilization={share}"),
            ("try", f"a smaller quantization, a shorter engine.max_model_len, or {KNOWN_BETTER}"),
        )


def _longest_from(workload: WorkloadConfig) -> str:
    """What makes requests long, as typed."""
    if workload.file is not None:
        return f"workload.file={workload.file}"
    keys = {"input_len": workload.input_len, "output_len": workload.output_len, "turns": workload.turns}
    return " ".join(f"workload.{key}={value}" for key, value in keys.items() if key != "turns" or value != 1)


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


def _fit(job: PreparedJob, args: Mapping[str, Any], limits: Roofline) -> Fit | None:
    """vLLM refuses to start without KV cache for one request of max_model_len tokens.

    Nobody's server is judged, nor one that was told another measure of its memory.
    """
    if job.launch is None or any(args.get(name) for name in OTHER_MEASURES):
        return None
    longest = args.get("max_model_len") or job.config.model.architecture.max_position_embeddings
    return memory_fit(
        limits.model,
        limits.precision,
        limits.board,
        utilization=_number(args, "gpu_memory_utilization", UTILIZATION),
        tokens=longest if isinstance(longest, int) and longest > 0 else max(job.plan.lengths.values()),
        devices=int(_devices(args)),
    )


def _devices(args: Mapping[str, Any]) -> float:
    """That one copy of the model is spread over."""
    return _number(args, "tensor_parallel_size", 1) * _number(args, "pipeline_parallel_size", 1)


def _number(args: Mapping[str, Any], name: str, default: float) -> float:
    """ConfigError for what vLLM would not take for a number either."""
    value = args.get(name)
    try:
        return float(default if value is None else value)
    except (TypeError, ValueError):
        raise ConfigError(
            f"engine.{name}={value} is not a number.", ("try", f"engine.{name}={default:g}, vLLM's default")
        ) from None


def _floor_s(plan: LoadPlan, limits: Roofline) -> float | None:
    """Absent too where the server has yet to count tokens, or where a conversation grows while it is played. A load
    takes at least the time that its stages are given, and a timed closed loop no more work than fits in.
    """
    timed_s = sum(stage.length_ns or 0 for stage in plan.stages) / NS_PER_S
    if any(stage.is_timed for stage in plan.stages):
        return timed_s
    requests, inputs, outputs = plan.requests, plan.input_tokens, plan.output_tokens
    most = limits.tokens_per_step or math.inf
    if inputs is None or outputs is None or any(request.follows is not None for request in requests):
        return None
    floor_s = load_floor_s(
        limits.model,
        limits.precision,
        limits.board,
        requests=math.ceil(len(requests) / limits.replicas),
        input_len=inputs / len(requests),
        output_len=1 + (outputs / len(requests) - 1) / most,
        streams=math.ceil(plan.streams / limits.replicas),
        request_rate=plan.request_rate,
    )
    return None if floor_s is None else max(floor_s, timed_s)


def _kv_bytes(config: JobConfig, args: Mapping[str, Any]) -> float:
    """An element's; the least where nobody knows: of a server that somebody else started, of a type not known here."""
    is_16_bit = str(args.get("kv_cache_dtype", "auto")) in ("auto", "bfloat16", "float16", "half", "bf16")
    return 2.0 if is_16_bit and config.server.kind is not ServerKind.attach else 1.0
