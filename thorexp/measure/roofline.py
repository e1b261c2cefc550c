"""What a model asks of a board at the least: seconds, bytes read, bytes held.

A time here is a lower bound: it counts only work that cannot be left out, at the board's full peak. A measurement
below it needs an explanation: cached prefixes, tokens drafted ahead, products that were not computed. Formulas are
those of the published Qwen3 shapes, which they reproduce: parameters to within 0.005 % (the rest is norms).
"""

import math
from dataclasses import dataclass

from thorexp.errors import ConfigError

# Embedding, lm_head and router stay in bf16 however the linear layers are stored.
BF16_BYTES = 2
# Tokens of a step that are taken to be routed alike. Qwen3-30B-A3B on Thor at 8 at once read about 28 distinct
# experts a layer where independent tokens would read 52 (a published run): as if 2.1 tokens went together. A limit
# that accuses must not be above what is possible, so four times that.
ROUTED_ALIKE = 8


@dataclass(frozen=True, slots=True)
class Transformer:
    """The shape of a decoder with gated MLPs.

    The three expert numbers are absent for a dense model; with them every layer has experts and `intermediate`
    is unused. ConfigError where only some are there. `tied`: embedding and lm_head are one table.
    """

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    tied: bool
    experts: int | None = None
    experts_per_token: int | None = None
    expert_intermediate: int | None = None

    def __post_init__(self) -> None:
        numbers = {
            "num_experts": self.experts,
            "num_experts_per_tok": self.experts_per_token,
            "moe_intermediate_size": self.expert_intermediate,
        }
        missing = [f"model.architecture.{key}" for key, value in numbers.items() if value is None]
        if 0 < len(missing) < len(numbers):
            raise ConfigError(
                f"{missing[0]} is absent, but other expert numbers are there.",
                ("try", f"give {', '.join(missing)}, or none of the three for a dense model"),
            )


@dataclass(frozen=True, slots=True)
class Board:
    """Memory in bytes, its bandwidth in bytes/s, dense peak in FLOP/s; each absent where unknown."""

    memory_bytes: float | None
    bandwidth_bytes_s: float | None
    peak_flops_s: float | None


@dataclass(frozen=True, slots=True)
class Precision:
    """Bytes per weight of a linear layer, scales included; bytes per element of K or V (bf16 2, fp8 1)."""

    bytes_per_weight: float
    kv_bytes: float


@dataclass(frozen=True, slots=True)
class Fit:
    """What a model takes, and the room there is for it, in bytes."""

    weights_bytes: float
    kv_bytes: float
    room_bytes: float

    @property
    def fits(self) -> bool:
        """weights + KV <= room. Activations and CUDA graphs come on top, so a fit is no promise."""
        return self.weights_bytes + self.kv_bytes <= self.room_bytes


def linear_parameters(model: Transformer) -> float:
    """layers · (attention + MLP), of all experts; no norms, no router, no embedding."""
    return model.layers * (_attention_parameters(model) + _mlp_parameters(model, model.experts))


def active_linear_parameters(model: Transformer) -> float:
    """Those linear parameters that one token is multiplied with: all of a dense model."""
    return model.layers * (_attention_parameters(model) + _mlp_parameters(model, model.experts_per_token))


def weight_bytes(model: Transformer, precision: Precision) -> float:
    """linear · bytes_per_weight + (router + tables) · 2; norms left out, 0.005 %.

    Embedding and lm_head are two tables, one where they are tied.
    """
    tables = 1 if model.tied else 2
    rest = _router_parameters(model) + tables * _embedding_parameters(model)
    return linear_parameters(model) * precision.bytes_per_weight + rest * BF16_BYTES


def kv_bytes_per_token(model: Transformer, precision: Precision) -> float:
    """2 · kv_heads · head_dim · layers · kv_bytes: a key and a value for each head of each layer."""
    return 2 * model.kv_heads * model.head_dim * model.layers * precision.kv_bytes


def distinct_experts(model: Transformer, tokens: float) -> float | None:
    """E · (1 − (1 − k/E)^tokens): how many of a layer's E experts a step of so many tokens reads, if each token is
    routed to its k independently and evenly. Absent for a dense model.
    """
    if model.experts is None or model.experts_per_token is None:
        return None
    missed: float = (1 - model.experts_per_token / model.experts) ** tokens
    return model.experts * (1 - missed)


