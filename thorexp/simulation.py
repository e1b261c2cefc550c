"""A job's model on its board becomes a server to simulate, or is refused by what is not known of it."""

import logging
import math
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from thorexp.config import JobConfig
from thorexp.config_server import ServerKind
from thorexp.errors import ConfigError
from thorexp.kernels import Kernels, kernels_of
from thorexp.measure.limits import Roofline
from thorexp.measure.plan import LoadPlan
from thorexp.measure.roofline import Board, kv_bytes_per_token, memory_fit
from thorexp.measure.verdict import Origin
from thorexp.rooflines import GB, UTILIZATION, as_configured, devices_of, number, roofline
from thorexp.sim.cost import Reach
from thorexp.sim.engine import Limits
from thorexp.sim.spec import SimSpec

log = logging.getLogger(__name__)

GIB = 2**30
MS_PER_S = 1000.0
# vLLM 0.32, `engine/arg_utils.py`: an API server on a device with that much memory takes the larger defaults.
LARGE_BYTES = 70 * GIB
LARGE = {"max_num_seqs": 1024, "max_num_batched_tokens": 8192}
SMALL = {"max_num_seqs": 256, "max_num_batched_tokens": 2048}
CPU_KV_SPACE = "VLLM_CPU_KVCACHE_SPACE"  # GiB

# Engine arguments that change what is simulated; others have no effect.
MODELLED = frozenset(
    (
        "block_size", "enable_chunked_prefill", "enable_prefix_caching", "gpu_memory_utilization",
        "kv_cache_dtype", "kv_cache_memory_bytes", "max_model_len", "max_num_batched_tokens", "max_num_seqs",
        "num_gpu_blocks_override", "quantization", "tensor_parallel_size",
    )
)  # fmt: skip
KV_DTYPES = ("auto", "bfloat16", "float16", "fp8", "fp8_e4m3", "fp8_e5m2")
UNITS = {"k": 10**3, "K": 2**10, "m": 10**6, "M": 2**20}
KV_ROOM = ("num_gpu_blocks_override", "kv_cache_memory_bytes")
ONE = ("data_parallel_size", "pipeline_parallel_size")
WEIGHTS = ("quantization", "hf_overrides")


def sim_spec(config: JobConfig, args: Mapping[str, Any], name: str) -> SimSpec:
    """The server that these engine arguments start, served as `name`. ConfigError by the full key."""
    _check(config, args)
    limits = roofline(config, args)
    _, kernels = kernels_of(config)
    board = limits.board
    if board.bandwidth_bytes_s is None or board.peak_flops_s is None:
        raise ConfigError(
            f"The simulator does not know how fast {config.hardware.name} is.",
            ("lacks", ", ".join(_unknown(board))),
            ("try", "hardware=jetson_agx_thor, or hardware.memory_bandwidth_gb_s=… +hardware.peak_tflops.bf16=…"),
        )
    block_size = _whole(args, "block_size", 16)
    kv_bytes = _kv_cache_bytes(config, args, limits)
    block_bytes = block_size * kv_bytes_per_token(limits.model, limits.precision)
    return SimSpec(
        name=name,
        model=limits.model,
        precision=limits.precision,
        reach=reach_of(kernels, board.bandwidth_bytes_s, board.peak_flops_s),
        # A model that does not fit is refused as any other is: capacity.check_fit.
        limits=_limits(config, args, block_size, max(2, int(kv_bytes / block_bytes))),
        request_s=config.sim.request_ms / MS_PER_S,
        speedup=config.server.speedup,
    )


def reach_of(kernels: Kernels, bandwidth_bytes_s: float, peak_flops_s: float) -> Reach:
    """What kernels make of a board of that bandwidth and peak."""
    return Reach(
        bandwidth_bytes_s=bandwidth_bytes_s * kernels.bandwidth,
        flops_s=peak_flops_s * kernels.prefill,
        step_s=kernels.step_ms / MS_PER_S,
        sequence_s=kernels.sequence_ms / MS_PER_S,
        routed_alike=kernels.routed_alike,
    )


def check_predictable(config: JobConfig, plan: LoadPlan) -> None:
    """ConfigError for what only a server could tell."""
    if config.server.kind is ServerKind.attach:
        raise ConfigError(
            "The engine arguments of a server that runs already are not known, and decide what it does.",
            ("where", "server=attach predict=true"),
            ("try", "server=vllm, with engine.… as that server has them"),
        )
    if any(request.ask.token_ids is None or request.ask.output_len is None for request in plan.requests):
        raise ConfigError(
            "Nobody knows how many tokens the texts of this workload are.",
            ("where", f"workload={config.workload.name} predict=true"),
            ("try", "server=sim, which counts four letters a token, or a workload of lengths"),
        )


@cache
def warn_of_no_effect(name: str) -> None:
    """Once a process, of an engine argument that changes nothing here."""
    if name not in MODELLED:
        log.warning("engine.%s has no effect on what is simulated", name)


