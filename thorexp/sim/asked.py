"""What a request asks for, and why it is refused. Pure.

Sampling parameters are passed over: which tokens an answer has is no part of the simulation. `ignore_eos` is one of
them, for answers are always as long as was asked for.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from thorexp.sim.tokenizer import chat_tokens, tokenized

DEFAULT_TOKENS = 16


class RefusedError(Exception):
    """In vLLM's words, as what kind of error, under which HTTP status; `param` where one key is to blame."""

    def __init__(self, words: str, kind: str = "BadRequestError", status: int = 400, param: str | None = None) -> None:
        super().__init__(words)
        self.words, self.kind, self.status, self.param = words, kind, status, param


@dataclass(frozen=True, slots=True)
class Asked:
    """A completion or a chat, its prompt in tokens."""

    prompt: list[int]
    max_tokens: int
    streamed: bool
    with_usage: bool
    with_ids: bool


def asked_of(body: Mapping[str, Any], *, chat: bool, room: int) -> Asked:
    """What a body asks for; `room`: tokens of prompt and answer together. RefusedError for what is no request."""
    if body.get("n") not in (None, 1):
        raise RefusedError(f"Only n=1 is simulated, got n={body['n']}.", param="n")
    prompt = prompt_tokens(body)
    streamed = bool(body.get("stream"))
    return Asked(
        prompt=prompt,
        max_tokens=_max_tokens(body, max(1, room - len(prompt)) if chat else DEFAULT_TOKENS),
        streamed=streamed,
        with_usage=not streamed or _wants_usage(body.get("stream_options") or {}),
        with_ids=bool(body.get("return_token_ids")),
    )


def _wants_usage(options: object) -> bool:
    if not isinstance(options, Mapping):
        raise RefusedError("stream_options is not a JSON object.", param="stream_options")
    return bool(options.get("include_usage"))


def json_of(body: bytes, name: str) -> dict[str, Any]:
    """The body as an object that asks for the model of that name, or for none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as broken:
        raise RefusedError(f"Invalid JSON: {broken}") from None
    if not isinstance(value, dict):
        raise RefusedError("The body is not a JSON object.")
    if value.get("model") not in (None, name):
        words = f"The model `{value['model']}` does not exist."
        raise RefusedError(words, "NotFoundError", 404, "model")
    return value


def prompt_tokens(body: Mapping[str, Any]) -> list[int]:
    """Of its messages or its prompt: token ids, text, or a list with one of these."""
    if "messages" in body:
        return _of_messages(body["messages"])
    prompt = body.get("prompt")
    if isinstance(prompt, list) and prompt and isinstance(prompt[0], (list, str)):
        if len(prompt) > 1:
            raise RefusedError(f"Only one prompt a request is simulated, got {len(prompt)}.", param="prompt")
        prompt = prompt[0]
    if isinstance(prompt, str):
        return tokenized(prompt)
    if isinstance(prompt, list) and set(map(type, prompt)) <= {int}:
        return prompt
    raise RefusedError("prompt is neither text nor token ids.", param="prompt")


def _of_messages(messages: object) -> list[int]:
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        raise RefusedError("messages is not a list of messages.", param="messages")
    try:
        return chat_tokens(messages)
    except (AttributeError, TypeError):
        raise RefusedError("A message's content is neither text nor parts of it.", param="messages") from None


def _max_tokens(body: Mapping[str, Any], default: int) -> int:
    for key in ("max_completion_tokens", "max_tokens"):
        if (asked := body.get(key)) is None:
            continue
        if type(asked) is not int or asked < 1:
            raise RefusedError(f"{key} must be at least 1, got {asked}.", param=key)
        return asked
    return default
