"""How near a measurement comes to what its hardware can do at most, and whether it is nearer than that.

A limit counts only work that cannot be left out, at the board's full peak. A latency below it needs an explanation:
cached prefixes, tokens drafted ahead, products that were not computed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from thorexp.measure.metrics import Summary, tpot_ns, ttft_ns
from thorexp.measure.records import RequestRecord
from thorexp.measure.roofline import (
    Board,
    Precision,
    Transformer,
    decode_step_bytes,
    distinct_experts,
    prefill_bytes,
    prefill_flops,
)
from thorexp.measure.stats import Distribution, percentile_word

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
MS_PER_S = 1_000
GIGA, TERA = 1e9, 1e12
SHORT = 16  # tokens of an answer, below which one late read may be a fair part of its TPOT


@dataclass(frozen=True, slots=True)
class Limit:
    """The least that something can take, and the work that it counts, in words."""

    ms: float
    why: str


@dataclass(frozen=True, slots=True)
class Against:
    """A latency beside its limit; `what`: its name, and that of its request where it is of one."""

    what: str
    measured_ms: float
    limit: Limit


@dataclass(frozen=True, slots=True)
class Roofline:
    """A model on its board.

    `board`: of all devices that hold one copy of the model. `stages`: of a pipeline, which a token passes one after
    the other. `replicas`: copies, each with a board and requests of its own. `tokens_per_step`: the most that one may
    bring, more than one with speculative decoding; absent where nobody knows.
    """

    model: Transformer
    precision: Precision
    board: Board
    tokens_per_step: float | None = 1.0
    stages: int = 1
    replicas: int = 1

    def prefill(self, tokens: float) -> Limit | None:
        """The larger of FLOP / peak and bytes / bandwidth, for a prompt of which no cache holds so many tokens.

        Absent where the board's figures are unknown, or nothing is left to compute.
        """
        if tokens <= 0:
            return None
        flops, read = prefill_flops(self.model, tokens), prefill_bytes(self.model, self.precision, tokens)
        return max(self._in_time(flops, read), key=lambda limit: limit.ms, default=None)

    def decode(self, context: float) -> Limit | None:
        """Bytes / bandwidth of a step for one sequence of that context, per token: others at once only add to it."""
        tokens, read = self.tokens_per_step, decode_step_bytes(self.model, self.precision, 1, context)
        step = next(self._in_time(0, read), None)
        if step is None or tokens is None:
            return None
        each = f" for {tokens:g} tokens" if tokens != 1 else ""
        after = f", {self.stages} stages one after the other" if self.stages > 1 else ""
        return Limit(step.ms * self.stages / tokens, f"{step.why}{each}{after}")

    def mfu(self, tokens: float, ttft_ms: float) -> float | None:
        """FLOP of the prompt / TTFT / peak (model FLOPs utilization, Chowdhery et al. 2022, of prefill alone).

        At least: a TTFT also has the wait for other prefills in it. Absent where the peak is unknown.
        """
        peak = self.board.peak_flops_s
        return None if peak is None else prefill_flops(self.model, tokens) / (ttft_ms / MS_PER_S) / peak

    def mbu(self, decoding: "Decoding", step_ms: float, experts: float | None = None) -> float | None:
        """Bytes of a decode step / its time / bandwidth (model bandwidth utilization), of one replica, with so many
        experts of each layer (`decode_step_bytes`). Absent where the bandwidth is unknown.
        """
        bandwidth = self.board.bandwidth_bytes_s
        if bandwidth is None:
            return None
        batch = self.batch_of(decoding)
        read = decode_step_bytes(self.model, self.precision, batch, decoding.context, experts)
        return read / (step_ms / MS_PER_S) / bandwidth

    def batch_of(self, decoding: "Decoding") -> float:
        """Sequences of one step of one replica, which has at least one."""
        return max(1.0, decoding.at_once / self.replicas)

    def _in_time(self, flops: float, read: float) -> Iterator[Limit]:
        peak, bandwidth = self.board.peak_flops_s, self.board.bandwidth_bytes_s
        if peak is not None and flops:
            yield Limit(flops / peak * MS_PER_S, f"{flops / TERA:.2f} TFLOP at {peak / TERA:g} TFLOP/s")
        if bandwidth is not None:
            yield Limit(read / bandwidth * MS_PER_S, f"{read / GIGA:.2f} GB at {bandwidth / GIGA:g} GB/s")


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a run decoded: sequences at once, and tokens in the context of one of them; means over its time."""

    at_once: float
    context: float


