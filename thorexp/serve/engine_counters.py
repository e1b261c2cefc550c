"""What an engine has counted of its own work: queueing, preemptions, tokens, drafts. Pure.

Names as vLLM 0.32 has them in `v1/metrics/loggers.py` and `v1/spec_decode/metrics.py`, and on its pages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from thorexp.serve.metrics_page import totals

MS_PER_S = 1000.0


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds that requests spent in one phase, all together, and how many requests those were."""

    sum_s: float
    count: int

    @property
    def mean_ms(self) -> float | None:
        """sum / count; absent when no request went through it."""
        return MS_PER_S * self.sum_s / self.count if self.count else None

    def __sub__(self, earlier: "Spent") -> "Spent":
        return Spent(self.sum_s - earlier.sum_s, self.count - earlier.count)


Count = TypeVar("Count", int, float, Spent)


@dataclass(frozen=True, slots=True)
class EngineCounters:
    """Since its start, or as a difference between two moments; each absent where the server does not count it.

    `queue`: waiting for the scheduler, up to the first time a request was scheduled. `prefill`: from there to its
    first token. `ttft`: as the server sees it, from arrival to first token. vLLM adds `queue` and `prefill` when a
    request has finished. `preemptions`: requests put back to free KV cache. `drafts`: speculative proposals, of
    `draft_tokens` in all, of which `accepted_tokens` were kept. Of a simulation `busy_s`: seconds of its steps, and
    `late_s`, by which they were told late. `requests`: that have ended, those given up among them.
    """

    preemptions: int | None = None
    queue: Spent | None = None
    prefill: Spent | None = None
    ttft: Spent | None = None
    prompt_tokens: int | None = None
    generation_tokens: int | None = None
    drafts: int | None = None
    draft_tokens: int | None = None
    accepted_tokens: int | None = None
    busy_s: float | None = None
    late_s: float | None = None
    requests: int | None = None

    @property
    def mean_queue_ms(self) -> float | None:
        """Of a finished request in the server's own queue; absent without one."""
        return None if self.queue is None else self.queue.mean_ms

    @property
    def late_share(self) -> float | None:
        """late / busy; absent of what is no simulation, or had nothing to do."""
        return self.late_s / self.busy_s if self.busy_s and self.late_s is not None else None

    def __sub__(self, earlier: "EngineCounters") -> "EngineCounters":
        return EngineCounters(
            _minus(self.preemptions, earlier.preemptions),
            _minus(self.queue, earlier.queue),
            _minus(self.prefill, earlier.prefill),
            _minus(self.ttft, earlier.ttft),
            _minus(self.prompt_tokens, earlier.prompt_tokens),
            _minus(self.generation_tokens, earlier.generation_tokens),
            _minus(self.drafts, earlier.drafts),
            _minus(self.draft_tokens, earlier.draft_tokens),
            _minus(self.accepted_tokens, earlier.accepted_tokens),
            _minus(self.busy_s, earlier.busy_s),
            _minus(self.late_s, earlier.late_s),
            _minus(self.requests, earlier.requests),
        )


def counters(page: str) -> EngineCounters | None:
    """The counters on a /metrics page, summed over engines; absent when it has none of them or is no such page."""
    sums = totals(page)
    counted = EngineCounters(
        preemptions=_count(sums, "vllm:num_preemptions_total"),
        queue=_spent(sums, "vllm:request_queue_time_seconds"),
        prefill=_spent(sums, "vllm:request_prefill_time_seconds"),
        ttft=_spent(sums, "vllm:time_to_first_token_seconds"),
        prompt_tokens=_count(sums, "vllm:prompt_tokens_total"),
        generation_tokens=_count(sums, "vllm:generation_tokens_total"),
        drafts=_count(sums, "vllm:spec_decode_num_drafts_total"),
        draft_tokens=_count(sums, "vllm:spec_decode_num_draft_tokens_total"),
        accepted_tokens=_count(sums, "vllm:spec_decode_num_accepted_tokens_total"),
        busy_s=sums.get("thorexp_sim_busy_seconds_total"),
        late_s=sums.get("thorexp_sim_late_seconds_total"),
        requests=_count(sums, "vllm:request_success_total"),
    )
    return None if counted == EngineCounters() else counted


def _count(sums: Mapping[str, float], name: str) -> int | None:
    return int(sums[name]) if name in sums else None


def _spent(sums: Mapping[str, float], histogram: str) -> Spent | None:
    sum_s, count = sums.get(f"{histogram}_sum"), _count(sums, f"{histogram}_count")
    return None if sum_s is None or count is None else Spent(sum_s, count)


def _minus(now: Count | None, earlier: Count | None) -> Count | None:
    return None if now is None or earlier is None else now - earlier
