"""The KV cache's blocks: taken, shared, kept and forgotten."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thorexp.sim.blocks import Blocks, keys_of


def filled(*keys: int, count: int = 4) -> Blocks:
    """A block for each of these keys, in use one after the other and left again."""
    blocks = Blocks(count, 4, caching=True)
    for key in keys:
        taken = took(blocks, 1)
        blocks.remember(taken[0], key)
        blocks.give_back(taken)
    return blocks


def took(blocks: Blocks, fresh: int, *keys: int) -> list[int]:
    """Blocks that must be there, those of the keys first."""
    taken = blocks.take(blocks.found(keys), fresh)
    assert taken is not None
    return taken


def test_blocks_are_used_until_they_are_given_back() -> None:
    """Three of four, then none."""
    blocks = Blocks(4, 4, caching=True)
    taken = took(blocks, 3)
    assert 3 == blocks.used
    blocks.give_back(taken)
    assert 0 == blocks.used


def test_what_is_not_there_is_not_taken() -> None:
    """Of two blocks nobody gets three, and both stay free."""
    blocks = Blocks(2, 4, caching=True)
    assert blocks.take((), 3) is None
    assert 0 == blocks.used


def test_found_blocks_need_room_too() -> None:
    """One that is kept and one that is fresh are all of two; there is no third."""
    blocks = filled(1, count=2)
    assert blocks.take(blocks.found([1]), 2) is None
    assert 2 == len(took(blocks, 1, 1))


def test_only_leading_keys_are_found() -> None:
    """Of 1, 2 and 3 the first alone, where 2 is missing."""
    assert 1 == len(filled(1, 3).found([1, 2, 3]))


def test_a_found_block_is_shared() -> None:
    """Two sequences use one block, and it is free when both have left."""
    blocks = filled(1)
    first, second = took(blocks, 0, 1), took(blocks, 0, 1)
    blocks.give_back(first)
    assert (first, 1) == (second, blocks.used)
    blocks.give_back(second)
    assert 0 == blocks.used


def test_the_block_that_was_left_longest_ago_goes_first() -> None:
    """Of 1 and 2 in two blocks the next takes that of 1."""
    blocks = filled(1, 2, count=2)
    took(blocks, 1)
    assert ([], 1) == (blocks.found([1]), len(blocks.found([2])))


def test_to_be_used_again_is_to_be_kept_longer() -> None:
    """1 was used after 2, so that the block of 2 goes first."""
    blocks = filled(1, 2, count=2)
    blocks.give_back(took(blocks, 0, 1))
    took(blocks, 1)
    assert (1, []) == (len(blocks.found([1])), blocks.found([2]))


def test_the_end_of_a_sequence_goes_before_its_begin() -> None:
    """Of one with keys 1 and 2, in two blocks."""
    blocks = Blocks(2, 4, caching=True)
    taken = took(blocks, 2)
    for block, key in zip(taken, (1, 2), strict=True):
        blocks.remember(block, key)
    blocks.give_back(taken)
    took(blocks, 1)
    assert taken[:1] == blocks.found([1, 2])


def test_free_blocks_that_hold_nothing_go_first() -> None:
    """Of four, with 1 in one of them, three are taken and 1 is found still."""
    blocks = filled(1)
    took(blocks, 3)
    assert 1 == len(blocks.found([1]))


def test_without_caching_nothing_is_found() -> None:
    """A block that is given back is forgotten."""
    blocks = Blocks(4, 4, caching=False)
    taken = took(blocks, 1)
    blocks.remember(taken[0], 1)
    blocks.give_back(taken)
    assert [] == blocks.found([1])


def test_a_reset_forgets_all() -> None:
    """And nothing is lost by it."""
    blocks = filled(1, 2)
    assert blocks.reset()
    assert ([], 4) == (blocks.found([1]), len(took(blocks, 4)))


def test_nothing_is_reset_while_a_block_is_in_use() -> None:
    """As vLLM refuses."""
    blocks = filled(1)
    took(blocks, 1)
    assert not blocks.reset()
    assert 1 == len(blocks.found([1]))


def test_of_two_that_hold_the_same_the_first_is_found() -> None:
    """Two sequences computed the same block side by side."""
    blocks = Blocks(4, 4, caching=True)
    first, second = took(blocks, 2)
    blocks.remember(first, 1)
    blocks.remember(second, 1)
    assert [first] == blocks.found([1])


@given(st.lists(st.tuples(st.lists(st.integers(0, 5), max_size=4, unique=True), st.integers(0, 3), st.booleans())))
def test_no_block_is_lost(sequences: list[tuple[list[int], int, bool]]) -> None:
    """Whoever takes, shares and leaves blocks in any order: in the end all can be taken."""
    blocks, held = Blocks(6, 4, caching=True), []
    for keys, fresh, leaves in sequences:
        found = blocks.found(keys)
        if (taken := blocks.take(found, fresh)) is not None:
            for block, key in zip(taken[len(found) :], keys[len(found) :], strict=False):
                blocks.remember(block, key)
            held.append(taken)
        assert len({block for each in held for block in each}) == blocks.used
        if leaves and held:
            blocks.give_back(held.pop(0))
    for each in held:
        blocks.give_back(each)
    assert 6 == len(took(blocks, 6))


@given(st.lists(st.integers(0, 3), max_size=40), st.lists(st.integers(0, 3), max_size=40), st.integers(1, 8))
def test_keys_are_alike_as_far_as_tokens_are(one: list[int], other: list[int], size: int) -> None:
    """A key for each full block, the same for two sequences until the first block that differs."""
    alike = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    keys, others = list(keys_of(one, size)), list(keys_of(other, size))
    assert (len(one) // size, len(other) // size) == (len(keys), len(others))
    same = [a == b for a, b in zip(keys, others, strict=False)]
    assert [i < alike // size for i in range(len(same))] == same


@pytest.mark.parametrize("begin", [0, 4, 8])
def test_keys_go_on_from_the_block_before(begin: int) -> None:
    """As if they had been made in one."""
    keys = list(keys_of(range(14), 4))
    before = keys[begin // 4 - 1] if begin else 0
    assert keys[begin // 4 :] == list(keys_of(range(14), 4, before, begin))
