"""What the server did beside serving, as it says itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from thorexp.measure.verdict import ALL, WORK_DONE, Reason


@dataclass(frozen=True, slots=True)
class OtherLoad:
    """What a server had to do for others: requests under way just before the load and just after it, and how many it
    has answered meanwhile, of `sent` that were ours. Each absent where the server does not say.
    """

    before: int | None = None
    after: int | None = None
    answered: int | None = None
    sent: int = 0


@dataclass(frozen=True, slots=True)
class ServerWork:
    """During the load: requests preempted, the mean wait in the server's queue (ms), the largest share of the KV
    cache in use; each absent where the server does not say. `slow_kernels`: from its log, in words, with what to do.
    `known_problems` likewise, from its version on this board. `simulation_late`: of a simulated one, by what share of
    their time its steps were told late. `others`: who else asked it. `other_model`: what it serves in place of the
    config's, in words.
    """

    preemptions: int | None = None
    queue_ms: float | None = None
    kv_cache: float | None = None
    slow_kernels: tuple[tuple[str, str], ...] = ()
    known_problems: tuple[tuple[str, str], ...] = ()
    simulation_late: float | None = None
    others: OtherLoad = field(default_factory=OtherLoad)
    other_model: str | None = None


def preemptions(count: int | None) -> Reason | None:
    """Requests put back into the queue for lack of KV cache, and computed anew."""
    if not count:
        return None
    return Reason(
        "preemptions",
        "SUSPECT",
        ("tpot", "itl", "e2el", *WORK_DONE),
        f"{count} preemptions for lack of KV cache",
        "a smaller engine.max_num_seqs, or more KV cache: engine.gpu_memory_utilization=0.9, engine.kv_cache_dtype=fp8",
    )


def kv_cache_full(share: float | None, limit: float) -> Reason | None:
    """No room for another sequence: requests wait for the end of others."""
    if share is None or share <= limit:
        return None
    return Reason(
        "kv_cache_full",
        "SUSPECT",
        ("ttft", "e2el", *WORK_DONE),
        f"{100 * share:.0f} % of the KV cache was in use",
        "more KV cache: engine.gpu_memory_utilization=0.9, engine.kv_cache_dtype=fp8, or a smaller load",
    )


def server_queue(queue_ms: float | None, mean_ttft_ms: float | None, limit: float) -> Reason | None:
    """A TTFT that is mostly the wait for a place says how long the queue was, and little of the model."""
    if queue_ms is None or mean_ttft_ms is None or queue_ms <= limit * mean_ttft_ms:
        return None
    return Reason(
        "server_queue",
        "SUSPECT",
        ("ttft", "e2el"),
        f"requests waited {queue_ms:.1f} ms in the server's queue; mean TTFT {mean_ttft_ms:.1f} ms",
        "a load.max_concurrency or load.request_rate that the server takes up, or a larger engine.max_num_seqs",
    )


def slow_kernels(lines: Sequence[tuple[str, str]]) -> Reason | None:
    """The server says itself that something slower than meant is at work."""
    if not lines:
        return None
    return Reason(
        "slow_kernels",
        "SUSPECT",
        (ALL,),
        "; ".join(line for line, _ in lines),
        "; ".join(dict.fromkeys(remedy for _, remedy in lines)),
    )


def known_problem(told: Sequence[tuple[str, str]]) -> Reason | None:
    """This version is known to compute wrongly on this board."""
    if not told:
        return None
    return Reason(
        "known_problem",
        "SUSPECT",
        (ALL,),
        "; ".join(words for words, _ in told),
        "; ".join(dict.fromkeys(remedy for _, remedy in told)),
    )


def simulation_late(share: float | None, limit: float) -> Reason | None:
    """A simulation that this machine is too slow for: its steps came later than it says itself."""
    if share is None or share <= limit:
        return None
    return Reason(
        "simulation_late",
        "SUSPECT",
        (ALL,),
        f"steps of the simulation were {100 * share:.0f} % of their time late",
        "a smaller server.speedup, or predict=true, which needs no clock",
    )


def other_load(others: OtherLoad) -> Reason | None:
    """A server that somebody else asks at the same time: its steps are shared, and so are its counters."""
    found = []
    if others.before:
        also = f", {others.after} after it" if others.after else ""
        found.append(f"{others.before} requests of others were under way before the load{also}")
    elif others.after:
        found.append(f"{others.after} requests of others were under way after the load")
    if (others.answered or 0) > others.sent:
        found.append(f"{others.answered} requests were answered meanwhile, of which {others.sent} are ours")
    if not found:
        return None
    return Reason("other_load", "SUSPECT", (ALL,), "; ".join(found), "an hour in which nobody else asks this server")


def other_model(words: str | None) -> Reason | None:
    """A result by the name of a model that somebody else's server does not say to serve."""
    if words is None:
        return None
    return Reason(
        "other_model",
        "SUSPECT",
        (ALL,),
        words,
        "model= of what is served, or a config of your own for it; "
        "or verdict.accept=[other_model] where it is the same by another name",
    )
