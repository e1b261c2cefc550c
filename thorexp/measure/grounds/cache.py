"""Prompts that were not computed, because the server had them already."""

from dataclasses import dataclass
from typing import Literal

from thorexp.measure.verdict import WORK_DONE, Reason

ColdState = Literal["verified", "no cache", "not verified", "warm"]

# Of a prompt that was not computed: when its first token came, and all that counts it in.
PREFILL = ("ttft", "e2el", "mfu", *WORK_DONE)
ROOM = "more KV cache or fewer requests at once, so that none is preempted or waits for room; or a newer vLLM"
COLD = (
    "a server started with VLLM_SERVER_DEV_MODE=1, which lets its cache be reset, or with --no-enable-prefix-caching; "
    "or another workload.seed"
)


@dataclass(frozen=True, slots=True)
class CacheUse:
    """The prefix cache during the load, in tokens: looked up, found, what the workload itself repeats, and the prompts
    that were answered (`asked`).

    `reusable` and `asked` absent where nobody knows; the counts absent where the server does not count.
    """

    state: ColdState
    queries: int | None = None
    hits: int | None = None
    reusable: int | None = None
    asked: int | None = None


def prefix_cache_hits(cache: CacheUse, limit: float) -> Reason | None:
    """More tokens found than the workload repeats: they were there before the load began.

    Not INVALID where the cache was proven empty and more was looked up than was asked: vLLM before mid-2026 counts a
    request again that it preempts, or for which there is no room yet, and then finds what it computed itself (vLLM
    issues 25780 and 43736).
    """
    if cache.hits is None or cache.reusable is None or not cache.queries:
        return None
    if cache.hits - cache.reusable <= limit * cache.queries:
        return None
    evidence = (
        f"{cache.hits} of {cache.queries} prompt tokens were in the prefix cache, the workload repeats {cache.reusable}"
    )
    if cache.state == "verified" and cache.asked is not None and cache.queries > cache.asked:
        again = f"{evidence}; of {cache.asked} that were asked some were looked up again"
        return Reason("prefix_cache_hits", "SUSPECT", PREFILL, again, ROOM)
    return Reason("prefix_cache_hits", "INVALID", PREFILL, evidence, COLD)


def cold_cache_not_verified(cache: CacheUse) -> Reason | None:
    """Nobody can tell whether prompts were found in a cache; or it answered although it had been reset."""
    if cache.state == "warm":
        evidence = "a prompt sent before was found in the prefix cache after its reset"
    elif cache.state == "not verified" and cache.hits is None:
        evidence = "the server neither resets its prefix cache nor counts its hits"
    elif cache.state == "not verified" and cache.hits and cache.reusable is None:
        evidence = f"{cache.hits} prompt tokens were in the prefix cache, and it could not be reset before"
    else:
        return None
    return Reason("cold_cache_not_verified", "SUSPECT", PREFILL, evidence, COLD)
