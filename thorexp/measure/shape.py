"""A load's shape becomes a plan: closed and open loops, ramps, bursts, stages and traces."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Protocol

import numpy as np

from thorexp.errors import ConfigError
from thorexp.measure.arrivals import Ramp, Rate, arrival_offsets_ns, limit_steps
from thorexp.measure.plan import LoadPlan, PlannedRequest, Stage
from thorexp.measure.workload import MOST_REQUESTS, Ask, Conversation, check_size

NS_PER_S = 1_000_000_000
CLOSED_LOOP = Rate(float("inf"), float("inf"))
# Of a warm-up request like one whose lengths only the server can tell.
WARMUP_INPUT_LEN, WARMUP_OUTPUT_LEN = 256, 16


class Stream(IntEnum):
    """What draws are for: each purpose has a generator of its own, so none disturbs another."""

    ARRIVALS = 1
    WARMUP = 2


class Workload(Protocol):
    """Where conversations come from."""

    def conversations(self, count: int | None, rng: np.random.Generator) -> tuple[Conversation, ...]:
        """That many, or absent all there are; ConfigError where that cannot be."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One stage of a load, as it was asked for.

    `count`: how many conversations begin; absent for as many as `duration_s` and the rate make, or all there are.
    `duration_s` absent: as long as they take. `max_concurrency`: how many are under way at once, absent for no
    limit; it goes to `max_concurrency_end` along `ramp` over the duration. `due_ns`: when each begins, as a trace
    says, of which those within the duration are taken; absent for arrivals at `rate`. `key`: where all this was
    asked for, for errors.
    """

    name: str
    count: int | None
    duration_s: float | None = None
    max_concurrency: int | None = None
    max_concurrency_end: int | None = None
    rate: Rate = CLOSED_LOOP
    burstiness: float = 1.0
    burst_size: int = 1
    ramp: Ramp = Ramp.linear
    due_ns: tuple[int, ...] | None = None
    key: str = "load"

    @property
    def is_closed(self) -> bool:
        """Whether the next begins as soon as there is room, and not at a time of its own."""
        return self.due_ns is None and not self.rate.is_finite

    @property
    def planned(self) -> int | None:
        """How many conversations begin; absent for all there are."""
        if self.duration_s is None or self.is_closed:
            return self.count
        if self.due_ns is not None:
            return bisect_right(self.due_ns, self.duration_s * NS_PER_S)
        due = round(self.rate.count(self.duration_s))
        return due if self.count is None else min(due, self.count)


def make_plan(workload: Workload, shapes: Sequence[Shape], *, ignore_eos: bool, drain: bool, seed: int) -> LoadPlan:
    """The measured load. ConfigError, by full key, for numbers that make no load."""
    for shape in shapes:
        _check(shape, last=drain or shape is shapes[-1])
    total = _total(shapes)
    conversations = workload.conversations(total, np.random.default_rng(seed))
    left = iter(conversations)
    stages: list[Stage] = []
    first = 0
    for number, shape in enumerate(shapes):
        # The first stage draws as a load without stages does.
        rng = np.random.default_rng([seed, Stream.ARRIVALS, number] if number else [seed, Stream.ARRIVALS])
        with naming(shape.key):
            stages.append(_stage(shape, tuple(islice(left, shape.planned)), first, rng))
        first += len(stages[-1].requests)
    steady = len(shapes) == 1 and shapes[0].due_ns is None and shapes[0].rate.steady
    return LoadPlan(tuple(stages), ignore_eos, drain, shapes[0].rate.start if steady else float("inf"))


def _total(shapes: Sequence[Shape]) -> int | None:
    """How many conversations there are; absent for all of a file, which one stage alone can ask for."""
    for shape in shapes:
        if shape.planned is None and len(shapes) > 1:
            raise ConfigError(f"{shape.key}.num_prompts is missing.", ("try", f"{shape.key}.num_prompts=100"))
    return None if shapes[0].planned is None else sum(shape.planned or 0 for shape in shapes)


def make_warmup(plan: LoadPlan, *, count: int, token_ids: int, seed: int) -> LoadPlan:
    """A closed loop of `count` prompts of random ids below `token_ids`, as long as the plan's first ones."""
    rng = np.random.default_rng([seed, Stream.WARMUP])
    like = [request.ask for request in plan.requests[:count]]
    check_size(count, count * max(ask.input_len or WARMUP_INPUT_LEN for ask in like), f"load.num_warmups={count}")
    lengths = [like[i % len(like)] for i in range(count)]
    asks = (
        Ask(
            tuple(rng.integers(0, token_ids, size=ask.input_len or WARMUP_INPUT_LEN).tolist()),
            ask.output_len or WARMUP_OUTPUT_LEN,
        )
        for ask in lengths
    )
    requests = tuple(PlannedRequest(i, 0, ask) for i, ask in enumerate(asks))
    return LoadPlan((Stage("warm-up", requests, ((0, plan.streams),)),), plan.ignore_eos)