def least_experts(model: Transformer, tokens: float) -> float | None:
    """The same if tokens are routed alike in groups of ROUTED_ALIKE: k for one token, all for a long prompt."""
    return distinct_experts(model, max(tokens / ROUTED_ALIKE, 1.0))


def prefill_flops(model: Transformer, tokens: float) -> float:
    """2 · active_linear · tokens: a multiplication and an addition per weight. Attention scores come on top."""
    return 2 * active_linear_parameters(model) * tokens


def prefill_bytes(model: Transformer, precision: Precision, tokens: float) -> float:
    """Weights of the step, read once, and the KV of `tokens`, written."""
    weights = step_weight_bytes(model, precision, least_experts(model, tokens))
    return weights + tokens * kv_bytes_per_token(model, precision)


def decode_step_bytes(
    model: Transformer, precision: Precision, batch: float, context: float, experts: float | None = None
) -> float:
    """Weights of the step + batch · context · KV per token.

    The bytes that one step reads, for `batch` sequences of `context` tokens on average. Weights are read once for
    all; of a mixture of experts so many of each layer, `least_experts` where nothing is said.
    """
    if experts is None:
        experts = least_experts(model, batch)
    return step_weight_bytes(model, precision, experts) + batch * context * kv_bytes_per_token(model, precision)


def step_weight_bytes(model: Transformer, precision: Precision, experts: float | None) -> float:
    """layers · (attention + MLP of so many experts) · bytes_per_weight + (lm_head + router) · 2.

    The embedding table is not read in full.
    """
    linear = model.layers * (_attention_parameters(model) + _mlp_parameters(model, experts))
    rest = (_embedding_parameters(model) + _router_parameters(model)) * BF16_BYTES
    return linear * precision.bytes_per_weight + rest


def load_floor_s(
    model: Transformer,
    precision: Precision,
    board: Board,
    *,
    requests: int,
    input_len: float,
    output_len: float,
    streams: int,
    request_rate: float,
) -> float | None:
    """requests · prefill FLOP / peak + requests · (output_len − 1) / streams · step bytes / bandwidth, in seconds.

    Prefill makes the first token; the later ones see input_len + output_len / 2 tokens on average. At least
    requests / request_rate, when the last one is due (requests/s, infinite for all at once). Absent where the
    board's peak or bandwidth is unknown. Prefill and decode are added, as if no step did both: a server that
    overlapped them perfectly would need only the longer of the two.
    """
    if board.peak_flops_s is None or board.bandwidth_bytes_s is None:
        return None
    prefill_s = prefill_flops(model, input_len) / board.peak_flops_s
    step_s = decode_step_bytes(model, precision, streams, input_len + output_len / 2) / board.bandwidth_bytes_s
    work_s = requests * prefill_s + requests * (output_len - 1) / streams * step_s
    return work_s if math.isinf(request_rate) else max(work_s, requests / request_rate)


def memory_fit(
    model: Transformer, precision: Precision, board: Board, *, utilization: float, tokens: int, devices: int = 1
) -> Fit | None:
    """Weights and the KV of `tokens` against memory · utilization · devices, as if split evenly.

    `utilization`: the fraction of memory that the server may take. Absent where the board's memory is unknown.
    """
    if board.memory_bytes is None:
        return None
    return Fit(
        weights_bytes=weight_bytes(model, precision),
        kv_bytes=tokens * kv_bytes_per_token(model, precision),
        room_bytes=board.memory_bytes * utilization * devices,
    )


def _attention_parameters(model: Transformer) -> int:
    """Of one layer: q and o for every head, k and v for every KV head."""
    return 2 * model.hidden * model.head_dim * (model.heads + model.kv_heads)


def _mlp_parameters(model: Transformer, experts: float | None) -> float:
    """Of one layer with so many experts, or dense: gate, up and down."""
    if experts is None or model.expert_intermediate is None:
        return 3 * model.hidden * model.intermediate
    return experts * 3 * model.hidden * model.expert_intermediate


def _router_parameters(model: Transformer) -> int:
    """Of all layers: a score per expert; none in a dense model."""
    return model.layers * model.hidden * (model.experts or 0)


def _embedding_parameters(model: Transformer) -> int:
    """Of one table: embedding or lm_head."""
    return model.vocab * model.hidden
