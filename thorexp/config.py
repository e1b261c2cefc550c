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
    """The numbers of a transformer, under the names that its `config.json` gives them.

    The three expert numbers are absent for a dense model.
    """

    model_type: str
    num_hidden_layers: int
    hidden_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    intermediate_size: int
    vocab_size: int
    max_position_embeddings: int
    rope_theta: float
    tie_word_embeddings: bool
    num_experts: int | None = None
    num_experts_per_tok: int | None = None
    moe_intermediate_size: int | None = None


@dataclass(frozen=True)
class ModelConfig:
    """What is served. `prompt_token_ids`: ids 0 to n-1 are ordinary tokens, none of them special."""

    name: str
    repository: str
    weights: Weights
    prompt_token_ids: int
    architecture: ArchitectureConfig
    engine: dict[str, Any] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class QuantizationConfig:
    """How weights are stored.

    `bytes_per_weight` counts scales and zero points, of linear layers only; `compute_dtype` names the
    entry of `hardware.peak_tflops` that the matrix products run at; `kernels` the family in `sim.kernels` that
    computes them; `checkpoint` is the `quantization_config` of a checkpoint that is written here (random weights).
    """

    name: str
    bytes_per_weight: float
    compute_dtype: str
    kernels: str
    checkpoint: dict[str, Any] | None = None
    engine: dict[str, Any] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HardwareConfig:
    """A board: memory in GB (1e9 bytes), bandwidth in GB/s, dense peaks in TFLOP/s by compute type.

    `peak_tflops` lacks the types that the board has no units for, and is empty where no figure is known. `match`: a
    regular expression that finds this board in what a machine says of itself (`Identity.description`); absent for
    one that cannot be told. `devices`: how many of it serve one model, where somebody else started the server; for
    one that is started here its engine arguments say so. `image`: of vLLM, for `server=docker`; `docker_args`: what
    `docker run` is told so that a container sees the GPU.
    """

    name: str
    description: str
    memory_gb: float | None
    memory_bandwidth_gb_s: float | None
    unified_memory: bool
    match: str | None = None
    devices: int = 1
    peak_tflops: dict[str, float] = field(default_factory=dict)
    power_modes: list[str] = field(default_factory=list)
    prepare: PrepareConfig = field(default_factory=PrepareConfig)
    image: str | None = None
    docker_args: list[str] = field(default_factory=list)
    engine: dict[str, Any] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MetricsConfig:
    """Which percentiles are shown, in this order."""

    percentiles: list[float]


@dataclass(frozen=True)
class TrackingConfig:
    """Where MLflow keeps runs. `artifacts` only counts for a store that has no artifact place of its own."""

    enabled: bool
    uri: str
    experiment: str
    artifacts: str


@dataclass(frozen=True)
class BaselineConfig:
    """A published table to compare with: who published it where, `file` beside its config, the server's `command`, and
    an option of `hardware=`. All but the name are absent for none.
    """

    name: str
    description: str
    source: str | None
    file: str | None
    command: str | None
    hardware: str | None


@dataclass(frozen=True)
class JobConfig:
    """Everything that one point of a sweep is made of. `engine`: any vLLM flag, as preset and typed.

    `dry_run`: plan, check and start nothing. `predict`: simulate, in no time, what a server would do. `rehearse`: serve
    a tiny model of random weights in place of each.
    """

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
    predict: bool
    rehearse: bool
    engine: dict[str, Any] = field(default_factory=dict)

    @property
    def server_env(self) -> dict[str, str]:
        """Of the server, the later winning: quantization, hardware, model, server."""
        groups = (self.quantization, self.hardware, self.model, self.server)
        return {name: value for group in groups for name, value in group.env.items()}
