"""Files of prompts."""

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thorexp.errors import ConfigError
from thorexp.measure.dataset import FileWorkload, PromptSet, read_jsonl, read_sharegpt
from thorexp.measure.workload import Ask

HELLO = {"from": "human", "value": "Hello?"}
HI = {"from": "gpt", "value": "Hi."}
MORE = {"from": "human", "value": "More?"}
NO_MORE = {"from": "gpt", "value": "No."}
RULES = {"from": "system", "value": "Be brief."}
DEEP = "[" * 100_000

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(
    ["prompt", "messages", "output_len", "reference", "role", "content", "conversations", "from", "value"]
)
objects = st.dictionaries(keys, values | st.lists(st.dictionaries(keys, values), max_size=2), max_size=4)
almost_jsonl = st.lists(objects.map(json.dumps) | st.text(max_size=8), max_size=4).map("\n".join)
almost_arrays = st.lists(objects, max_size=3).map(json.dumps)
cuts = st.integers(0, 60)


def jsonl(*lines: Any, output_len: int | None = 8) -> PromptSet:
    """What a file of these objects asks."""
    return read_jsonl("\n".join(json.dumps(line) for line in lines), "prompts.jsonl", output_len=output_len)


def sharegpt(*entries: Any, output_len: int | None = None, turns: int = 1) -> PromptSet:
    """What an array of these conversations asks, each on a line of its own."""
    text = "[\n" + ",\n".join(json.dumps({"id": "x", "conversations": entry}) for entry in entries) + "\n]\n"
    return read_sharegpt(text, "share.json", output_len=output_len, turns=turns)


def refusal(read: Callable[[], object]) -> dict[str, str]:
    """The error by label, its headline under "what"."""
    with pytest.raises(ConfigError) as caught:
        read()
    return {"what": caught.value.headline, **{fact.label: fact.text for fact in caught.value.facts}}


def test_each_line_is_a_conversation_of_one_turn() -> None:
    """Lines become asks, in the file's order."""
    assert ((Ask("one", 8),), (Ask("two", 8),)) == jsonl({"prompt": "one"}, {"prompt": "two"}).conversations


def test_a_prompt_may_be_token_ids() -> None:
    """A list of ids stays what it is."""
    assert ((Ask((0, 5, 9), 8),),) == jsonl({"prompt": [0, 5, 9]}).conversations


def test_a_prompt_may_be_messages() -> None:
    """Messages keep all their keys."""
    messages = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?", "name": "Ada"})
    assert ((Ask(messages, 8),),) == jsonl({"messages": messages}).conversations


def test_a_message_may_have_parts() -> None:
    """The content of a message may be a list of objects."""
    message = {"role": "user", "content": [{"type": "text", "text": "Hello?"}]}
    assert ((Ask((message,), 8),),) == jsonl({"messages": [message]}).conversations


@pytest.mark.parametrize("key", ["output_len", "output_tokens", "max_tokens"])
def test_a_line_says_its_own_length(key: str) -> None:
    """A line's length goes before that of the workload."""
    assert ((Ask("one", 3),),) == jsonl({"prompt": "one", key: 3}).conversations


@pytest.mark.parametrize("key", ["completion", "reference"])
def test_a_reference_stands_for_a_length(key: str) -> None:
    """Where nobody says a length, the reference answer will."""
    assert ((Ask("one", None, "An answer."),),) == jsonl(
        {"prompt": "one", key: "An answer."}, output_len=None
    ).conversations


def test_a_null_is_as_good_as_absent() -> None:
    """Tables written as JSON have a null in every empty cell."""
    line = {"prompt": "one", "messages": None, "output_len": None, "reference": None}
    assert jsonl({"prompt": "one"}) == jsonl(line)


def test_other_keys_are_not_read() -> None:
    """What nobody knows changes nothing."""
    assert jsonl({"prompt": "one"}) == jsonl({"prompt": "one", "source": {"id": [1.5, True]}})


@pytest.mark.parametrize("text", ['\n\n{"prompt": "one"}\n \t\n', '\r\n{"prompt": "one"}\r\n', '  {"prompt": "one"}  '])
def test_blank_lines_are_no_prompts(text: str) -> None:
    """Space around and between lines is none of the prompt."""
    assert jsonl({"prompt": "one"}) == read_jsonl(text, "prompts.jsonl", output_len=8)


