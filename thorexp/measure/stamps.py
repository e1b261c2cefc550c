"""The arrivals of all chunks of a run, in arrays: 100,000 requests have some ten million of them."""

from collections.abc import Iterable, Sequence
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from thorexp.measure.records import RequestRecord, RunRecord

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
HELD_SLACK_NS = 2_000_000  # after a loop goes on, until all that came meanwhile is read
PART = 1_000_000  # stamps that are looked at together, which bounds the memory for it

Nanoseconds = NDArray[np.int64]


def stamps_ns(records: Sequence[RequestRecord]) -> Nanoseconds:
    """Each chunk's arrival, one request after the other."""
    count = sum(len(record.token_ns) for record in records)
    return np.fromiter(chain.from_iterable(record.token_ns for record in records), dtype=np.int64, count=count)


def gaps_ms(records: Sequence[RequestRecord]) -> NDArray[np.float64]:
    """Between the chunks of each request, one request after the other."""
    gaps = ((later - earlier) / NS_PER_MS for record in records for earlier, later in pairwise(record.token_ns))
    return np.fromiter(gaps, dtype=np.float64, count=sum(max(len(record.token_ns) - 1, 0) for record in records))


def mean_lateness_ms(run: RunRecord, stamps: Nanoseconds) -> float | None:
    """How late the loop may have made these stamps; absent without one, and where nobody asked the loop."""
    if not run.loop_lag_ns or not len(stamps):
        return None
    return sum(int(part.sum()) for part in _lateness_ns(run, stamps)) / len(stamps) / NS_PER_MS


def late_share(run: RunRecord, stamps: Nanoseconds) -> float | None:
    """Of these stamps, those that may be late; absent without one, and where nobody asked the loop."""
    if not run.loop_lag_ns or not len(stamps):
        return None
    return sum(int(np.count_nonzero(part)) for part in _lateness_ns(run, stamps)) / len(stamps)


def _lateness_ns(run: RunRecord, stamps: Nanoseconds) -> Iterable[Nanoseconds]:
    """Of each stamp: one that was taken when the loop had been held up may be late since it was, any other is not."""
    if not run.held_ns:
        return
    held = np.array(run.held_ns, dtype=np.int64)
    for part in np.array_split(stamps, len(stamps) // PART + 1):
        last = np.searchsorted(held[:, 0], part, side="right") - 1
        begin, end = held[last, 0], held[last, 1]
        is_late = (last >= 0) & (part <= end + HELD_SLACK_NS)
        yield np.where(is_late, np.minimum(part, end) - begin, 0)


def most_in_a_second(stamps: Nanoseconds, start_ns: int) -> int:
    """The most of them, one at least, in any whole second from the start."""
    seconds = stamps - start_ns
    seconds //= NS_PER_S
    return int(np.bincount(seconds).max())
