"""TTFT, TPOT, ITL and E2EL of a request; throughput, goodput and peaks of a run.

Definitions are those of `vllm bench serve` (vLLM 0.33.0, `benchmarks/serve.py`), with one difference: where
vLLM reports 0 for what could not be measured, a value here is absent. So of an answer that came in one piece
there is neither TTFT nor TPOT nor ITL: its arrival says when the last token was there, and nothing of the first.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from thorexp.measure.records import RequestRecord, RunRecord
from thorexp.measure.stats import Distribution, distribution

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
ERROR_CHARS = 200
HELD_SLACK_NS = 2_000_000  # after a loop goes on, until all that came meanwhile is read
WORST = 100.0  # the percentile that is the largest value


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """Limits in ms, inclusive, that a request must keep to be good; absent ones do not bind.

    `itl_p99_ms` is for the P99 of the request's own gaps: a stall in the middle of an answer, which TPOT averages
    away.
    """

    ttft_ms: float | None = None
    tpot_ms: float | None = None
    itl_p99_ms: float | None = None
    e2el_ms: float | None = None

    @property
    def binds(self) -> bool:
        """Whether there is any limit."""
        limits = (self.ttft_ms, self.tpot_ms, self.itl_p99_ms, self.e2el_ms)
        return any(limit is not None for limit in limits)


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in numbers. Rates per second, latencies in ms; only successes enter the latencies.

    `request_goodput` is absent without an SLO, a distribution without a sample, input tokens and what is made of
    them when a success came without usage. `unsent`: those of `failed` that never went out. `goodput_fraction`:
    good requests over all that were played, failures too; absent without an SLO or a request. `tokens_per_chunk`:
    above 1 where the server sends several at once, as with speculative decoding; absent where nobody counted.
    `one_read_share`: of all gaps between chunks, those of 0, for both came in one read; absent without a gap.
    `first_token_lateness_ms`: how late the client may have stamped a first token, on average; `late_share`: of all
    tokens, those that it may have stamped late.
    `stopped`: why the load was ended before its plan was. `errors`: the
    most common ones, in words.
    """

    duration_s: float
    completed: int
    failed: int
    unsent: int
    stopped: str | None
    errors: tuple[str, ...]
    total_input_tokens: int | None
    total_output_tokens: int
    request_throughput: float
    request_goodput: float | None
    goodput_fraction: float | None
    output_throughput: float
    total_token_throughput: float | None
    max_output_tokens_per_s: float | None
    max_concurrent_requests: int | None
    tokens_per_chunk: float | None
    one_read_share: float | None
    ttft_ms: Distribution | None
    tpot_ms: Distribution | None
    itl_ms: Distribution | None
    e2el_ms: Distribution | None
    client_queue_time_ms: Distribution | None
    e2el_including_client_queue_ms: Distribution | None
    ttft_from_schedule_ms: Distribution | None
    e2el_from_schedule_ms: Distribution | None
    schedule_lag_ms: Distribution | None
    loop_lag_ms: Distribution | None
    first_token_lateness_ms: float | None
    late_share: float | None
    client_cpu_share: float | None


def ttft_ns(record: RequestRecord) -> int | None:
    """token[0] − sent: until the first token; absent if not streamed."""
    return None if record.sent_ns is None else _first_token_since(record.sent_ns, record)


def e2el_ns(record: RequestRecord) -> int | None:
    """token[−1] − sent: until the last token; the closing of the stream does not count."""
    return None if record.sent_ns is None else _last_token_since(record.sent_ns, record)


def tpot_ns(record: RequestRecord) -> float | None:
    """(E2EL − TTFT) / (output_tokens − 1); absent below two tokens and if not streamed."""
    tokens = output_tokens(record)
    if not record.streamed or not record.token_ns or tokens < 2:
        return None
    return (record.token_ns[-1] - record.token_ns[0]) / (tokens - 1)


def itl_ns(record: RequestRecord) -> tuple[int, ...]:
    """Gaps between chunks that carried tokens (between chunks, not tokens); none if not streamed."""
    return tuple(later - earlier for earlier, later in pairwise(record.token_ns)) if record.streamed else ()


