"""What vLLM does with the requests it has, step by step. Pure, and without a clock: a step says how long it takes.

After vLLM 0.32, `v1/core/sched/scheduler.py`: each step has a budget of tokens. Requests that run come first, one
token for each that decodes, then prompts in the order they came, in chunks as the budget allows; who lacks a block
of KV cache takes those of the request that came last, which then begins anew.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from thorexp.sim.blocks import Blocks, keys_of
from thorexp.sim.cost import Part

FIRST_TOKEN = 1000  # the i-th token of every answer is this and i


@dataclass(frozen=True, slots=True)
class Limits:
    """Engine arguments under vLLM's own names. `num_blocks`: of the KV cache, that requests can have."""

    max_num_seqs: int
    max_num_batched_tokens: int
    max_model_len: int
    num_blocks: int
    block_size: int = 16
    enable_prefix_caching: bool = True
    enable_chunked_prefill: bool = True


@dataclass(slots=True, eq=False)
class Request:
    """A request that the engine has. `tokens`: its prompt, and what was generated; `computed`: of these, so many are
    in the KV cache; `cached`: prompt tokens that the prefix cache had when it was first scheduled, absent before.
    """

    tokens: list[int]
    prompt_len: int
    max_tokens: int
    computed: int = 0
    cached: int | None = None
    blocks: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    remembered: int = 0

    @property
    def generated(self) -> int:
        """Tokens of its answer until now."""
        return len(self.tokens) - self.prompt_len

    @property
    def finished(self) -> bool:
        """Whether its answer is as long as was asked for."""
        return self.generated >= self.max_tokens


def request_of(prompt: Iterable[int], max_tokens: int) -> Request:
    """A request as it comes in."""
    tokens = list(prompt)
    return Request(tokens, len(tokens), max_tokens)


@dataclass(slots=True)
class Counted:
    """What the engine has done since it began, as vLLM counts it."""

    preemptions: int = 0
    queries: int = 0
    hits: int = 0