def test_a_line_ends_at_a_newline_only() -> None:
    """Characters that end a line elsewhere may stand in a prompt as they are."""
    text = '{"prompt": "one\u2028two\x85three"}'
    assert ((Ask("one\u2028two\x85three", 8),),) == read_jsonl(text, "prompts.jsonl", output_len=8).conversations


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('{"prompt": "one", "messages": [{"role": "user", "content": "two"}]}', "Prompt and messages cannot both"),
        ('{"text": "one"}', "There is no prompt"),
        ("{}", "There is no prompt"),
        ('{"prompt": ""}', "The prompt is empty"),
        ('{"prompt": []}', "The prompt is empty"),
        ('{"prompt": 5}', "The prompt is neither"),
        ('{"prompt": false}', "The prompt is neither"),
        ('{"prompt": ["one", "two"]}', "The prompt is neither"),
        ('{"prompt": [1, true]}', "The prompt is neither"),
        ('{"prompt": [1, 2.0]}', "The prompt is neither"),
        ('{"prompt": [1, -2]}', "The prompt is neither"),
        ('{"prompt": [1, 2147483648]}', "The prompt is neither"),
        (r'{"prompt": "half \ud83d"}', "The prompt is neither"),
        ('{"messages": "one"}', "The messages are no list"),
        ('{"messages": []}', "The messages are empty"),
        ('{"messages": [{"role": "user", "content": ""}]}', "The messages are empty"),
        ('{"messages": ["one"]}', "This is no chat message"),
        ('{"messages": [null]}', "This is no chat message"),
        ('{"messages": [{"content": "one"}]}', "This is no chat message"),
        ('{"messages": [{"role": "", "content": "one"}]}', "This is no chat message"),
        ('{"messages": [{"role": "user"}]}', "This is no chat message"),
        ('{"messages": [{"role": "user", "content": ["one"]}]}', "This is no chat message"),
        (r'{"messages": [{"role": "user", "content": "\udc00"}]}', "This is no chat message"),
        ('{"prompt": "one", "output_len": 0}', "The output length is no positive integer"),
        ('{"prompt": "one", "output_len": -5}', "The output length is no positive integer"),
        ('{"prompt": "one", "output_len": true}', "The output length is no positive integer"),
        ('{"prompt": "one", "output_len": 8.0}', "The output length is no positive integer"),
        ('{"prompt": "one", "output_len": "8"}', "The output length is no positive integer"),
        ('{"prompt": "one", "output_len": 8, "max_tokens": 8}', "Two keys say the same"),
        ('{"prompt": "one", "reference": "a", "completion": "a"}', "Two keys say the same"),
        ('{"prompt": "one", "reference": 5}', "The reference answer is no text"),
        ('{"prompt": "one", "score": NaN}', "This is not JSON"),
        ('{"prompt": "one", "score": -Infinity}', "This is not JSON"),
        ('{"prompt": "one", "score": 1e999}', "This is not JSON"),
        (f'{{"prompt": "one", "score": {"9" * 5000}}}', "This is not JSON"),
        ('{"prompt": "one"', "This is not JSON"),
        ("prompt: one", "This is not JSON"),
        ('{"prompt": "one"} {"prompt": "two"}', "More follows where the JSON ends"),
        (DEEP, "This JSON is nested too deep"),
        ("[1]", "This line is no JSON object"),
        ('"one"', "This line is no JSON object"),
        ("null", "This line is no JSON object"),
    ],
    ids=lambda text: text[:60],
)
def test_a_line_that_is_no_prompt_is_refused_by_its_place(line: str, what: str) -> None:
    """The error says what is wrong and on which line, with evidence and remedy."""
    error = refusal(lambda: read_jsonl(f'{{"prompt": "one"}}\n\n{line}\n', "prompts.jsonl", output_len=8))
    assert re.match(what, error["what"])
    assert "prompts.jsonl:3" == error["where"]
    assert error["found"]
    assert error["try"]


def test_broken_json_is_shown_with_its_column() -> None:
    """Column 12 is where a value should stand."""
    error = refusal(lambda: read_jsonl('{"prompt": }', "prompts.jsonl", output_len=8))
    assert "Expecting value, column 12" == error["found"]


@pytest.mark.parametrize("line", [{"prompt": "one"}, {"prompt": "one", "reference": ""}])
def test_a_prompt_without_a_length_is_refused(line: dict[str, str]) -> None:
    """An empty reference has no length either; the remedy is the key that gives one to all."""
    error = refusal(lambda: jsonl({"prompt": "one", "output_len": 3}, line, output_len=None))
    assert ("prompts.jsonl:2", "workload.output_len=128") == (error["where"], error["try"])


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_a_file_without_prompts_is_refused(text: str) -> None:
    """A file that asks nothing is a mistake."""
    error = refusal(lambda: read_jsonl(text, "prompts.jsonl", output_len=8))
    assert ("The file asks nothing.", "prompts.jsonl") == (error["what"], error["where"])


