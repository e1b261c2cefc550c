"""What the client itself may have added."""

from thorexp.measure.metrics import Summary
from thorexp.measure.verdict import WORK_DONE, Reason

TIMER_MS = 1.0  # uvloop's timers are of whole ms, so that a loop that is never late is late by half of one
REMEDY = "a core of the client's own (taskset, or thorexp on another machine), and nothing else at work"


def client_lag(summary: Summary, limit: float) -> Reason | None:
    """An event loop that came late: by its mean lag a token is stamped late, its TTFT and its ITL with it."""
    lag, ttft, itl = summary.loop_lag_ms, summary.ttft_ms, summary.itl_ms
    if lag is None:
        return None
    late_ms = lag.mean - TIMER_MS
    touched = [word for word, sample in (("ttft", ttft), ("itl", itl)) if sample and late_ms > limit * sample.mean]
    if not touched:
        return None
    beside = ", ".join(
        f"mean {name} {sample.mean:.2f} ms" for name, sample in (("TTFT", ttft), ("ITL", itl)) if sample is not None
    )
    return Reason(
        "client_lag", "SUSPECT", tuple(touched), f"the client's loop was late by {lag.mean:.1f} ms; {beside}", REMEDY
    )


def schedule_lag(summary: Summary, limit: float, *, is_open: bool) -> Reason | None:
    """Requests of an open loop that were sent later than the plan has them: another load than the one named."""
    lag, ttft = summary.schedule_lag_ms, summary.ttft_ms
    if not is_open or lag is None or ttft is None or lag.mean <= limit * ttft.mean:
        return None
    return Reason(
        "schedule_lag",
        "SUSPECT",
        ("ttft", "e2el", *WORK_DONE),
        f"requests were released {lag.mean:.1f} ms late; mean TTFT {ttft.mean:.1f} ms",
        REMEDY,
    )


def client_saturated(summary: Summary, limit: float) -> Reason | None:
    """A client whose one core was busy all the time measures itself."""
    share = summary.client_cpu_share
    if share is None or share <= limit:
        return None
    return Reason(
        "client_saturated",
        "SUSPECT",
        ("ttft", "tpot", "itl", "e2el", *WORK_DONE),
        f"the client used {100 * share:.0f} % of a core",
        "fewer streams at once (load.max_concurrency), or a faster machine for the client",
    )