class Engine:
    """`step_s`: how long a step of these parts takes."""

    def __init__(self, limits: Limits, step_s: Callable[[Iterable[Part]], float]) -> None:
        self.limits = limits
        self.blocks = Blocks(limits.num_blocks, limits.block_size, caching=limits.enable_prefix_caching)
        self.running: list[Request] = []
        self.waiting: deque[Request] = deque()
        self.counted = Counted()
        self._step_s = step_s
        self._scheduled: list[tuple[Request, int]] = []

    @property
    def busy(self) -> bool:
        """Whether it has anything to do."""
        return bool(self.running or self.waiting)

    def refusal(self, request: Request) -> str | None:
        """Why this request can never be served, in vLLM's words; absent for one that can."""
        most = min(self.limits.max_model_len, self.limits.num_blocks * self.limits.block_size)
        asked = request.prompt_len + request.max_tokens
        if request.prompt_len < 1:
            return "The decoder prompt cannot be empty"
        if request.max_tokens < 1:
            return f"max_tokens must be at least 1, got {request.max_tokens}."
        if asked <= most:
            return None
        return (
            f"This model's maximum context length is {most} tokens. However, you requested {request.max_tokens} output "
            f"tokens and your prompt contains {request.prompt_len} input tokens, for a total of {asked} tokens."
        )

    def add(self, request: Request) -> None:
        """It waits for its turn; ValueError for one that would wait for ever."""
        if (why := self.refusal(request)) is not None:
            raise ValueError(why)
        request.keys = (
            list(keys_of(request.tokens, self.limits.block_size)) if self.limits.enable_prefix_caching else []
        )
        self.waiting.append(request)

    def remove(self, request: Request) -> None:
        """Nobody waits for its answer any longer."""
        if request in self.running:
            self.running.remove(request)
            self._give_back(request)
        elif request in self.waiting:
            self.waiting.remove(request)

    def begin_step(self) -> float:
        """Decide what the next step computes, and say how many seconds it takes; only while it is `busy`."""
        self._scheduled = []
        budget, preempted = self._schedule_running(self.limits.max_num_batched_tokens)
        if not preempted:
            self._schedule_waiting(budget)
        return self._step_s(Part(tokens, request.computed + tokens) for request, tokens in self._scheduled)

    def end_step(self) -> tuple[Request, ...]:
        """The requests that have a token more by its end, those among them that are finished."""
        told = []
        for request, tokens in self._scheduled:
            if not request.blocks:  # it was removed meanwhile
                continue
            request.computed += tokens
            if request.computed == len(request.tokens):
                request.tokens.append(FIRST_TOKEN + request.generated)
                told.append(request)
            if request.finished:
                self.running.remove(request)
                self._give_back(request)
        self._scheduled = []
        return tuple(told)

    def _schedule_running(self, budget: int) -> tuple[int, bool]:
        """The budget that is left, and whether some request had to give way."""
        place, preempted = 0, False
        while place < len(self.running) and budget > 0:
            request = self.running[place]
            tokens = min(len(request.tokens) - request.computed, budget)
            while not self._has_room(request, tokens):
                last = self.running.pop()
                self._preempt(last)
                preempted = True
                if last is request:
                    return budget, True
            self._schedule(request, tokens)
            budget -= tokens
            place += 1
        return budget, preempted

    def _schedule_waiting(self, budget: int) -> None:
        while self.waiting and budget > 0 and len(self.running) < self.limits.max_num_seqs:
            request = self.waiting[0]
            found = self._found(request)
            cached = len(found) * self.limits.block_size
            left = len(request.tokens) - cached
            if left > budget and not self.limits.enable_chunked_prefill:
                return
            tokens = min(left, budget)
            if not self.blocks.has_room(found, self._blocks_for(len(request.tokens)) - len(found)):
                return
            blocks = self.blocks.take(found, self._blocks_for(cached + tokens) - len(found))
            if blocks is None:
                return
            self.waiting.popleft()
            self._count_lookup(request, cached)
            request.blocks, request.computed, request.remembered = blocks, cached, len(found)
            self.running.append(request)
            self._schedule(request, tokens)
            budget -= tokens

    def _schedule(self, request: Request, tokens: int) -> None:
        """Its blocks can be found from now on: who is scheduled later in this step meets them computed."""
        self._scheduled.append((request, tokens))
        self._remember(request, request.computed + tokens)

    def _found(self, request: Request) -> list[int]:
        """Cached blocks that it begins with; the last token is computed in any case, for what comes after it."""
        return self.blocks.found(request.keys[: (len(request.tokens) - 1) // self.limits.block_size])

    def _count_lookup(self, request: Request, cached: int) -> None:
        """Once for each request: vLLM does not count those that begin anew."""
        if request.cached is None:
            request.cached = cached
            if self.limits.enable_prefix_caching:
                self.counted.queries += len(request.tokens)
                self.counted.hits += cached

    def _blocks_for(self, tokens: int) -> int:
        return -(-tokens // self.limits.block_size)

    def _has_room(self, request: Request, tokens: int) -> bool:
        fresh = self._blocks_for(request.computed + tokens) - len(request.blocks)
        taken = self.blocks.take((), fresh) if fresh > 0 else []
        if taken is None:
            return False
        request.blocks += taken
        return True

    def _preempt(self, request: Request) -> None:
        self.counted.preemptions += 1
        self._give_back(request)
        self.waiting.appendleft(request)

    def _give_back(self, request: Request) -> None:
        self.blocks.give_back(request.blocks)
        request.blocks, request.computed, request.remembered = [], 0, 0

    def _remember(self, request: Request, computed: int) -> None:
        """Each block that is full then, answers too."""
        if not self.limits.enable_prefix_caching:
            return
        full = computed // self.limits.block_size
        if full > len(request.keys):
            size = self.limits.block_size
            request.keys += keys_of(
                request.tokens[: full * size], size, request.keys[-1] if request.keys else 0, len(request.keys) * size
            )
        for place in range(request.remembered, full):
            self.blocks.remember(request.blocks[place], request.keys[place])
        request.remembered = full
