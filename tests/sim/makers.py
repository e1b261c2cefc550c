"""What tests of the simulation hand to it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from thorexp.measure.roofline import Precision, Transformer
from thorexp.sim.cost import Part, Reach
from thorexp.sim.engine import Engine, Limits, Request, request_of
from thorexp.sim.spec import SimSpec

# 16 + 24 linear weights, a table of 20, 8 bytes of KV cache and 8 FLOP of attention a token.
TINY = Transformer(1, 2, 1, 1, 2, 4, 10, tied=True)
BYTES = Precision(1.0, 2.0)
LIMITS = Limits(max_num_seqs=4, max_num_batched_tokens=64, max_model_len=64, num_blocks=64, block_size=4)
SPEC = SimSpec(
    name="tiny",
    model=TINY,
    precision=BYTES,
    reach=Reach(bandwidth_bytes_s=1e12, flops_s=1e12, step_s=0.001),
    limits=replace(LIMITS, max_num_batched_tokens=512, max_model_len=4096, num_blocks=1024, block_size=16),
    request_s=0.0,
)


@dataclass
class Steps:
    """An engine whose steps take a second each, and what each of them computed."""

    engine: Engine
    parts: list[list[Part]] = field(default_factory=list)
    told: list[tuple[Request, ...]] = field(default_factory=list)
    used: list[int] = field(default_factory=list)

    def take(self, count: int | None = None) -> "Steps":
        """So many steps more, or all that there are."""
        for _ in islice(iter(lambda: self.engine.busy, False), count):
            self.engine.begin_step()
            self.used.append(self.engine.blocks.used)
            self.told.append(self.engine.end_step())
        return self

    def first_tokens(self) -> list[Request]:
        """Requests in the order of their first tokens."""
        return list(dict.fromkeys(request for told in self.told for request in told))


def steps_of(*requests: Request, **limits: Any) -> Steps:
    """All these, submitted at once; nothing of them is computed yet."""
    parts: list[list[Part]] = []

    def a_second(step: Iterable[Part]) -> float:
        parts.append(list(step))
        return 1.0

    steps = Steps(Engine(replace(LIMITS, **limits), a_second), parts)
    for request in requests:
        steps.engine.add(request)
    return steps


def a_request(prompt: Sequence[int] | int, max_tokens: int = 1) -> Request:
    """Of that prompt, or of one of that length."""
    return request_of(range(prompt) if isinstance(prompt, int) else prompt, max_tokens)
