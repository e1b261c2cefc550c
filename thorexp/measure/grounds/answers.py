"""Answers that did not come, came short, came in bundles, or say nothing."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from thorexp.measure.stats import percentile_word
from thorexp.measure.verdict import ALL, WORK_DONE, Reason


@dataclass(frozen=True, slots=True)
class Lengths:
    """Output tokens of all successes: asked for, and served. `short`: how many ended early, absent where unknown."""

    asked: int
    served: int
    short: int | None = None


def failed_requests(completed: int, failed: int, limit: float) -> Reason | None:
    """Latencies are of those that survived, and of a server that had less to do."""
    if not failed:
        return None
    return Reason(
        "failed_requests",
        "INVALID" if failed > limit * (completed + failed) else "SUSPECT",
        (ALL,),
        f"{failed} of {completed + failed} requests failed",
        "`errors` above and server.log say why; a longer endpoint.timeout_s where time was up",
    )


def stopped_load(why: str | None) -> Reason | None:
    """A load that was ended before its plan was."""
    if why is None:
        return None
    return Reason("stopped_load", "SUSPECT", (ALL,), f"the load was given up: {why}", "a lower load")


def answer_lengths(lengths: Lengths | None) -> Reason | None:
    """Another number of tokens than was asked for, of answers that were told not to stop by themselves."""
    if lengths is None or (lengths.served == lengths.asked and not lengths.short):
        return None
    many = "" if lengths.short is None else f", {lengths.short} answers ended early"
    return Reason(
        "answer_lengths",
        "SUSPECT",
        ("e2el", *WORK_DONE),
        f"{lengths.served} of {lengths.asked} output tokens{many}",
        "a server that takes ignore_eos, with an engine.max_model_len of input and output together",
    )


def few_samples(unsupported: Mapping[str, tuple[int, float]]) -> Reason | None:
    """Percentiles of too few values: `unsupported` has by key the count, and p."""
    if not unsupported:
        return None
    most = max((_needed(p) for key, (_, p) in unsupported.items() if "itl" not in key and 0 < p < 100), default=None)
    shown = dict.fromkeys(f"{percentile_word(p).upper()} of {count}" for count, p in unsupported.values())
    return Reason(
        "few_samples",
        "SUSPECT",
        tuple(unsupported),
        f"{', '.join(shown)} values: {', '.join(unsupported)}",
        f"{f'load.num_prompts={most}, or ' if most else ''}another percentile in metrics.percentiles",
    )


def tokens_in_one_read(share: float | None, limit: float) -> Reason | None:
    """Gaps of 0 say how late a server handed its tokens out, or a proxy, or a starved client read them."""
    if share is None or share <= limit:
        return None
    return Reason(
        "tokens_in_one_read",
        "SUSPECT",
        ("tpot", "itl", "mbu"),
        f"{100 * share:.0f} % of tokens came in one read with the token before",
        "more CPU cores for server and client, or no proxy between them",
    )


def degenerate_text(samples: Sequence[str], asked: int) -> Reason | None:
    """Answers to plain questions, asked before the load, that are no text; each of `samples` says which and why.

    One of several may be a small model's way; half of them are not.
    """
    if not samples:
        return None
    return Reason(
        "degenerate_text",
        "INVALID" if 2 * len(samples) >= asked else "SUSPECT",
        (ALL,),
        "; ".join(samples),
        "another quantization, or a newer vLLM: a kernel that computes nothing is fast",
    )


def _needed(p: float) -> int:
    """Values that support a percentile between 0 and 100 (`stats.supports`)."""
    return math.ceil(100 / min(p, 100 - p) - 1e-9)
