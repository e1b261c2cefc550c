"""The load plan: every request and when it is due, made before the server starts."""

import hashlib
import json
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from thorexp.errors import ConfigError
from thorexp.measure.arrivals import arrival_offsets_ns
from thorexp.measure.workload import Ask, RandomWorkload


class Stream(IntEnum):
    """What draws are for: each purpose has a generator of its own, so none disturbs another."""

    ARRIVALS = 1
    WARMUP = 2


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One request of a plan; `due_ns` counts from the start of the run."""

    index: int
    due_ns: int
    ask: Ask


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What will be played. `max_concurrency`: how many may be in flight; absent for no limit.

    `request_rate` in requests/s, infinite when all are due at once.
    """

    requests: tuple[PlannedRequest, ...]
    max_concurrency: int | None
    request_rate: float
    ignore_eos: bool

    @property
    def streams(self) -> int:
        """How many requests can be in flight together."""
        return min(len(self.requests), self.max_concurrency or len(self.requests))

    @property
    def digest(self) -> str:
        """SHA-256, hex: two plans with one digest are the same load, token for token."""
        digest = hashlib.sha256(repr((self.max_concurrency, self.ignore_eos)).encode())
        for request in self.requests:
            digest.update(repr((request.due_ns, request.ask.output_len, request.ask.prompt)).encode())
        return digest.hexdigest()

    def as_json(self) -> dict[str, Any]:
        """The plan without its prompts, which the seed and the digest stand for."""
        return {
            "digest": self.digest,
            "max_concurrency": self.max_concurrency,
            "request_rate": json_number(self.request_rate),
            "ignore_eos": self.ignore_eos,
            "input_tokens": sum(len(request.ask.prompt) for request in self.requests),
            "output_tokens": sum(request.ask.output_len for request in self.requests),
            "requests": [
                {
                    "due_ns": request.due_ns,
                    "input_len": len(request.ask.prompt),
                    "output_len": request.ask.output_len,
                    "prompt_sha256": _prompt_digest(request.ask.prompt),
                }
                for request in self.requests
            ],
        }


def make_plan(
    workload: RandomWorkload,
    *,
    count: int,
    max_concurrency: int | None,
    request_rate: float,
    burstiness: float,
    ignore_eos: bool,
    seed: int,
) -> LoadPlan:
    """The measured load. ConfigError, by full key, for numbers that make no load."""
    if count < 1:
        raise ConfigError(f"load.num_prompts={count} is no load.", ("try", "load.num_prompts=10"))
    if max_concurrency is not None and max_concurrency < 1:
        raise ConfigError(
            f"load.max_concurrency={max_concurrency} lets nothing through.",
            ("try", "load.max_concurrency=8, or null for no limit"),
        )
    asks = workload.asks(count, np.random.default_rng(seed))
    due = arrival_offsets_ns(count, request_rate, burstiness, np.random.default_rng([seed, Stream.ARRIVALS]))
    requests = tuple(PlannedRequest(i, ns, ask) for i, (ns, ask) in enumerate(zip(due, asks, strict=True)))
    return LoadPlan(requests, max_concurrency, request_rate, ignore_eos)


def make_warmup(workload: RandomWorkload, plan: LoadPlan, *, count: int, seed: int) -> LoadPlan:
    """A closed loop of `count` requests like the plan's, with prompts from a stream of their own."""
    asks = workload.asks(count, np.random.default_rng([seed, Stream.WARMUP]))
    requests = tuple(PlannedRequest(i, 0, ask) for i, ask in enumerate(asks))
    return LoadPlan(requests, plan.streams, float("inf"), plan.ignore_eos)


def json_number(value: float) -> float | str:
    """Infinity as vLLM's "inf", since JSON has no word for it."""
    return "inf" if value == float("inf") else value


def _prompt_digest(prompt: tuple[int, ...]) -> str:
    return hashlib.sha256(json.dumps(prompt).encode()).hexdigest()[:16]
