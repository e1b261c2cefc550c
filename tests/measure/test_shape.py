"""A load's shape, as a plan."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.records import MS, S
from thorexp.errors import ConfigError
from thorexp.measure.arrivals import Ramp, Rate
from thorexp.measure.plan import LoadPlan, Stage
from thorexp.measure.shape import WARMUP_INPUT_LEN, WARMUP_OUTPUT_LEN, Shape, make_plan, make_warmup
from thorexp.measure.trace import Trace, TraceRow, TraceWorkload
from thorexp.measure.workload import Ask, Conversation, RandomWorkload

TOKEN_IDS = 151643
WORKLOAD = RandomWorkload(input_len=4, output_len=8, token_ids=TOKEN_IDS)
TALKS = RandomWorkload(input_len=4, output_len=8, token_ids=TOKEN_IDS, turns=3, think_time_s=1.0)


@dataclass(frozen=True, slots=True)
class Texts:
    """So many texts, that a file might have."""

    total: int = 5

    def conversations(self, count: int | None, _rng: np.random.Generator) -> tuple[Conversation, ...]:
        """The first ones."""
        return tuple((Ask(f"text {i}", None, "word"),) for i in range(self.total))[:count]


def steady(rate: float) -> Rate:
    return Rate(rate, rate)


def a_shape(**changes: Any) -> Shape:
    """The seed's low load: 10 prompts, one at a time."""
    return Shape(**{"name": "low", "count": 10, "max_concurrency": 1, **changes})


def made(*shapes: Shape, workload: Any = WORKLOAD, drain: bool = True, seed: int = 0) -> LoadPlan:
    return make_plan(workload, shapes, ignore_eos=True, drain=drain, seed=seed)


def only(plan: LoadPlan) -> Stage:
    (stage,) = plan.stages
    return stage


def due_s(stage: Stage) -> list[float]:
    return [request.due_ns / S for request in stage.requests]


def prompts(plan: LoadPlan) -> list[Any]:
    return [request.ask.prompt for request in plan.requests]


def test_a_closed_loop_is_due_at_once() -> None:
    """Ten requests as there is room for them, for as long as they take."""
    stage = only(made(a_shape(max_concurrency=3)))
    assert 10 * [0.0] == due_s(stage)
    assert (((0, 3),), None, True) == (stage.limits, stage.length_ns, stage.closed)


def test_a_closed_loop_of_a_duration_ends_with_it() -> None:
    """No more begin after five seconds."""
    assert (5 * S, True) == ((stage := only(made(a_shape(duration_s=5.0)))).length_ns, stage.closed)


def test_an_open_load_by_count_takes_as_long_as_its_rate() -> None:
    """Ten at 4/s, Poisson, are over after 2.5 s."""
    stage = only(made(a_shape(rate=steady(4.0), max_concurrency=None)))
    assert sorted(due_s(stage)) == due_s(stage)
    assert (2.5, 2_500 * MS, False, ()) == (due_s(stage)[-1], stage.length_ns, stage.closed, stage.limits)


def test_an_open_load_by_duration_has_as_many_as_its_rate() -> None:
    """4/s over 3 s are twelve."""
    stage = only(made(a_shape(count=None, duration_s=3.0, rate=steady(4.0))))
    assert (12, 3 * S) == (len(stage.requests), stage.length_ns)


def test_a_count_cuts_a_load_that_would_be_longer() -> None:
    """Five of the twelve, at the times that they have among the twelve, in a stage of 3 s."""
    whole = only(made(a_shape(count=None, duration_s=3.0, rate=steady(4.0))))
    cut = only(made(a_shape(count=5, duration_s=3.0, rate=steady(4.0))))
    assert (due_s(whole)[:5], 3 * S) == (due_s(cut), cut.length_ns)


def test_a_count_that_the_duration_does_not_reach_is_not_reached() -> None:
    """4/s over 3 s are twelve of a hundred."""
    assert 12 == len(made(a_shape(count=100, duration_s=3.0, rate=steady(4.0))).requests)


def test_a_constant_rate_is_due_as_written() -> None:
    """Four a second with infinite burstiness are 250 ms apart."""
    plan = made(a_shape(count=3, rate=steady(4.0), burstiness=math.inf))
    assert [250 * MS, 500 * MS, 750 * MS] == [request.due_ns for request in plan.requests]


