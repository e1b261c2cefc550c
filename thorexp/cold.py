"""Cold means cold: the engine warmed up, its prefix cache emptied, and the emptiness proven.

vLLM keeps the blocks of prompts it has seen. A prompt that is sent again is a cache hit and not a prefill,
which is how published TTFTs came out faster than the hardware can compute.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from thorexp.errors import LoadError
from thorexp.measure.grounds.cache import ColdState
from thorexp.measure.plan import LoadPlan
from thorexp.measure.records import RunRecord
from thorexp.serve.http import NO_HEADERS, Headers, HttpError, get_text
from thorexp.serve.metrics_page import totals
from thorexp.serve.prefix_cache import PrefixCache, is_off, prefix_cache, reset_prefix_cache

log = logging.getLogger(__name__)

Play = Callable[[LoadPlan], RunRecord]
SETTLE_S = 2.0
LOG_TELLS = "the server's log tells more: server.log in the run directory, or where its owner keeps it"
POLL_S = 0.02
UNDER_WAY = ("vllm:num_requests_running", "vllm:num_requests_waiting")


@dataclass(frozen=True, slots=True)
class Coldness:
    """Whether the prefix cache was empty as the load began, and how that is known.

    `verified`: it was reset, and a prompt served before found nothing of itself (`probe_hits` is 0).
    `no cache`: the server has served prompts and looked none of them up, or says that it does not. `not verified`: it
    cannot be reset, or does not count. `warm`: the prompt found `probe_hits` tokens of itself although the cache was
    reset.
    """

    state: ColdState
    probe_hits: int | None


@dataclass(frozen=True, slots=True)
class Metrics:
    """A server's /metrics page as Prometheus text, and its prefix cache counters, absent where it has none."""

    page: str
    cache: PrefixCache | None

    @property
    def under_way(self) -> int | None:
        """Requests that run or wait in the server; absent where it does not say."""
        sums = totals(self.page)
        said = [sums[name] for name in UNDER_WAY if name in sums]
        return int(sum(said)) if said else None


def make_cold(
    base_url: str, warmup: LoadPlan, play: Play, headers: Headers = NO_HEADERS
) -> tuple[Coldness, Metrics | None]:
    """Play the warm-up, reset, and send the warm-up's first prompt again: it must find nothing.

    With the state of the cache come the metrics as they are now, before the load; absent where there is no such
    page. LoadError when not one request of the warm-up succeeds.
    """
    cold = metrics_now(base_url, headers)
    require_success(play(warmup), "warm-up")
    warm = settled_metrics(base_url, cold, _tokens(warmup), headers)
    if warm is not None and is_off(warm.page):
        return Coldness("no cache", None), warm
    if not reset_prefix_cache(base_url, headers):
        log.warning("the server does not reset its prefix cache: the load may meet what earlier ones left")
        return Coldness("not verified", None), warm
    probe = probe_of(warmup)
    require_success(play(probe), "cache probe")
    probed = settled_metrics(base_url, warm, _tokens(probe), headers)
    return judge_probe(warm, probed, _tokens(probe)), probed


def probe_of(warmup: LoadPlan) -> LoadPlan:
    """The first request of a warm-up once more, for one token."""
    (stage,) = warmup.stages
    seen = stage.requests[0]
    return replace(warmup, stages=(replace(stage, requests=(replace(seen, ask=replace(seen.ask, output_len=1)),)),))


def judge_probe(before: Metrics | None, after: Metrics | None, prompt_len: int) -> Coldness:
    """What the counters say of a prompt that was sent a second time; of that many tokens, 0 where nobody counted."""
    if before is None or after is None or before.cache is None or after.cache is None:
        return Coldness("not verified", None)
    if after.cache.queries == 0:
        return Coldness("no cache", 0)
    found = after.cache - before.cache
    if found.hits:
        log.warning("the prefix cache still answers after its reset: %d tokens", found.hits)
        return Coldness("warm", found.hits)
    return Coldness("verified" if found.queries >= max(prompt_len, 1) else "not verified", 0)


def settled_metrics(base_url: str, since: Metrics | None, tokens: int, headers: Headers = NO_HEADERS) -> Metrics | None:
    """/metrics once its counters rest, and have moved by `tokens` queries since then, and no request is under way.

    The engine reports a little after it answers; what has not come in 2 s is not waited for. Absent when the
    server has no such page.
    """
    deadline = time.monotonic() + SETTLE_S
    before, now = None, metrics_now(base_url, headers)
    while now is not None and now.cache is not None and time.monotonic() < deadline:
        if _has_moved(since, now.cache, tokens) and before == now.cache and not now.under_way:
            break
        time.sleep(POLL_S)
        before, now = now.cache, metrics_now(base_url, headers)
    return now


def _has_moved(since: Metrics | None, now: PrefixCache, tokens: int) -> bool:
    """A server that has answered to be ready and counted no query has no cache to wait for."""
    if since is None or since.cache is None or since.cache.queries == 0:
        return True
    return now.queries >= since.cache.queries + tokens


def metrics_now(base_url: str, headers: Headers = NO_HEADERS) -> Metrics | None:
    """The page as it is; absent when the server has none."""
    try:
        page = get_text(f"{base_url}/metrics", headers=headers)
    except HttpError:
        return None
    return Metrics(page, prefix_cache(page))


def _tokens(plan: LoadPlan) -> int:
    return plan.input_tokens or 0


def require_success(run: RunRecord, what: str, remedy: str = LOG_TELLS) -> None:
    """LoadError, with the server's words, when not one request of a run succeeded."""
    if any(record.ok for record in run.requests):
        return
    words = sorted({record.error or "" for record in run.requests})
    raise LoadError(
        f"Not one of {len(run.requests)} requests of the {what} succeeded.",
        ("says", "\n".join(words[:3])),
        ("try", remedy),
    )
