"""What tests hand to the code: records, plans and results, complete but for what a test says."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from thorexp.cold import Coldness
from thorexp.left import Left
from thorexp.measure.metrics import Slo, Summary, summarize
from thorexp.measure.plan import LoadPlan, PlannedRequest, Stage
from thorexp.measure.records import RequestRecord, RunRecord
from thorexp.measure.verdict import Thresholds
from thorexp.measure.workload import Ask
from thorexp.report import Result
from thorexp.watching import Watched

MS = 1_000_000
S = 1_000_000_000

# As conf/verdict/default.yaml has them.
BELIEVED = Thresholds(
    below_limit=0.02,
    cache_hits=0.01,
    failed=0.1,
    client_lag=0.1,
    client_cpu=0.9,
    one_read=0.2,
    server_queue=0.5,
    kv_cache=0.98,
    throttled=0.05,
    drift=0.1,
    spread=0.05,
)

RECORD = RequestRecord(
    index=0,
    scheduled_ns=0,
    released_ns=0,
    sent_ns=0,
    token_ns=(100,),
    input_tokens=16,
    output_tokens=1,
    finish_reason="length",
    text=" word",
    error=None,
)


def a_record(**changes: Any) -> RequestRecord:
    """A success: sent at 0, its only token at 100 ns."""
    return replace(RECORD, **changes)


def a_failure(error: str = "HTTP 400 Bad Request: too long", **changes: Any) -> RequestRecord:
    """A request that was refused."""
    return a_record(token_ns=(), input_tokens=None, output_tokens=None, text="", error=error, **changes)


def a_run(*requests: RequestRecord, start_ns: int = 0, end_ns: int = S) -> RunRecord:
    """A run of one second."""
    return RunRecord(start_ns, end_ns, requests)


def a_summary(
    *requests: RequestRecord, percentiles: tuple[float, ...] = (99.0,), slo: Slo | None = None, end_ns: int = S
) -> Summary:
    """These requests in numbers, as a run of one second."""
    return summarize(a_run(*requests, end_ns=end_ns), percentiles, slo or Slo())


def a_left(*requests: RequestRecord, end_ns: int = S, **changes: Any) -> Left:
    """By a load of one second from a cold cache, of which nobody knows more than its requests."""
    run = a_run(*requests, end_ns=end_ns)
    left = Left(
        played=run,
        counting=run,
        summary=a_summary(*requests, end_ns=end_ns),
        coldness=Coldness("verified", 0),
        before=None,
        after=None,
        log="",
        samples=(),
        watched=Watched(),
    )
    return replace(left, **changes)


def a_plan(
    *asks: Ask, due_ns: tuple[int, ...] | None = None, max_concurrency: int | None = None, ignore_eos: bool = True
) -> LoadPlan:
    """These requests, all due at once in a closed loop, or at times of their own in an open one."""
    due = due_ns or (0,) * len(asks)
    requests = tuple(PlannedRequest(i, ns, ask) for i, (ns, ask) in enumerate(zip(due, asks, strict=True)))
    limits = () if max_concurrency is None else ((0, max_concurrency),)
    return LoadPlan((Stage("load", requests, limits, closed=due_ns is None),), ignore_eos)


def some_asks(count: int, *, tokens: int = 4, input_len: int = 8) -> tuple[Ask, ...]:
    """So many requests, prompt i starting with token id i."""
    return tuple(Ask(tuple(range(i, i + input_len)), tokens) for i in range(count))


def a_result(summary: Summary, **changes: Any) -> Result:
    """A job of the seed's high load."""
    result = Result(
        model_id="Qwen/Qwen3-32B-AWQ",
        date="20251012-060000",
        num_prompts=100,
        request_rate=float("inf"),
        burstiness=1.0,
        max_concurrency=8,
        summary=summary,
        extras={},
    )
    return replace(result, **changes)


# What somebody published of a closed loop of ten, by the keys of vLLM.
PUBLISHED: Mapping[str, Any] = {
    "model_id": "Qwen/Qwen3-32B-AWQ",
    "max_concurrency": 1,
    "completed": 10,
    "duration": 100.0,
    "total_input_tokens": 20_480,
    "total_output_tokens": 1_280,
    "mean_ttft_ms": 620.0,
    "median_ttft_ms": 610.0,
    "mean_tpot_ms": 74.0,
    "median_tpot_ms": 74.0,
}