def itl_p99_ns(record: RequestRecord) -> float | None:
    """P99, linearly interpolated, of the request's own gaps; absent without one."""
    gaps = itl_ns(record)
    return float(np.percentile(gaps, 99)) if gaps else None


def scheduled_ttft_ns(record: RequestRecord) -> int | None:
    """token[0] − scheduled: TTFT as one has it who came when the plan said; absent if not streamed.

    Free of coordinated omission: a server that stalls also holds up the sends behind it, and what they wait for
    it is in here, but neither in TTFT nor in E2EL.
    """
    return _first_token_since(record.scheduled_ns, record)


def scheduled_e2el_ns(record: RequestRecord) -> int | None:
    """token[−1] − scheduled: E2EL as one has it who came when the plan said."""
    return _last_token_since(record.scheduled_ns, record)


def client_queue_ns(record: RequestRecord) -> int | None:
    """sent − released: the wait for max concurrency, and for the client's own gate."""
    return None if record.sent_ns is None else record.sent_ns - record.released_ns


def schedule_lag_ns(record: RequestRecord) -> int | None:
    """released − scheduled: how late the client woke for it; absent for one that was given up before it was sent."""
    return None if record.sent_ns is None else record.released_ns - record.scheduled_ns


def queued_e2el_ns(record: RequestRecord) -> int | None:
    """token[−1] − released: E2EL and the client queue time before it."""
    return _last_token_since(record.released_ns, record)


def is_good(record: RequestRecord, slo: Slo) -> bool:
    """Whether a success keeps every limit.

    A request of one token has a TPOT of 0 here, as in vLLM, and so an ITL. An answer that was not streamed keeps
    no limit but that of E2EL: nothing shows that it did.
    """
    nothing_later = 0.0 if record.streamed else None
    limits = (
        (ttft_ns(record), slo.ttft_ms),
        (tpot_ns(record) or nothing_later, slo.tpot_ms),
        (itl_p99_ns(record) or nothing_later, slo.itl_p99_ms),
        (e2el_ns(record), slo.e2el_ms),
    )
    return all(limit is None or (value is not None and value / NS_PER_MS <= limit) for value, limit in limits)


def summarize(run: RunRecord, percentiles: Sequence[float], slo: Slo) -> Summary:
    """A run, summed up; `percentiles` in the order they shall be shown."""
    good = tuple(record for record in run.requests if record.ok)
    streamed = tuple(record for record in good if record.streamed)
    kept = sum(is_good(record, slo) for record in good) if slo.binds else None
    duration_s = (run.end_ns - run.start_ns) / NS_PER_S
    said = [record.input_tokens for record in good if record.input_tokens is not None]
    inputs = sum(said) if len(said) == len(good) else None
    outputs = sum(output_tokens(record) for record in good)

    gaps = [gap for record in good for gap in itl_ns(record)]

    def in_ms(values: Sequence[float | int | None]) -> Distribution | None:
        return distribution([value / NS_PER_MS for value in values if value is not None], percentiles)

    return Summary(
        duration_s=duration_s,
        completed=len(good),
        failed=len(run.requests) - len(good),
        unsent=sum(record.sent_ns is None for record in run.requests),
        stopped=run.stopped,
        errors=most_common_errors(run),
        total_input_tokens=inputs,
        total_output_tokens=outputs,
        request_throughput=len(good) / duration_s,
        request_goodput=None if kept is None else kept / duration_s,
        goodput_fraction=None if kept is None or not run.requests else kept / len(run.requests),
        output_throughput=outputs / duration_s,
        total_token_throughput=None if inputs is None else (inputs + outputs) / duration_s,
        max_output_tokens_per_s=peak_output_chunks_per_s(streamed),
        max_concurrent_requests=peak_concurrent_requests(good),
        tokens_per_chunk=tokens_per_chunk(streamed),
        one_read_share=gaps.count(0) / len(gaps) if gaps else None,
        ttft_ms=in_ms([ttft_ns(record) for record in good]),
        tpot_ms=in_ms([tpot_ns(record) for record in good]),
        itl_ms=in_ms(gaps),
        e2el_ms=in_ms([e2el_ns(record) for record in good]),
        client_queue_time_ms=in_ms([client_queue_ns(record) for record in good]),
        e2el_including_client_queue_ms=in_ms([queued_e2el_ns(record) for record in good]),
        ttft_from_schedule_ms=in_ms([scheduled_ttft_ns(record) for record in good]),
        e2el_from_schedule_ms=in_ms([scheduled_e2el_ns(record) for record in good]),
        schedule_lag_ms=in_ms([schedule_lag_ns(record) for record in run.requests]),
        client_cpu_share=run.cpu_share,
        loop_lag_ms=distribution([lag / NS_PER_MS for lag in run.loop_lag_ns], (WORST,)),
        first_token_lateness_ms=first_token_lateness_ms(run, streamed),
        late_share=late_share(run, streamed),
    )


