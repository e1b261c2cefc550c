"""A server's prefix cache: emptied, and counted."""

import logging
import re
import time
from dataclasses import dataclass

from thorexp.serve.http import NO_HEADERS, Headers, HttpError, post_json
from thorexp.serve.metrics_page import labels, totals, whole_labels

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PrefixCache:
    """vLLM's counters, in tokens: looked up, and found."""

    queries: int
    hits: int

    def __sub__(self, earlier: "PrefixCache") -> "PrefixCache":
        return PrefixCache(self.queries - earlier.queries, self.hits - earlier.hits)


def reset_prefix_cache(base_url: str, headers: Headers = NO_HEADERS) -> bool:
    """Empty the prefix cache; whether the server did. vLLM offers it with VLLM_SERVER_DEV_MODE=1.

    While blocks are in use vLLM refuses, in 0.32 by {"success": false} under HTTP 200; it is asked twice.
    """
    for wait_s in (0.0, 0.5):
        time.sleep(wait_s)
        try:
            said = post_json(f"{base_url}/reset_prefix_cache", None, headers=headers)
        except HttpError as refused:
            if refused.status == 404:
                return False
            said = str(refused)
        else:
            if re.search(r'"success"\s*:\s*false', said) is None:
                return True
    _log.warning("the prefix cache was not reset: %s", said)
    return False


def prefix_cache(metrics: str) -> PrefixCache | None:
    """The counters on a /metrics page, summed over engines; absent when it has none or is no such page."""
    sums = totals(metrics)
    queries, hits = sums.get("vllm:prefix_cache_queries_total"), sums.get("vllm:prefix_cache_hits_total")
    return None if queries is None or hits is None else PrefixCache(int(queries), int(hits))


def block_size(metrics: str) -> int | None:
    """Tokens of a block of the KV cache, as a /metrics page says; absent when it does not."""
    return next(iter(whole_labels(metrics, "vllm:cache_config_info", "block_size")), None)


def is_off(metrics: str) -> bool:
    """Whether a /metrics page says that prompts are not looked up, of all engines."""
    said = [each.get("enable_prefix_caching") for each in labels(metrics, "vllm:cache_config_info")]
    return bool(said) and all(each == "False" for each in said)
