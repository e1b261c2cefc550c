"""A plan in the terms of its endpoint and the tokens of its model."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.fake_vllm import TEMPLATE_TOKENS, text_tokens, tokenized
from tests.golden import GoldenServer, Settings, golden_server
from tests.records import a_plan, some_asks
from tests.serve.saying import saying
from thorexp.errors import LoadError
from thorexp.load.target import Target
from thorexp.measure.plan import LoadPlan, PlannedRequest, Stage
from thorexp.measure.workload import Ask
from thorexp.tokens import in_tokens, warmup_in_tokens

NOT_FOUND = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
USER = {"role": "user", "content": "two words"}
SYSTEM = {"role": "system", "content": "be brief please"}
PARTS = {"role": "user", "content": [{"type": "text", "text": "two"}, {"type": "text", "text": "words"}]}


@pytest.fixture(scope="module")
def server() -> Iterator[GoldenServer]:
    with golden_server(Settings()) as golden:
        yield golden


def completions(server: GoldenServer) -> Target:
    return Target(server.base_url, "golden")


def chat(server: GoldenServer) -> Target:
    return Target(server.base_url, "golden", api="chat")


def asks(plan: LoadPlan) -> list[Ask]:
    return [request.ask for request in plan.requests]


def a_talk(*asks: Ask) -> LoadPlan:
    requests = tuple(PlannedRequest(i, 0, ask, i - 1 if i else None) for i, ask in enumerate(asks))
    return LoadPlan((Stage("talk", requests),), ignore_eos=True)


def test_token_ids_are_completed_as_they_are(server: GoldenServer) -> None:
    """Nobody is asked anything: the plan itself comes back."""
    plan = a_plan(*some_asks(3))
    assert in_tokens(plan, completions(server), None) is plan


@pytest.mark.parametrize(
    ("prompt", "ids"),
    [
        ("two words", text_tokens("two words")),
        ((USER,), tokenized({"messages": [USER]})),
        ((SYSTEM, USER), tokenized({"messages": [SYSTEM, USER]})),
        ((PARTS,), tokenized({"messages": [USER]})),
    ],
    ids=["text", "a message", "two messages", "parts"],
)
def test_texts_and_messages_are_completed_as_token_ids(server: GoldenServer, prompt: Any, ids: list[int]) -> None:
    """As the server's own tokenizer and chat template have them."""
    (asked,) = asks(in_tokens(a_plan(Ask(prompt, 4)), completions(server), None))
    assert Ask(tuple(ids), 4) == asked


@pytest.mark.parametrize(
    ("prompt", "messages", "tokens"),
    [
        ("two words", ({"role": "user", "content": "two words"},), 2 + TEMPLATE_TOKENS),
        ((5, 6, 7), ({"role": "user", "content": "t5 t6 t7"},), 3 + TEMPLATE_TOKENS),
        ((SYSTEM, USER), (SYSTEM, USER), 3 + 2 + 2 * TEMPLATE_TOKENS),
        ((PARTS,), (PARTS,), 2 + TEMPLATE_TOKENS),
    ],
    ids=["text", "token ids", "two messages", "parts"],
)
def test_anything_is_chatted_as_messages(server: GoldenServer, prompt: Any, messages: Any, tokens: int) -> None:
    """With their tokens counted, the template's too; messages stay what they are."""
    (asked,) = asks(in_tokens(a_plan(Ask(prompt, 4)), chat(server), None))
    assert Ask(messages, 4, counted=tokens) == asked
    assert tokens == asked.input_len


@pytest.mark.parametrize("api", ["completions", "chat"])
def test_an_answer_is_as_long_as_the_reference(server: GoldenServer, api: Any) -> None:
    """Four words are four tokens; an empty one is still asked for; a length that was given holds."""
    plan = a_plan(Ask("a", None, "one two three four"), Ask("b", None, " "), Ask("c", 9, "one two"))
    target = replace(completions(server), api=api)
    assert [4, 1, 9] == [ask.output_len for ask in asks(in_tokens(plan, target, None))]


def test_token_ids_with_a_reference_are_counted_too(server: GoldenServer) -> None:
    """Only the answer's length is missing."""
    (asked,) = asks(in_tokens(a_plan(Ask((1, 2), None, "one two three")), completions(server), None))
    assert ((1, 2), 3) == (asked.prompt, asked.output_len)


def test_the_order_stays(server: GoldenServer) -> None:
    """However many are counted at once."""
    plan = a_plan(*(Ask(f"t{i}", 1) for i in range(50)))
    assert [(i,) for i in range(50)] == [ask.prompt for ask in asks(in_tokens(plan, completions(server), None))]