def test_a_conversation_gives_up_to_so_many_turns() -> None:
    """Each pair is a turn: question as prompt, answer as reference."""
    first, second = Ask("Hello?", None, "Hi."), Ask("More?", None, "No.")
    entry = [HELLO, HI, MORE, NO_MORE]
    assert [((first,),), ((first, second),), ((first, second),)] == [
        sharegpt(entry, turns=turns).conversations for turns in (1, 2, 3)
    ]


def test_an_output_length_goes_before_the_answer_of_the_file() -> None:
    """The answer is kept, the length is what was asked for."""
    assert ((Ask("Hello?", 16, "Hi."),),) == sharegpt([HELLO, HI], output_len=16).conversations


def test_a_system_message_opens_the_first_prompt_only() -> None:
    """The leading system message and a blank line come before the first question."""
    ((first, second),) = sharegpt([RULES, HELLO, HI, MORE, NO_MORE], turns=2).conversations
    assert ("Be brief.\n\nHello?", "More?") == (first.prompt, second.prompt)


def test_an_empty_system_message_opens_nothing() -> None:
    """A system message that says nothing leaves the question as it is."""
    assert sharegpt([HELLO, HI]) == sharegpt([{"from": "system", "value": ""}, HELLO, HI])


@pytest.mark.parametrize("asker", ["human", "user"])
@pytest.mark.parametrize("answerer", ["gpt", "assistant", "chatgpt", "bing", "bard"])
def test_speakers_have_many_names(asker: str, answerer: str) -> None:
    """All names that the public files have for the two are known."""
    entry = [{"from": asker, "value": "Hello?"}, {"from": answerer, "value": "Hi."}]
    assert ((Ask("Hello?", None, "Hi."),),) == sharegpt(entry).conversations


def test_the_list_may_be_called_conversation() -> None:
    """Either key holds the messages."""
    text = json.dumps([{"conversation": [HELLO, HI]}])
    assert sharegpt([HELLO, HI]) == read_sharegpt(text, "share.json", output_len=None, turns=1)


def test_turns_end_where_the_pairs_do() -> None:
    """A question without its answer, and what follows a break, is not asked."""
    assert sharegpt([HELLO, HI]) == sharegpt([HELLO, HI, MORE], turns=5)
    assert sharegpt([HELLO, HI]) == sharegpt([HELLO, HI, RULES, MORE, NO_MORE], turns=5)


@pytest.mark.parametrize(
    "entry",
    [
        [],
        [HELLO],
        [RULES],
        [HI, MORE, NO_MORE],
        [HELLO, MORE, NO_MORE],
        [RULES, RULES, HELLO, HI],
        [RULES, HI, HELLO],
        [{"from": "human", "value": ""}, HI],
        [HELLO, {"from": "gpt", "value": ""}],
        [HELLO, {"from": "gpt", "value": "half \ud83d"}],
        [{"from": "system", "value": "half \ud83d"}, HELLO, HI],
    ],
    ids=json.dumps,
)
def test_a_conversation_that_asks_nothing_is_left_out_and_counted(entry: list[dict[str, str]]) -> None:
    """The others stay; how many were left out, and the line of the first, can be said."""
    read = sharegpt([HELLO, HI], [MORE, NO_MORE], entry, [HELLO, HI], entry)
    assert ["Hello?", "More?", "Hello?"] == [ask.prompt for (ask,) in read.conversations]
    assert (2, 4) == (read.left_out, read.first_left_out_line)


def test_nothing_left_out_has_no_line() -> None:
    """The line of the first is absent, not 0, when there is none."""
    read = sharegpt([HELLO, HI])
    assert (0, None) == (read.left_out, read.first_left_out_line)


