"""A machine that changed meanwhile: within a run, between repeats; and points that did not do the same work."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thorexp.measure.metrics import tpot_ns
from thorexp.measure.records import RequestRecord
from thorexp.measure.verdict import WORK_DONE, Reason

BLOCKS = 3  # of requests a half at least, below which a difference is chance
CERTAIN = 4.0  # standard errors; of so few blocks, three come by chance once in fifty runs
UNSTEADY = 0.5  # of the mean power at rest, between its least and its most
ALIKE = 0.005  # of a mean answer: what it changes in a throughput is below what two runs differ by
NS_PER_MS = 1_000_000
DECODE = ("tpot", "itl", "e2el", "mbu", *WORK_DONE)


@dataclass(frozen=True, slots=True)
class Halves:
    """Mean TPOT in ms of the requests sent first and last, and the standard error of their difference."""

    first_ms: float
    second_ms: float
    error_ms: float


def halves(good: Sequence[RequestRecord], at_once: int) -> Halves | None:
    """By the order of sending, of a closed loop with so many under way.

    Without the first and the last of them, beside which fewer are. Requests that are under way together share their
    steps, so that each half is told by blocks of `at_once` requests: error = √(s₁²/b₁ + s₂²/b₂), s over the means of
    b blocks. Absent below BLOCKS of them in either half.
    """
    sent = [(record.sent_ns, tpot_ns(record)) for record in good if record.sent_ns is not None]
    tpots = [tpot / NS_PER_MS for _, tpot in sorted(sent) if tpot is not None]
    if at_once > 1:
        tpots = tpots[at_once : len(tpots) - at_once]
    middle = len(tpots) // 2
    first, second = (_blocks(half, at_once) for half in (tpots[:middle], tpots[middle:]))
    if min(len(first), len(second)) < BLOCKS:
        return None
    error = math.sqrt(first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second))
    return Halves(float(first.mean()), float(second.mean()), error)


def _blocks(values: Sequence[float], size: int) -> NDArray[np.float64]:
    """Their means, of as many whole blocks as there are."""
    count = len(values) // size
    means: NDArray[np.float64] = np.array(values[: count * size]).reshape(count, size).mean(axis=1)
    return means


def drift(found: Halves | None, limit: float) -> Reason | None:
    """A board that becomes hot decodes slower at the end than at the beginning."""
    if found is None or found.first_ms <= 0:
        return None
    change = found.second_ms - found.first_ms
    if abs(change) <= max(limit * found.first_ms, CERTAIN * found.error_ms):
        return None
    return Reason(
        "drift",
        "SUSPECT",
        DECODE,
        f"mean TPOT {found.first_ms:.2f} ms in the first half, {found.second_ms:.2f} ms in the second "
        f"({100 * change / found.first_ms:+.0f} %)",
        "an idle machine, cooling, locked clocks, or a longer warm-up (load.num_warmups, load.exclude_first)",
    )


@dataclass(frozen=True, slots=True)
class Rest:
    """Power in W of the rest before a load, by its samples, and the mean of the load."""

    least_w: float
    mean_w: float
    most_w: float
    load_w: float


def unsteady_rest(rest: Rest | None) -> Reason | None:
    """A machine that was at work while it should have rested: what it draws above that says nothing."""
    if rest is None or (rest.most_w - rest.least_w <= UNSTEADY * rest.mean_w and rest.mean_w < rest.load_w):
        return None
    return Reason(
        "unsteady_rest",
        "SUSPECT",
        ("idle", "above"),
        f"{rest.least_w:.1f} to {rest.most_w:.1f} W at rest, mean {rest.mean_w:.1f} W; {rest.load_w:.1f} W under load",
        "nothing else at work, or a longer rest (telemetry.idle_s)",
    )


def repeats_disagree(spreads: Mapping[str, float | None], limit: float) -> Reason | None:
    """Repeats of one point whose numbers are further apart than that; `spreads` by the key of the number."""
    wide = {key: spread for key, spread in spreads.items() if spread is not None and spread > limit}
    if not wide:
        return None
    return Reason(
        "repeats_disagree",
        "SUSPECT",
        tuple(wide),
        ", ".join(f"{key} {100 * spread:.1f} %" for key, spread in wide.items()),
        "more repeats (sweep.repeats), and an idle machine with locked clocks",
    )


def lengths_differ(mean_output: Mapping[str, float]) -> Reason | None:
    """Points of one load whose answers differ in length by more than ALIKE; `mean_output` in tokens, by point."""
    if not mean_output or max(mean_output.values()) - min(mean_output.values()) <= ALIKE * max(mean_output.values()):
        return None
    least, most = min(mean_output, key=mean_output.__getitem__), max(mean_output, key=mean_output.__getitem__)
    return Reason(
        "output_lengths_differ",
        "SUSPECT",
        ("e2el", *WORK_DONE),
        f"{mean_output[least]:.2f} tokens an answer at {least}, {mean_output[most]:.2f} at {most}",
        "workload.ignore_eos=true, and an engine.max_model_len of input and output together",
    )