def first_token_lateness_ms(run: RunRecord, streamed: Sequence[RequestRecord]) -> float | None:
    """The mean of how late first tokens may be stamped; absent without one, and where nobody asked the loop."""
    late_ns = _lateness_ns(run, [record.token_ns[0] for record in streamed])
    return None if late_ns is None else float(late_ns.mean()) / NS_PER_MS


def late_share(run: RunRecord, streamed: Sequence[RequestRecord]) -> float | None:
    """Of all tokens, those that may be stamped late; absent without one, and where nobody asked the loop."""
    late_ns = _lateness_ns(run, [ns for record in streamed for ns in record.token_ns])
    return None if late_ns is None else float((late_ns > 0).mean())


def _lateness_ns(run: RunRecord, stamps_ns: Sequence[int]) -> NDArray[np.int64] | None:
    """Of each stamp: one that was taken when the loop had been held up may be late since it was, any other is not."""
    if not run.loop_lag_ns or not stamps_ns:
        return None
    stamps = np.array(stamps_ns, dtype=np.int64)
    if not run.held_ns:
        return np.zeros_like(stamps)
    held = np.array(run.held_ns, dtype=np.int64)
    last = np.searchsorted(held[:, 0], stamps, side="right") - 1
    begin, end = held[last, 0], held[last, 1]
    is_late = (last >= 0) & (stamps <= end + HELD_SLACK_NS)
    return np.where(is_late, np.minimum(stamps, end) - begin, 0)


def most_common_errors(run: RunRecord) -> tuple[str, ...]:
    """Each with how often it came, the most frequent first, three at most."""
    errors = Counter(record.error for record in run.requests if record.error is not None)
    return tuple(f"{count} x {error[:ERROR_CHARS]}" for error, count in errors.most_common(3))


def output_tokens(record: RequestRecord) -> int:
    """As the server's usage says; one a chunk where it said nothing."""
    return len(record.token_ns) if record.output_tokens is None else record.output_tokens


def tokens_per_chunk(streamed: Sequence[RequestRecord]) -> float | None:
    """Σ output tokens / Σ token chunks, of those whose tokens the server counted; absent without one."""
    counted = [record for record in streamed if record.output_tokens is not None]
    chunks = sum(len(record.token_ns) for record in counted)
    return sum(output_tokens(record) for record in counted) / chunks if chunks else None


def peak_output_chunks_per_s(streamed: Sequence[RequestRecord]) -> float | None:
    """The most token chunks in any second, in whole seconds from the first send; absent without a success."""
    start = _first_sent_ns(streamed)
    if start is None:
        return None
    seconds = [(ns - start) // NS_PER_S for record in streamed for ns in record.token_ns]
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


def _first_token_since(ns: int, record: RequestRecord) -> int | None:
    return record.token_ns[0] - ns if record.streamed and record.token_ns else None


def _last_token_since(ns: int, record: RequestRecord) -> int | None:
    return record.token_ns[-1] - ns if record.token_ns else None
