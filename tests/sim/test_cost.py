"""How long a step takes, in figures that can be counted on paper.

The tiny model has 40 linear weights of a byte, a table of 20 of two bytes, and 8 bytes of KV cache and 8 FLOP of
attention a token.
"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sim.makers import BYTES, TINY
from thorexp.sim.cost import Cost, Part, Reach

FREE = 1e30
READS = Reach(bandwidth_bytes_s=10.0, flops_s=FREE)
COMPUTES = Reach(bandwidth_bytes_s=FREE, flops_s=10.0)
# As many weights outside its experts as the tiny one, 16, a router of 8, and 12 for each of four experts.
EXPERTS = replace(TINY, experts=4, experts_per_token=2, expert_intermediate=2)


def step_s(reach: Reach, *parts: Part) -> float:
    """Of the tiny model."""
    return Cost(TINY, BYTES, reach).step_s(parts)


def test_a_token_reads_all_weights_and_its_context() -> None:
    """40 + 2 · 20 bytes of weights and 8 for each of 5 tokens, at 10 bytes/s."""
    assert pytest.approx((40 + 2 * 20 + 5 * 8) / 10) == step_s(READS, Part(1, 5))


def test_a_step_reads_the_weights_once() -> None:
    """Two sequences read them together, and each its own context."""
    assert pytest.approx((40 + 2 * 20 + (5 + 7) * 8) / 10) == step_s(READS, Part(1, 5), Part(1, 7))


def test_a_token_more_is_multiplied_with_all_weights() -> None:
    """2 · 40 FLOP at 10 FLOP/s, with the attention of both steps the same: 2 · 1 tokens, 3 · 1 tokens, no context."""
    two, three = (step_s(replace(COMPUTES), *[Part(1, 1)] * count) for count in (2, 3))
    alone = step_s(COMPUTES, Part(1, 1))
    assert pytest.approx(three - two) == two - alone
    assert three - two >= 2 * 40 / 10


def test_a_token_attends_to_all_before_it() -> None:
    """100 tokens more of context are 8 FLOP each."""
    assert pytest.approx(100 * 8 / 10) == step_s(COMPUTES, Part(1, 101)) - step_s(COMPUTES, Part(1, 1))


def test_a_prompt_in_chunks_attends_as_much_as_in_one() -> None:
    """Two halves of 10 tokens take as long as the whole, where only computing takes time."""
    halves = step_s(COMPUTES, Part(5, 5)) + step_s(COMPUTES, Part(5, 10))
    assert pytest.approx(halves) == step_s(COMPUTES, Part(10, 10))


def test_weights_are_read_while_they_are_computed_with() -> None:
    """The longer of the two counts: 80 bytes at 10 bytes/s, or 80 FLOP a token at 40 FLOP/s."""
    both = Reach(bandwidth_bytes_s=10.0, flops_s=40.0)
    without_attention = [step_s(both, Part(n, n)) - n * 8 / 10 - n * n / 2 * 8 / 40 for n in (1, 4, 8)]
    assert pytest.approx([80 / 10, 80 / 10, 8 * 80 / 40]) == without_attention


def test_a_step_and_its_sequences_take_time_of_their_own() -> None:
    """Three seconds for the step and two for each of four sequences, on a board that is infinitely fast."""
    reach = Reach(bandwidth_bytes_s=FREE, flops_s=FREE, step_s=3.0, sequence_s=2.0)
    assert pytest.approx(3 + 4 * 2) == step_s(reach, *[Part(1, 1)] * 4)


@pytest.mark.parametrize(("tokens", "experts"), [(1, 2), (2, 3), (3, 3.5)])
def test_a_step_reads_the_experts_that_its_tokens_hit(tokens: int, experts: float) -> None:
    """Of four, each token misses half: 4 · (1 - 1/2^tokens)."""
    weights = 16 + experts * 12 + 2 * (20 + 8)
    took_s = Cost(EXPERTS, BYTES, READS).step_s([Part(1, 1)] * tokens)
    assert pytest.approx((weights + tokens * 8) / 10) == took_s


def test_tokens_that_are_routed_alike_hit_as_one() -> None:
    """Two, where two go together: two experts."""
    took_s = Cost(EXPERTS, BYTES, replace(READS, routed_alike=2.0)).step_s([Part(1, 1)] * 2)
    assert pytest.approx((16 + 2 * 12 + 2 * (20 + 8) + 2 * 8) / 10) == took_s


PARTS = st.lists(st.tuples(st.integers(1, 64), st.integers(0, 4096)), min_size=1, max_size=8)


@given(PARTS, st.floats(1, 1e12), st.floats(1, 1e12), st.floats(1, 100))
def test_a_better_board_is_never_slower(
    sizes: list[tuple[int, int]], bandwidth: float, flops: float, more: float
) -> None:
    """More bandwidth, or more FLOP/s, for any step."""
    parts = [Part(tokens, tokens + before) for tokens, before in sizes]
    slow = Reach(bandwidth, flops)
    for better in (Reach(more * bandwidth, flops), Reach(bandwidth, more * flops)):
        assert 0 < step_s(better, *parts) <= step_s(slow, *parts)
