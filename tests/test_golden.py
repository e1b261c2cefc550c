"""The server of known truth does what it says: over plain HTTP, without the client that it is there to judge."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from tests.golden import GoldenServer, Manner, Settings, golden_server, text_of

PATIENCE_S = 60.0
COMPLETIONS = "/v1/completions"
CHAT = "/v1/chat/completions"
ENDPOINTS = (COMPLETIONS, CHAT)
BROKEN = (Manner.CLOSES, Manner.STALLS, Manner.SILENT, Manner.ERROR_MESSAGE, Manner.NOT_JSON, Manner.NO_TOKENS)
REFUSED = (Manner.BAD_REQUEST, Manner.SERVER_ERROR, Manner.UNAVAILABLE)
COMPLETE = tuple(each for each in Manner if each not in (*BROKEN, *REFUSED, Manner.EMPTY_TEXT))

_ids = count()


@pytest.fixture(scope="module")
def server() -> Iterator[GoldenServer]:
    """One server for all: the first word of a text is how it shall be answered."""
    by_text = {manner.name: manner for manner in Manner}
    with golden_server(Settings(ttft_s=0.02, itl_s=0.005, by_text=by_text)) as running:
        yield running


def a_text(manner: Manner = Manner.PLAIN) -> str:
    """Two words that no other test asks."""
    return f"{manner.name} {next(_ids)}"


def a_body(endpoint: str, text: str, **more: Any) -> dict[str, Any]:
    """A request for four tokens, streamed unless it says otherwise."""
    asked = {"messages": [{"role": "user", "content": text}]} if endpoint == CHAT else {"prompt": text}
    usage = {"stream_options": {"include_usage": True}}
    return {"model": "golden", **asked, "max_tokens": 4, "stream": True, **usage, **more}


def post(
    server: GoldenServer,
    path: str,
    body: dict[str, Any],
    headers: dict[str, str] | None = None,
    timeout_s: float = PATIENCE_S,
) -> bytes:
    """The whole answer to this body."""
    request = urllib.request.Request(f"{server.base_url}{path}", json.dumps(body).encode(), headers or {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=timeout_s) as answer:
        return bytes(answer.read())


def streamed(server: GoldenServer, path: str, body: dict[str, Any]) -> list[Any]:
    """Every message of a stream that ends as one should; its last is no part of the list."""
    lines = post(server, path, body).decode().splitlines()
    *messages, done = (line.removeprefix("data: ") for line in lines if line.startswith("data: "))
    assert "[DONE]" == done
    return [json.loads(message) for message in messages]


def choices(messages: list[Any]) -> list[Any]:
    """What the messages say, but for the usage."""
    return [message["choices"][0] for message in messages if message["choices"]]


def said(choice: Any) -> str:
    """All the text of a choice, wherever it stands."""
    spoken = choice.get("delta") or choice.get("message") or {"content": choice.get("text")}
    calls = "".join(call["function"]["arguments"] for call in spoken.get("tool_calls", ()))
    return (spoken.get("reasoning") or "") + (spoken.get("content") or "") + calls


def test_a_chat_opens_with_its_role_and_ends_with_its_last_token(server: GoldenServer) -> None:
    """Role, tokens of which the last has the reason, usage."""
    messages = streamed(server, CHAT, a_body(CHAT, a_text()))
    role, *tokens = choices(messages)
    assert {"role": "assistant", "content": ""} == role["delta"]
    assert [{"content": f" {i}é"} for i in range(4)] == [token["delta"] for token in tokens]
    assert [None, None, None, "length"] == [token["finish_reason"] for token in tokens]
    assert {"prompt_tokens": 2 + 3, "completion_tokens": 4, "total_tokens": 2 + 3 + 4} == messages[-1]["usage"]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("manner", COMPLETE)
def test_a_stream_says_the_same_text_in_any_manner(server: GoldenServer, endpoint: str, manner: Manner) -> None:
    """Each token once, each stamped, however they are written."""
    text = a_text(manner)
    messages = streamed(server, endpoint, a_body(endpoint, text))
    assert text_of(4) == "".join(said(choice) for choice in choices(messages))
    assert 4 == len(server.truth().of_text(text).token_ns)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("manner", COMPLETE)
def test_an_answer_in_one_piece_is_written_once(server: GoldenServer, endpoint: str, manner: Manner) -> None:
    """The same text in one body, with one stamp, not before the last token's time."""
    text = a_text(manner)
    answer = json.loads(post(server, endpoint, a_body(endpoint, text, stream=False)))
    served = server.truth().of_text(text)
    (written_ns,) = served.token_ns
    assert text_of(4) == said(answer["choices"][0])
    assert (manner is not Manner.NO_USAGE) == ("usage" in answer)
    assert written_ns - served.arrived_ns >= 20_000_000 + 3 * 5_000_000
    assert written_ns == served.ended_ns


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("manner", COMPLETE)
def test_token_ids_are_named_where_they_are_asked_for(server: GoldenServer, endpoint: str, manner: Manner) -> None:
    """Every id once and in order, over all messages."""
    messages = streamed(server, endpoint, a_body(endpoint, a_text(manner), return_token_ids=True))
    named = [token for choice in choices(messages) for token in choice.get("token_ids", ())]
    assert [1000, 1001, 1002, 1003] == named


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_two_tokens_to_a_message_halve_the_messages(server: GoldenServer, endpoint: str) -> None:
    """Five tokens are three messages; usage counts tokens."""
    body = a_body(endpoint, a_text(Manner.MULTI_TOKEN), max_tokens=5, return_token_ids=True)
    messages = streamed(server, endpoint, body)
    named = [choice["token_ids"] for choice in choices(messages) if "token_ids" in choice]
    assert [[1000, 1001], [1002, 1003], [1004]] == named
    assert 5 == messages[-1]["usage"]["completion_tokens"]


