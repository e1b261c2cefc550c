"""What the client itself may have added."""

from thorexp.measure.metrics import Summary
from thorexp.measure.verdict import WORK_DONE, Reason

REMEDY = "a core of the client's own (taskset, or thorexp on another machine), and nothing else at work"


def client_lag(summary: Summary, limit: float, tokens_limit: float) -> Reason | None:
    """Tokens that came while the event loop was held up were stamped late: `tokens_limit` of all is still believed.

    A TTFT has that in it; of gaps between tokens one becomes longer and the others shorter.
    """
    first_ms, share, ttft = summary.first_token_lateness_ms, summary.late_share, summary.ttft_ms
    late, touched = [], []
    if first_ms is not None and ttft is not None and first_ms > limit * (ttft.mean - first_ms):
        touched.append("ttft")
        late.append(f"first tokens by up to {first_ms:.2f} ms of a mean TTFT of {ttft.mean:.2f} ms")
    if share is not None and share > tokens_limit:
        touched.append("itl")
        late.append(f"{100 * share:.0f} % of all tokens")
    if not touched:
        return None
    evidence = f"stamped late by a client that was held up: {', '.join(late)}"
    return Reason("client_lag", "SUSPECT", tuple(touched), evidence, REMEDY)


def schedule_lag(summary: Summary, limit: float, *, is_open: bool) -> Reason | None:
    """Requests of an open loop that were sent later than the plan has them: another load than the one named."""
    lag, name, wait = summary.schedule_lag_ms, "TTFT", summary.ttft_ms
    if wait is None:  # not streamed
        name, wait = "E2EL", summary.e2el_ms
    if not is_open or lag is None or wait is None or lag.mean <= limit * wait.mean:
        return None
    return Reason(
        "schedule_lag",
        "SUSPECT",
        ("ttft", "e2el", *WORK_DONE),
        f"requests were released {lag.mean:.1f} ms late; mean {name} {wait.mean:.1f} ms",
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
