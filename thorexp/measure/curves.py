"""A run as curves over time, and curves of fewer points."""

from itertools import pairwise

import numpy as np

from thorexp.measure.records import RunRecord
from thorexp.measure.signals import Series

NS_PER_S = 1_000_000_000


def in_flight(run: RunRecord) -> Series:
    """How many requests were out: + 1 when one is sent, − 1 at its last token; each value holds until the next.

    Those that failed before a token are left out: the record does not say when they ended.
    """
    spans = [(each.sent_ns, each.token_ns[-1]) for each in run.requests if each.sent_ns is not None and each.token_ns]
    changes = sorted([(sent_ns, 1) for sent_ns, _ in spans] + [(end_ns, -1) for _, end_ns in spans])
    counts = np.cumsum([change for _, change in changes], dtype=np.float64)
    return Series(tuple(ns for ns, _ in changes), tuple(counts.tolist()))


def tokens_per_s(run: RunRecord) -> Series:
    """Output tokens that arrived in each whole second of the run, at its begin; one a chunk where nobody counted."""
    whole = (run.end_ns - run.start_ns) // NS_PER_S
    seconds = [(ns - run.start_ns) // NS_PER_S for each in run.requests for ns in each.token_ns]
    tokens = [count for each in run.requests for count in each.chunk_tokens or (1,) * len(each.token_ns)]
    if not seconds:
        return Series((), ())
    counts = np.bincount(seconds, weights=tokens, minlength=whole)[:whole]
    return Series(tuple(run.start_ns + i * NS_PER_S for i in range(whole)), tuple(counts.tolist()))


def extremes(series: Series, points: int) -> Series:
    """At most so many of its samples: the least and the most of each of points / 2 equal parts, in their order.

    To look at: no peak is lost.
    """
    if len(series.ns) <= points:
        return series
    values = np.array(series.values)
    kept: set[int] = set()
    for first, last in _parts(len(values), points // 2):
        kept |= {first + int(values[first:last].argmin()), first + int(values[first:last].argmax())}
    return Series(tuple(series.ns[i] for i in sorted(kept)), tuple(series.values[i] for i in sorted(kept)))


def means(series: Series, points: int) -> Series:
    """At most so many samples: the mean of stamps and of values of each of `points` equal parts.

    To compute with: the mean of all stays what it was, if the parts come out alike.
    """
    if len(series.ns) <= points:
        return series
    values, parts = np.array(series.values), _parts(len(series.ns), points)
    stamps = tuple(sum(series.ns[first:last]) // (last - first) for first, last in parts)
    return Series(stamps, tuple(float(values[first:last].mean()) for first, last in parts))


def _parts(length: int, count: int) -> list[tuple[int, int]]:
    """Slices [first, last) of that length, as equal as whole numbers can be."""
    return list(pairwise(i * length // count for i in range(count + 1)))