def test_a_ramp_of_the_rate_comes_closer_and_closer() -> None:
    """1 to 3/s over 10 s are twenty, each gap shorter than the one before."""
    shape = a_shape(count=None, duration_s=10.0, rate=Rate(1.0, 3.0), burstiness=math.inf)
    due = due_s(only(made(shape)))
    gaps = [later - earlier for earlier, later in pairwise(due)]
    assert (20, 10.0) == (len(due), due[-1])
    assert sorted(gaps, reverse=True) == gaps


def test_a_ramp_of_the_limit_holds_each_as_long() -> None:
    """1 to 4 over 8 s: one more every 2 s."""
    shape = a_shape(max_concurrency=1, max_concurrency_end=4, duration_s=8.0)
    assert ((0, 1), (2 * S, 2), (4 * S, 3), (6 * S, 4)) == only(made(shape)).limits


def test_an_exponential_ramp_doubles_in_equal_times() -> None:
    """1 to 7 (the curve goes on to 8) over 3 s reaches 2 and 4 after one and two."""
    shape = a_shape(max_concurrency=1, max_concurrency_end=7, duration_s=3.0, ramp=Ramp.exponential)
    at = {limit: offset_ns for offset_ns, limit in only(made(shape)).limits}
    assert (0, 1 * S, 2 * S) == (at[1], at[2], at[4])


def test_bursts_come_together_at_the_same_rate() -> None:
    """Ten at 2/s, five at a moment, are two bursts in 5 s."""
    shape = a_shape(rate=steady(2.0), burst_size=5, burstiness=math.inf)
    assert 5 * [2.5] + 5 * [5.0] == due_s(only(made(shape)))


def test_requests_are_numbered_through_all_stages() -> None:
    """The second stage goes on where the first ends, and each counts its times anew."""
    plan = made(a_shape(count=2, rate=steady(1.0)), a_shape(count=3, rate=steady(1.0)))
    assert [[0, 1], [2, 3, 4]] == [[request.index for request in stage.requests] for stage in plan.stages]
    assert [2.0, 3.0] == [due_s(stage)[-1] for stage in plan.stages]


def test_no_prompt_is_asked_in_two_stages() -> None:
    """Both draw from one workload, the second what the first has left."""
    both = made(a_shape(count=4), a_shape(count=6))
    assert prompts(made(a_shape(count=10))) == prompts(both)


def test_stages_have_arrivals_of_their_own() -> None:
    """Two stages of one rate are not one twice."""
    one, other = made(a_shape(rate=steady(1.0)), a_shape(rate=steady(1.0))).stages
    assert due_s(one) != due_s(other)


def test_a_load_of_one_stage_draws_as_the_first_of_several() -> None:
    """What comes after does not change what comes first."""
    alone, with_another = made(a_shape(rate=steady(1.0))), made(a_shape(rate=steady(1.0)), a_shape())
    assert alone.stages[0] == with_another.stages[0]


def test_turns_follow_each_other() -> None:
    """Two conversations of three turns: first turns are due by the rate, later ones after they were thought over."""
    requests = made(a_shape(count=2, rate=steady(1.0), burstiness=math.inf), workload=TALKS).requests
    assert [None, 0, 1, None, 3, 4] == [request.follows for request in requests]
    assert [1 * S, 2 * S] == [requests[0].due_ns, requests[3].due_ns]
    assert [r.ask.think_ns for r in requests if r.follows is not None] == [
        r.due_ns for r in requests if r.follows is not None
    ]
    assert len({r.due_ns for r in requests}) == 6


def test_stages_of_conversations_count_conversations() -> None:
    """One of three turns, then two of three: nine requests, the second stage from index 3 on."""
    plan = made(a_shape(count=1), a_shape(count=2), workload=TALKS)
    assert [[0, 1, 2], [3, 4, 5, 6, 7, 8]] == [[r.index for r in stage.requests] for stage in plan.stages]


def test_without_a_count_a_file_is_asked_to_its_end() -> None:
    """All five of five."""
    assert 5 == len(made(a_shape(count=None), workload=Texts()).requests)


def test_an_open_load_without_a_count_asks_a_file_to_its_end() -> None:
    """Five at 2/s are over after 2.5 s."""
    stage = only(made(a_shape(count=None, rate=steady(2.0)), workload=Texts()))
    assert (5, 2.5) == (len(stage.requests), due_s(stage)[-1])


TRACE = TraceWorkload(
    Trace(tuple(TraceRow(s * S, 4, 8, None, line) for line, s in enumerate((0, 1, 3, 7), 1)), "t"), TOKEN_IDS, 0
)


