"""What chance alone would make of a run: its numbers, from its requests drawn again and again.

The bootstrap of Efron (1979), of blocks (Künsch 1989): requests that are under way together share their steps, so
that neighbours are drawn together. What changes from one run to the next (heat, clocks, other work on the machine)
is in no single run, and so in none of its intervals; repeats show it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thorexp.measure.metrics import e2el_ns, itl_ns, output_tokens, tpot_ns, ttft_ns
from thorexp.measure.records import RequestRecord
from thorexp.measure.stats import supports

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

RESAMPLES = 1_000  # whose 2.5 and 97.5 % are 25 values away from the ends
LEAST_BLOCKS = 10  # fewer would be drawn alike too often
MOST_VALUES = 200_000  # of a percentile, whose resamples take a millisecond each then
LATENCY = re.compile(r"(mean|median|p[\d.]+)_(ttft|tpot|itl|e2el)_ms")
THROUGHPUTS = ("output_throughput", "request_throughput", "total_token_throughput")
VALUES: dict[str, Callable[[RequestRecord], Sequence[float | None]]] = {
    "ttft": lambda record: (ttft_ns(record),),
    "tpot": lambda record: (tpot_ns(record),),
    "itl": itl_ns,
    "e2el": lambda record: (e2el_ns(record),),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """Values of requests, by rising value; `owner`: the place of the request that each is of."""

    values: Floats
    owner: Counts


def sent_in_order(requests: Sequence[RequestRecord]) -> tuple[RequestRecord, ...]:
    """The successes, in the order of their sending."""
    return tuple(sorted((each for each in requests if each.ok), key=lambda each: each.sent_ns or 0))


def under_way(requests: Sequence[RequestRecord]) -> float:
    """How many were under way on average: Σ E2EL / the time from the first send to the last token (Little's law).

    1 of requests that tell no times.
    """
    spans = [(each.sent_ns, each.token_ns[-1]) for each in requests if each.sent_ns is not None and each.token_ns]
    whole = max((end for _, end in spans), default=0) - min((sent for sent, _ in spans), default=0)
    return sum(end - sent for sent, end in spans) / whole if whole else 1.0


def draws(count: int, block: float, seed: int) -> Counts:
    """(RESAMPLES, count): how often each of `count` requests is in each resample, of `count` requests too.

    Blocks of neighbours begin anywhere and go on at the begin behind the end (Politis and Romano 1992), so that each
    request is as likely as any. Blocks are cut shorter where fewer than LEAST_BLOCKS would fit.
    """
    length = max(1, min(round(block), count // LEAST_BLOCKS))
    begins = np.random.default_rng(seed).integers(0, count, (RESAMPLES, -(-count // length)))
    drawn = ((begins[:, :, None] + np.arange(length)) % count).reshape(RESAMPLES, -1)[:, :count]
    of_each = drawn + count * np.arange(RESAMPLES)[:, None]
    return np.bincount(of_each.ravel(), minlength=RESAMPLES * count).reshape(RESAMPLES, count)


def redrawn(key: str, requests: Sequence[RequestRecord], weights: Counts) -> Floats | None:
    """(RESAMPLES,): a number of a result, by its key, of each resample of these successes; NaN where one lacks it.

    Absent for a key whose number is not one of requests alone, and for a percentile of too few values, whose resamples
    know nothing of what is beyond the largest. Throughput as a multiple of that of all of them: in a
    closed loop it goes with Σ tokens / Σ E2EL, or requests / Σ E2EL, by a factor that is of the load.
    """
    if key in THROUGHPUTS:
        return _rate(key, requests, weights)
    latency = LATENCY.fullmatch(key)
    if latency is None:
        return None
    word, sample = latency[1], _sample(latency[2], requests)
    if word == "mean":
        return _means(sample, weights)
    p = 50.0 if word == "median" else float(word[1:])
    return _percentiles(_thinned(sample), weights, p) if supports(len(sample.values), p) else None


def _rate(key: str, requests: Sequence[RequestRecord], weights: Counts) -> Floats:
    spans = np.array([e2el_ns(each) or 0 for each in requests], dtype=np.float64)
    work = [1 if key == "request_throughput" else _work(key, each) for each in requests]
    done = np.array(work, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate: Floats = (weights @ done) / (weights @ spans) * (spans.sum() / done.sum())
    return rate


def _work(key: str, record: RequestRecord) -> int:
    return output_tokens(record) + ((record.input_tokens or 0) if key == "total_token_throughput" else 0)


def _sample(name: str, requests: Sequence[RequestRecord]) -> Sample:
    of_each = [[value for value in VALUES[name](each) if value is not None] for each in requests]
    values = np.array([value for values in of_each for value in values], dtype=np.float64)
    owner = np.repeat(np.arange(len(requests)), [len(values) for values in of_each])
    order = np.argsort(values, kind="stable")
    return Sample(values[order], owner[order])


def _thinned(sample: Sample) -> Sample:
    """At most MOST_VALUES at even distances by rank, which each request then has its share of."""
    step = -(-len(sample.values) // MOST_VALUES) or 1
    return Sample(sample.values[step // 2 :: step], sample.owner[step // 2 :: step])


def _means(sample: Sample, weights: Counts) -> Floats:
    requests = weights.shape[1]
    sums = np.bincount(sample.owner, sample.values, requests)
    counts = np.bincount(sample.owner, minlength=requests)
    with np.errstate(invalid="ignore"):
        means: Floats = (weights @ sums) / (weights @ counts)
    return means


def _percentiles(sample: Sample, weights: Counts, p: float) -> Floats:
    """Linearly interpolated, as `numpy.percentile` of the values that many times."""
    return np.array([_percentile(sample, of_one[sample.owner], p) for of_one in weights])


def _percentile(sample: Sample, times: Counts, p: float) -> float:
    ends = np.cumsum(times)
    count = int(ends[-1]) if len(ends) else 0
    if count == 0:
        return float("nan")
    rank = (count - 1) * p / 100
    below, above = np.searchsorted(ends, (int(rank), min(int(rank) + 1, count - 1)), side="right")
    low, high = sample.values[below], sample.values[above]
    return float(low + (high - low) * (rank - int(rank)))
