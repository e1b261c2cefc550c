"""The crude tokenizer: about as many tokens as a real one makes, and always the same."""

from hypothesis import given
from hypothesis import strategies as st

from thorexp.sim.tokenizer import FIRST, WORDS, chat_tokens, detokenized, tokenized

ANSWER = [1000, 1001, 1002]


def test_four_characters_are_a_token() -> None:
    """Of 43 there are eleven."""
    assert -(-43 // 4) == len(tokenized("The quick brown fox jumps over the lazy dog"))


@given(st.text())
def test_a_text_is_always_the_same_tokens(text: str) -> None:
    """Whatever is in it; each of them has a number that a vocabulary may have."""
    tokens = tokenized(text)
    assert tokens == tokenized(text)
    assert bool(text) == bool(tokens)


@given(st.text(st.characters(exclude_characters="t")))
def test_pieces_have_numbers_of_a_small_vocabulary(text: str) -> None:
    """2000 to 31,999."""
    assert all(FIRST <= token < FIRST + WORDS for token in tokenized(text))


@given(st.lists(st.integers(0, 200_000)))
def test_a_text_of_tokens_is_these_tokens(tokens: list[int]) -> None:
    """Exactly, so that a prompt by numbers may be asked as a text."""
    assert tokens == tokenized(detokenized(tokens))


@given(st.text(), st.lists(st.integers(0, 200_000), min_size=1))
def test_an_answer_behind_a_text_is_found_in_it(text: str, tokens: list[int]) -> None:
    """No piece of other text reaches into it."""
    assert tokenized(text) + tokens == tokenized(text + detokenized(tokens))


def test_what_only_begins_like_a_token_is_text() -> None:
    """A word of seven characters, and the space before it."""
    assert 2 == len(tokenized(" t12abcd"))


def test_a_text_begins_with_what_it_begins_with() -> None:
    """Two texts of the same first twelve characters have their first three tokens in common."""
    assert tokenized("twelve chars, one")[:3] == tokenized("twelve chars; another")[:3]


def test_each_message_ends_with_three_tokens_of_its_template() -> None:
    """Four characters are one more."""
    assert 3 + 1 == len(chat_tokens([{"role": "user", "content": "Why?"}]))


def test_a_later_turn_begins_with_the_chat_before_and_its_answer() -> None:
    """So that the prefix cache finds both."""
    question = {"role": "user", "content": "Why is the sky blue?"}
    later = [question, {"role": "assistant", "content": detokenized(ANSWER)}, {"role": "user", "content": "And why?"}]
    begin = [*chat_tokens([question]), *ANSWER]
    assert begin == chat_tokens(later)[: len(begin)]


def test_who_says_it_is_told_apart() -> None:
    """The same words of a user and of an assistant are not the same prompt."""
    assert chat_tokens([{"role": "user", "content": "a"}]) != chat_tokens([{"role": "assistant", "content": "a"}])


def test_content_in_parts_is_all_its_text() -> None:
    """An image says nothing here."""
    parts = [{"type": "text", "text": "Why "}, {"type": "image_url"}, {"type": "text", "text": "blue"}]
    assert chat_tokens([{"role": "user", "content": "Why blue"}]) == chat_tokens([{"role": "user", "content": parts}])