def test_a_trace_is_due_when_it_was() -> None:
    """Its own times, and no loop that waits for room."""
    stage = only(made(a_shape(count=None, due_ns=TRACE.due_ns(None, 1.0)), workload=TRACE))
    assert ([0.0, 1.0, 3.0, 7.0], 7 * S, False) == (due_s(stage), stage.length_ns, stage.closed)


def test_a_scaled_trace_is_due_later() -> None:
    """Twice the time."""
    assert (0, 2 * S, 6 * S, 14 * S) == TRACE.due_ns(None, 2.0)


@pytest.mark.parametrize(("duration_s", "due"), [(2.9, [0, 1]), (3.0, [0, 1, 3]), (60.0, [0, 1, 3, 7])])
def test_a_duration_takes_as_much_of_a_trace(duration_s: float, due: list[float]) -> None:
    """What is due by then."""
    shape = a_shape(count=None, duration_s=duration_s, due_ns=TRACE.due_ns(None, 1.0))
    assert due == due_s(only(made(shape, workload=TRACE)))


def test_a_count_takes_the_first_of_a_trace() -> None:
    """Two of four."""
    shape = a_shape(count=2, due_ns=TRACE.due_ns(2, 1.0))
    assert [0, 1] == due_s(only(made(shape, workload=TRACE)))


@pytest.mark.parametrize(
    ("shapes", "rate"),
    [
        ((a_shape(rate=steady(4.0)),), 4.0),
        ((a_shape(),), math.inf),
        ((a_shape(rate=Rate(1.0, 4.0)),), math.inf),
        ((a_shape(rate=steady(4.0)), a_shape(rate=steady(4.0))), math.inf),
        ((a_shape(rate=steady(4.0), due_ns=tuple(range(10))),), math.inf),
    ],
)
def test_a_plan_has_a_rate_where_one_holds_throughout(shapes: tuple[Shape, ...], rate: float) -> None:
    """A ramp, several stages and a trace have none."""
    assert rate == made(*shapes).request_rate


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 11},
        {"max_concurrency": 2},
        {"max_concurrency": None},
        {"rate": steady(4.0)},
        {"duration_s": 60.0},
        {"rate": steady(4.0), "burst_size": 2},
        {"rate": Rate(4.0, 8.0)},
    ],
    ids=str,
)
def test_another_shape_is_another_load(changes: dict[str, Any]) -> None:
    """Whatever changes what the server meets changes the digest."""
    assert made(a_shape()).digest != made(a_shape(**changes)).digest


def test_another_seed_is_another_load() -> None:
    """Seed 0 is a seed."""
    assert made(a_shape()).digest != made(a_shape(), seed=1).digest


def test_the_rate_does_not_change_the_prompts() -> None:
    """Prompts and arrivals are drawn from generators of their own."""
    assert prompts(made(a_shape())) == prompts(made(a_shape(rate=steady(4.0))))


def refusal(*shapes: Shape, workload: Any = WORKLOAD, drain: bool = True) -> ConfigError:
    with pytest.raises(ConfigError) as refused:
        made(*shapes, workload=workload, drain=drain)
    return refused.value


@pytest.mark.parametrize("key", ["load", "load.stages[1]"])
@pytest.mark.parametrize(
    ("said", "changes"),
    [
        (".num_prompts=0 is no load.", {"count": 0}),
        (".max_concurrency=0 lets nothing through.", {"max_concurrency": 0}),
        (".duration_s=0.0 is no time.", {"duration_s": 0.0}),
        (".duration_s=-1.0 is no time.", {"duration_s": -1.0}),
        (".duration_s=inf is no time.", {"duration_s": math.inf}),
        (".duration_s=nan is no time.", {"duration_s": math.nan}),
        (".duration_s=0.1 is too short for a request.", {"duration_s": 0.1, "rate": steady(1.0), "count": None}),
        (".num_prompts is missing", {"count": None, "duration_s": 9.0}),
        (".max_concurrency_end=4 is a ramp", {"max_concurrency_end": 4}),
        (".max_concurrency_end=4 is a ramp", {"max_concurrency_end": 4, "duration_s": 9.0, "max_concurrency": None}),
    ],
)
def test_numbers_that_make_no_load_are_refused_by_their_key(key: str, said: str, changes: dict[str, Any]) -> None:
    """The error begins with the full key, of the stage if there are stages."""
    wrong = a_shape(key=key, **changes)
    refused = refusal(wrong) if key == "load" else refusal(a_shape(key="load.stages[0]"), wrong)
    assert refused.headline.startswith(key + said)


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        ("load.burstiness=0 is not above 0.", {"burstiness": 0, "rate": steady(1.0)}),
        ("load.burst_size=0 is below 1.", {"burst_size": 0, "rate": steady(1.0)}),
        ("load.max_concurrency_end=0 lets nothing through.", {"max_concurrency_end": 0, "duration_s": 9.0}),
    ],
)
def test_what_arrivals_refuse_is_said_to_be_of_its_stage(said: str, changes: dict[str, Any]) -> None:
    """The key is the load's, since a stage may have it from there; the stage stands below."""
    refused = refusal(a_shape(key="load.stages[0]"), a_shape(key="load.stages[1]", **changes))
    assert (said, ("where", "load.stages[1]")) == (
        refused.headline,
        (refused.facts[0].label, refused.facts[0].text),
    )
    assert "stages" not in str(refusal(a_shape(**changes)))


