"""The load plan."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import S, a_plan, some_asks
from thorexp.measure.plan import LoadPlan, PlannedRequest, Stage, json_number, with_asks, without
from thorexp.measure.workload import Ask

A, B, C, D = some_asks(4, tokens=4, input_len=8)

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


def stages(*stages: Stage, drain: bool = True) -> LoadPlan:
    return LoadPlan(stages, ignore_eos=True, drain=drain)


def talks(*turns: int, first: int = 0, limits: tuple[tuple[int, int], ...] = ()) -> Stage:
    """A stage of conversations of so many turns, prompts of 8 tokens, answers of 4."""
    requests: list[PlannedRequest] = []
    for count in turns:
        for turn in range(count):
            index = first + len(requests)
            requests.append(PlannedRequest(index, 0, A, index - 1 if turn else None))
    return Stage("talks", tuple(requests), limits)


def numbered(plan: LoadPlan) -> list[tuple[int, int | None]]:
    """Each request with the one that it follows."""
    return [(request.index, request.follows) for request in plan.requests]


@given(loads, loads)
def test_digests_are_equal_when_and_only_when_the_loads_are(
    one: tuple[list[tuple[Ask, int]], int, bool], other: tuple[list[tuple[Ask, int]], int, bool]
) -> None:
    """A digest stands for every token, due time and limit."""
    assert (one == other) == (plan_of(one).digest == plan_of(other).digest)


TWO = stages(
    Stage("one", (PlannedRequest(0, 1, A), PlannedRequest(1, 2, B)), ((0, 2),), 9 * S, closed=False),
    Stage("two", (PlannedRequest(2, 3, C),), ((0, 2),), 9 * S, closed=False),
)
FIRST, SECOND = TWO.stages


def first_changed(request: PlannedRequest) -> LoadPlan:
    """TWO with another first request."""
    return replace(TWO, stages=(replace(FIRST, requests=(request, *FIRST.requests[1:])), SECOND))


@pytest.mark.parametrize(
    "other",
    [
        replace(TWO, ignore_eos=False),
        replace(TWO, drain=False),
        replace(TWO, stages=(FIRST,)),
        replace(TWO, stages=(replace(FIRST, limits=((0, 1),)), SECOND)),
        replace(TWO, stages=(replace(FIRST, limits=((0, 2), (S, 3))), SECOND)),
        replace(TWO, stages=(replace(FIRST, closed=True), SECOND)),
        replace(TWO, stages=(replace(FIRST, requests=FIRST.requests + SECOND.requests), replace(SECOND, requests=()))),
        first_changed(PlannedRequest(0, 2, A)),
        first_changed(PlannedRequest(0, 1, D)),
        first_changed(PlannedRequest(0, 1, replace(A, output_len=5))),
        first_changed(PlannedRequest(0, 1, replace(A, output_len=None, reference="word"))),
        first_changed(PlannedRequest(0, 1, replace(A, prompt="0 1 2 3"))),
        first_changed(PlannedRequest(0, 1, replace(A, prompt=({"role": "user", "content": "0"},)))),
        replace(TWO, stages=(replace(FIRST, requests=(FIRST.requests[0], PlannedRequest(1, 2, B, 0))), SECOND)),
    ],
)
def test_whatever_the_server_meets_changes_the_digest(other: LoadPlan) -> None:
    """Prompts, lengths, times, limits, stages, and whose turn follows whose."""
    assert TWO.digest != other.digest


@pytest.mark.parametrize(
    "other",
    [
        replace(TWO, stages=(replace(FIRST, name="calm"), SECOND)),
        replace(TWO, stages=(replace(FIRST, length_ns=10 * S), SECOND)),
        replace(TWO, request_rate=4.0),
        first_changed(PlannedRequest(0, 1, replace(A, counted=8))),
    ],
)
def test_what_the_server_does_not_notice_keeps_the_digest(other: LoadPlan) -> None:
    """Names, the length of an open stage that is waited for anyway, what somebody counted."""
    assert TWO.digest == other.digest


@pytest.mark.parametrize(
    "plan",
    [replace(TWO, drain=False), replace(TWO, stages=(replace(FIRST, closed=True), SECOND))],
    ids=["the next begins then", "a closed loop ends then"],
)
def test_a_length_that_decides_something_changes_the_digest(plan: LoadPlan) -> None:
    """Ten seconds in place of nine."""
    first, second = plan.stages
    assert plan.digest != replace(plan, stages=(replace(first, length_ns=10 * S), second)).digest


def test_a_load_keeps_its_digest_for_good() -> None:
    """The digest is of the content alone, so records of any machine and version can be laid side by side."""
    expected = "69172ab3d1b4a1d7db36f5763549fdaf89f34c49717750bf20d9694770b84ecc"
    assert expected == a_plan(Ask((1, 2, 3), 4), max_concurrency=1).digest


@pytest.mark.parametrize(("max_concurrency", "streams"), [(None, 4), (3, 3), (4, 4), (64, 4)])
def test_streams_are_the_requests_that_can_be_in_flight(max_concurrency: int | None, streams: int) -> None:
    """No more than the limit, and no more than there are."""
    assert streams == a_plan(A, B, C, D, max_concurrency=max_concurrency).streams


def test_a_conversation_is_one_stream() -> None:
    """Its turns wait for each other."""
    assert 2 == stages(talks(4, 1)).streams


@pytest.mark.parametrize(("drain", "streams"), [(True, 3), (False, 2 + 3)])
def test_stages_that_wait_for_each_other_share_their_streams(drain: bool, streams: int) -> None:
    """Without waiting, what is left of the first is in flight with the second."""
    assert streams == stages(talks(1, 1), talks(1, 1, 1, first=2), drain=drain).streams


@pytest.mark.parametrize(
    ("one", "other", "most"), [(((0, 2),), ((0, 1), (S, 5)), 5), (((0, 2),), (), None), ((), (), None)]
)
def test_the_largest_limit_is_that_of_a_plan(
    one: tuple[tuple[int, int], ...], other: tuple[tuple[int, int], ...], most: int | None
) -> None:
    """A stage without one leaves the plan without."""
    assert most == stages(talks(1, limits=one), talks(1, first=1, limits=other)).max_concurrency


def test_one_stage_of_its_own_times_makes_a_plan_open() -> None:
    """Someone is then kept waiting when the server does not keep up."""
    assert (True, False) == (TWO.is_open, stages(talks(1)).is_open)


def test_lengths_hold_what_was_said_before() -> None:
    """Prompts of 8 and answers of 4: the third turn comes behind two of them."""
    assert {0: 12, 1: 2 * 12, 2: 3 * 12, 3: 12} == dict(stages(talks(3, 1)).lengths)


def test_what_nobody_has_counted_is_left_out_of_lengths() -> None:
    """A text of unknown length, and an answer as long as another."""
    assert {0: 4, 1: 8, 2: 5 + 4} == dict(
        a_plan(Ask("a text", 4), Ask((1,) * 8, None, "word"), Ask("a text", 4, counted=5)).lengths
    )


@pytest.mark.parametrize(
    ("unknown", "of"),
    [
        (Ask("a text", 4), lambda plan: plan.input_tokens),
        (Ask((1, 2), None, "an answer"), lambda plan: plan.output_tokens),
    ],
    ids=["in", "out"],
)
def test_totals_are_absent_while_one_is_unknown(unknown: Ask, of: Callable[[LoadPlan], int | None]) -> None:
    """Not a sum of what is known."""
    assert (None, 2) == (of(a_plan(A, unknown)), of(a_plan(Ask((1, 2), 2))))


def test_other_content_leaves_the_load_as_it_is() -> None:
    """Each request gets the ask of its index, in any stage."""
    changed = with_asks(TWO, (C, B, A))
    assert [C, B, A] == [request.ask for request in changed.requests]
    assert with_asks(changed, (A, B, C)) == TWO


def test_a_conversation_is_left_out_as_a_whole() -> None:
    """Its second turn is too long, so neither the first nor the third is asked; others are numbered anew."""
    left = without(stages(talks(2, 3), talks(1, 2, first=5)), {3})
    assert [(0, None), (1, 0), (2, None), (3, None), (4, 3)] == numbered(left)
    assert [2, 3] == [len(stage.requests) for stage in left.stages]


def test_what_is_left_keeps_its_times() -> None:
    """Nobody moves up."""
    assert [2, 3] == [request.due_ns for request in without(TWO, {0}).requests]


def test_without_nothing_is_the_same() -> None:
    """Plans compare by what is in them."""
    assert without(TWO, frozenset()) == TWO


def test_a_plan_as_json_says_what_is_asked_and_when() -> None:
    """Lengths, due times and totals; prompts by their digest."""
    told = a_plan(Ask((1, 2, 3), 4), Ask((1, 2), 6), due_ns=(7, 9), max_concurrency=2).as_json()
    assert (3 + 2, 4 + 6, 2) == (told["input_tokens"], told["output_tokens"], told["max_concurrency"])
    (stage,) = told["stages"]
    assert ("load", [[0, 2]], False) == (stage["name"], stage["limits"], stage["closed"])
    assert [(7, 3, 4), (9, 2, 6)] == [(r["due_ns"], r["input_len"], r["output_len"]) for r in stage["requests"]]


def test_a_plan_as_json_is_json() -> None:
    """An infinite rate is written as vLLM writes it; messages have a digest too."""
    plan = a_plan(Ask(({"role": "user", "content": "a text"},), None, "word"))
    told = json.loads(json.dumps(plan.as_json(), allow_nan=False))
    assert ("inf", None) == (told["request_rate"], told["input_tokens"])


def test_a_finite_rate_is_a_number() -> None:
    """A finite rate stays as it is."""
    assert 4.0 == json_number(4.0)


def test_prompts_that_differ_have_digests_that_differ() -> None:
    """In the JSON a prompt is told from another by its digest."""
    (stage,) = a_plan(*some_asks(20)).as_json()["stages"]
    assert 20 == len({request["prompt_sha256"] for request in stage["requests"]})
