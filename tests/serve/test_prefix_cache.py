"""A server's prefix cache: emptied, and counted."""

import pytest

from tests.serve.saying import saying
from thorexp.serve.prefix_cache import PrefixCache, block_size, is_off, prefix_cache, reset_prefix_cache

PAGE = """# HELP vllm:prefix_cache_queries_total Prefix cache queries, in number of queried tokens.
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0",model_name="q"} 2048.0
vllm:prefix_cache_queries_total{engine="1",model_name="q"} 52.0
# TYPE vllm:prefix_cache_hits_total counter
vllm:prefix_cache_hits_total{engine="0",model_name="q"} 1920.0
# TYPE vllm:prefix_cache_queries_created gauge
vllm:prefix_cache_queries_created{engine="0",model_name="q"} 1.7e9
"""
CONFIG = """# TYPE vllm:cache_config_info gauge
vllm:cache_config_info{block_size="%s",cache_dtype="auto",engine="0",num_gpu_blocks="7"} 1.0
"""


def test_prefix_cache_counters_are_summed_over_engines() -> None:
    """Queries of two engines are 2048 + 52 tokens; creation times are not counted."""
    assert PrefixCache(2048 + 52, 1920) == prefix_cache(PAGE)


def test_a_page_without_the_counters_has_none() -> None:
    """Absent, not zero."""
    assert prefix_cache("# TYPE process_cpu gauge\nprocess_cpu 1\n") is None


def test_counters_of_a_run_are_differences() -> None:
    """What a run looked up and found is after minus before."""
    assert PrefixCache(30, 4) == PrefixCache(130, 14) - PrefixCache(100, 10)


@pytest.mark.parametrize(
    ("status", "body", "done"),
    [
        ("200 OK", "", True),
        ("200 OK", '{"success":true}', True),
        ("200 OK", '{"success":false}', False),
        ("404 Not Found", "", False),
        ("500 Internal Server Error", "", False),
    ],
)
def test_a_reset_is_done_when_the_server_says_so(status: str, body: str, done: bool) -> None:
    """Older vLLM answers an empty 200; 0.32 says in the body whether it did."""
    with saying(f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()) as url:
        assert done == reset_prefix_cache(url)


def test_a_page_says_how_large_a_block_is() -> None:
    """As vLLM does, in a label of its cache's configuration."""
    assert 32 == block_size(PAGE + CONFIG % 32)


@pytest.mark.parametrize("page", [PAGE, CONFIG % "None", CONFIG.replace("block_size", "size") % 32, "<html>", ""])
def test_a_page_that_does_not_say_how_large_a_block_is(page: str) -> None:
    """Absent, so that nobody takes a guess for what was said."""
    assert block_size(page) is None


ENGINE = 'vllm:cache_config_info{enable_prefix_caching="%s",engine="%d"} 1.0\n'


@pytest.mark.parametrize(
    ("page", "off"),
    [
        (ENGINE % ("False", 0), True),
        (ENGINE % ("True", 0), False),
        (ENGINE % ("False", 0) + ENGINE % ("True", 1), False),
        (PAGE + CONFIG % 32, False),
        ("", False),
    ],
)
def test_a_prefix_cache_is_off_by_the_word_of_all_engines(page: str, off: bool) -> None:
    """What says nothing of it may have one."""
    assert off == is_off(page)
