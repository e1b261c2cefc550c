"""The server, over a real socket: it answers as vLLM does, and its engine does what it is asked."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from tests.sim.makers import SPEC
from tests.sim.serving import Client, with_server
from thorexp.sim.cost import Reach
from thorexp.sim.engine import FIRST_TOKEN

COMPLETIONS, CHAT = "/v1/completions", "/v1/chat/completions"
PROMPT = list(range(100, 148))  # three blocks
USAGE = {"stream_options": {"include_usage": True}}
SLOW = replace(SPEC, reach=replace(SPEC.reach, step_s=0.02))  # 4000 tokens are 80 s
LONG: dict[str, Any] = {"prompt": PROMPT, "max_tokens": 4000}


def a_chat(*words: str, **more: Any) -> dict[str, Any]:
    """What a user and an assistant said by turns."""
    roles = ("user", "assistant") * len(words)
    return {"messages": [{"role": role, "content": said} for role, said in zip(roles, words, strict=False)], **more}


def streamed(path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages of a stream from a server of its own."""
    return with_server(lambda client: client.chunks(path, body))


def answered(path: str, body: object) -> tuple[int, Any]:
    """Status and JSON from a server of its own."""
    return with_server(lambda client: client.post(path, body))


def test_each_token_is_a_message() -> None:
    """Three tokens, of which the last says why it is the last."""
    choices = [message["choices"][0] for message in streamed(COMPLETIONS, {"prompt": PROMPT, "max_tokens": 3})]
    assert [" t1000", " t1001", " t1002"] == [choice["text"] for choice in choices]
    assert [None, None, "length"] == [choice["finish_reason"] for choice in choices]


def test_a_message_has_vllms_shape() -> None:
    """Key by key, in vLLM's order."""
    (message,) = streamed(COMPLETIONS, {"prompt": PROMPT, "max_tokens": 1})
    assert ["id", "object", "created", "model", "choices"] == list(message)
    assert ("text_completion", "tiny") == (message["object"], message["model"])
    keys = ["index", "text", "logprobs", "finish_reason", "stop_reason", "prompt_token_ids", "token_ids"]
    assert keys == list(message["choices"][0])


def test_the_usage_comes_last_where_it_was_asked_for() -> None:
    """48 tokens of prompt and 3 of answer, in a message without a choice."""
    *tokens, last = streamed(COMPLETIONS, {"prompt": PROMPT, "max_tokens": 3, **USAGE})
    assert (3, []) == (len(tokens), last["choices"])
    assert {"prompt_tokens": 48, "total_tokens": 48 + 3, "completion_tokens": 3} == last["usage"]


def test_token_ids_come_where_they_were_asked_for() -> None:
    """One in each message."""
    messages = streamed(COMPLETIONS, {"prompt": PROMPT, "max_tokens": 2, "return_token_ids": True})
    assert [[FIRST_TOKEN], [FIRST_TOKEN + 1]] == [message["choices"][0]["token_ids"] for message in messages]


def test_a_completion_has_16_tokens_unless_it_asks() -> None:
    """As vLLM has it."""
    assert 16 == len(streamed(COMPLETIONS, {"prompt": PROMPT}))


def test_a_chat_opens_with_a_role_and_no_token() -> None:
    """Then come its tokens."""
    opening, *tokens = streamed(CHAT, a_chat("Why?", max_completion_tokens=2))
    assert {"role": "assistant", "content": ""} == opening["choices"][0]["delta"]
    assert [{"content": " t1000"}, {"content": " t1001"}] == [each["choices"][0]["delta"] for each in tokens]
    assert {"chat.completion.chunk"} == {message["object"] for message in (opening, *tokens)}


def test_a_chat_goes_on_to_the_end_of_its_context() -> None:
    """Of 64 tokens a word and its template take 4."""
    short = replace(SPEC, limits=replace(SPEC.limits, max_model_len=64))
    _, answer = with_server(lambda client: client.post(CHAT, a_chat("Why?")), short)
    assert {"prompt_tokens": 4, "total_tokens": 64, "completion_tokens": 64 - 4} == answer["usage"]


def test_a_whole_completion_is_one_answer() -> None:
    """With its usage, and its token ids where they were asked for."""
    status, answer = answered(COMPLETIONS, {"prompt": PROMPT, "max_tokens": 3, "return_token_ids": True})
    (choice,) = answer["choices"]
    assert (200, " t1000 t1001 t1002", [1000, 1001, 1002]) == (status, choice["text"], choice["token_ids"])
    assert ("length", 48 + 3) == (choice["finish_reason"], answer["usage"]["total_tokens"])


