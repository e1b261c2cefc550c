"""How long one step of an engine takes: the roofline, and how much of it kernels reach. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from thorexp.measure.roofline import (
    Precision,
    Transformer,
    active_linear_parameters,
    distinct_experts,
    kv_bytes_per_token,
    step_weight_bytes,
)


@dataclass(frozen=True, slots=True)
class Reach:
    """What kernels make of a board. `bandwidth_bytes_s`, `flops_s`: as they reach them, in decode and in prefill.

    `step_s`, `sequence_s`: what a step takes besides, and each sequence in it: launches, scheduling, sampling.
    `routed_alike`: how many tokens of a step go to the same experts together; 1 if each is routed independently.
    """

    bandwidth_bytes_s: float
    flops_s: float
    step_s: float = 0.0
    sequence_s: float = 0.0
    routed_alike: float = 1.0


@dataclass(frozen=True, slots=True)
class Part:
    """What a step does for one sequence: `tokens` more are computed, with which there are `context` in its cache."""

    tokens: int
    context: int


@dataclass(frozen=True)
class Cost:
    """Of the steps of one model."""

    model: Transformer
    precision: Precision
    reach: Reach
    _weights_s: dict[int, float] = field(default_factory=dict, init=False, repr=False, compare=False)

    def step_s(self, parts: Iterable[Part]) -> float:
        """step + sequences · sequence + max(weight bytes / bandwidth, 2 · active linear · tokens / FLOP/s)
        + KV bytes / bandwidth + attention FLOP / FLOP/s.

        Weights are read once for all tokens of the step, of a mixture of experts those that its tokens are routed to.
        The KV cache of each sequence is read once, and each new token attends to all tokens before it:
        4 · heads · head_dim · layers FLOP for each pair.
        """
        tokens = sequences = contexts = pairs = 0
        for part in parts:
            tokens += part.tokens
            sequences += 1
            contexts += part.context
            pairs += part.tokens * (2 * part.context - part.tokens)
        reach = self.reach
        if tokens not in self._weights_s:
            self._weights_s[tokens] = self._weights_of(tokens)
        linear_s = max(self._weights_s[tokens], tokens * self._token_s)
        attention_s = contexts * self._context_s + pairs / 2 * self._pair_s
        return reach.step_s + sequences * reach.sequence_s + linear_s + attention_s

    def _weights_of(self, tokens: int) -> float:
        experts = distinct_experts(self.model, max(1.0, tokens / self.reach.routed_alike))
        return step_weight_bytes(self.model, self.precision, experts) / self.reach.bandwidth_bytes_s

    @cached_property
    def _token_s(self) -> float:
        return 2 * active_linear_parameters(self.model) / self.reach.flops_s

    @cached_property
    def _context_s(self) -> float:
        return kv_bytes_per_token(self.model, self.precision) / self.reach.bandwidth_bytes_s

    @cached_property
    def _pair_s(self) -> float:
        return 4 * self.model.heads * self.model.head_dim * self.model.layers / self.reach.flops_s
