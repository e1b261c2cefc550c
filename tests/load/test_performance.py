"""Stages, limits that change and conversations, played against a server that knows what it met."""

import json
from collections.abc import Sequence
from itertools import accumulate

import pytest

from tests.golden import GoldenServer, Manner, Served, Settings, Truth, golden_server, text_of
from tests.records import MS, S, a_plan, some_asks
from thorexp.errors import DeathError
from thorexp.load.generator import play
from thorexp.load.stop import StopWhen
from thorexp.load.target import Api, Target
from thorexp.measure.metrics import Slo
from thorexp.measure.plan import LoadPlan, PlannedRequest, Stage
from thorexp.measure.records import RequestRecord, RunRecord
from thorexp.measure.workload import Ask

HOUR_NS = 3600 * S
IDS = (1000, 1001, 1002, 1003)  # of the golden server's answer of four tokens


def alive() -> None:
    """The server is there."""


def played(
    plan: LoadPlan, settings: Settings, *, api: Api = "completions", stop_when: StopWhen | None = None
) -> tuple[RunRecord, Truth]:
    """A plan played against a server of its own: what the client says of it, and what the server did."""
    with golden_server(settings) as server:
        target = Target(server.base_url, "golden", api=api)
        run = play(plan, target, check_alive=alive, stop_when=stop_when)
        return run, server.truth()


def stages(*parts: Stage, drain: bool = True) -> LoadPlan:
    """One after the other, their requests numbered through."""
    firsts = accumulate((len(part.requests) for part in parts), initial=0)
    return LoadPlan(
        tuple(
            Stage(
                part.name,
                tuple(
                    PlannedRequest(first + each.index, each.due_ns, numbered(each.ask, first), each.follows)
                    for each in part.requests
                ),
                part.limits,
                part.length_ns,
                part.closed,
            )
            for part, first in zip(parts, firsts, strict=False)
        ),
        ignore_eos=True,
        drain=drain,
    )


def numbered(ask: Ask, first: int) -> Ask:
    """A prompt of its own in the whole plan."""
    return Ask((first, *(ask.token_ids or ())), ask.output_len)


def a_stage(
    count: int,
    *,
    tokens: int = 1,
    due_ns: tuple[int, ...] | None = None,
    limits: tuple[tuple[int, int], ...] = (),
    length_ns: int | None = None,
) -> Stage:
    """A closed loop, or an open one where requests are due at times of their own."""
    due = due_ns or (0,) * count
    requests = tuple(PlannedRequest(i, due[i], ask) for i, ask in enumerate(some_asks(count, tokens=tokens)))
    return Stage(f"{count} requests", requests, limits, length_ns, closed=due_ns is None)


def a_talk(*asks: Ask, limit: int | None = None, talks: int = 1) -> LoadPlan:
    """So many conversations of these turns."""
    requests = [
        PlannedRequest(index, ask.think_ns, ask, index - 1 if turn else None)
        for index, (turn, ask) in enumerate((turn, ask) for _ in range(talks) for turn, ask in enumerate(asks))
    ]
    limits = () if limit is None else ((0, limit),)
    return LoadPlan((Stage("talk", tuple(requests), limits),), ignore_eos=True)


def served(truth: Truth, record: RequestRecord, plan: LoadPlan) -> Served:
    return truth.of(plan.requests[record.index].ask.token_ids or ())


def errors(run: RunRecord) -> set[str | None]:
    return {record.error for record in run.requests}


def levels(truth: Truth) -> list[tuple[int, int]]:
    """When the number in flight changed, and to what."""
    changes = [(each.arrived_ns, 1) for each in truth.served]
    changes += [(each.ended_ns, -1) for each in truth.served if each.ended_ns is not None]
    level, found = 0, []
    for at_ns, change in sorted(changes):
        level += change
        found.append((at_ns, level))
    return found


