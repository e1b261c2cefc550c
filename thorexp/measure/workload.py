"""What is asked: prompts as token ids and output lengths, drawn from a seed.

The draws follow the random dataset of `vllm bench serve` (vLLM 0.33.0, `benchmarks/datasets`): the same
generator, in the same order, so that one seed gives the prompts that vLLM makes before it turns them to text
and back. Token ids are sent as they are, so lengths are exact.
"""

from dataclasses import dataclass

import numpy as np

from thorexp.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Ask:
    """One request's content: the prompt's token ids, and how many tokens to generate."""

    prompt: tuple[int, ...]
    output_len: int


@dataclass(frozen=True, slots=True)
class RandomWorkload:
    """Runs of consecutive token ids from random starts, behind one shared prefix.

    Lengths in tokens. `token_ids`: ids 0 to n-1 may be used. `range_ratio` in [0, 1) spreads both lengths
    evenly over [len*(1-r), len*(1+r)].
    """

    input_len: int
    output_len: int
    token_ids: int
    range_ratio: float = 0.0
    prefix_len: int = 0

    def __post_init__(self) -> None:
        for key, value, least in (
            ("workload.input_len", self.input_len, 1),
            ("workload.output_len", self.output_len, 1),
            ("workload.prefix_len", self.prefix_len, 0),
            ("model.prompt_token_ids", self.token_ids, 1),
        ):
            if value < least:
                raise ConfigError(f"{key}={value} is too small.", ("try", f"{key}={least} or more"))
        if not 0 <= self.range_ratio < 1:
            raise ConfigError(
                f"workload.range_ratio={self.range_ratio} is out of range.",
                ("try", "0 for exact lengths, or a fraction below 1"),
            )

    def asks(self, count: int, rng: np.random.Generator) -> tuple[Ask, ...]:
        """`count` requests. With range_ratio 0 the first k are the same for every `count`."""
        inputs = self._lengths(self.input_len, 0, count, rng)
        outputs = self._lengths(self.output_len, 1, count, rng)
        starts = rng.integers(0, self.token_ids, size=count)
        prefix = tuple(rng.integers(0, self.token_ids, size=self.prefix_len).tolist())
        return tuple(
            Ask(prefix + self._run_of_ids(int(start) + index, int(length)), int(output))
            for index, (start, length, output) in enumerate(zip(starts, inputs, outputs, strict=True))
        )

    def _lengths(self, mean: int, least: int, count: int, rng: np.random.Generator) -> np.ndarray:
        low = max(least, int(np.floor(mean * (1 - self.range_ratio))))
        high = max(least, int(np.ceil(mean * (1 + self.range_ratio))))
        return rng.integers(low, high + 1, size=count)

    def _run_of_ids(self, start: int, length: int) -> tuple[int, ...]:
        return tuple(((start + np.arange(length)) % self.token_ids).tolist())