def test_what_is_too_short_says_what_would_do() -> None:
    """At 0.5/s the first is due after 2 s; 4 s are long enough."""
    refused = refusal(a_shape(count=None, duration_s=0.5, rate=steady(0.5)))
    assert ("try", "load.duration_s=4") == (refused.facts[-1].label, refused.facts[-1].text)


def test_stages_do_not_share_a_file_without_counts() -> None:
    """Nobody says how much of it is the first's."""
    refused = refusal(
        a_shape(key="load.stages[0]"), a_shape(count=None, key="load.stages[1]"), workload=Texts(total=99)
    )
    assert "load.stages[1].num_prompts is missing." == refused.headline


def test_a_random_load_has_a_count() -> None:
    """It has no end of its own."""
    assert "load.num_prompts is missing: random workloads do not end." == refusal(a_shape(count=None)).headline


def test_a_stage_that_nothing_ends_is_waited_for() -> None:
    """Without draining, a closed loop has to have a duration, unless it is the last."""
    one, other = a_shape(key="load.stages[0]"), a_shape(key="load.stages[1]")
    assert refusal(one, other, drain=False).headline.startswith("load.stages[0] has no end")
    made(one, other, drain=True)
    made(a_shape(duration_s=9.0), other, drain=False)
    made(a_shape(rate=steady(1.0)), other, drain=False)


def a_warmup(plan: LoadPlan, count: int = 8) -> LoadPlan:
    return make_warmup(plan, count=count, token_ids=TOKEN_IDS, seed=0)


def test_warm_up_asks_none_of_the_prompts_of_the_plan() -> None:
    """It draws from a generator of its own."""
    plan = made(a_shape(count=100))
    assert set() == set(prompts(a_warmup(plan))) & set(prompts(plan))


def test_warm_up_does_not_repeat_itself() -> None:
    """Each warm-up request makes the server work: none is served from the cache of another."""
    assert 8 == len(set(prompts(a_warmup(made(a_shape(count=3))))))


def test_warm_up_is_as_long_as_the_first_of_the_plan() -> None:
    """Over again when there are fewer of those."""
    workload = RandomWorkload(input_len=100, output_len=50, token_ids=TOKEN_IDS, range_ratio=0.5)
    plan = made(a_shape(count=3), workload=workload)
    lengths = [(request.ask.input_len, request.ask.output_len) for request in plan.requests]
    assert [*lengths, *lengths, *lengths[:2]] == [
        (request.ask.input_len, request.ask.output_len) for request in a_warmup(plan).requests
    ]


def test_warm_up_for_texts_is_of_ids_too() -> None:
    """Of lengths that are taken for theirs."""
    asks = [request.ask for request in a_warmup(made(a_shape(count=2), workload=Texts()), 3).requests]
    assert 3 * [(WARMUP_INPUT_LEN, WARMUP_OUTPUT_LEN)] == [(len(ask.token_ids or ()), ask.output_len) for ask in asks]


def test_warm_up_is_a_closed_loop_of_the_plans_width() -> None:
    """It fills the batch as the plan will, at once."""
    warmup = a_warmup(made(a_shape(max_concurrency=4, rate=steady(2.0))))
    assert (4, {0}, False) == (warmup.streams, {each.due_ns for each in warmup.requests}, warmup.is_open)


def test_warm_up_for_conversations_has_none() -> None:
    """Eight requests of one turn each."""
    assert 8 * [None] == [each.follows for each in a_warmup(made(a_shape(), workload=TALKS)).requests]
