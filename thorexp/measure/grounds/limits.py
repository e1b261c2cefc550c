"""Latencies below what the hardware allows.

Half of them make a result INVALID, fewer SUSPECT: a client that was held up may stamp a single sending, or a single
first token, late.
"""

from collections.abc import Sequence

from thorexp.measure.limits import Against, Utilization
from thorexp.measure.verdict import WORK_DONE, Reason

PREFILL = ("ttft", "e2el", "mfu", *WORK_DONE)
DECODE = ("tpot", "itl", "e2el", "mbu", *WORK_DONE)
LOOK = (
    "look at the text: products of this quantization may not be computed; "
    "else model, quantization or hardware are not what the config says"
)


def ttft_below_prefill_limit(ttfts: Sequence[Against], slack: float) -> Reason | None:
    """A first token that came before its prompt can have been computed."""
    below = _below(ttfts, slack)
    if not below:
        return None
    return Reason(
        "ttft_below_prefill_limit",
        "INVALID" if 2 * len(below) >= len(ttfts) else "SUSPECT",
        PREFILL,
        _told(below, ttfts),
        "a cold prefix cache: prompts that the server has seen before are not computed again; "
        "or hardware= and hardware.devices= as they are",
    )


def tpot_below_decode_limit(tpots: Sequence[Against], slack: float) -> Reason | None:
    """Tokens that came faster than what each of them takes can be read."""
    below = _below(tpots, slack)
    if not below:
        return None
    return Reason(
        "tpot_below_decode_limit",
        "INVALID" if 2 * len(below) >= len(tpots) else "SUSPECT",
        DECODE,
        _told(below, tpots),
        LOOK,
    )


def batch_above_bandwidth(used: Utilization, slack: float) -> Reason | None:
    """Gaps too short for what a whole batch reads, though each of its sequences alone could be so fast."""
    if used.mbu is None or used.mbu <= 1 + slack:
        return None
    return Reason(
        "batch_above_bandwidth",
        "SUSPECT",
        DECODE,
        f"at the median gap decode reads {100 * used.mbu:.0f} % of what the memory can",
        LOOK,
    )


def _below(all_of: Sequence[Against], slack: float) -> list[Against]:
    return [each for each in all_of if each.measured_ms < each.limit.ms * (1 - slack)]


def _told(below: Sequence[Against], all_of: Sequence[Against]) -> str:
    """The one that is the furthest below its limit, and how many are."""
    worst = min(below, key=lambda each: each.measured_ms / each.limit.ms)
    are = "is" if len(below) == 1 else "are"
    return (
        f"{worst.what} {worst.measured_ms:.2f} ms, where {worst.limit.why} take at least {worst.limit.ms:.1f} ms "
        f"({len(below)} of {len(all_of)} {are} below)"
    )
