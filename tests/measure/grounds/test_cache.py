"""Prompts that were not computed, because the server had them already."""

import pytest

from thorexp.measure.grounds.cache import CacheUse, ColdState, cold_cache_not_verified, prefix_cache_hits

ONE_PERCENT = 0.01


def test_more_hits_than_the_workload_repeats_are_invalid() -> None:
    """Of 1000 tokens 111 were found where 100 are repeated: 11 beyond are more than 1 %."""
    reason = prefix_cache_hits(CacheUse("verified", queries=1000, hits=111, reusable=100), ONE_PERCENT)
    assert reason is not None
    assert ("prefix_cache_hits", "INVALID") == (reason.name, reason.standing)
    assert ("ttft", "e2el", "mfu", "throughput", "goodput", "tokens_per_s", "energy") == reason.metrics
    assert "111 of 1000 prompt tokens were in the prefix cache, the workload repeats 100" == reason.evidence
    assert "VLLM_SERVER_DEV_MODE=1" in reason.remedy


def test_what_a_cold_cache_found_of_prompts_that_it_looked_up_again_is_suspect() -> None:
    """Of 1000 tokens only 900 were asked: the server itself computed what it then found, and the remedy is room."""
    reason = prefix_cache_hits(CacheUse("verified", queries=1000, hits=111, reusable=100, asked=900), ONE_PERCENT)
    assert reason is not None
    assert ("prefix_cache_hits", "SUSPECT") == (reason.name, reason.standing)
    assert ("ttft", "e2el", "mfu", "throughput", "goodput", "tokens_per_s", "energy") == reason.metrics
    said = "111 of 1000 prompt tokens were in the prefix cache, the workload repeats 100"
    assert f"{said}; of 900 that were asked some were looked up again" == reason.evidence
    assert "more KV cache" in reason.remedy


@pytest.mark.parametrize(
    ("state", "asked"),
    [("verified", 1000), ("verified", 1100), ("verified", None), ("not verified", 900), ("warm", 900)],
)
def test_hits_that_no_second_look_explains_are_invalid(state: ColdState, asked: int | None) -> None:
    """All of 1000 was asked, or nobody knows; or the cache may have been warm, whatever was looked up again."""
    reason = prefix_cache_hits(CacheUse(state, queries=1000, hits=111, reusable=100, asked=asked), ONE_PERCENT)
    assert reason is not None
    assert "INVALID" == reason.standing
    assert "VLLM_SERVER_DEV_MODE=1" in reason.remedy


def test_a_second_look_alone_accuses_nobody() -> None:
    """It found no more than the workload repeats, though more was looked up than asked."""
    assert (
        prefix_cache_hits(CacheUse("verified", queries=2000, hits=100, reusable=100, asked=1000), ONE_PERCENT) is None
    )


@pytest.mark.parametrize("hits", [110, 109, 100, 0])
def test_hits_that_the_workload_explains_are_believed(hits: int) -> None:
    """Up to 1 % of what was looked up beyond the 100 that are repeated."""
    assert prefix_cache_hits(CacheUse("verified", queries=1000, hits=hits, reusable=100), ONE_PERCENT) is None


@pytest.mark.parametrize(
    "cache",
    [
        CacheUse("not verified", queries=1000, hits=900, reusable=None),
        CacheUse("not verified", queries=None, hits=None, reusable=100),
        CacheUse("no cache", queries=0, hits=0, reusable=0),
    ],
    ids=["what is repeated", "the counts", "any lookup"],
)
def test_what_is_not_known_of_the_cache_accuses_nobody(cache: CacheUse) -> None:
    """Without each of them nothing is more than expected."""
    assert prefix_cache_hits(cache, ONE_PERCENT) is None


@pytest.mark.parametrize(
    ("cache", "evidence"),
    [
        (
            CacheUse("warm", queries=1000, hits=0, reusable=0),
            "a prompt sent before was found in the prefix cache after its reset",
        ),
        (CacheUse("not verified"), "the server neither resets its prefix cache nor counts its hits"),
        (
            CacheUse("not verified", queries=1000, hits=640, reusable=None),
            "640 prompt tokens were in the prefix cache, and it could not be reset before",
        ),
    ],
    ids=["warm after its reset", "neither reset nor counted", "hits that nobody can foresee"],
)
def test_a_cache_that_may_have_been_warm_is_suspect(cache: CacheUse, evidence: str) -> None:
    """TTFT and all that counts it in; the evidence says how it is known."""
    reason = cold_cache_not_verified(cache)
    assert reason is not None
    assert ("cold_cache_not_verified", "SUSPECT") == (reason.name, reason.standing)
    assert ("ttft", "e2el", "mfu", "throughput", "goodput", "tokens_per_s", "energy") == reason.metrics
    assert evidence == reason.evidence


@pytest.mark.parametrize("state", ["verified", "no cache"])
def test_a_cold_cache_is_believed(state: ColdState) -> None:
    """Whatever the load itself then found in it."""
    assert cold_cache_not_verified(CacheUse(state, queries=1000, hits=100, reusable=None)) is None


@pytest.mark.parametrize(("hits", "reusable"), [(0, None), (640, 640)])
def test_a_cache_that_was_not_reset_is_believed_by_its_hits(hits: int, reusable: int | None) -> None:
    """Without a hit it was of no use; with hits that can be foreseen `prefix_cache_hits` judges them."""
    assert cold_cache_not_verified(CacheUse("not verified", queries=1000, hits=hits, reusable=reusable)) is None
