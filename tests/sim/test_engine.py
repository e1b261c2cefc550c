"""The scheduler: who is computed when, and that nothing is lost."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sim.makers import BYTES, LIMITS, TINY, Steps, a_request, steps_of
from thorexp.sim.cost import Cost, Part, Reach
from thorexp.sim.engine import FIRST_TOKEN, Engine, Request

LONGEST = 40  # prompt and answer
PROMPTS = st.lists(st.integers(0, 1), min_size=1, max_size=30)  # two tokens, so that many begin alike
ASKS = st.lists(st.tuples(PROMPTS, st.integers(1, LONGEST - 30)), min_size=1, max_size=10)


@st.composite
def some_limits(draw: st.DrawFn) -> dict[str, Any]:
    """Under which each of these can be served, if need be alone."""
    size, seqs, chunked = draw(st.integers(1, 8)), draw(st.integers(1, 5)), draw(st.booleans())
    return {
        "block_size": size,
        "num_blocks": draw(st.integers(-(-LONGEST // size), 4 * LONGEST // size)),
        "max_num_seqs": seqs,
        "max_num_batched_tokens": draw(st.integers(seqs if chunked else LONGEST, LONGEST + 24)),
        "enable_chunked_prefill": chunked,
        "enable_prefix_caching": draw(st.booleans()),
    }


def all_of(asks: list[tuple[list[int], int]]) -> list[Request]:
    """The requests."""
    return [a_request(prompt, tokens) for prompt, tokens in asks]


def played(requests: list[Request], limits: dict[str, Any]) -> Steps:
    """All of them, submitted at once and computed to their end."""
    return steps_of(*requests, **limits).take()


@given(ASKS, some_limits())
def test_every_request_gets_its_tokens(asks: list[tuple[list[int], int]], limits: dict[str, Any]) -> None:
    """Exactly as many as it asked for, each told once, whoever had to give way meanwhile."""
    requests = all_of(asks)
    steps = played(requests, limits)
    told = [sum(request in step for step in steps.told) for request in requests]
    assert [tokens for _, tokens in asks] == told == [request.generated for request in requests]


@given(ASKS, some_limits())
def test_every_token_is_computed_or_found(asks: list[tuple[list[int], int]], limits: dict[str, Any]) -> None:
    """Prompts and answers, but for the last token and what was cached; more only where a request began anew."""
    steps = played(requests := all_of(asks), limits)
    computed = sum(part.tokens for step in steps.parts for part in step)
    once = sum(len(prompt) + tokens - 1 for prompt, tokens in asks) - sum(each.cached or 0 for each in requests)
    assert computed == once or (computed > 0 and steps.engine.counted.preemptions > 0)


@given(ASKS, some_limits())
def test_every_prompt_is_computed_at_least_once(asks: list[tuple[list[int], int]], limits: dict[str, Any]) -> None:
    """At the least its last token, and all that was not found."""
    steps = played(requests := all_of(asks), limits)
    computed = sum(part.tokens for step in steps.parts for part in step)
    least = sum(each.prompt_len - (each.cached or 0) for each in requests)
    assert len(asks) <= least <= computed


@given(ASKS, some_limits())
def test_blocks_are_never_more_than_there_are(asks: list[tuple[list[int], int]], limits: dict[str, Any]) -> None:
    """And all are given back at the end."""
    steps = played(all_of(asks), limits)
    assert 0 < max(steps.used) <= limits["num_blocks"]
    assert 0 == steps.engine.blocks.used


@given(ASKS, some_limits())
def test_a_step_keeps_its_limits(asks: list[tuple[list[int], int]], limits: dict[str, Any]) -> None:
    """Its budget of tokens, and its number of sequences; and none computes nothing."""
    steps = played(all_of(asks), limits)
    assert all(1 <= sum(part.tokens for part in step) <= limits["max_num_batched_tokens"] for step in steps.parts)
    assert all(len(step) <= limits["max_num_seqs"] for step in steps.parts)


@given(ASKS, some_limits())
def test_no_request_starves(asks: list[tuple[list[int], int]], limits: dict[str, Any]) -> None:
    """The oldest goes on with each step, so that there are no more steps than tokens."""
    steps = steps_of(*all_of(asks), **limits).take(sum(len(prompt) + tokens for prompt, tokens in asks))
    assert not steps.engine.busy


@given(ASKS, some_limits())
def test_first_tokens_come_in_the_order_of_arrival(asks: list[tuple[list[int], int]], limits: dict[str, Any]) -> None:
    """First come, first served, through preemptions and however long the prompts are."""
    requests = all_of(asks)
    assert requests == played(requests, limits).first_tokens()


@given(ASKS, some_limits(), st.floats(1, 100), st.sampled_from(["bandwidth_bytes_s", "flops_s"]))
def test_a_better_board_is_never_slower(
    asks: list[tuple[list[int], int]], limits: dict[str, Any], more: float, what: str
) -> None:
    """More bandwidth, or more FLOP/s, for requests that are all there at once."""

    def total_s(reach: Reach) -> float:
        engine = Engine(replace(LIMITS, **limits), Cost(TINY, BYTES, reach).step_s)
        for request in all_of(asks):
            engine.add(request)
        took_s = 0.0
        while engine.busy:
            took_s += engine.begin_step()
            engine.end_step()
        return took_s

    slow = Reach(bandwidth_bytes_s=100.0, flops_s=100.0)
    assert 0 < total_s(replace(slow, **{what: 100 * more})) <= total_s(slow)


def test_an_answer_counts_from_the_first_token() -> None:
    """Behind the prompt stand 1000, 1001 and 1002."""
    steps_of(request := a_request(5, 3)).take()
    assert [*range(5), FIRST_TOKEN, FIRST_TOKEN + 1, FIRST_TOKEN + 2] == request.tokens


def test_a_prompt_and_its_first_token_are_one_step() -> None:
    """Then each later token is one of its own, with all before it in the cache."""
    assert [[Part(5, 5)], [Part(1, 6)], [Part(1, 7)]] == steps_of(a_request(5, 3)).take().parts


def test_a_long_prompt_is_computed_in_chunks() -> None:
    """20 tokens under a budget of 8 are 8, 8 and 4."""
    steps = steps_of(a_request(20), max_num_batched_tokens=8).take()
    assert [[Part(8, 8)], [Part(8, 16)], [Part(4, 20)]] == steps.parts


def test_a_decode_goes_before_a_prompt() -> None:
    """Of a budget of 8 the one that runs takes 1, so that 7 are left for the prompt that waits."""
    steps = steps_of(a_request([9] * 8, 3), a_request(14), max_num_batched_tokens=8).take()
    assert [[Part(8, 8)], [Part(1, 9), Part(7, 7)], [Part(1, 10), Part(7, 14)]] == steps.parts


def test_without_chunks_a_prompt_waits_for_room() -> None:
    """Two of 40 do not fit into a budget of 64, so the second is computed whole behind the first."""
    steps = steps_of(a_request(40), a_request([9] * 40), enable_chunked_prefill=False).take()
    assert [[Part(40, 40)], [Part(40, 40)]] == steps.parts


def test_who_came_last_gives_way() -> None:
    """Two of 8 tokens fill four blocks; the first takes those of the second, which begins anew with its token."""
    first, second = a_request([1] * 8, 4), a_request([2] * 8, 4)
    steps = steps_of(first, second, num_blocks=4, enable_prefix_caching=False).take()
    assert 1 == steps.engine.counted.preemptions
    assert [[Part(8, 8), Part(8, 8)], [Part(1, 9)], [Part(1, 10)], [Part(1, 11)], [Part(9, 9)]] == steps.parts[:5]


def test_a_repeated_prompt_is_found_but_for_its_last_block() -> None:
    """Of 16 tokens in blocks of 4 the last 4 are computed, since the last token always is."""
    steps = steps_of(a_request(16)).take()
    steps.engine.add(again := a_request(16))
    steps.take()
    assert ([Part(4, 16)], 12) == (steps.parts[-1], again.cached)


def test_a_longer_prompt_finds_the_whole_of_one_before() -> None:
    """16 tokens of 17 in blocks of 4."""
    steps = steps_of(a_request(16)).take()
    steps.engine.add(a_request(17))
    assert [Part(1, 17)] == steps.take().parts[-1]


def test_an_answer_is_found_by_the_turn_after_it() -> None:
    """8 tokens and the first 4 of an answer of 5 were computed, which are three blocks."""
    steps = steps_of(request := a_request(8, 5)).take()
    steps.engine.add(a_request([*request.tokens, 7, 7]))
    assert [Part(3, 15)] == steps.take().parts[-1]


def test_lookups_are_counted_in_tokens() -> None:
    """Two prompts of 16, of which the second finds 12."""
    steps = steps_of(a_request(16)).take()
    steps.engine.add(a_request(16))
    steps.take()
    assert (16 + 16, 12) == (steps.engine.counted.queries, steps.engine.counted.hits)


def test_without_a_cache_nothing_is_looked_up() -> None:
    """As vLLM has it: neither queries nor hits."""
    steps = steps_of(a_request(16), enable_prefix_caching=False).take()
    steps.engine.add(a_request(16))
    assert [Part(16, 16)] == steps.take().parts[-1]
    assert (0, 0) == (steps.engine.counted.queries, steps.engine.counted.hits)


def test_no_more_run_than_may() -> None:
    """Of three requests two run, and one waits."""
    steps = steps_of(*(a_request(4, 9) for _ in range(3)), max_num_seqs=2).take(1)
    assert (2, 1) == (len(steps.engine.running), len(steps.engine.waiting))


def test_one_that_waits_is_removed() -> None:
    """It never gets a token."""
    steps = steps_of(first := a_request(4), second := a_request(4), max_num_seqs=1)
    steps.engine.remove(second)
    assert [first] == steps.take().first_tokens()


def test_one_that_is_removed_in_a_step_leaves_nothing() -> None:
    """Neither a token nor a block."""
    steps = steps_of(request := a_request(4))
    steps.engine.begin_step()
    steps.engine.remove(request)
    assert () == steps.engine.end_step()
    assert (0, False) == (steps.engine.blocks.used, steps.engine.busy)


@pytest.mark.parametrize(("num_blocks", "most"), [(64, 64), (8, 32)], ids=["context", "KV cache"])
def test_what_never_fits_is_refused(num_blocks: int, most: int) -> None:
    """More than the context, or than all blocks of 4 together."""
    engine = steps_of(num_blocks=num_blocks).engine
    with pytest.raises(ValueError, match=f"maximum context length is {most} tokens.*total of {most + 1} tokens"):
        engine.add(a_request(most, 1))


def test_an_empty_prompt_is_refused() -> None:
    """There would be no token to go on from."""
    with pytest.raises(ValueError, match="cannot be empty"):
        steps_of(a_request(0))


def test_who_is_scheduled_later_in_a_step_finds_what_the_first_computes_in_it() -> None:
    """Two prompts of the same three blocks of four: of the second the last is computed, which is so in any case."""
    steps = steps_of(a_request(12), a_request(12)).take(1)
    assert [[Part(12, 12), Part(12 - 2 * 4, 12)]] == steps.parts


def test_a_prompt_begins_when_there_is_room_for_all_of_it() -> None:
    """Its first four tokens would fit into the step, and not its five blocks beside two of six."""
    limits = {"num_blocks": 6, "max_num_batched_tokens": 12}
    steps = steps_of(a_request(8, 2), a_request(range(100, 120)), **limits).take(1)
    assert [[Part(8, 8)]] == steps.parts