def test_a_file_of_which_all_is_left_out_is_refused() -> None:
    """How many entries there were is the evidence."""
    error = refusal(lambda: sharegpt([HELLO], [HI]))
    assert ("The file asks nothing.", "2 entries without a question and its answer") == (error["what"], error["found"])


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ("5", "This is no conversation"),
        ("[]", "This is no conversation"),
        ("{}", "A conversation is a list of messages"),
        ('{"conversations": "one"}', "A conversation is a list of messages"),
        ('{"conversations": [], "conversation": []}', "Two keys say the same"),
        ('{"conversations": ["one"]}', "This is no message with a text"),
        ('{"conversations": [{"from": "human"}]}', "This is no message with a text"),
        ('{"conversations": [{"from": "human", "value": 5}]}', "This is no message with a text"),
        ('{"conversations": [{"value": "one"}]}', "Nobody knows who said this"),
        ('{"conversations": [{"from": "narrator", "value": "one"}]}', "Nobody knows who said this"),
        ('{"conversations": [{"from": ["human"], "value": "one"}]}', "Nobody knows who said this"),
        ('{"conversations": NaN}', "This is not JSON"),
        ('{"conversations": }', "This is not JSON"),
        (DEEP, "This JSON is nested too deep"),
    ],
    ids=lambda text: text[:60],
)
def test_an_entry_of_the_wrong_shape_is_refused_by_its_line(entry: str, what: str) -> None:
    """Entries may be of many lines: the error names the one where the wrong one starts."""
    text = f"\n[\n{json.dumps({'conversations': [HELLO, HI]}, indent=1)},\n\n{entry}\n]"
    before = 1 + text[: text.index(f",\n\n{entry}") + 3].count("\n")
    error = refusal(lambda: read_sharegpt(text, "share.json", output_len=None, turns=1))
    assert re.match(what, error["what"])
    assert f"share.json:{before}" == error["where"]


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("", "This is no JSON array", 1),
        ('\n{"conversations": []}', "This is no JSON array", 2),
        ("[\n", "This is not JSON", 2),
        ("[\n{}", "A conversation is a list", 2),
        ('[\n{"conversations": []}\n', "The JSON array breaks off", 3),
        ('[\n{"conversations": []}\n{"conversations": []}]', "The JSON array breaks off", 3),
        ('[\n{"conversations": []},\n]', "This is not JSON", 3),
        ('[\n{"conversations":\n []\n]', "This is not JSON", 4),
        ('[\n{"conversations": []}\n]\n{}', "More follows where the JSON array ends", 4),
        ("[]\n[]", "More follows where the JSON array ends", 2),
        ("[\n]", "The file asks nothing", None),
    ],
)
def test_an_array_that_is_none_is_refused_where_it_breaks(text: str, what: str, line: int | None) -> None:
    """The error names the line of the break, where there is one."""
    error = refusal(lambda: read_sharegpt(text, "share.json", output_len=None, turns=1))
    assert re.match(what, error["what"])
    assert ("share.json" if line is None else f"share.json:{line}") == error["where"]


@pytest.mark.parametrize(
    ("key", "read"),
    [
        ("workload.output_len=0", lambda: jsonl({"prompt": "one"}, output_len=0)),
        ("workload.output_len=0", lambda: sharegpt([HELLO, HI], output_len=0)),
        ("workload.turns=0", lambda: sharegpt([HELLO, HI], turns=0)),
    ],
)
def test_a_number_that_cannot_be_is_refused_by_its_key(key: str, read: Callable[[], PromptSet]) -> None:
    """The error names the config key and its value."""
    assert f"{key} is too small." == refusal(read)["what"]


@given(st.text() | almost_jsonl, cuts)
def test_any_jsonl_is_read_or_refused(text: str, cut: int) -> None:
    """Of garbage nothing comes but prompts or a ConfigError."""
    for whole_or_part in (text, text[:cut]):
        try:
            read = read_jsonl(whole_or_part, "prompts.jsonl", output_len=8)
        except ConfigError:
            continue
        assert all(ask.prompt for (ask,) in read.conversations)


@given(st.text() | almost_arrays, cuts)
def test_any_sharegpt_is_read_or_refused(text: str, cut: int) -> None:
    """Of garbage nothing comes but conversations or a ConfigError."""
    for whole_or_part in (text, text[:cut], f"[{text}]"):
        try:
            read = read_sharegpt(whole_or_part, "share.json", output_len=8, turns=2)
        except ConfigError:
            continue
        assert all(ask.prompt for turns in read.conversations for ask in turns)


HUNDRED = FileWorkload(tuple((Ask(f"prompt {i}", 8),) for i in range(100)), "prompts.jsonl")


def test_a_file_is_asked_in_a_drawn_order() -> None:
    """All of a file is asked once each, not in the file's order."""
    asked = HUNDRED.conversations(None, np.random.default_rng(0))
    assert HUNDRED.source != asked
    assert set(HUNDRED.source) == set(asked)
    assert 100 == len(asked)


def test_a_seed_draws_the_same_prompts() -> None:
    """One seed is one load, another seed another."""
    one, same, other = (HUNDRED.conversations(10, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert one == same
    assert one != other


def test_a_shorter_load_asks_the_first_of_a_longer_one() -> None:
    """The first 10 are the same whether 10 or all are asked."""
    ten, all_of_them = (HUNDRED.conversations(count, np.random.default_rng(0)) for count in (10, None))
    assert all_of_them[:10] == ten


def test_more_than_the_file_has_is_refused() -> None:
    """The error names the key, how many there are, and why none comes twice."""
    error = refusal(lambda: HUNDRED.conversations(101, np.random.default_rng(0)))
    assert "The load asks 101 prompts, the file has 100." == error["what"]
    assert "prompts.jsonl" == error["where"]
    assert "prefix cache" in error["why"]
    assert error["try"].startswith("load.num_prompts=100")
