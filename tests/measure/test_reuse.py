"""What a prefix cache can find of a load."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import a_plan, some_asks
from thorexp.measure.plan import LoadPlan, PlannedRequest, Stage
from thorexp.measure.reuse import Reuse, reuse_of
from thorexp.measure.workload import Ask, RandomWorkload

prompts = st.lists(st.lists(st.integers(0, 1), max_size=12).map(tuple), max_size=8)


def of_all(plan: LoadPlan, block: int = 16) -> Reuse:
    """What can be found where all of it was sent, and that is known."""
    found = reuse_of(plan, {request.index for request in plan.requests}, block)
    assert found is not None
    return found


def total_of(load: Iterable[tuple[int, ...]], block: int = 16) -> int:
    """What can be found of these prompts, each with an answer of a token."""
    return of_all(a_plan(*(Ask(ids, 1) for ids in load)), block).total


def test_a_prompt_alone_finds_nothing() -> None:
    """Blocks are found from earlier prompts, not from one's own."""
    assert 0 == total_of([(7,) * 64])


def test_a_shared_prefix_is_found_in_full_blocks() -> None:
    """Of 40 shared tokens, two blocks of 16 are found."""
    shared = tuple(range(40))
    assert 2 * 16 == total_of([(*shared, *range(100, 130)), (*shared, *range(200, 230))])


@pytest.mark.parametrize(("length", "blocks"), [(0, 0), (1, 0), (16, 0), (17, 1), (32, 1), (33, 2), (47, 2)])
def test_a_repeated_prompt_is_found_but_for_its_last_token(length: int, blocks: int) -> None:
    """vLLM always computes the last token, and so its whole block."""
    prompt = tuple(range(length))
    assert 16 * blocks == total_of([prompt, prompt])


def test_a_block_that_closes_a_prompt_is_found_by_a_longer_one() -> None:
    """What a prompt may not find of itself, the next that goes on from it may."""
    assert 16 == total_of([tuple(range(16)), tuple(range(17))])


def test_a_block_counts_only_behind_the_same_tokens() -> None:
    """The second blocks are alike, what comes before them is not."""
    assert 0 == total_of([(1,) * 16 + (9,) * 17, (2,) * 16 + (9,) * 17])


def test_a_prompt_is_found_however_long_ago_it_was() -> None:
    """Nothing is ever thrown out."""
    first = (1,) * 17
    between = [(i,) * 17 for i in range(2, 50)]
    assert 16 == total_of([first, *between, first])


def test_a_smaller_block_finds_more() -> None:
    """Of 7 shared tokens, blocks of 4 find 4, blocks of 2 find 6."""
    load = [(0, 1, 2, 3, 4, 5, 6, 10), (0, 1, 2, 3, 4, 5, 6, 20)]
    assert (4, 6) == (total_of(load, 4), total_of(load, 2))


@given(prompts, st.integers(1, 4))
def test_as_much_is_found_as_the_longest_prefix_of_an_earlier_prompt_has(
    load: list[tuple[int, ...]], block: int
) -> None:
    """Looking through all earlier prompts, block by block, finds the same."""
    longest = 0
    for i, prompt in enumerate(load):
        ends = [end for end in range(block, len(prompt), block) if any(p[:end] == prompt[:end] for p in load[:i])]
        longest += max(ends, default=0)
    assert longest == total_of(load, block)


def test_every_later_prompt_finds_the_same_block() -> None:
    """Three of four that are alike, a block each."""
    assert 16 * 3 == total_of([(5,) * 17] * 4)


def test_a_shared_prefix_of_a_random_load_is_all_that_is_found() -> None:
    """Every prompt but the first finds the prefix of 32 tokens, and nothing behind it."""
    workload = RandomWorkload(input_len=64, output_len=1, token_ids=151643, prefix_len=32)
    load = workload.conversations(20, np.random.default_rng(0))
    assert 19 * 32 == of_all(a_plan(*(ask for (ask,) in load))).total


def a_talk(*asked: Ask, first: int = 0) -> tuple[PlannedRequest, ...]:
    return tuple(PlannedRequest(first + i, 0, ask, first + i - 1 if i else None) for i, ask in enumerate(asked))


def test_a_later_turn_finds_all_that_was_said_before_it() -> None:
    """30 + 10 tokens are two full blocks of 16 and a part; with 20 + 5 more they are 65, of which four are full."""
    asks = (Ask(tuple(range(30)), 10), Ask(tuple(range(20)), 5), Ask((1,), 1))
    plan = LoadPlan((Stage("talk", a_talk(*asks)),), ignore_eos=True)
    assert 2 * 16 + 4 * 16 == of_all(plan).total


@pytest.mark.parametrize(("answer", "blocks"), [(15, 1), (16, 1), (17, 2)])
def test_the_last_token_of_an_answer_was_never_computed_on(answer: int, blocks: int) -> None:
    """16 in and 16 out fill two blocks, of which the second lacks its last token."""
    talk = a_talk(Ask(tuple(range(16)), answer), Ask((1,), 1))
    assert 16 * blocks == of_all(LoadPlan((Stage("talk", talk),), ignore_eos=True)).total


def test_first_turns_find_what_they_share() -> None:
    """Two conversations with a prefix of 16, each with a second turn behind 20 + 4 tokens."""
    one, other = ((*range(16), *(token,) * 4) for token in (100, 200))
    stages = (
        Stage("one", a_talk(Ask(one, 4), Ask((1,), 1))),
        Stage("other", a_talk(Ask(other, 4), Ask((1,), 1), first=2)),
    )
    assert 16 + 2 * 16 == of_all(LoadPlan(stages, ignore_eos=True)).total


