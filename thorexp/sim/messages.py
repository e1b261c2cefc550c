"""What vLLM says, in the shape of 0.32 (`vllm/entrypoints/openai/*/serving.py`). Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from thorexp.sim.tokenizer import detokenized

DONE = b"data: [DONE]\n\n"
OWNER = "thorexp.sim"
MARK = 7_046_029_254_386_353_131  # stands for a token while a chunk is cut at it; no name will hold this number


@dataclass(frozen=True, slots=True)
class Answer:
    """All that is known of an answer before its first token. `created`: in seconds since 1970; `with_ids`: its
    tokens' ids are told too, those of its prompt never.
    """

    identity: str
    chat: bool
    model: str
    created: int
    prompt_len: int
    max_tokens: int
    with_ids: bool
    with_usage: bool


def encoded(value: object) -> bytes:
    """JSON as vLLM writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def opening(answer: Answer) -> bytes:
    """The chat's message that only says whose turn it is."""
    choice = {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
    return _event({**_head(answer, "chat.completion.chunk"), "choices": [choice]})


def around_token(answer: Answer, finish_reason: str | None) -> tuple[bytes, ...]:
    """The message of a token, cut where its number stands: joined by the digits of a number it is a message."""
    text = detokenized([MARK])
    choice = {
        "index": 0,
        **({"delta": {"content": text}} if answer.chat else {"text": text}),
        "logprobs": None,
        "finish_reason": finish_reason,
        "stop_reason": None,
        **({} if answer.chat else {"prompt_token_ids": None}),
        "token_ids": [MARK] if answer.with_ids else None,
    }
    return tuple(_event({**_head(answer, "chat.completion.chunk"), "choices": [choice]}).split(b"%d" % MARK))


def closing(answer: Answer) -> bytes:
    """What follows the last token of a stream: the usage, where it was asked for, and the end."""
    if not answer.with_usage:
        return DONE
    return _event({**_head(answer, "chat.completion.chunk"), "choices": [], "usage": _usage(answer)}) + DONE


def whole(answer: Answer, tokens: Sequence[int]) -> bytes:
    """An answer that is not streamed."""
    text = detokenized(tokens)
    choice = {
        "index": 0,
        **({"message": {"role": "assistant", "content": text}} if answer.chat else {"text": text}),
        "logprobs": None,
        "finish_reason": "length",
        "stop_reason": None,
        "token_ids": list(tokens) if answer.with_ids else None,
    }
    return encoded({**_head(answer, "chat.completion"), "choices": [choice], "usage": _usage(answer)})


def error(message: str, kind: str, code: int, param: str | None = None) -> bytes:
    """A refusal."""
    return encoded({"error": {"message": message, "type": kind, "param": param, "code": code}})


def models(name: str, created: int, max_model_len: int) -> bytes:
    """The one model that is served."""
    model: dict[str, Any] = {"id": name, "object": "model", "created": created, "owned_by": OWNER, "root": name}
    return encoded({"object": "list", "data": [{**model, "parent": None, "max_model_len": max_model_len}]})


def _head(answer: Answer, chat_kind: str) -> dict[str, Any]:
    kind = chat_kind if answer.chat else "text_completion"
    return {"id": answer.identity, "object": kind, "created": answer.created, "model": answer.model}


def _usage(answer: Answer) -> dict[str, int]:
    total = answer.prompt_len + answer.max_tokens
    return {"prompt_tokens": answer.prompt_len, "total_tokens": total, "completion_tokens": answer.max_tokens}


def _event(value: object) -> bytes:
    return b"data: " + encoded(value) + b"\n\n"