def test_a_whole_chat_is_one_answer() -> None:
    """A message of the assistant's."""
    _, answer = answered(CHAT, a_chat("Why?", max_tokens=2))
    assert "chat.completion" == answer["object"]
    assert {"role": "assistant", "content": " t1000 t1001"} == answer["choices"][0]["message"]


@pytest.mark.parametrize(
    "prompt", [PROMPT, [PROMPT], "4" * 4 * 48, ["4" * 4 * 48]], ids=["ids", "[ids]", "text", "[text]"]
)
def test_a_prompt_is_ids_or_text(prompt: object) -> None:
    """Alone or in a list; all of these are 48 tokens."""
    _, answer = answered(COMPLETIONS, {"prompt": prompt})
    assert 48 == answer["usage"]["prompt_tokens"]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (COMPLETIONS, b"{", "Invalid JSON"),
        (COMPLETIONS, [], "not a JSON object"),
        (COMPLETIONS, {}, "prompt is neither"),
        (COMPLETIONS, {"prompt": [1, "a"]}, "prompt is neither"),
        (COMPLETIONS, {"prompt": [PROMPT, PROMPT]}, "Only one prompt"),
        (COMPLETIONS, {"prompt": PROMPT, "n": 2}, "Only n=1"),
        (COMPLETIONS, {"prompt": PROMPT, "max_tokens": 0}, "max_tokens must be at least 1, got 0"),
        (COMPLETIONS, {"prompt": []}, "cannot be empty"),
        (COMPLETIONS, {"prompt": PROMPT, "max_tokens": 4096}, "maximum context length is 4096 tokens"),
        (CHAT, {"messages": "Why?"}, "messages is not a list"),
        (CHAT, {"messages": [{"role": "user", "content": 4}]}, "content is neither"),
    ],
)
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_a_refusal_has_vllms_shape(path: str, body: object, words: str, stream: bool) -> None:
    """Under status 400, before anything is streamed."""
    status, answer = answered(path, {**body, "stream": stream} if isinstance(body, dict) else body)
    assert (400, ["error"]) == (status, list(answer))
    error = answer["error"]
    assert ["message", "type", "param", "code"] == list(error)
    assert ("BadRequestError", 400) == (error["type"], error["code"])
    assert words in error["message"]


def test_another_model_is_not_found() -> None:
    """In vLLM's words."""
    status, answer = answered(COMPLETIONS, {"model": "gpt-2", "prompt": PROMPT})
    assert (404, "NotFoundError", 404) == (status, answer["error"]["type"], answer["error"]["code"])
    assert "The model `gpt-2` does not exist." == answer["error"]["message"]


def test_a_token_is_written_before_the_next_is_made() -> None:
    """Whoever has read the first of 4000 tokens may look around while the others are still to come."""

    async def scene(client: Client) -> tuple[bytes, float]:
        async with client.session.post(client.url + COMPLETIONS, json={**LONG, "stream": True}) as response:
            first = await response.content.readuntil(b"\n\n")
            return first, (await client.metrics())["vllm:request_success_total"]

    first, finished = with_server(scene, SLOW)
    assert (" t1000", 0) == (json.loads(first.removeprefix(b"data: "))["choices"][0]["text"], finished)


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_a_client_that_goes_away_frees_its_blocks(stream: bool) -> None:
    """And its request is none that was finished."""

    async def scene(client: Client) -> float:
        asking = asyncio.create_task(client.post(COMPLETIONS, {**LONG, "stream": stream}))
        await client.until(lambda metrics: metrics["vllm:kv_cache_usage_perc"] > 0)
        asking.cancel()
        metrics = await client.until(lambda metrics: metrics["vllm:kv_cache_usage_perc"] == 0)
        assert 0 == metrics["vllm:num_requests_running"]
        return metrics["vllm:request_success_total"]

    assert 0 == with_server(scene, SLOW)


def test_after_one_that_went_away_the_next_is_served() -> None:
    """The engine goes on."""

    async def scene(client: Client) -> int:
        asking = asyncio.create_task(client.post(COMPLETIONS, LONG))
        await client.until(lambda metrics: metrics["vllm:num_requests_running"] == 1)
        asking.cancel()
        return len(await client.chunks(COMPLETIONS, {"prompt": PROMPT, "max_tokens": 5}))

    assert 5 == with_server(scene, SLOW)


async def hits(client: Client, path: str, body: dict[str, Any]) -> float:
    """Tokens of a prompt that the prefix cache had."""
    before = (await client.metrics())["vllm:prefix_cache_hits_total"]
    await client.post(path, body)
    return (await client.metrics())["vllm:prefix_cache_hits_total"] - before