def test_blocks_are_as_large_as_the_server_has_them() -> None:
    """Of 40 tokens, 32 are full blocks of 16 and none is one of 64."""
    talk = a_talk(Ask(tuple(range(30)), 10), Ask((1,), 1))
    plan = LoadPlan((Stage("talk", talk),), ignore_eos=True)
    assert (32, 0) == (of_all(plan, 16).total, of_all(plan, 64).total)


def test_drawn_prompts_share_nothing() -> None:
    """Known, and none: zero and not absent."""
    assert Reuse(0, dict.fromkeys(range(9), 0)) == of_all(a_plan(*some_asks(9, input_len=64)))


@pytest.mark.parametrize(
    "ask",
    [Ask("a text", 4), Ask("a text", 4, counted=2), Ask(({"role": "user", "content": "a"},), 4), Ask((1,), None, "a")],
    ids=["a text", "a counted text", "messages", "an answer of unknown length"],
)
def test_what_is_not_in_tokens_cannot_be_foreseen(ask: Ask) -> None:
    """Absent, not zero, and of all requests beside it too."""
    assert reuse_of(a_plan(Ask((1, 2), 3), ask), {0, 1}) is None


def test_a_later_turn_that_nobody_counted_cannot_be_foreseen() -> None:
    """Absent, though the first turns are in tokens: the third finds what the second had, however long that was."""
    one, two, three = a_talk(Ask(tuple(range(30)), 10), Ask("a text", 5), Ask((1,), 1))
    known = replace(two, ask=Ask("a text", 5, counted=20))
    assert reuse_of(LoadPlan((Stage("talk", (one, two, three)),), ignore_eos=True), {0, 1, 2}) is None
    assert 2 * 16 + 4 * 16 == of_all(LoadPlan((Stage("talk", (one, known, three)),), ignore_eos=True)).total


def test_what_was_not_sent_finds_nothing() -> None:
    """Of three prompts that are the same the second finds the first, and the third was never asked."""
    plan = a_plan(*[Ask(tuple(range(33)), 4)] * 3)
    sent = reuse_of(plan, {0, 1})
    assert sent is not None
    assert (2 * 2 * 16, 2 * 16) == (of_all(plan).total, sent.total)


def each_of(plan: LoadPlan, block: int = 16) -> dict[int, int]:
    """What can be found of each where all of it was sent."""
    return dict(of_all(plan, block).each)


def test_a_prefix_can_be_found_of_each_that_has_it() -> None:
    """Whoever came first: two prompts share 40 tokens, two full blocks, and a third shares nothing."""
    shared = tuple(range(40))
    one, other = ((*shared, *range(first, first + 30)) for first in (100, 200))
    assert {0: 32, 1: 32, 2: 0} == each_of(a_plan(Ask(one, 4), Ask(other, 4), Ask(tuple(range(300, 370)), 4)))


def test_each_shares_its_longest_prefix_with_any_other() -> None:
    """48 tokens with the second, of which the third has only 16."""
    first, second = (*range(48), 100), (*range(48), 200)
    third = (*range(16), *(9,) * 40)
    assert {0: 48, 1: 48, 2: 16} == each_of(a_plan(*(Ask(ids, 4) for ids in (first, second, third))))


def test_a_block_of_ones_own_is_no_prefix_of_another() -> None:
    """A prompt that repeats itself finds nothing, for blocks are known by all that stands before them."""
    assert {0: 0, 1: 0} == each_of(a_plan(Ask((7,) * 64, 4), Ask((8,) * 64, 4)))


def test_alike_blocks_behind_different_ones_are_not_found() -> None:
    """Only leading blocks count."""
    asks = [Ask((1,) * 16 + (9,) * 32, 4), Ask((2,) * 16 + (9,) * 32, 4)]
    assert {0: 0, 1: 0} == each_of(a_plan(*asks))


def test_of_a_later_turn_all_that_was_said_before_can_be_found() -> None:
    """30 in and 10 out are 40 tokens; with 20 and 5 more they are 65. A first turn alone finds nothing."""
    asks = (Ask(tuple(range(30)), 10), Ask(tuple(range(20)), 5), Ask((1,), 1))
    plan = LoadPlan((Stage("talk", a_talk(*asks)),), ignore_eos=True)
    assert {0: 0, 1: 30 + 10, 2: 30 + 10 + 20 + 5} == each_of(plan)


def test_each_counts_in_the_servers_own_blocks() -> None:
    """Of 40 shared tokens, 32 are full blocks of 16 and none is one of 64."""
    plan = a_plan(*[Ask((*range(40), first), 4) for first in (100, 200)])
    assert ({0: 32, 1: 32}, {0: 0, 1: 0}) == (each_of(plan, 16), each_of(plan, 64))


def test_each_is_of_what_was_sent() -> None:
    """The second of two that are alike was never asked: nothing of the first can be found, nor told of the second."""
    plan = a_plan(Ask(tuple(range(33)), 4), Ask(tuple(range(33)), 4), Ask((5,) * 33, 4))
    assert Reuse(0, {0: 0, 2: 0}) == reuse_of(plan, {0, 2})


@given(prompts, st.integers(1, 4))
def test_no_cache_can_find_more_than_each_may(load: list[tuple[int, ...]], block: int) -> None:
    """In whatever order prompts are computed, what is found in all is no more than what is said of each."""
    found = of_all(a_plan(*(Ask(ids, 1) for ids in load)), block)
    most = sum(found.each.values())
    assert found.total <= most
    assert total_of(load[::-1], block) <= most
