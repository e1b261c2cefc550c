"""TTFT, TPOT, ITL and E2EL of a request; throughput, goodput and peaks of a run.

Definitions are those of `vllm bench serve` (vLLM 0.33.0, `benchmarks/serve.py`), with one difference: where
vLLM reports 0 for what could not be measured, a value here is absent. So of an answer that came in one piece
there is neither TTFT nor TPOT nor ITL: its arrival says when the last token was there, and nothing of the first.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from thorexp.measure.records import RequestRecord, RunRecord
from thorexp.measure.stamps import Nanoseconds, gaps_ms, late_share, mean_lateness_ms, most_in_a_second, stamps_ns
from thorexp.measure.stats import Distribution, distribution, percentile

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
ERROR_CHARS = 200
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
    return percentile(gaps, 99) if gaps else None


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
    instead = 0.0 if record.streamed else None
    limits: tuple[tuple[float | None, Callable[[RequestRecord], float | None], float | None], ...] = (
        (slo.ttft_ms, ttft_ns, None),
        (slo.e2el_ms, e2el_ns, None),
        (slo.tpot_ms, tpot_ns, instead),
        (slo.itl_p99_ms, itl_p99_ns, instead),
    )
    return all(limit is None or _keeps(value_of(record), instead, limit) for limit, value_of, instead in limits)


def _keeps(value_ns: float | None, instead_ns: float | None, limit_ms: float) -> bool:
    value = instead_ns if value_ns is None else value_ns
    return value is not None and value / NS_PER_MS <= limit_ms


def summarize(run: RunRecord, percentiles: Sequence[float], slo: Slo) -> Summary:
    """A run, summed up; `percentiles` in the order they shall be shown."""
    good = tuple(record for record in run.requests if record.ok)
    streamed = tuple(record for record in good if record.streamed)
    kept = sum(is_good(record, slo) for record in good) if slo.binds else None
    duration_s = (run.end_ns - run.start_ns) / NS_PER_S
    said = [record.input_tokens for record in good if record.input_tokens is not None]
    inputs = sum(said) if len(said) == len(good) else None
    outputs = sum(output_tokens(record) for record in good)

    stamps = stamps_ns(streamed)
    peak_chunks, late = peak_output_chunks_per_s(streamed, stamps), late_share(run, stamps)
    del stamps  # 100 MB of 100,000 requests, before their gaps take as much
    firsts = np.array([record.token_ns[0] for record in streamed], dtype=np.int64)
    gaps = gaps_ms(streamed)

    def in_ms(values: Iterable[float | int | None]) -> Distribution | None:
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
        max_output_tokens_per_s=peak_chunks,
        max_concurrent_requests=peak_concurrent_requests(good),
        tokens_per_chunk=tokens_per_chunk(streamed),
        one_read_share=float(np.mean(gaps == 0)) if len(gaps) else None,
        ttft_ms=in_ms(ttft_ns(record) for record in good),
        tpot_ms=in_ms(tpot_ns(record) for record in good),
        itl_ms=distribution(gaps, percentiles),
        e2el_ms=in_ms(e2el_ns(record) for record in good),
        client_queue_time_ms=in_ms(client_queue_ns(record) for record in good),
        e2el_including_client_queue_ms=in_ms(queued_e2el_ns(record) for record in good),
        ttft_from_schedule_ms=in_ms(scheduled_ttft_ns(record) for record in good),
        e2el_from_schedule_ms=in_ms(scheduled_e2el_ns(record) for record in good),
        schedule_lag_ms=in_ms(schedule_lag_ns(record) for record in run.requests),
        client_cpu_share=run.cpu_share,
        loop_lag_ms=distribution([lag / NS_PER_MS for lag in run.loop_lag_ns], (WORST,)),
        first_token_lateness_ms=mean_lateness_ms(run, firsts),
        late_share=late,
    )


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


def peak_output_chunks_per_s(streamed: Sequence[RequestRecord], stamps: Nanoseconds) -> float | None:
    """The most token chunks in any second, in whole seconds from the first send; absent without a success."""
    start = _first_sent_ns(streamed)
    return None if start is None else float(most_in_a_second(stamps, start))


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