def _check(config: JobConfig, args: Mapping[str, Any]) -> None:
    if not 0 < config.server.speedup < math.inf:
        raise ConfigError(f"server.speedup={config.server.speedup:g} is no pace.", ("try", "server.speedup=10"))
    if not 0 <= config.sim.request_ms < math.inf:
        raise ConfigError(f"sim.request_ms={config.sim.request_ms:g} is no time.", ("try", "sim.request_ms=5"))
    share = number(args, "gpu_memory_utilization", UTILIZATION)
    if not 0 < share <= 1:
        raise ConfigError(
            f"engine.gpu_memory_utilization={share:g} is no share.", ("try", "engine.gpu_memory_utilization=0.9")
        )
    dtype = str(args.get("kv_cache_dtype") or "auto")
    if dtype not in KV_DTYPES:
        raise ConfigError(f"engine.kv_cache_dtype={dtype} is not simulated.", ("have", ", ".join(KV_DTYPES)))
    heads, devices = config.model.architecture.num_attention_heads, number(args, "tensor_parallel_size", 1)
    if devices < 1 or heads % devices:
        raise ConfigError(
            f"engine.tensor_parallel_size={devices:g} does not divide the model's {heads} heads.",
            ("try", "engine.tensor_parallel_size=2"),
        )
    for name in ONE:
        if number(args, name, 1) != 1:
            raise ConfigError(f"The simulator has one engine, engine.{name} more.", ("try", f"engine.{name}=1"))
    if not as_configured(config, args):
        raise ConfigError(
            f"The simulator takes weights as quantization={config.quantization.name} has them.",
            ("where", ", ".join(f"engine.{name}={args[name]}" for name in WEIGHTS if args.get(name))),
            ("try", "quantization=fp8, or another of conf/quantization"),
        )
    if args.get("speculative_config"):
        raise ConfigError("The simulator drafts no tokens.", ("try", "engine.speculative_config=null"))


def _unknown(board: Board) -> Iterator[str]:
    if board.bandwidth_bytes_s is None:
        yield "hardware.memory_bandwidth_gb_s"
    if board.peak_flops_s is None:
        yield "hardware.peak_tflops"


def _limits(config: JobConfig, args: Mapping[str, Any], block_size: int, fitting: int) -> Limits:
    memory_gb, longest = config.hardware.memory_gb, _longest(config, args)
    usual = LARGE if memory_gb is not None and memory_gb * GB >= LARGE_BYTES else SMALL
    in_chunks = args.get("enable_chunked_prefill") is not False
    budget = usual["max_num_batched_tokens"] if in_chunks else max(longest, usual["max_num_batched_tokens"])
    told = any(args.get(name) is not None for name in KV_ROOM)
    limits = Limits(
        max_num_seqs=_whole(args, "max_num_seqs", usual["max_num_seqs"]),
        max_num_batched_tokens=_whole(args, "max_num_batched_tokens", budget),
        max_model_len=longest,
        num_blocks=_whole(args, "num_gpu_blocks_override", fitting) - 1,  # vLLM keeps one for padding
        block_size=block_size,
        enable_prefix_caching=args.get("enable_prefix_caching") is not False,
        enable_chunked_prefill=in_chunks,
    )
    if not in_chunks and limits.max_num_batched_tokens < longest:
        raise ConfigError(
            f"A prompt of engine.max_model_len={longest} does not fit into a step, and is not to be cut.",
            ("where", f"engine.max_num_batched_tokens={limits.max_num_batched_tokens}"),
            ("try", f"engine.max_num_batched_tokens={longest}, or engine.enable_chunked_prefill=true"),
        )
    if told and limits.num_blocks * block_size < longest:
        raise ConfigError(
            f"The KV cache holds {limits.num_blocks * block_size} tokens, and a request may have {longest}.",
            ("where", ", ".join(f"engine.{name}={args[name]}" for name in KV_ROOM if args.get(name) is not None)),
            ("try", f"more of it, or engine.max_model_len={limits.num_blocks * block_size}"),
        )
    return limits


def _longest(config: JobConfig, args: Mapping[str, Any]) -> int:
    """Tokens of a request at most: vLLM takes 32k for 32,000, 32K for 32,768 and `auto`."""
    most, said = config.model.architecture.max_position_embeddings, args.get("max_model_len")
    if isinstance(said, str) and said[-1:] in UNITS and said[:-1].isdecimal():
        return int(said[:-1]) * UNITS[said[-1]]
    return most if said in (None, "auto", -1) else _whole(args, "max_model_len", most)


def _whole(args: Mapping[str, Any], name: str, default: int) -> int:
    """ConfigError for what is no number of things above 0."""
    value = number(args, name, default)
    if not 1 <= value < math.inf:
        raise ConfigError(f"engine.{name}={value:g} is too small or too large.", ("try", f"engine.{name}={default}"))
    return int(value)


def _kv_cache_bytes(config: JobConfig, args: Mapping[str, Any], limits: Roofline) -> float:
    """What the weights leave of the room that the server may take, or as it was told."""
    told = number(args, "kv_cache_memory_bytes", 0)
    if told > 0:
        return told
    fit = memory_fit(
        limits.model,
        limits.precision,
        limits.board,
        utilization=number(args, "gpu_memory_utilization", UTILIZATION),
        tokens=0,
        devices=int(devices_of(args)),
    )
    if fit is None:
        return number(config.hardware.env, CPU_KV_SPACE, 4) * GIB
    return fit.room_bytes - fit.weights_bytes


def origin_of(config: JobConfig) -> Origin:
    """What the job's figures are of."""
    if is_simulated(config):
        return "simulated"
    return "rehearsed" if config.rehearse else "measured"


def is_simulated(config: JobConfig) -> bool:
    """Whether the job's figures come from the simulator."""
    return config.predict or config.server.kind is ServerKind.sim