def test_a_repeated_prompt_is_found() -> None:
    """Of three blocks the first two, then and later; the last is computed again for its last token."""

    async def scene(client: Client) -> list[float]:
        return [await hits(client, COMPLETIONS, {"prompt": PROMPT}) for _ in range(3)]

    assert [0, 32, 32] == with_server(scene)


def test_a_reset_cache_finds_nothing() -> None:
    """And says that it was reset."""

    async def scene(client: Client) -> tuple[tuple[int, Any], float]:
        await client.post(COMPLETIONS, {"prompt": PROMPT})
        said = await client.post("/reset_prefix_cache")
        return said, await hits(client, COMPLETIONS, {"prompt": PROMPT})

    assert ((200, {"success": True}), 0) == with_server(scene)


def test_a_cache_in_use_is_not_reset() -> None:
    """Which vLLM says under status 200."""

    async def scene(client: Client) -> tuple[int, Any]:
        asking = asyncio.create_task(client.post(COMPLETIONS, LONG))
        await client.until(lambda metrics: metrics["vllm:kv_cache_usage_perc"] > 0)
        said = await client.post("/reset_prefix_cache")
        asking.cancel()
        return said

    assert (200, {"success": False}) == with_server(scene, SLOW)


def test_the_next_turn_of_a_chat_finds_the_one_before() -> None:
    """25 pieces and 3 of template, then 30 of 31 answered tokens that were computed on: 58, so three full blocks."""

    async def scene(client: Client) -> float:
        _, answer = await client.post(CHAT, a_chat("Why?" * 25, max_tokens=31))
        said = answer["choices"][0]["message"]["content"]
        return await hits(client, CHAT, a_chat("Why?" * 25, said, "And why is that?", max_tokens=1))

    assert 3 * 16 == with_server(scene)


def test_a_text_is_counted_as_it_is_asked() -> None:
    """/tokenize says the very tokens, and how long a context may be."""
    _, answer = answered("/tokenize", {"model": "tiny", "prompt": " t5 t7", "add_special_tokens": False})
    assert ([5, 7], 2, 4096) == (answer["tokens"], answer["count"], answer["max_model_len"])


def test_a_chat_is_counted_as_it_is_asked() -> None:
    """As many tokens as its usage says."""

    async def scene(client: Client) -> list[int]:
        _, counted = await client.post("/tokenize", a_chat("Why is the sky blue?"))
        _, answer = await client.post(CHAT, a_chat("Why is the sky blue?", max_tokens=1))
        return [counted["count"], answer["usage"]["prompt_tokens"]]

    assert [20 // 4 + 3] * 2 == with_server(scene)


def test_tokens_become_a_text_of_them() -> None:
    """Which is tokenized to the same."""
    assert (200, {"prompt": " t5 t7"}) == answered("/detokenize", {"tokens": [5, 7]})


def test_the_server_says_what_it_serves() -> None:
    """The model's name and its context."""
    (model,) = json.loads(with_server(lambda client: client.get("/v1/models")))["data"]
    assert ("tiny", "thorexp.sim", 4096) == (model["id"], model["owned_by"], model["max_model_len"])


def test_the_version_says_that_it_is_simulated() -> None:
    """Which vLLM, and how fast time goes."""
    said = json.loads(with_server(lambda client: client.get("/version"), replace(SPEC, speedup=25)))
    assert {"version": "0.32+simulated", "speedup": 25.0} == said


def test_a_running_server_is_healthy() -> None:
    """An empty answer."""
    assert "" == with_server(lambda client: client.get("/health"))


def test_requests_wait_where_too_many_run() -> None:
    """Of six, four run and two wait, each of the four with its blocks."""

    async def scene(client: Client) -> tuple[float, float]:
        asking = [asyncio.create_task(client.post(COMPLETIONS, LONG)) for _ in range(6)]
        metrics = await client.until(lambda metrics: metrics["vllm:num_requests_waiting"] == 2)
        for each in asking:
            each.cancel()
        return metrics["vllm:num_requests_running"], metrics["vllm:num_requests_waiting"]

    roomy = replace(SLOW, limits=replace(SLOW.limits, num_blocks=4096))
    assert (4, 2) == with_server(scene, roomy)


def test_no_answer_is_faster_than_its_steps() -> None:
    """Six steps of 50 ms of the simulation, at twice its speed."""

    async def scene(client: Client) -> float:
        began_s = asyncio.get_running_loop().time()
        await client.post(COMPLETIONS, {"prompt": PROMPT, "max_tokens": 6})
        return asyncio.get_running_loop().time() - began_s

    fast = replace(SPEC, reach=Reach(1e12, 1e12, step_s=0.05), speedup=2.0)
    assert with_server(scene, fast) >= 6 * 0.05 / 2