def test_half_of_a_reasoning_chat_is_reasoning(server: GoldenServer) -> None:
    """Then it says the rest."""
    messages = streamed(server, CHAT, a_body(CHAT, a_text(Manner.REASONING)))
    deltas = [choice["delta"] for choice in choices(messages)[1:]]
    assert [{"reasoning": " 0é"}, {"reasoning": " 1é"}, {"content": " 2é"}, {"content": " 3é"}] == deltas


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_silent_server_never_has_a_token(server: GoldenServer, endpoint: str) -> None:
    """Its headers are there; its request has no end."""
    text = a_text(Manner.SILENT)
    with pytest.raises(TimeoutError):
        post(server, endpoint, a_body(endpoint, text), timeout_s=1.0)
    served = server.truth().of_text(text)
    assert ((), None) == (served.token_ns, served.ended_ns)


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("manner", REFUSED)
def test_a_refusal_is_the_same_everywhere(server: GoldenServer, endpoint: str, manner: Manner, stream: bool) -> None:
    """Either endpoint, streamed or not."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(server, endpoint, a_body(endpoint, a_text(manner), stream=stream))
    expected = {Manner.BAD_REQUEST: 400, Manner.SERVER_ERROR: 500, Manner.UNAVAILABLE: 503}
    assert expected[manner] == refused.value.code


@pytest.mark.parametrize(
    "asked",
    [{"prompt": "a word and a word"}, {"messages": [{"role": "user", "content": "two words"}]}],
    ids=["prompt", "messages"],
)
def test_tokens_survive_the_way_to_text_and_back(server: GoldenServer, asked: dict[str, Any]) -> None:
    """One to a word, three more to a message, and the same ones again."""
    told = json.loads(post(server, "/tokenize", {"model": "golden", **asked}))
    text = json.loads(post(server, "/detokenize", {"model": "golden", "tokens": told["tokens"]}))["prompt"]
    assert (5, 4096, 5) == (told["count"], told["max_model_len"], len(told["tokens"]))
    assert told == json.loads(post(server, "/tokenize", {"model": "golden", "prompt": text}))


def test_a_request_is_known_by_its_headers_and_its_path(server: GoldenServer) -> None:
    """Names in lower case, values as they were."""
    text = a_text()
    post(server, CHAT, a_body(CHAT, text), {"X-Request-Id": "Mine"})
    served = server.truth().of_text(text)
    assert ("Mine", CHAT, ()) == (served.headers["x-request-id"], served.path, served.prompt)


def test_who_has_no_key_is_refused() -> None:
    """A wrong one is none; the right one is let in."""
    with golden_server(Settings(require_key="s3cret")) as server:
        for headers in (None, {"Authorization": "Bearer S3cret"}):
            with pytest.raises(urllib.error.HTTPError) as refused:
                post(server, CHAT, a_body(CHAT, a_text()), headers)
            assert (401, {"error": "Unauthorized"}) == (refused.value.code, json.load(refused.value))
        text = a_text()
        post(server, CHAT, a_body(CHAT, text), {"Authorization": "Bearer s3cret"})
        assert [text] == [served.text for served in server.truth().served]


def test_a_tool_is_called_by_name_once(server: GoldenServer) -> None:
    """What follows only adds to its arguments."""
    messages = streamed(server, CHAT, a_body(CHAT, a_text(Manner.TOOL_CALLS)))
    (first,), *later = (choice["delta"]["tool_calls"] for choice in choices(messages)[1:])
    assert ("golden", " 0é") == (first["function"]["name"], first["function"]["arguments"])
    assert [{"index": 0, "function": {"arguments": f" {i}é"}} for i in (1, 2, 3)] == [call for (call,) in later]
