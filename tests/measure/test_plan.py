"""The load plan."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import MS, a_plan, some_asks
from thorexp.errors import ConfigError
from thorexp.measure.plan import LoadPlan, json_number, make_plan, make_warmup
from thorexp.measure.workload import Ask, RandomWorkload

WORKLOAD = RandomWorkload(input_len=4, output_len=8, token_ids=151643)

asks = st.builds(Ask, st.lists(st.integers(0, 3), max_size=3).map(tuple), st.integers(1, 3))
loads = st.tuples(
    st.lists(st.tuples(asks, st.integers(1, 3)), min_size=1, max_size=3),
    st.sampled_from([1, 2]),
    st.booleans(),
)


def plan_of(load: tuple[list[tuple[Ask, int]], int, bool]) -> LoadPlan:
    requests, max_concurrency, ignore_eos = load
    due_ns = tuple(ns for _, ns in requests)
    return a_plan(*(ask for ask, _ in requests), due_ns=due_ns, max_concurrency=max_concurrency, ignore_eos=ignore_eos)


def a_made_plan(**changes: Any) -> LoadPlan:
    """The seed's low load: 10 prompts, one at a time."""
    numbers = {
        "count": 10,
        "max_concurrency": 1,
        "request_rate": math.inf,
        "burstiness": 1.0,
        "ignore_eos": True,
        "seed": 0,
    }
    return make_plan(WORKLOAD, **{**numbers, **changes})


@given(loads, loads)
def test_digests_are_equal_when_and_only_when_the_loads_are(
    one: tuple[list[tuple[Ask, int]], int, bool], other: tuple[list[tuple[Ask, int]], int, bool]
) -> None:
    """A digest stands for every token, due time and limit."""
    assert (one == other) == (plan_of(one).digest == plan_of(other).digest)


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 11},
        {"max_concurrency": 2},
        {"max_concurrency": None},
        {"request_rate": 4.0},
        {"ignore_eos": False},
        {"seed": 1},
    ],
    ids=str,
)
def test_a_changed_load_has_another_digest(changes: dict[str, Any]) -> None:
    """Whatever changes what the server meets changes the digest."""
    assert a_made_plan().digest != a_made_plan(**changes).digest


def test_a_load_keeps_its_digest_for_good() -> None:
    """The digest is of the content alone, so records of any machine and version can be laid side by side."""
    expected = "25f3251d644e6d780de500facab1f76c0b616983b2b8a2161369d3953872cf44"
    assert expected == a_plan(Ask((1, 2, 3), 4), max_concurrency=1).digest


def test_requests_are_numbered_in_the_order_they_are_due() -> None:
    """Index i is the i-th request."""
    plan = a_made_plan(request_rate=4.0)
    assert list(range(10)) == [request.index for request in plan.requests]
    assert sorted(request.due_ns for request in plan.requests) == [request.due_ns for request in plan.requests]


def test_a_constant_rate_is_due_as_written() -> None:
    """Four a second with infinite burstiness are 250 ms apart."""
    plan = a_made_plan(count=3, request_rate=4.0, burstiness=math.inf)
    assert [250 * MS, 500 * MS, 750 * MS] == [request.due_ns for request in plan.requests]


def test_the_rate_does_not_change_the_prompts() -> None:
    """Prompts and arrivals are drawn from generators of their own."""
    at_once, poisson = a_made_plan(), a_made_plan(request_rate=4.0)
    assert [request.ask for request in at_once.requests] == [request.ask for request in poisson.requests]


@pytest.mark.parametrize(("max_concurrency", "streams"), [(None, 10), (3, 3), (10, 10), (64, 10)])
def test_streams_are_the_requests_that_can_be_in_flight(max_concurrency: int | None, streams: int) -> None:
    """No more than the limit, and no more than there are."""
    assert streams == a_made_plan(max_concurrency=max_concurrency).streams


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("load.num_prompts=0", {"count": 0}),
        ("load.max_concurrency=0", {"max_concurrency": 0}),
        ("load.request_rate=0", {"request_rate": 0}),
        ("load.burstiness=0", {"burstiness": 0}),
    ],
)
def test_numbers_that_make_no_load_are_refused_by_their_key(key: str, changes: dict[str, Any]) -> None:
    """The error names the config key and its value."""
    with pytest.raises(ConfigError, match=f"^{key} "):
        a_made_plan(**changes)


def test_warm_up_draws_from_a_stream_of_its_own() -> None:
    """The warm-up of a seed asks none of the prompts that the plan of that seed measures."""
    plan = a_made_plan(count=100)
    warmup = make_warmup(WORKLOAD, plan, count=8, seed=0)
    assert set() == {each.ask.prompt for each in warmup.requests} & {each.ask.prompt for each in plan.requests}


def test_warm_up_does_not_repeat_itself() -> None:
    """Each warm-up request makes the server work: none is served from the cache of another."""
    warmup = make_warmup(WORKLOAD, a_made_plan(), count=8, seed=0)
    assert 8 == len({each.ask.prompt for each in warmup.requests})


def test_warm_up_is_a_closed_loop_of_the_plans_width() -> None:
    """It fills the batch as the plan will, at once."""
    warmup = make_warmup(WORKLOAD, a_made_plan(max_concurrency=4, request_rate=2.0), count=8, seed=0)
    assert (4, {0}) == (warmup.streams, {each.due_ns for each in warmup.requests})


def test_a_plan_as_json_says_what_is_asked_and_when() -> None:
    """Lengths, due times and totals; prompts by their digest."""
    told = a_plan(Ask((1, 2, 3), 4), Ask((1, 2), 6), due_ns=(7, 9), max_concurrency=2).as_json()
    assert (3 + 2, 4 + 6) == (told["input_tokens"], told["output_tokens"])
    assert [(7, 3, 4), (9, 2, 6)] == [(r["due_ns"], r["input_len"], r["output_len"]) for r in told["requests"]]


def test_a_plan_as_json_is_json() -> None:
    """An infinite rate is written as vLLM writes it."""
    assert "inf" == json.loads(json.dumps(a_made_plan().as_json(), allow_nan=False))["request_rate"]


def test_a_finite_rate_is_a_number() -> None:
    """A finite rate stays as it is."""
    assert 4.0 == json_number(4.0)


def test_prompts_that_differ_have_digests_that_differ() -> None:
    """In the JSON a prompt is told from another by its digest."""
    told = a_plan(*some_asks(20)).as_json()
    assert 20 == len({request["prompt_sha256"] for request in told["requests"]})