@contextmanager
def naming(key: str) -> Iterator[None]:
    """Arrivals know their numbers and not whose they are: what they refuse is then said to be of this stage."""
    try:
        yield
    except ConfigError as wrong:
        if key == "load":
            raise
        raise ConfigError(wrong.headline, ("where", key), *((fact.label, fact.text) for fact in wrong.facts)) from None


def _check(shape: Shape, *, last: bool) -> None:
    key, count, limit = shape.key, shape.count, shape.max_concurrency
    if count is not None and count < 1:
        raise ConfigError(f"{key}.num_prompts={count} is no load.", ("try", f"{key}.num_prompts=10"))
    if limit is not None and limit < 1:
        raise ConfigError(
            f"{key}.max_concurrency={limit} lets nothing through.",
            ("try", f"{key}.max_concurrency=8, or null for no limit"),
        )
    if shape.duration_s is not None and not 0 < shape.duration_s < float("inf"):
        raise ConfigError(f"{key}.duration_s={shape.duration_s} is no time.", ("try", f"{key}.duration_s=60"))
    _check_size(shape)
    if shape.planned == 0:
        raise ConfigError(
            f"{key}.duration_s={shape.duration_s} is too short for a request.",
            ("where", f"{key}.request_rate={shape.rate.start:g}"),
            ("try", f"{key}.duration_s={2 * shape.rate.duration_s(1):g}"),
        )
    if shape.is_closed and shape.duration_s is not None and count is None:
        raise ConfigError(
            f"{key}.num_prompts is missing: how many a closed loop sends in {key}.duration_s is not known beforehand.",
            ("try", f"{key}.num_prompts=10000, more than can be sent in that time"),
        )
    if shape.max_concurrency_end is not None and (shape.duration_s is None or limit is None):
        raise ConfigError(
            f"{key}.max_concurrency_end={shape.max_concurrency_end} is a ramp without a begin, or without a time.",
            ("try", f"{key}.max_concurrency=1 {key}.duration_s=60"),
        )
    if not last and shape.is_closed and shape.duration_s is None:
        raise ConfigError(
            f"{key} has no end that the next stage could begin at.",
            ("where", "load.drain=false"),
            ("try", f"load.drain=true, which waits for its last answer, or {key}.duration_s=60"),
        )


def _check_size(shape: Shape) -> None:
    """Of what is drawn, be it cut then: when requests are due, and steps of a limit."""
    key, start, end = shape.key, shape.max_concurrency, shape.max_concurrency_end
    if shape.duration_s is not None and shape.due_ns is None and not shape.is_closed:
        where = f"{key}.request_rate={shape.rate.start:g} {key}.duration_s={shape.duration_s:g}"
        check_size(shape.rate.count(shape.duration_s), 0, where)
    check_size(shape.count or 0, 0, f"{key}.num_prompts={shape.count}")
    if start is not None and end is not None and abs(end - start) > MOST_REQUESTS:
        raise ConfigError(
            f"{key}.max_concurrency_end={end} is too far from {key}.max_concurrency={start}.",
            ("try", f"{MOST_REQUESTS:,} at most between them"),
        )


def _stage(shape: Shape, conversations: Sequence[Conversation], first: int, rng: np.random.Generator) -> Stage:
    due = _due_ns(shape, len(conversations), rng)
    requests: list[PlannedRequest] = []
    for due_ns, conversation in zip(due, conversations, strict=True):
        for turn, ask in enumerate(conversation):
            index = first + len(requests)
            follows = index - 1 if turn else None
            requests.append(PlannedRequest(index, ask.think_ns if turn else due_ns, ask, follows))
    return Stage(shape.name, tuple(requests), _limits(shape), _length_ns(shape, due), shape.is_closed)


def _due_ns(shape: Shape, count: int, rng: np.random.Generator) -> tuple[int, ...]:
    """A count cuts a load that its duration would make longer; the rate is what it is."""
    if shape.due_ns is not None:
        return shape.due_ns[:count]
    whole = count if shape.duration_s is None or shape.is_closed else round(shape.rate.count(shape.duration_s))
    return arrival_offsets_ns(whole, shape.rate, burstiness=shape.burstiness, burst_size=shape.burst_size, rng=rng)[
        :count
    ]


def _limits(shape: Shape) -> tuple[tuple[int, int], ...]:
    if shape.max_concurrency is None:
        return ()
    if shape.max_concurrency_end is None or shape.duration_s is None:
        return ((0, shape.max_concurrency),)
    return limit_steps(shape.max_concurrency, shape.max_concurrency_end, shape.ramp, shape.duration_s)


def _length_ns(shape: Shape, due: Sequence[int]) -> int | None:
    if shape.duration_s is not None:
        return round(shape.duration_s * NS_PER_S)
    return None if shape.is_closed else due[-1]