@dataclass(frozen=True, slots=True)
class Utilization:
    """Fractions of the limit. `mfu`: of prefill, at the median request. `mbu`: of decode, at the median gap.

    `mbu_uniform`: the same if experts are hit evenly, for a mixture of experts with more than one sequence at once;
    the truth lies between the two. Absent where the board or the sample does not say.
    """

    mfu: float | None = None
    mbu: float | None = None
    mbu_uniform: float | None = None


def utilization(
    summary: Summary, roofline: Roofline, *, prefilled: float | None, decoding: Decoding | None
) -> Utilization:
    """Of a run. `prefilled`: tokens of a mean prompt that were computed; absent where nobody knows how many were."""
    mfu = mbu = uniform = None
    if summary.ttft_ms is not None and prefilled:
        mfu = roofline.mfu(prefilled, summary.ttft_ms.median)
    if decoding is not None and summary.itl_ms is not None and summary.itl_ms.median > 0:
        step_ms, batch = summary.itl_ms.median, roofline.batch_of(decoding)
        mbu = roofline.mbu(decoding, step_ms)
        if roofline.model.experts is not None and batch > 1:
            uniform = roofline.mbu(decoding, step_ms, distinct_experts(roofline.model, batch))
    return Utilization(mfu, mbu, uniform)


def decoding_of(good: Sequence[RequestRecord], duration_s: float) -> Decoding | None:
    """Σ decode time / duration, and the mean context weighted by decode time: its prompt and half of its answer.

    Absent without a request that decoded, or where the server did not count.
    """
    times = [
        ((tpot * (record.output_tokens - 1)) / NS_PER_S, record.input_tokens + record.output_tokens / 2)
        for record in good
        if (tpot := tpot_ns(record)) and record.input_tokens is not None and record.output_tokens is not None
    ]
    spent_s = sum(time_s for time_s, _ in times)
    if not spent_s:
        return None
    return Decoding(spent_s / duration_s, sum(time_s * context for time_s, context in times) / spent_s)


def decoding_by_means(summary: Summary) -> Decoding | None:
    """The same of a report that has means alone: completed · (output − 1) · mean TPOT / duration (Little's law)."""
    lengths = mean_lengths(summary)
    if lengths is None or summary.tpot_ms is None:
        return None
    inputs, outputs = lengths
    spent_ms = summary.completed * (outputs - 1) * summary.tpot_ms.mean
    return Decoding(spent_ms / MS_PER_S / summary.duration_s, inputs + outputs / 2)


def mean_lengths(summary: Summary) -> tuple[float, float] | None:
    """Tokens in and out of a successful request; absent without one, or where the server did not count."""
    if summary.total_input_tokens is None or not summary.completed:
        return None
    return summary.total_input_tokens / summary.completed, summary.total_output_tokens / summary.completed


def ttft_against(good: Sequence[RequestRecord], roofline: Roofline, reusable: Mapping[int, int]) -> tuple[Against, ...]:
    """The TTFT of each success beside the prefill of what no cache can hold of its prompt.

    `reusable`: by index, tokens that a cache may have found; a request that is not in it is left out.
    """
    return tuple(
        Against(f"TTFT of request {record.index}", ttft / NS_PER_MS, limit)
        for record in good
        if (ttft := ttft_ns(record)) is not None
        and record.input_tokens is not None
        and record.index in reusable
        and (limit := roofline.prefill(record.input_tokens - reusable[record.index])) is not None
    )


def tpot_against(good: Sequence[RequestRecord], roofline: Roofline) -> tuple[Against, ...]:
    """The TPOT of each success beside the step of its own context: its prompt and half of its answer.

    Not of short answers: of a first token that was read late a share of 1 / (tokens − 1) is missing in TPOT.
    """
    return tuple(
        Against(f"TPOT of request {record.index}", tpot / NS_PER_MS, limit)
        for record in good
        if (tpot := tpot_ns(record)) is not None
        and record.input_tokens is not None
        and record.output_tokens is not None
        and record.output_tokens >= SHORT
        and (limit := roofline.decode(record.input_tokens + record.output_tokens / 2)) is not None
    )


def shown_against(word: str, sample: Distribution | None, limit: Limit | None) -> tuple[Against, ...]:
    """The figures of a published report beside one limit, where single requests are not known."""
    if sample is None or limit is None:
        return ()
    percentiles = ((percentile_word(p).upper(), value) for p, value in sample.percentiles)
    figures = (("mean", sample.mean), ("median", sample.median), *percentiles)
    return tuple(Against(f"{name} {word}", value, limit) for name, value in figures)
