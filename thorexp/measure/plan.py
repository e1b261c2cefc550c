"""The load plan: every request and when it is due, data that is made before the server starts."""

import hashlib
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from thorexp.measure.workload import Ask


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One request of a plan.

    `due_ns` counts from the begin of its stage; for a later turn of a conversation from the end of the answer
    before, to the request that it `follows`.
    """

    index: int
    due_ns: int
    ask: Ask
    follows: int | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a load. `limits`: from each offset (ns) on, how many conversations may be under way; empty for no
    limit. `length_ns`: how long it takes where that is decided beforehand; a `closed` loop then begins no more.
    """

    name: str
    requests: tuple[PlannedRequest, ...]
    limits: tuple[tuple[int, int], ...] = ()
    length_ns: int | None = None
    closed: bool = True

    @property
    def is_timed(self) -> bool:
        """Whether it is a closed loop that begins what the server manages in its time, which may be less than all."""
        return self.closed and self.length_ns is not None

    @property
    def max_concurrency(self) -> int | None:
        """The most conversations under way at once; absent for no limit."""
        return max((limit for _, limit in self.limits), default=None)


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What will be played: stages, one after the other.

    `drain`: a stage begins when the one before is answered to its last request; else when its time is over.
    `request_rate` in requests/s, where one rate holds from begin to end; else infinite.
    """

    stages: tuple[Stage, ...]
    ignore_eos: bool
    drain: bool = True
    request_rate: float = float("inf")

    @property
    def requests(self) -> tuple[PlannedRequest, ...]:
        """Of all stages, by index."""
        return tuple(request for stage in self.stages for request in stage.requests)

    @property
    def max_concurrency(self) -> int | None:
        """The most conversations under way at once, in any stage; absent when one has no limit."""
        limits = [stage.max_concurrency for stage in self.stages]
        known = [limit for limit in limits if limit is not None]
        return max(known) if len(known) == len(limits) else None

    @property
    def streams(self) -> int:
        """How many requests can be in flight together."""
        begun = [sum(request.follows is None for request in stage.requests) for stage in self.stages]
        most = max(begun) if self.drain else sum(begun)
        return min(most, self.max_concurrency or most)

    @property
    def is_open(self) -> bool:
        """Whether requests of some stage are due at times of their own, whatever the server manages."""
        return not all(stage.closed for stage in self.stages)

    @property
    def input_tokens(self) -> int | None:
        """Of all prompts; absent while the server has not counted some. History before a turn is not in it."""
        return _total([request.ask.input_len for request in self.requests])

    @property
    def output_tokens(self) -> int | None:
        """That are asked for; absent while the server has not counted some."""
        return _total([request.ask.output_len for request in self.requests])

    @property
    def lengths(self) -> Mapping[int, int]:
        """Tokens of each request by index, in and out, with the history before it; what is not counted is left out."""
        lengths: dict[int, int] = {}
        for request in self.requests:
            before = 0 if request.follows is None else lengths[request.follows]
            lengths[request.index] = before + (request.ask.input_len or 0) + (request.ask.output_len or 0)
        return lengths

    @property
    def digest(self) -> str:
        """SHA-256, hex: two plans with one digest are the same load, token for token."""
        digest = hashlib.sha256(repr((self.ignore_eos, self.drain)).encode())
        for stage in self.stages:
            length_ns = stage.length_ns if stage.closed or not self.drain else None  # else it decides nothing
            digest.update(repr((stage.limits, stage.closed, length_ns)).encode())
            for request in stage.requests:
                ask = request.ask
                content = (request.due_ns, request.follows, ask.output_len, ask.reference, ask.prompt)
                digest.update(repr(content).encode())
        return digest.hexdigest()

    def as_json(self) -> dict[str, Any]:
        """The plan without its prompts, which a digest stands for."""
        return {
            "max_concurrency": self.max_concurrency,
            "request_rate": json_number(self.request_rate),
            "ignore_eos": self.ignore_eos,
            "drain": self.drain,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "stages": [
                {
                    "name": stage.name,
                    "limits": [list(limit) for limit in stage.limits],
                    "length_ns": stage.length_ns,
                    "closed": stage.closed,
                    "requests": [_request_as_json(request) for request in stage.requests],
                }
                for stage in self.stages
            ],
        }


def json_number(value: float) -> float | str:
    """Infinity as vLLM's "inf", since JSON has no word for it."""
    return "inf" if value == float("inf") else value


def with_asks(plan: LoadPlan, asks: Sequence[Ask]) -> LoadPlan:
    """The same load with other content, one ask a request, by index."""
    return replace(
        plan,
        stages=tuple(
            replace(stage, requests=tuple(replace(request, ask=asks[request.index]) for request in stage.requests))
            for stage in plan.stages
        ),
    )


def without(plan: LoadPlan, indices: Set[int]) -> LoadPlan:
    """The load without the conversations that these requests are in; what is left is numbered anew."""
    first_turn: dict[int, int] = {}
    for request in plan.requests:
        first_turn[request.index] = request.index if request.follows is None else first_turn[request.follows]
    gone = {first_turn[index] for index in indices}
    left = [index for index, first in first_turn.items() if first not in gone]
    numbers = {index: number for number, index in enumerate(left)}

    def kept(stage: Stage) -> tuple[PlannedRequest, ...]:
        return tuple(
            replace(
                request,
                index=numbers[request.index],
                follows=None if request.follows is None else numbers[request.follows],
            )
            for request in stage.requests
            if request.index in numbers
        )

    return replace(plan, stages=tuple(replace(stage, requests=kept(stage)) for stage in plan.stages))


def _total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _request_as_json(request: PlannedRequest) -> dict[str, Any]:
    ask = request.ask
    return {
        "due_ns": request.due_ns,
        "follows": request.follows,
        "input_len": ask.input_len,
        "output_len": ask.output_len,
        "prompt_sha256": hashlib.sha256(json.dumps(ask.prompt).encode()).hexdigest()[:16],
    }
