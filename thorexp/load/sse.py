"""Stamped bytes of a streamed completion become what they said, and when."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

DONE = b"[DONE]"


@dataclass(frozen=True, slots=True)
class Read:
    """Bytes as they came from the socket, and the moment they came (ns)."""

    at_ns: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Stream:
    """A streamed completion, read to its end.

    `token_ns`: arrival of each message with choices, even of empty text, as in vLLM 0.33.0
    (`benchmarks/lib/endpoint_request_func.py`). Token counts are absent without a usage message. `error`:
    the server's words if it sent an error inside the stream, or what was not understood; else absent.
    """

    token_ns: tuple[int, ...]
    text: str
    input_tokens: int | None
    output_tokens: int | None
    finish_reason: str | None
    error: str | None


def messages(reads: Iterable[Read]) -> Iterator[tuple[int, bytes]]:
    """Each event's data with the arrival of the read that completed it. Comments and [DONE] are dropped."""
    rest = b""
    at_ns = 0
    for read in reads:
        at_ns = read.at_ns
        *events, rest = (rest + read.data).replace(b"\r\n", b"\n").split(b"\n\n")
        for event in events:
            yield from _data(event, at_ns)
    yield from _data(rest, at_ns)


def _data(event: bytes, at_ns: int) -> Iterator[tuple[int, bytes]]:
    lines = [line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")]
    data = b"\n".join(lines)
    if data and data != DONE:
        yield at_ns, data


def decode(reads: Iterable[Read]) -> Stream:
    """The whole stream, once it has ended; never raises for what a server sent."""
    token_ns: list[int] = []
    texts: list[str] = []
    usage: dict[str, Any] = {}
    finish_reason = error = None
    for at_ns, data in messages(reads):
        try:
            message = json.loads(data)
            choices = message.get("choices") or []
            if choices:
                texts.append(_text(choices[0], "text") or "")
                token_ns.append(at_ns)
                finish_reason = _text(choices[0], "finish_reason") or finish_reason
            usage = message.get("usage") or usage
            error = error or _error_in(message)
        except (ValueError, AttributeError, TypeError, KeyError, RecursionError) as unreadable:
            error = error or f"not a completion message ({unreadable}): {data[:200]!r}"
    return Stream(
        token_ns=tuple(token_ns),
        text="".join(texts),
        input_tokens=_count(usage, "prompt_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
        finish_reason=finish_reason,
        error=error,
    )


def _text(choice: dict[str, Any], key: str) -> str | None:
    value = choice.get(key)
    if value is None or isinstance(value, str):
        return value
    raise TypeError(f"{key} is {type(value).__name__}")


def _error_in(message: dict[str, Any]) -> str | None:
    error = message.get("error")
    if isinstance(error, dict):
        return str(error.get("message") or error)
    return None if error is None else str(error)


def _count(usage: object, key: str) -> int | None:
    value = usage.get(key) if isinstance(usage, dict) else None
    return value if isinstance(value, int) else None
