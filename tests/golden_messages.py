"""What the golden server writes, byte for byte, and how long after a request it does.

Shapes are those of vLLM 0.33 (`vllm/entrypoints/openai/*/serving.py`). The i-th token of an answer has the id
1000 + i and the text of `text_of`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import pairwise
from typing import Any

from tests.fake_vllm import FIRST_TOKEN, TEMPLATE_TOKENS, content_text

DONE = b"data: [DONE]\n\n"
JOINED_TOKENS = 3
TOKENS_A_CHUNK = 2
DEFAULT_TOKENS = 16


class Manner(StrEnum):
    """How a request is answered. What happens "mid-stream" happens after half of the tokens."""

    PLAIN = "as vLLM does"
    BAD_REQUEST = "400 in vLLM's words"
    SERVER_ERROR = "500 in vLLM's words"
    UNAVAILABLE = "503 without a body"
    CLOSES = "closes the connection mid-stream"
    ERROR_MESSAGE = "an error in a message mid-stream, then the end"
    STALLS = "stops mid-stream and never ends"
    JOINED = "several messages in one write"
    SPLIT = "every message over several writes"
    NO_USAGE = "no usage message"
    EMPTY_TEXT = "tokens of empty text"
    CRLF = "CRLF for line ends"
    COMMENTS = "comment lines between messages"
    NOT_JSON = "a message mid-stream that is not JSON"
    NO_TOKENS = "a stream without a token"
    MULTI_TOKEN = "two tokens in every message"
    REASONING = "the first half of a chat's tokens as reasoning"
    TOOL_CALLS = "a chat's tokens as the arguments of a tool"
    EARLY_ROLE = "a chat's role at once, not with its first token"
    SILENT = "headers at once, and nothing after them"


REFUSALS = {
    Manner.BAD_REQUEST: ("400 Bad Request", "This model's maximum context length is 8 tokens.", "BadRequestError"),
    Manner.SERVER_ERROR: ("500 Internal Server Error", "EngineCore encountered an issue.", "InternalServerError"),
}
MID_STREAM_WORDS = "EngineCore died while it was streaming."


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request gets. Without `streamed` it is one JSON body; `with_ids` names its tokens' ids."""

    manner: Manner
    chat: bool
    streamed: bool
    tokens: int
    prompt_tokens: int
    with_ids: bool
    with_usage: bool


@dataclass(frozen=True, slots=True)
class Step:
    """Something to write: when (from the arrival), in how many writes, and how many tokens it completes."""

    at_s: float
    writes: tuple[bytes, ...]
    tokens: int = 0


def answer_to(body: dict[str, Any], *, chat: bool, manner: Manner) -> Answer:
    """The answer to this body."""
    streamed = bool(body.get("stream"))
    return Answer(
        manner=manner,
        chat=chat,
        streamed=streamed,
        tokens=body.get("max_completion_tokens") or body.get("max_tokens") or DEFAULT_TOKENS,
        prompt_tokens=_prompt_tokens(body),
        with_ids=bool(body.get("return_token_ids")),
        with_usage=manner is not Manner.NO_USAGE
        and (not streamed or bool((body.get("stream_options") or {}).get("include_usage"))),
    )


def text_of(tokens: int, first: int = 0) -> str:
    """The text of so many tokens of an answer, from the first or from a later one on."""
    return "".join(f" {i}é" for i in range(first, first + tokens))


def asked_text(body: dict[str, Any]) -> str | None:
    """The prompt, or the content of a chat's last message; absent where the prompt is token ids."""
    if "messages" in body:
        return content_text(body["messages"][-1])
    return body["prompt"] if isinstance(body["prompt"], str) else None


def refusal(answer: Answer) -> tuple[str, bytes] | None:
    """Status and body where the request is refused; absent where it is answered."""
    if answer.manner in REFUSALS:
        status, message, kind = REFUSALS[answer.manner]
        return status, _json(_error(message, kind, int(status[:3])))
    if answer.manner is Manner.UNAVAILABLE:
        return "503 Service Unavailable", b""
    if answer.manner is Manner.ERROR_MESSAGE and not answer.streamed:
        return "500 Internal Server Error", _json(_mid_stream_error())
    return None