@pytest.mark.parametrize("limit", [1, 5])
def test_a_closed_loop_never_has_more_in_flight(limit: int) -> None:
    """Without a limit of time it asks all that is planned."""
    run, truth = played(stages(a_stage(40, limits=((0, limit),))), Settings(ttft_s=0.005))
    assert ({None}, 40, True) == (errors(run), len(truth.served), truth.peak <= limit)


def test_a_limit_that_rises_lets_in_more() -> None:
    """From 1 to 6 after 400 ms: never over the limit of the moment, and then up to it."""
    plan = stages(a_stage(200, limits=((0, 1), (400 * MS, 6)), length_ns=S))
    run, truth = played(plan, Settings(ttft_s=0.1))
    rises_ns = run.stages[0].start_ns + 400 * MS
    assert 1 == max(level for at_ns, level in levels(truth) if at_ns < rises_ns)
    assert 6 == truth.peak


def test_a_limit_that_falls_is_reached_as_answers_end() -> None:
    """From 6 to 2 after 300 ms: whoever is begun after that finds no more than one other."""
    plan = stages(a_stage(200, limits=((0, 6), (300 * MS, 2)), length_ns=3 * S // 2))
    run, truth = played(plan, Settings(ttft_s=0.1))
    falls_ns = run.stages[0].start_ns + 300 * MS
    assert 6 == truth.peak
    last_before_ns = max(each.ended_ns or 0 for each in truth.served if each.arrived_ns < falls_ns + 500 * MS)
    later = [level for at_ns, level in levels(truth) if at_ns > last_before_ns]
    assert later
    assert max(later) <= 2


@pytest.fixture(scope="module")
def timed() -> tuple[RunRecord, Truth]:
    """A closed loop of two at a time, for half a second, with more to ask than there is time for."""
    return played(stages(a_stage(5000, limits=((0, 2),), length_ns=S // 2)), Settings(ttft_s=0.03))


def test_a_timed_closed_loop_begins_nothing_after_its_length(timed: tuple[RunRecord, Truth]) -> None:
    """Who was let in just before goes on, at most as many as may be under way."""
    run, truth = timed
    over_ns = run.stages[0].start_ns + S // 2
    assert ({None}, 2) == (errors(run), truth.peak)
    assert 2 >= sum((record.sent_ns or 0) > over_ns for record in run.requests)
    assert run.stages[0].end_ns >= max(record.token_ns[-1] for record in run.requests)


def test_what_a_timed_closed_loop_did_not_come_to_is_no_record(timed: tuple[RunRecord, Truth]) -> None:
    """Nothing was asked of it, so nothing failed; what was asked is all there, in order."""
    run, truth = timed
    assert 1 < len(run.requests) == len(truth.served) < 5000
    assert list(range(len(run.requests))) == [record.index for record in run.requests]


def test_a_timed_closed_loop_that_runs_out_is_over() -> None:
    """It does not wait for its time with nothing to ask."""
    run, _ = played(stages(a_stage(3, length_ns=HOUR_NS)), Settings())
    assert 3 == len(run.requests)
    assert run.end_ns - run.start_ns < HOUR_NS


def test_a_drained_stage_is_answered_before_the_next_begins() -> None:
    """To its last token; each request knows its stage, each stage its time."""
    plan = stages(a_stage(4, tokens=4), a_stage(6, limits=((0, 3),)), a_stage(2, due_ns=(0, 10 * MS)))
    run, truth = played(plan, Settings(ttft_s=0.02, itl_s=0.01))
    assert {None} == errors(run)
    assert [0] * 4 + [1] * 6 + [2] * 2 == [record.stage for record in run.requests]
    assert ["4 requests", "6 requests", "2 requests"] == [stage.name for stage in run.stages]
    for number, stage in enumerate(run.stages):
        requests = [record for record in run.requests if record.stage == number]
        assert all(stage.start_ns <= served(truth, record, plan).arrived_ns for record in requests)
        assert max(record.token_ns[-1] for record in requests) <= stage.end_ns <= run.end_ns
        if number:
            assert run.stages[number - 1].end_ns <= stage.start_ns


def test_an_undrained_stage_ends_at_its_time() -> None:
    """The next begins to the nanosecond when its time is over, though the server has answered nobody."""
    plan = stages(
        a_stage(3, due_ns=(0, 0, 0), length_ns=200 * MS),
        a_stage(3, due_ns=(0, 0, 50 * MS), length_ns=100 * MS),
        drain=False,
    )
    run, truth = played(plan, Settings(together=6))
    first, second = run.stages
    assert ({None}, 6) == (errors(run), truth.peak)
    assert 200 * MS == second.start_ns - first.start_ns
    assert first.end_ns > second.start_ns
    assert [0, 0, 50 * MS] == [record.scheduled_ns - second.start_ns for record in run.requests[3:]]


def test_the_limit_of_the_next_stage_counts_who_is_left_of_the_one_before() -> None:
    """Four are under way when the next begins with a limit of two: it waits until there is room."""
    plan = stages(
        a_stage(4, limits=((0, 4),), length_ns=100 * MS), a_stage(4, limits=((0, 2),), length_ns=S), drain=False
    )
    run, truth = played(plan, Settings(ttft_s=0.4))
    assert ({None}, 4) == (errors(run), truth.peak)
    ended_ns = sorted(served(truth, record, plan).ended_ns or 0 for record in run.requests if record.stage == 0)
    arrived_ns = [served(truth, record, plan).arrived_ns for record in run.requests if record.stage == 1]
    assert min(arrived_ns) > ended_ns[2]


def test_the_last_stage_is_over_with_its_last_answer() -> None:
    """Nothing comes after it that its time would have to be waited for."""
    run, _ = played(stages(a_stage(2, length_ns=HOUR_NS), drain=False), Settings(ttft_s=0.05))
    assert {None} == errors(run)
    assert run.end_ns - run.start_ns < HOUR_NS


def test_a_timed_stage_may_come_to_no_request() -> None:
    """The one before holds all the room until its time is over."""
    plan = stages(
        a_stage(1, limits=((0, 1),), length_ns=100 * MS), a_stage(4, limits=((0, 1),), length_ns=100 * MS), drain=False
    )
    run, _ = played(plan, Settings(ttft_s=0.5))
    assert [0] == [record.stage for record in run.requests]
    assert 2 == len(run.stages)


THREE_TURNS = (Ask((1, 2), 4), Ask((3,), 4), Ask((4, 5), 4))


def test_a_later_turn_is_asked_behind_all_before_it() -> None:
    """Prompt, answer, prompt, answer, prompt: by token ids, which are asked for where a turn follows."""
    run, truth = played(a_talk(*THREE_TURNS), Settings())
    assert {None} == errors(run)
    assert [(1, 2), (1, 2, *IDS, 3), (1, 2, *IDS, 3, *IDS, 4, 5)] == [each.prompt for each in truth.served]
    assert [True, True, None] == [each.body.get("return_token_ids") for each in truth.served]
    assert [2, 2 + 4 + 1, 2 + 4 + 1 + 4 + 2] == [record.input_tokens for record in run.requests]


def test_a_later_turn_of_a_chat_is_asked_behind_what_was_said() -> None:
    """The assistant's message is the answer's text."""
    plan = a_talk(Ask(({"role": "system", "content": "Be."}, {"role": "user", "content": "To be?"}), 4), Ask("And?", 4))
    run, truth = played(plan, Settings(), api="chat")
    assert {None} == errors(run)
    before = [{"role": "system", "content": "Be."}, {"role": "user", "content": "To be?"}]
    said = {"role": "assistant", "content": text_of(4)}
    assert before == truth.served[0].body["messages"]
    assert [*before, said, {"role": "user", "content": "And?"}] == truth.served[1].body["messages"]
    assert "return_token_ids" not in truth.served[0].body


def test_reasoning_is_not_said_again() -> None:
    """Only the answer is part of the conversation."""
    plan = a_talk(Ask("Hm, what?", 4), Ask("And?", 4))
    _, truth = played(plan, Settings(by_text={"Hm,": Manner.REASONING}), api="chat")
    assert {"role": "assistant", "content": text_of(2, 2)} == truth.served[1].body["messages"][1]


@pytest.mark.parametrize("manner", [Manner.BAD_REQUEST, Manner.CLOSES, Manner.ERROR_MESSAGE, Manner.NO_TOKENS])
def test_a_turn_that_failed_fails_those_after_it(manner: Manner) -> None:
    """They are not asked, and say why; another conversation goes on."""
    turns = [PlannedRequest(i, 0, ask, i - 1 if i else None) for i, ask in enumerate(THREE_TURNS)]
    other = [PlannedRequest(3, 0, Ask((7,), 4)), PlannedRequest(4, 0, Ask((8,), 4), 3)]
    plan = LoadPlan((Stage("talks", (*turns, *other)),), ignore_eos=True)
    run, truth = played(plan, Settings(by_prompt={1: manner}))
    assert [False, False, False, True, True] == [record.ok for record in run.requests]
    assert ["not asked: the turn before it failed"] * 2 == [record.error for record in run.requests[1:3]]
    assert [None, None] == [record.sent_ns for record in run.requests[1:3]]
    assert 1 + 2 == len(truth.served)


def test_a_server_without_token_ids_is_told_of() -> None:
    """With a way out; a server that was not asked for them gives none."""
    with golden_server(Settings()) as server:
        target = Target(server.base_url, "golden", extra_body={"return_token_ids": False})
        run = play(a_talk(*THREE_TURNS), target, check_alive=alive)
    first, second, third = run.requests
    assert first.ok
    assert str(second.error).startswith("not asked: the server gives no token ids")
    assert "endpoint=chat" in str(second.error)
    assert "not asked: the turn before it failed" == third.error


def test_thinking_takes_its_time_after_the_answer() -> None:
    """A turn is due so long after the end of the answer before, and sent no earlier."""
    asks = (Ask((1,), 4), Ask((2,), 4, think_ns=150 * MS), Ask((3,), 4))
    run, truth = played(a_talk(*asks), Settings(ttft_s=0.01, itl_s=0.01))
    assert {None} == errors(run)
    for before, after, think_ns in zip(run.requests, run.requests[1:], (150 * MS, 0), strict=False):
        assert after.scheduled_ns >= before.token_ns[-1] + think_ns
        assert (after.sent_ns or 0) >= after.released_ns >= after.scheduled_ns
    ended_ns, arrived_ns = truth.served[0].ended_ns, truth.served[1].arrived_ns
    assert arrived_ns - (ended_ns or 0) >= 150 * MS


def test_a_conversation_keeps_its_place_while_it_thinks() -> None:
    """With room for one, none begins before all turns of the other are answered."""
    asks = (Ask((1,), 2), Ask((2,), 2, think_ns=60 * MS))
    run, truth = played(a_talk(*asks, limit=1, talks=3), Settings(ttft_s=0.01))
    assert ({None}, 1) == (errors(run), truth.peak)
    assert [1, 4, 1, 4, 1, 4] == [len(each.prompt) for each in truth.served]


def test_a_conversation_of_an_open_loop_begins_when_it_is_due() -> None:
    """Its later turns are due after answers."""
    requests = (
        PlannedRequest(0, 0, Ask((1,), 4)),
        PlannedRequest(1, 0, Ask((2,), 4), 0),
        PlannedRequest(2, 100 * MS, Ask((3,), 4)),
        PlannedRequest(3, 0, Ask((4,), 4), 2),
    )
    run, _ = played(LoadPlan((Stage("open", requests, closed=False),), ignore_eos=True), Settings())
    start_ns = run.stages[0].start_ns
    assert {None} == errors(run)
    assert [0, 100 * MS] == [run.requests[i].scheduled_ns - start_ns for i in (0, 2)]
    assert all(run.requests[i].scheduled_ns >= run.requests[i - 1].token_ns[-1] for i in (1, 3))


def test_too_many_failures_end_a_load() -> None:
    """What has ended stays as it was, all else is given up; the record says why it was stopped."""
    bad = dict.fromkeys(range(3), Manner.BAD_REQUEST)
    plan = a_plan(*some_asks(10), due_ns=(0,) * 9 + (HOUR_NS,))
    run, _ = played(plan, Settings(by_prompt={**bad, 8: Manner.STALLS}), stop_when=StopWhen(error_rate=0.2))
    why = "3 of 10 requests failed, load.stop_when.error_rate=0.2"
    assert why == run.stopped
    assert run.end_ns - run.start_ns < HOUR_NS
    assert [False] * 3 + [True] * 5 + [False] * 2 == [record.ok for record in run.requests]
    assert [f"given up: {why}"] * 2 == [record.error for record in run.requests[8:]]
    assert (2, None) == (len(run.requests[8].token_ns), run.requests[9].sent_ns)


def test_a_goodput_out_of_reach_ends_a_load() -> None:
    """Six of ten were over an SLO that nobody could keep."""
    plan = a_plan(*some_asks(10), due_ns=(0,) * 6 + (HOUR_NS,) * 4)
    stop_when = StopWhen(goodput=0.5, slo=Slo(ttft_ms=1))
    run, _ = played(plan, Settings(ttft_s=0.05), stop_when=stop_when)
    assert "6 of 10 requests missed the SLO, load.stop_when.goodput=0.5" == run.stopped
    assert [True] * 6 + [False] * 4 == [record.ok for record in run.requests]


def test_a_load_that_goes_well_is_not_stopped() -> None:
    """It was looked at, and there was no reason."""
    plan = a_plan(*some_asks(4), due_ns=(0, 0, 0, 1500 * MS))
    run, _ = played(plan, Settings(), stop_when=StopWhen(error_rate=0.0, goodput=1.0, slo=Slo(ttft_ms=3_600_000)))
    assert ({None}, None) == (errors(run), run.stopped)


def dies(server: GoldenServer, tokens: int) -> None:
    """DeathError when the server has written so many, all that it will."""
    if sum(len(each.token_ns) for each in server.truth().served) == tokens:
        raise DeathError("vLLM exited with code 1 under load.")


def test_a_death_ends_every_stage() -> None:
    """Those that never began too; a death is no reason of ours to stop."""
    plan = stages(a_stage(2, tokens=4), a_stage(3), a_stage(50, length_ns=HOUR_NS))
    with golden_server(Settings(manner=Manner.STALLS)) as server:
        run = play(plan, Target(server.base_url, "golden"), check_alive=lambda: dies(server, 2 * 2))
    assert {"given up: the server had ended"} == errors(run)
    assert [0, 0, 1, 1, 1] == [record.stage for record in run.requests]
    assert (None, ["2 requests"]) == (run.stopped, [stage.name for stage in run.stages])
    assert run.stages[0].end_ns == run.end_ns


def test_a_conversation_in_flight_at_a_death_is_given_up() -> None:
    """To its last turn."""
    with golden_server(Settings(manner=Manner.STALLS)) as server:
        run = play(a_talk(*THREE_TURNS), Target(server.base_url, "golden"), check_alive=lambda: dies(server, 2))
    assert ["given up: the server had ended"] * 3 == [record.error for record in run.requests]
    assert [2, 0, 0] == [len(record.token_ns) for record in run.requests]


def bodies(truth: Truth) -> Sequence[str]:
    return [json.dumps(each.body, sort_keys=True) for each in truth.served]


def test_two_plays_of_a_plan_ask_the_same() -> None:
    """In the same order, where the order is the plan's."""
    plan = a_talk(*THREE_TURNS, limit=1, talks=2)
    assert bodies(played(plan, Settings())[1]) == bodies(played(plan, Settings())[1])
