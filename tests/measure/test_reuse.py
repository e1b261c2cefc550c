"""What a prefix cache can find of a load."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import a_plan, some_asks
from thorexp.measure.plan import LoadPlan, PlannedRequest, Stage
from thorexp.measure.reuse import reusable_of, reusable_tokens
from thorexp.measure.workload import Ask, RandomWorkload

prompts = st.lists(st.lists(st.integers(0, 1), max_size=12).map(tuple), max_size=8)


def of_all(plan: LoadPlan, block: int = 16) -> int | None:
    """What can be found where all of it was sent."""
    return reusable_of(plan, {request.index for request in plan.requests}, block)


def test_a_prompt_alone_finds_nothing() -> None:
    """Blocks are found from earlier prompts, not from one's own."""
    assert 0 == reusable_tokens([(7,) * 64])


def test_a_shared_prefix_is_found_in_full_blocks() -> None:
    """Of 40 shared tokens, two blocks of 16 are found."""
    shared = tuple(range(40))
    assert 2 * 16 == reusable_tokens([(*shared, *range(100, 130)), (*shared, *range(200, 230))])


@pytest.mark.parametrize(("length", "blocks"), [(0, 0), (1, 0), (16, 0), (17, 1), (32, 1), (33, 2), (47, 2)])
def test_a_repeated_prompt_is_found_but_for_its_last_token(length: int, blocks: int) -> None:
    """vLLM always computes the last token, and so its whole block."""
    prompt = tuple(range(length))
    assert 16 * blocks == reusable_tokens([prompt, prompt])


def test_a_block_that_closes_a_prompt_is_found_by_a_longer_one() -> None:
    """What a prompt may not find of itself, the next that goes on from it may."""
    assert 16 == reusable_tokens([tuple(range(16)), tuple(range(17))])


def test_a_block_counts_only_behind_the_same_tokens() -> None:
    """The second blocks are alike, what comes before them is not."""
    assert 0 == reusable_tokens([(1,) * 16 + (9,) * 17, (2,) * 16 + (9,) * 17])


def test_a_prompt_is_found_however_long_ago_it_was() -> None:
    """Nothing is ever thrown out."""
    first = (1,) * 17
    between = [(i,) * 17 for i in range(2, 50)]
    assert 16 == reusable_tokens([first, *between, first])


def test_a_smaller_block_finds_more() -> None:
    """Of 7 shared tokens, blocks of 4 find 4, blocks of 2 find 6."""
    load = [(0, 1, 2, 3, 4, 5, 6, 10), (0, 1, 2, 3, 4, 5, 6, 20)]
    assert (4, 6) == (reusable_tokens(load, 4), reusable_tokens(load, 2))


@given(prompts, st.integers(1, 4))
def test_as_much_is_found_as_the_longest_prefix_of_an_earlier_prompt_has(
    load: list[tuple[int, ...]], block: int
) -> None:
    """Looking through all earlier prompts, block by block, finds the same."""
    longest = 0
    for i, prompt in enumerate(load):
        ends = [end for end in range(block, len(prompt), block) if any(p[:end] == prompt[:end] for p in load[:i])]
        longest += max(ends, default=0)
    assert longest == reusable_tokens(load, block)


def test_prompts_are_read_once_and_not_kept() -> None:
    """Prompts may come from a generator."""
    assert 16 * 3 == reusable_tokens((5,) * 17 for _ in range(4))


def test_a_shared_prefix_of_a_random_load_is_all_that_is_found() -> None:
    """Every prompt but the first finds the prefix of 32 tokens, and nothing behind it."""
    workload = RandomWorkload(input_len=64, output_len=1, token_ids=151643, prefix_len=32)
    load = workload.conversations(20, np.random.default_rng(0))
    ids = [[part for part in ask.prompt if isinstance(part, int)] for (ask,) in load]
    assert 19 * 32 == reusable_tokens(ids)


def a_talk(*asked: Ask, first: int = 0) -> tuple[PlannedRequest, ...]:
    return tuple(PlannedRequest(first + i, 0, ask, first + i - 1 if i else None) for i, ask in enumerate(asked))


def test_a_later_turn_finds_all_that_was_said_before_it() -> None:
    """30 + 10 tokens are two full blocks of 16 and a part; with 20 + 5 more they are 65, of which four are full."""
    asks = (Ask(tuple(range(30)), 10), Ask(tuple(range(20)), 5), Ask((1,), 1))
    plan = LoadPlan((Stage("talk", a_talk(*asks)),), ignore_eos=True)
    assert 2 * 16 + 4 * 16 == of_all(plan)


@pytest.mark.parametrize(("answer", "blocks"), [(15, 1), (16, 1), (17, 2)])
def test_the_last_token_of_an_answer_was_never_computed_on(answer: int, blocks: int) -> None:
    """16 in and 16 out fill two blocks, of which the second lacks its last token."""
    talk = a_talk(Ask(tuple(range(16)), answer), Ask((1,), 1))
    assert 16 * blocks == of_all(LoadPlan((Stage("talk", talk),), ignore_eos=True))


def test_first_turns_find_what_they_share() -> None:
    """Two conversations with a prefix of 16, each with a second turn behind 20 + 4 tokens."""
    one, other = ((*range(16), *(token,) * 4) for token in (100, 200))
    stages = (
        Stage("one", a_talk(Ask(one, 4), Ask((1,), 1))),
        Stage("other", a_talk(Ask(other, 4), Ask((1,), 1), first=2)),
    )
    assert 16 + 2 * 16 == of_all(LoadPlan(stages, ignore_eos=True))


def test_blocks_are_as_large_as_the_server_has_them() -> None:
    """Of 40 tokens, 32 are full blocks of 16 and none is one of 64."""
    talk = a_talk(Ask(tuple(range(30)), 10), Ask((1,), 1))
    plan = LoadPlan((Stage("talk", talk),), ignore_eos=True)
    assert (32, 0) == (of_all(plan, 16), of_all(plan, 64))


def test_drawn_prompts_share_nothing() -> None:
    """Known, and none: zero and not absent."""
    assert 0 == of_all(a_plan(*some_asks(9, input_len=64)))


@pytest.mark.parametrize(
    "ask",
    [Ask("a text", 4), Ask("a text", 4, counted=2), Ask(({"role": "user", "content": "a"},), 4), Ask((1,), None, "a")],
    ids=["a text", "a counted text", "messages", "an answer of unknown length"],
)
def test_what_is_not_in_tokens_cannot_be_foreseen(ask: Ask) -> None:
    """Absent, not zero."""
    assert of_all(a_plan(Ask((1, 2), 3), ask)) is None


def test_what_was_not_sent_finds_nothing() -> None:
    """Of three prompts that are the same the second finds the first, and the third was never asked."""
    plan = a_plan(*[Ask(tuple(range(33)), 4)] * 3)
    assert (2 * 2 * 16, 2 * 16) == (of_all(plan), reusable_of(plan, {0, 1}))