def stream_steps(answer: Answer, ttft_s: float, itl_s: float) -> list[Step]:
    """All that is written of a stream, but for its end."""
    manner = answer.manner
    if manner is Manner.SILENT:
        return []
    tokens = _token_steps(manner, answer.chat, answer.tokens, answer.with_ids, ttft_s, itl_s)
    last_s = tokens[-1].at_s
    opening = [_opening(manner, 0.0 if manner is Manner.EARLY_ROLE else ttft_s)] if answer.chat else []
    half = [*opening, *tokens[: answer.tokens // 2]]
    end = Step(last_s, _writes(manner, _last_messages(answer)))
    match manner:
        case Manner.CLOSES | Manner.STALLS:
            return half
        case Manner.ERROR_MESSAGE:
            return [*half, Step(last_s, (_message(_mid_stream_error()), DONE))]
        case Manner.NOT_JSON:
            return [*half, Step(last_s, (b"data: Segmentation fault\n\n",)), end]
        case Manner.NO_TOKENS:
            return [*opening, end]
        case Manner.JOINED:
            return [*opening, *_joined(tokens), end]
        case _:
            return [*opening, *tokens, end]


def whole_body(answer: Answer) -> bytes:
    """An answer that is not streamed."""
    if answer.manner is Manner.NOT_JSON:
        return b"Segmentation fault"
    choice: dict[str, Any] = {
        "index": 0,
        **({"message": _whole_message(answer)} if answer.chat else {"text": _text(answer.manner, answer.tokens, 0)}),
        "logprobs": None,
        "finish_reason": "length",
        "stop_reason": None,
        "token_ids": _ids(range(answer.tokens)) if answer.with_ids else None,
    }
    choices = [] if answer.manner is Manner.NO_TOKENS else [choice]
    usage = {"usage": _usage(answer)} if answer.with_usage else {}
    return _json({**_head(answer.chat, "chat.completion"), "choices": choices, **usage})


def whole_step(answer: Answer, body: bytes, ttft_s: float, itl_s: float) -> Step:
    """How that body is written: at the time of the last token, and only in part where the manner is to break."""
    last_s = ttft_s + (answer.tokens - 1) * itl_s
    match answer.manner:
        case Manner.CLOSES | Manner.STALLS:
            return Step(last_s, (body[: len(body) // 2],))
        case Manner.NOT_JSON | Manner.NO_TOKENS:
            return Step(last_s, (body,))
        case Manner.SPLIT:
            return Step(last_s, _split(body), 1)
        case _:
            return Step(last_s, (body,), 1)


def _prompt_tokens(body: dict[str, Any]) -> int:
    """As many as /tokenize says; only counted, for arrivals at one time must not wait for each other."""
    if "messages" in body:
        return sum(len(content_text(message).split()) + TEMPLATE_TOKENS for message in body["messages"])
    return len(body["prompt"].split() if isinstance(body["prompt"], str) else body["prompt"])


def _groups(manner: Manner, tokens: int) -> list[range]:
    """The tokens of each message."""
    size = TOKENS_A_CHUNK if manner is Manner.MULTI_TOKEN else 1
    return [range(first, min(first + size, tokens)) for first in range(0, tokens, size)]


@cache
def _token_steps(
    manner: Manner, chat: bool, tokens: int, with_ids: bool, ttft_s: float, itl_s: float
) -> tuple[Step, ...]:
    """Each message that carries tokens, when the last of them is due."""
    steps = []
    for group in _groups(manner, tokens):
        part = _part(manner, group[0], tokens) if chat else None
        writes = _token_writes(manner, part, group, "length" if group[-1] == tokens - 1 else None, with_ids)
        steps.append(Step(ttft_s + group[-1] * itl_s, writes, len(group)))
    return tuple(steps)


@cache  # made once: 64 arrivals at a time must not wait for each other's messages
def _token_writes(
    manner: Manner, part: str | None, group: range, finish_reason: str | None, with_ids: bool
) -> tuple[bytes, ...]:
    """One message; `part` names what of a chat's delta the tokens are, and is absent for a completion."""
    text = _text(manner, len(group), group[0])
    choice: dict[str, Any] = {
        "index": 0,
        **({"text": text} if part is None else {"delta": {part: _piece(part, text, group[0])}}),
        "logprobs": None,
        "finish_reason": finish_reason,
        "stop_reason": None,
        "token_ids": _ids(group) if with_ids else None,
    }
    head = _head(part is not None, "chat.completion.chunk")
    return _writes(manner, _message({**head, "choices": [choice]}))


def _part(manner: Manner, first: int, tokens: int) -> str:
    if manner is Manner.TOOL_CALLS:
        return "tool_calls"
    return "reasoning" if manner is Manner.REASONING and first < tokens // 2 else "content"


def _piece(part: str, text: str, first: int) -> str | list[dict[str, Any]]:
    if part != "tool_calls":
        return text
    call = _tool_call(text) if first == 0 else {"function": {"arguments": text}}
    return [{"index": 0, **call}]


def _whole_message(answer: Answer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": _text(answer.manner, answer.tokens, 0)}
    if answer.manner is Manner.TOOL_CALLS:
        message |= {"content": None, "tool_calls": [_tool_call(text_of(answer.tokens))]}
    if answer.manner is Manner.REASONING:
        half = answer.tokens // 2
        message |= {"content": text_of(answer.tokens - half, half), "reasoning": text_of(half)}
    return message


def _tool_call(arguments: str) -> dict[str, Any]:
    return {"id": "call-golden", "type": "function", "function": {"name": "golden", "arguments": arguments}}


def _text(manner: Manner, tokens: int, first: int) -> str:
    return "" if manner is Manner.EMPTY_TEXT else text_of(tokens, first)


def _ids(tokens: range) -> list[int]:
    return [FIRST_TOKEN + i for i in tokens]


def _opening(manner: Manner, at_s: float) -> Step:
    """The chat's message that only says whose turn it is."""
    choice = {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
    return Step(at_s, _writes(manner, _message({**_head(True, "chat.completion.chunk"), "choices": [choice]})))


def _last_messages(answer: Answer) -> bytes:
    if not answer.with_usage:
        return DONE
    return _message({**_head(answer.chat, "chat.completion.chunk"), "choices": [], "usage": _usage(answer)}) + DONE


def _usage(answer: Answer) -> dict[str, int]:
    total = answer.prompt_tokens + answer.tokens
    return {"prompt_tokens": answer.prompt_tokens, "total_tokens": total, "completion_tokens": answer.tokens}


def _joined(steps: Sequence[Step]) -> list[Step]:
    several = [steps[first : first + JOINED_TOKENS] for first in range(0, len(steps), JOINED_TOKENS)]
    return [
        Step(each[-1].at_s, (b"".join(data for step in each for data in step.writes),), len(each)) for each in several
    ]


def _writes(manner: Manner, message: bytes) -> tuple[bytes, ...]:
    """The message as this manner writes it."""
    match manner:
        case Manner.CRLF:
            return (message.replace(b"\n", b"\r\n"),)
        case Manner.COMMENTS:
            return (b": still here\n\n" + message,)
        case Manner.SPLIT:
            return _split(message)
        case _:
            return (message,)


def _split(data: bytes) -> tuple[bytes, ...]:
    """In pieces, the last of them one byte."""
    cuts = sorted({0, 3, min(20, len(data) - 1), len(data) - 1, len(data)})
    return tuple(data[start:end] for start, end in pairwise(cuts))


def _head(chat: bool, kind: str) -> dict[str, Any]:
    named = {"id": "chatcmpl-golden", "object": kind} if chat else {"id": "cmpl-golden", "object": "text_completion"}
    return {**named, "created": 1700000000, "model": "golden"}


def _mid_stream_error() -> dict[str, Any]:
    return _error(MID_STREAM_WORDS, "InternalServerError", 500)


def _error(message: str, kind: str, code: int) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _message(value: dict[str, Any]) -> bytes:
    return b"data: " + _json(value) + b"\n\n"


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
