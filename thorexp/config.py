"""What a job is: one frozen dataclass per config group.

Hydra composes `conf/` into a tree; `app` checks that tree against these classes and hands on a
`JobConfig`. Field names are the keys a user types: `load.num_prompts=10`.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from thorexp.config_load import EndpointConfig, LoadConfig, SloConfig, WorkloadConfig
from thorexp.config_server import PrepareConfig, ServerConfig
from thorexp.config_sim import SimConfig
from thorexp.config_sweep import SweepConfig
from thorexp.config_trust import TelemetryConfig
from thorexp.measure.verdict import Thresholds


class Weights(Enum):
    """Where a model's weights come from. Members are named as a user types them."""

    repository = "repository"  # vLLM loads them by `model.repository`
    random = "random"  # a directory written here from the architecture; vLLM draws the weights


@dataclass(frozen=True)
class ArchitectureConfig:
    """The numbers of a transformer, under the names that its `config.json` gives them."""

    model_type: str
    """By which vLLM knows the architecture."""
    num_hidden_layers: int
    """How many layers."""
    hidden_size: int
    """Width of the residual stream."""
    num_attention_heads: int
    """Query heads."""
    num_key_value_heads: int
    """Heads that the KV cache keeps."""
    head_dim: int
    """Width of a head."""
    intermediate_size: int
    """Width of a dense MLP."""
    vocab_size: int
    """[tokens] Of the vocabulary, special ones too."""
    max_position_embeddings: int
    """[tokens] The longest context that the model was made for."""
    rope_theta: float
    """Base of the rotary embedding."""
    tie_word_embeddings: bool
    """Whether embedding and head are the same weights."""
    num_experts: int | None = None
    """Of each layer; absent for a dense model."""
    num_experts_per_tok: int | None = None
    """That a token is sent to; absent for a dense model."""
    moe_intermediate_size: int | None = None
    """Width of an expert; absent for a dense model."""


@dataclass(frozen=True)
class ModelConfig:
    """What is served."""

    name: str
    """The option of `model=` that chooses it."""
    repository: str
    """Where vLLM finds the weights: a repository or a directory."""
    weights: Weights
    """Where they come from."""
    prompt_token_ids: int
    """Ids 0 to n-1 are ordinary tokens, none of them special; prompts are drawn from them."""
    architecture: ArchitectureConfig
    """The numbers of its transformer."""
    engine: dict[str, Any] = field(default_factory=dict)
    """vLLM arguments that this model wants; any flag."""
    env: dict[str, str] = field(default_factory=dict)
    """Environment variables of its server."""


@dataclass(frozen=True)
class QuantizationConfig:
    """How weights are stored."""

    name: str
    """The option of `quantization=` that chooses it."""
    bytes_per_weight: float
    """[bytes] With scales and zero points, of linear layers only."""
    compute_dtype: str
    """The entry of `hardware.peak_tflops` that the matrix products run at."""
    kernels: str
    """The family in `sim.kernels` that computes them."""
    checkpoint: dict[str, Any] | None = None
    """The `quantization_config` of a checkpoint that is written here (random weights)."""
    engine: dict[str, Any] = field(default_factory=dict)
    """vLLM arguments that it wants; any flag."""
    env: dict[str, str] = field(default_factory=dict)
    """Environment variables of its server."""


@dataclass(frozen=True)
class HardwareConfig:
    """A board, with the figures of its datasheet."""

    name: str
    """The option of `hardware=` that chooses it."""
    description: str
    """What reports call it."""
    memory_gb: float | None
    """[GB] As CUDA sees it, GB being 1e9 bytes; absent where it differs by machine."""
    memory_bandwidth_gb_s: float | None
    """[GB/s] Of that memory."""
    unified_memory: bool
    """Whether CPU and GPU share it."""
    match: str | None = None
    """A regular expression that finds this board in what a machine says of itself; absent for one that cannot be told.
    """
    devices: int = 1
    """How many of it serve one model, where somebody else started the server; for one that is started here its engine
    arguments say so.
    """
    peak_tflops: dict[str, float] = field(default_factory=dict)
    """[TFLOP/s] Dense, by compute type; lacks the types that the board has no units for, empty where no figure is
    known.
    """
    power_modes: list[str] = field(default_factory=list)
    """Their names, the fastest first."""
    prepare: PrepareConfig = field(default_factory=PrepareConfig)
    """What is done to the board."""
    image: str | None = None
    """Of vLLM, for `server=docker`."""
    docker_args: list[str] = field(default_factory=list)
    """What `docker run` is told so that a container sees the GPU."""
    engine: dict[str, Any] = field(default_factory=dict)
    """vLLM arguments tuned to the board; any flag."""
    env: dict[str, str] = field(default_factory=dict)
    """Environment variables of its servers."""


@dataclass(frozen=True)
class MetricsConfig:
    """What is shown of a distribution."""

    percentiles: list[float]
    """[%] Shown of every latency, in this order."""


@dataclass(frozen=True)
class TrackingConfig:
    """Where MLflow keeps runs."""

    enabled: bool
    """Whether records go to MLflow; they are kept in `outputs/` either way."""
    uri: str
    """The store: a database, or the address of a tracking server."""
    experiment: str
    """The experiment's name in MLflow."""
    artifacts: str
    """Where a store keeps files that has no place of its own for them."""


@dataclass(frozen=True)
class BaselineConfig:
    """A published table to compare with."""

    name: str
    """The option of `baseline=` that chooses it."""
    description: str
    """Who published it."""
    source: str | None
    """The page; absent for none."""
    file: str | None
    """Beside its config: what `python -m thorexp.judge` reads; absent for none."""
    command: str | None
    """Of the server, as published; absent for none."""
    hardware: str | None
    """The option of `hardware=` that it was measured on; absent for none."""


@dataclass(frozen=True)
class JobConfig:
    """Everything that one point of a sweep is made of."""

    model: ModelConfig
    quantization: QuantizationConfig
    hardware: HardwareConfig
    server: ServerConfig
    endpoint: EndpointConfig
    load: LoadConfig
    workload: WorkloadConfig
    slo: SloConfig
    metrics: MetricsConfig
    telemetry: TelemetryConfig
    verdict: Thresholds
    tracking: TrackingConfig
    sweep: SweepConfig
    sim: SimConfig
    baseline: BaselineConfig
    dry_run: bool
    """Plan, check and start nothing."""
    predict: bool
    """Simulate, in no time, what a server would do."""
    rehearse: bool
    """Serve a tiny model of random weights in place of each."""
    engine: dict[str, Any] = field(default_factory=dict)
    """Any vLLM flag, as preset and typed: `engine.max_num_seqs=16`."""

    @property
    def server_env(self) -> dict[str, str]:
        """Of the server, the later winning: quantization, hardware, model, server."""
        groups = (self.quantization, self.hardware, self.model, self.server)
        return {name: value for group in groups for name, value in group.env.items()}
