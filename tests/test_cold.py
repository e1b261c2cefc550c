"""Whether a cache was cold, by the server's own counters."""

import pytest

from tests.records import a_failure, a_plan, a_record, a_run, some_asks
from thorexp.cold import Coldness, Metrics, judge_probe, probe_of, require_success
from thorexp.errors import LoadError
from thorexp.serve.prefix_cache import PrefixCache

BEFORE = Metrics("", PrefixCache(100, 10))


@pytest.mark.parametrize(
    ("after", "prompt_len", "expected"),
    [
        (PrefixCache(132, 10), 32, Coldness("verified", 0)),
        (PrefixCache(132, 26), 32, Coldness("warm", 16)),
        (PrefixCache(100, 10), 32, Coldness("not verified", 0)),
        (PrefixCache(131, 10), 32, Coldness("not verified", 0)),
        (PrefixCache(0, 0), 32, Coldness("no cache", 0)),
        (None, 32, Coldness("not verified", None)),
        (PrefixCache(109, 10), 0, Coldness("verified", 0)),
        (PrefixCache(100, 10), 0, Coldness("not verified", 0)),
    ],
)
def test_a_probe_is_judged_by_what_it_looked_up(after: PrefixCache | None, prompt_len: int, expected: Coldness) -> None:
    """Cold is what looked all of itself up and found nothing; of unknown length, what looked anything up."""
    assert expected == judge_probe(BEFORE, Metrics("", after), prompt_len)


def test_a_probe_is_the_first_prompt_again_for_one_token() -> None:
    """One request, of which all is known."""
    first, *_ = asks = some_asks(3)
    (request,) = probe_of(a_plan(*asks)).requests
    assert (first.prompt, 1) == (request.ask.prompt, request.ask.output_len)


def test_one_success_is_enough() -> None:
    """Failures are data; nothing but failures is not."""
    require_success(a_run(a_failure(), a_record()), "load")
    with pytest.raises(LoadError, match="Not one of 2 requests of the load") as refused:
        require_success(a_run(a_failure("a"), a_failure("b")), "load")
    assert "says  a\n        b" in str(refused.value)


@pytest.mark.parametrize(
    ("page", "under_way"),
    [
        ('vllm:num_requests_running{engine="0"} 2.0\nvllm:num_requests_waiting{engine="0"} 1.0\n', 2 + 1),
        ("vllm:num_requests_running 0.0\n", 0),
        ('vllm:num_requests_waiting_by_reason{reason="capacity"} 1.0\n', None),
        ("", None),
    ],
)
def test_requests_under_way_run_or_wait(page: str, under_way: int | None) -> None:
    """Absent where the page does not say."""
    assert under_way == Metrics(page, None).under_way
