"""TTFT, TPOT, ITL and E2EL of a request; throughput, goodput and peaks of a run.

Definitions are those of `vllm bench serve` (vLLM 0.33.0, `benchmarks/serve.py`), with one difference: where
vLLM reports 0 for what could not be measured, a value here is absent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from thorexp.measure.records import RequestRecord, RunRecord
from thorexp.measure.stats import Distribution, distribution

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Slo:
    """Limits in ms, inclusive, that a request must keep to be good; absent ones do not bind."""

    ttft_ms: float | None = None
    tpot_ms: float | None = None
    e2el_ms: float | None = None

    @property
    def binds(self) -> bool:
        """Whether there is any limit."""
        return any(limit is not None for limit in (self.ttft_ms, self.tpot_ms, self.e2el_ms))


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in numbers. Rates per second, latencies in ms; only successes enter the latencies.

    `request_goodput` is absent without an SLO, a distribution without a sample, input tokens and what is made of
    them when a success came without usage.
    """

    duration_s: float
    completed: int
    failed: int
    total_input_tokens: int | None
    total_output_tokens: int
    request_throughput: float
    request_goodput: float | None
    output_throughput: float
    total_token_throughput: float | None
    max_output_tokens_per_s: float | None
    max_concurrent_requests: int | None
    ttft_ms: Distribution | None
    tpot_ms: Distribution | None
    itl_ms: Distribution | None
    e2el_ms: Distribution | None
    client_queue_time_ms: Distribution | None
    e2el_including_client_queue_ms: Distribution | None
    schedule_lag_ms: Distribution | None


def ttft_ns(record: RequestRecord) -> int | None:
    """token[0] − sent: until the first token."""
    if record.sent_ns is None or not record.token_ns:
        return None
    return record.token_ns[0] - record.sent_ns


def e2el_ns(record: RequestRecord) -> int | None:
    """token[−1] − sent: until the last token; the closing of the stream does not count."""
    if record.sent_ns is None or not record.token_ns:
        return None
    return record.token_ns[-1] - record.sent_ns


def tpot_ns(record: RequestRecord) -> float | None:
    """(E2EL − TTFT) / (output_tokens − 1); absent below two tokens."""
    tokens = output_tokens(record)
    if not record.token_ns or tokens < 2:
        return None
    return (record.token_ns[-1] - record.token_ns[0]) / (tokens - 1)


def itl_ns(record: RequestRecord) -> tuple[int, ...]:
    """Gaps between chunks that carried tokens (between chunks, not tokens)."""
    return tuple(later - earlier for earlier, later in pairwise(record.token_ns))


def client_queue_ns(record: RequestRecord) -> int | None:
    """sent − released: the wait for max concurrency, and for the client's own gate."""
    return None if record.sent_ns is None else record.sent_ns - record.released_ns


def schedule_lag_ns(record: RequestRecord) -> int | None:
    """released − scheduled: how late the client woke for it; absent for one that was given up before it was sent."""
    return None if record.sent_ns is None else record.released_ns - record.scheduled_ns


def queued_e2el_ns(record: RequestRecord) -> int | None:
    """token[−1] − released: E2EL and the client queue time before it."""
    return record.token_ns[-1] - record.released_ns if record.token_ns else None


def is_good(record: RequestRecord, slo: Slo) -> bool:
    """Whether a success keeps every limit. A request of one token has a TPOT of 0 here, as in vLLM."""
    limits = (
        (ttft_ns(record), slo.ttft_ms),
        (tpot_ns(record) or 0.0, slo.tpot_ms),
        (e2el_ns(record), slo.e2el_ms),
    )
    return all(limit is None or (value is not None and value / NS_PER_MS <= limit) for value, limit in limits)


def summarize(run: RunRecord, percentiles: Sequence[float], slo: Slo) -> Summary:
    """A run, summed up; `percentiles` in the order they shall be shown."""
    good = tuple(record for record in run.requests if record.ok)
    duration_s = (run.end_ns - run.start_ns) / NS_PER_S
    said = [record.input_tokens for record in good if record.input_tokens is not None]
    inputs = sum(said) if len(said) == len(good) else None
    outputs = sum(output_tokens(record) for record in good)

    def in_ms(values: Sequence[float | int | None]) -> Distribution | None:
        return distribution([value / NS_PER_MS for value in values if value is not None], percentiles)

    return Summary(
        duration_s=duration_s,
        completed=len(good),
        failed=len(run.requests) - len(good),
        total_input_tokens=inputs,
        total_output_tokens=outputs,
        request_throughput=len(good) / duration_s,
        request_goodput=sum(is_good(record, slo) for record in good) / duration_s if slo.binds else None,
        output_throughput=outputs / duration_s,
        total_token_throughput=None if inputs is None else (inputs + outputs) / duration_s,
        max_output_tokens_per_s=peak_output_chunks_per_s(good),
        max_concurrent_requests=peak_concurrent_requests(good),
        ttft_ms=in_ms([ttft_ns(record) for record in good]),
        tpot_ms=in_ms([tpot_ns(record) for record in good]),
        itl_ms=in_ms([gap for record in good for gap in itl_ns(record)]),
        e2el_ms=in_ms([e2el_ns(record) for record in good]),
        client_queue_time_ms=in_ms([client_queue_ns(record) for record in good]),
        e2el_including_client_queue_ms=in_ms([queued_e2el_ns(record) for record in good]),
        schedule_lag_ms=in_ms([schedule_lag_ns(record) for record in run.requests]),
    )


def output_tokens(record: RequestRecord) -> int:
    """As the server's usage says; one a chunk where it said nothing."""
    return len(record.token_ns) if record.output_tokens is None else record.output_tokens


def peak_output_chunks_per_s(good: Sequence[RequestRecord]) -> float | None:
    """The most token chunks in any second, in whole seconds from the first send; absent without a success."""
    start = _first_sent_ns(good)
    if start is None:
        return None
    seconds = [(ns - start) // NS_PER_S for record in good for ns in record.token_ns]
    return float(np.bincount(seconds).max())


def peak_concurrent_requests(good: Sequence[RequestRecord]) -> int | None:
    """The most requests that touched any one second, both ends counted: can exceed max concurrency."""
    start = _first_sent_ns(good)
    if start is None:
        return None
    last = max(record.token_ns[-1] for record in good)
    active = np.zeros((last - start) // NS_PER_S + 2, dtype=np.int64)
    for record in good:
        if record.sent_ns is not None:
            active[(record.sent_ns - start) // NS_PER_S] += 1
            active[(record.token_ns[-1] - start) // NS_PER_S + 1] -= 1
    return int(np.cumsum(active).max())


def _first_sent_ns(good: Sequence[RequestRecord]) -> int | None:
    return min((record.sent_ns for record in good if record.sent_ns is not None), default=None)
