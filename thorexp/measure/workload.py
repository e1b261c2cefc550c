"""What is asked: conversations of prompts and output lengths, drawn from a seed.

The draws follow the random dataset of `vllm bench serve` (vLLM 0.33.0, `benchmarks/datasets`): the same
generator, in the same order, so that one seed gives the prompts that vLLM makes before it turns them to text
and back. Token ids are sent as they are, so lengths are exact.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeGuard

import numpy as np

from thorexp.errors import ConfigError

NS_PER_S = 1_000_000_000

Message = Mapping[str, Any]
"""`role`, `content` and what else the chat endpoint takes."""

Prompt = tuple[int, ...] | str | tuple[Message, ...]

# Of 2048 tokens on average, one in a thousand lognormal draws is then longer than 150,000: more is a slip.
MOST_STD_RATIO = 10.0
# A plan is held in memory, a token in some 40 bytes: more is a slip too, and would take what a server needs.
MOST_REQUESTS = 1_000_000
MOST_TOKENS = 200_000_000
# No model reads so many: a length above is a slip, such as a timestamp in the wrong column of a trace.
LONGEST = 10_000_000


def check_size(requests: float, tokens: float, where: str) -> None:
    """ConfigError for a load that would fill the memory before it is played. `where`: what makes it so large."""
    for size, most, what in ((requests, MOST_REQUESTS, "requests"), (tokens, MOST_TOKENS, "tokens of prompts")):
        if size > most:
            raise ConfigError(
                f"A load of {size:.4g} {what} is too large to be planned.",
                ("where", where),
                ("try", f"{most:,} {what} at most, or several loads one after the other"),
            )


@dataclass(frozen=True, slots=True)
class Ask:
    """One request's content: a prompt as token ids, text or chat messages, and how many tokens to generate.

    `output_len` absent: as many as `reference`, the data set's own answer, has. `think_ns`: in a conversation,
    how long after the answer before it this is asked; 0 for a first turn. `counted`: tokens of a text or of
    messages as the server counted them; absent until it has.
    """

    prompt: Prompt
    output_len: int | None
    reference: str | None = None
    think_ns: int = 0
    counted: int | None = None

    @property
    def token_ids(self) -> tuple[int, ...] | None:
        """The prompt, if it is in token ids."""
        return self.prompt if _is_token_ids(self.prompt) else None

    @property
    def input_len(self) -> int | None:
        """Tokens of the prompt; absent for a text or messages that nobody has counted."""
        return self.counted if self.token_ids is None else len(self.token_ids)


def _is_token_ids(prompt: Prompt) -> TypeGuard[tuple[int, ...]]:
    return isinstance(prompt, tuple) and not any(isinstance(part, Mapping) for part in prompt[:1])


Conversation = tuple[Ask, ...]
"""Turns, mostly one. A later prompt is only what is new: the client puts history and answers before it."""


class Lengths(StrEnum):
    """How lengths spread around their mean."""

    uniform = "uniform"
    normal = "normal"
    lognormal = "lognormal"


@dataclass(frozen=True, slots=True)
class RandomWorkload:
    """Runs of consecutive token ids from random starts, first turns behind a shared prefix.

    Lengths in tokens. `token_ids`: ids 0 to n-1 may be used. `range_ratio` r in [0, 1), for uniform lengths:
    evenly over [len*(1-r), len*(1+r)]. `std_ratio`, for normal and lognormal ones: standard deviation / mean.
    Those are rounded and at least 1, which lifts the mean of a wide normal: by 8 % at a ratio of 1.

    `num_prefixes`: so many prefixes of `prefix_len`, dealt evenly over the conversations. `turn_input_len`: the
    mean of later turns; absent, `input_len`. `think_time_s`: mean of the exponential time before each later
    turn; 0 for none.
    """

    input_len: int
    output_len: int
    token_ids: int
    lengths: Lengths = Lengths.uniform
    range_ratio: float = 0.0
    std_ratio: float = 0.0
    prefix_len: int = 0
    num_prefixes: int = 1
    turns: int = 1
    turn_input_len: int | None = None
    think_time_s: float = 0.0

    def __post_init__(self) -> None:
        self._check_counts()
        self._check_spread()
        if not 0 <= self.think_time_s < math.inf:
            raise ConfigError(
                f"workload.think_time_s={self.think_time_s} is no time.", ("try", "workload.think_time_s=0 or more")
            )

    def conversations(self, count: int | None, rng: np.random.Generator) -> tuple[Conversation, ...]:
        """`count` conversations. Of one turn, exact length and no prefix, the first k are the same for every count.

        Drawn in this order: input lengths, output lengths and starts of all first turns, the prefixes (up to here
        as vLLM does), who gets which if there are several, then for each later turn lengths, starts and thinking.
        """
        if count is None:
            raise ConfigError(
                "load.num_prompts is missing: random workloads do not end.", ("try", "load.num_prompts=100")
            )
        self._check_size(count)
        firsts = self._with_prefixes(self._turn(self.input_len, 0, count, rng), rng)
        mean = self.input_len if self.turn_input_len is None else self.turn_input_len
        laters = [self._after_thinking(self._turn(mean, 1, count, rng), rng) for _ in range(self.turns - 1)]
        return tuple(zip(firsts, *laters, strict=True))

    def _turn(self, input_len: int, least: int, count: int, rng: np.random.Generator) -> list[Ask]:
        inputs = self._lengths(input_len, least, count, rng)
        outputs = self._lengths(self.output_len, 1, count, rng)
        check_size(
            count, int(inputs.sum(dtype=np.float64)), f"workload.lengths={self.lengths} workload.input_len={input_len}"
        )
        starts = rng.integers(0, self.token_ids, size=count)
        return [
            Ask(self._run_of_ids(int(start) + index, int(length)), int(output))
            for index, (start, length, output) in enumerate(zip(starts, inputs, outputs, strict=True))
        ]

    def _with_prefixes(self, asks: list[Ask], rng: np.random.Generator) -> list[Ask]:
        drawn = rng.integers(0, self.token_ids, size=(self.num_prefixes, self.prefix_len))
        prefixes = [tuple(ids) for ids in drawn.tolist()]
        dealt = np.arange(len(asks)) % self.num_prefixes
        if self.num_prefixes > 1:
            rng.shuffle(dealt)
        return [replace(ask, prompt=(*prefixes[i], *ask.prompt)) for i, ask in zip(dealt, asks, strict=True)]

    def _after_thinking(self, asks: list[Ask], rng: np.random.Generator) -> list[Ask]:
        thought_s = rng.exponential(self.think_time_s, size=len(asks))
        return [replace(ask, think_ns=round(s * NS_PER_S)) for ask, s in zip(asks, thought_s.tolist(), strict=True)]

    def _lengths(self, mean: int, least: int, count: int, rng: np.random.Generator) -> np.ndarray:
        if self.lengths is Lengths.uniform:
            low = max(least, int(np.floor(mean * (1 - self.range_ratio))))
            high = max(least, int(np.ceil(mean * (1 + self.range_ratio))))
            return rng.integers(low, high + 1, size=count)
        if self.lengths is Lengths.normal:
            drawn = rng.normal(mean, self.std_ratio * mean, size=count)
        else:
            drawn = _lognormal(mean, self.std_ratio, count, rng)
        return np.maximum(1, np.rint(drawn).astype(np.int64))

    def _run_of_ids(self, start: int, length: int) -> tuple[int, ...]:
        return tuple(((start + np.arange(length)) % self.token_ids).tolist())

    def _check_size(self, count: int) -> None:
        """Before anything is drawn. History is not counted: a later turn is sent without it."""
        later = self.input_len if self.turn_input_len is None else self.turn_input_len
        each = self.prefix_len + self.input_len + (self.turns - 1) * later
        words = (("prefix_len", self.prefix_len, 0), ("num_prefixes", self.num_prefixes, 1), ("turns", self.turns, 1))
        said = " ".join(f"workload.{key}={value}" for key, value, usual in words if value != usual)
        where = f"load.num_prompts={count} workload.input_len={self.input_len} {said}".rstrip()
        check_size(count * self.turns, count * each, where)
        check_size(1, self.num_prefixes * self.prefix_len, where)

    def _check_counts(self) -> None:
        for key, value, least, most in (
            ("workload.input_len", self.input_len, 1, LONGEST),
            ("workload.output_len", self.output_len, 1, LONGEST),
            ("workload.prefix_len", self.prefix_len, 0, LONGEST),
            ("workload.num_prefixes", self.num_prefixes, 1, MOST_REQUESTS),
            ("workload.turns", self.turns, 1, MOST_REQUESTS),
            ("workload.turn_input_len", self.turn_input_len, 1, LONGEST),
            ("model.prompt_token_ids", self.token_ids, 1, 2**31),
        ):
            if value is not None and value < least:
                raise ConfigError(f"{key}={value} is too small.", ("try", f"{key}={least} or more"))
            if value is not None and value > most:
                raise ConfigError(f"{key}={value} is too large.", ("try", f"{key}={most} at most"))
        if self.num_prefixes > 1 and self.prefix_len == 0:
            raise ConfigError(
                f"workload.num_prefixes={self.num_prefixes} is too many: prefixes of no tokens are all the same.",
                ("where", "workload.prefix_len=0"),
                ("try", "workload.prefix_len=512, or workload.num_prefixes=1"),
            )

    def _check_spread(self) -> None:
        if not 0 <= self.range_ratio < 1:
            raise ConfigError(
                f"workload.range_ratio={self.range_ratio} is out of range.",
                ("try", "0 for exact lengths, or a fraction below 1"),
            )
        if self.prefix_len == 0 and math.floor(self.input_len * (1 - self.range_ratio)) < 1:
            raise ConfigError(
                f"workload.range_ratio={self.range_ratio} makes prompts of no tokens.",
                ("where", f"workload.input_len={self.input_len}"),
                ("try", "a longer workload.input_len, or a smaller range"),
            )
        if not 0 <= self.std_ratio <= MOST_STD_RATIO:
            raise ConfigError(
                f"workload.std_ratio={self.std_ratio} is out of range.",
                ("try", f"0 for exact lengths, or a standard deviation / mean of {MOST_STD_RATIO:g} at most"),
            )
        unused, used = ("std", "range") if self.lengths is Lengths.uniform else ("range", "std")
        value = self.std_ratio if unused == "std" else self.range_ratio
        if value != 0:
            raise ConfigError(
                f"workload.{unused}_ratio={value} is not what {self.lengths} lengths spread by.",
                ("where", f"workload.lengths={self.lengths}"),
                ("try", f"workload.{used}_ratio={value}, or workload.{unused}_ratio=0"),
            )


def _lognormal(mean: int, ratio: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draws of this mean and standard deviation / mean.

    sigma² = ln(1 + ratio²), mu = ln(mean) − sigma²/2: the moments of the lognormal distribution solved for its
    parameters (Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions 1, chapter 14).
    """
    variance = math.log1p(ratio**2)
    return rng.lognormal(math.log(mean) - variance / 2, math.sqrt(variance), size=count)