def test_turns_of_a_file_are_chatted_one_by_one(server: GoldenServer) -> None:
    """Each turn is what one user says; the client puts the history before it. Thinking and following stay."""
    plan = a_talk(Ask("hello you", None, "hi"), Ask("and now", None, "now then what", think_ns=7))
    counted = in_tokens(plan, chat(server), None)
    assert [({"role": "user", "content": text},) for text in ("hello you", "and now")] == [
        ask.prompt for ask in asks(counted)
    ]
    assert [(1, 0, None), (3, 7, 0)] == [(r.ask.output_len, r.ask.think_ns, r.follows) for r in counted.requests]


def test_conversations_that_are_too_long_are_left_out_as_a_whole(
    server: GoldenServer, caplog: pytest.LogCaptureFixture
) -> None:
    """2 + 3 and 1 + 3 tokens are 9 in all; of 8 at most, neither turn is asked."""
    talk = (PlannedRequest(0, 0, Ask("two words", 3)), PlannedRequest(1, 0, Ask("one", 3), 0))
    plan = LoadPlan((Stage("s", (*talk, PlannedRequest(2, 0, Ask("another one", 6)))),), ignore_eos=True)
    with caplog.at_level(logging.WARNING):
        counted = in_tokens(plan, completions(server), 8)
    assert [(0, tuple(text_tokens("another one")))] == [(r.index, r.ask.prompt) for r in counted.requests]
    assert 3 == len(in_tokens(plan, completions(server), 9).requests)
    assert "left out 2 of 3 requests, longer than workload.max_len=8" in caplog.text


def test_token_ids_that_are_too_long_are_left_out_too(server: GoldenServer) -> None:
    """Though nothing of them had to be counted."""
    plan = a_plan(Ask((1,) * 8, 4), Ask((2,) * 3, 4))
    assert [(2,) * 3] == [ask.prompt for ask in asks(in_tokens(plan, completions(server), 11))]


def test_a_load_of_which_nothing_is_left_is_refused(server: GoldenServer) -> None:
    """By the key, with the longest that was there."""
    with pytest.raises(LoadError, match="Nothing of the load is left") as refused:
        in_tokens(a_plan(Ask("two words", 3)), completions(server), 4)
    assert "workload.max_len=4" in str(refused.value)
    assert "5 tokens" in str(refused.value)


@pytest.mark.parametrize(
    ("api", "ask"),
    [
        ("completions", Ask("a text", 4)),
        ("completions", Ask((USER,), 4)),
        ("completions", Ask((1, 2), None, "word")),
        ("chat", Ask((1, 2), 4)),
        ("chat", Ask("a text", None, "word")),
    ],
)
def test_a_server_that_does_not_tokenize_is_named(api: Any, ask: Ask) -> None:
    """With its words, and what goes without."""
    with saying(NOT_FOUND) as url, pytest.raises(LoadError, match="tokenizer does not answer") as refused:
        in_tokens(a_plan(ask), Target(url, "m", api=api), None)
    assert f"{url}/" in str(refused.value)
    assert "404" in str(refused.value)


def test_an_answer_that_is_no_list_of_tokens_is_no_tokenizer() -> None:
    """Some answer anything with 200."""
    with saying(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}") as url, pytest.raises(LoadError, match="tokens"):
        in_tokens(a_plan(Ask("a text", 4)), Target(url, "m"), None)


@pytest.mark.parametrize("prompt", ["a text", (USER,)], ids=["text", "messages"])
def test_texts_of_known_length_are_chatted_without_a_tokenizer(prompt: Any) -> None:
    """Nobody knows how long they are."""
    with saying(NOT_FOUND) as url:
        (asked,) = asks(in_tokens(a_plan(Ask(prompt, 4)), Target(url, "m", api="chat"), None))
    assert (4, None) == (asked.output_len, asked.input_len)
    assert all(isinstance(message, dict) for message in asked.prompt)


def test_a_warm_up_is_chatted_as_text(server: GoldenServer) -> None:
    """Of these very tokens."""
    (asked,) = asks(warmup_in_tokens(a_plan(Ask((5, 6), 4)), chat(server)))
    assert Ask(({"role": "user", "content": "t5 t6"},), 4, counted=2 + TEMPLATE_TOKENS) == asked


def test_a_warm_up_is_chatted_without_a_tokenizer_too() -> None:
    """As numbers: a load of texts can then be measured on any server."""
    with saying(NOT_FOUND) as url:
        (asked,) = asks(warmup_in_tokens(a_plan(Ask((5, 6), 4)), Target(url, "m", api="chat")))
    assert Ask(({"role": "user", "content": "5 6"},), 4) == asked
