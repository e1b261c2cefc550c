"""Messages of a completion become what it said, and when."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from thorexp.load.chunked import Read
from thorexp.load.events import BOM, messages

DONE = b"[DONE]"
SHOWN_BYTES = 200

UNREADABLE = (ValueError, AttributeError, TypeError, KeyError, RecursionError)


@dataclass(frozen=True, slots=True)
class Stream:
    """A completion or a chat completion, read to its end.

    `token_ns`: arrival of each token chunk. Of a completion each message with choices is one, even of empty
    text; of a chat each whose delta says something, so not the one that only opens with a role
    (`benchmarks/lib/endpoint_request_func.py` of vLLM 0.33.0). Token counts are absent without a usage message.
    `error`: the server's words if it sent an error inside the stream, or what was not understood; else absent.
    `reasoning`: what came before the answer, apart from `text`. `chunk_tokens`: how many tokens each token chunk
    carried, by its `token_ids` or else by the usage so far; absent unless each of them says it. `token_ids`:
    all that came; absent where any token chunk has none.
    """

    token_ns: tuple[int, ...]
    text: str
    input_tokens: int | None
    output_tokens: int | None
    finish_reason: str | None
    error: str | None
    reasoning: str = ""
    chunk_tokens: tuple[int, ...] | None = None
    token_ids: tuple[int, ...] | None = None


def decode(reads: Iterable[Read]) -> Stream:
    """The whole stream, once it has ended; never raises for what a server sent."""
    heard = _Heard()
    done = False
    for at_ns, data in messages(reads):
        if data == DONE:
            done = True
        elif done:
            heard.error = heard.error or f"sent after [DONE]: {data[:SHOWN_BYTES]!r}"
        else:
            heard.hear(at_ns, data)
    return heard.stream()


def decode_whole(reads: Iterable[Read]) -> Stream:
    """An answer in one piece, whose only token chunk is all of it; never raises for what a server sent."""
    came = tuple(reads)
    heard = _Heard()
    heard.hear(came[-1][0] if came else 0, b"".join(data for _, data in came).removeprefix(BOM))
    return heard.stream()


@dataclass(slots=True)
class _Heard:
    """What the messages have said so far. `carried`, `totals`: of each token chunk, its tokens and all until it."""

    token_ns: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    reasonings: list[str] = field(default_factory=list)
    token_ids: list[int] = field(default_factory=list)
    carried: list[int | None] = field(default_factory=list)
    totals: list[int | None] = field(default_factory=list)
    usage: dict[str, Any] | None = None
    finish_reason: str | None = None
    error: str | None = None

    def hear(self, at_ns: int, data: bytes) -> None:
        """Take in one message. What cannot be read is an error, and leaves the rest as it was."""
        try:
            message = json.loads(str(data, "utf-8"))
            usage = message.get("usage")
            choices = message.get("choices")
            if choices:
                self._choose(at_ns, choices[0], usage)
            if isinstance(usage, dict):
                self.usage = usage
            self.error = self.error or _error_in(message)
        except UNREADABLE as unreadable:
            self.error = self.error or f"not a completion message ({unreadable}): {data[:SHOWN_BYTES]!r}"

    def _choose(self, at_ns: int, choice: dict[str, Any], usage: object) -> None:
        is_token, text, reasoning = _said(choice)
        self.finish_reason = _text(choice, "finish_reason") or self.finish_reason
        ids = _ids(choice)
        self.token_ids += ids or ()
        if is_token:
            self.token_ns.append(at_ns)
            self.texts.append(text)
            self.reasonings.append(reasoning)
            self.carried.append(None if ids is None else len(ids))
            self.totals.append(_count(usage, "completion_tokens"))

    def stream(self) -> Stream:
        """All of it, once it has ended."""
        return Stream(
            token_ns=tuple(self.token_ns),
            text="".join(self.texts),
            input_tokens=_count(self.usage, "prompt_tokens"),
            output_tokens=_count(self.usage, "completion_tokens"),
            finish_reason=self.finish_reason,
            error=self.error,
            reasoning="".join(self.reasonings),
            chunk_tokens=_known(self.carried) or _steps(_known(self.totals)),
            token_ids=None if None in self.carried or not (self.carried or self.token_ids) else tuple(self.token_ids),
        )


def _said(choice: dict[str, Any]) -> tuple[bool, str, str]:
    """Whether it is a token chunk, its text and its reasoning."""
    if "delta" in choice:
        delta = choice["delta"]
        content, reasoning = _text(delta, "content"), _reasoning(delta)
        return _is_token(delta, content, reasoning), content or "", reasoning or ""
    if "message" in choice:
        return True, _text(choice["message"], "content") or "", _reasoning(choice["message"]) or ""
    return True, _text(choice, "text") or "", ""


def _is_token(delta: dict[str, Any], content: str | None, reasoning: str | None) -> bool:
    if content or reasoning or delta.get("tool_calls") or delta.get("function_call") is not None:
        return True
    return not (content is None and reasoning is None) and not delta.get("role")


def _reasoning(said: dict[str, Any]) -> str | None:
    """Some versions of vLLM say it twice, under its name of now and under that of before."""
    now, before = _text(said, "reasoning"), _text(said, "reasoning_content")
    return before if now is None or now == before else now + (before or "")


def _text(said: dict[str, Any], key: str) -> str | None:
    value = said.get(key)
    if value is None or isinstance(value, str):
        return value
    raise TypeError(f"{key} is {type(value).__name__}")


def _ids(choice: dict[str, Any]) -> list[int] | None:
    ids = choice.get("token_ids")
    return ids if isinstance(ids, list) and set(map(type, ids)) <= {int} else None


def _known(values: Sequence[int | None]) -> tuple[int, ...] | None:
    """All of them; absent if one is, or if there are none."""
    known = tuple(value for value in values if value is not None)
    return known if known and len(known) == len(values) else None


def _steps(totals: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """From each total to the next, the first from 0; absent if one goes back."""
    steps = tuple(after - before for before, after in pairwise((0, *(totals or ()))))
    return steps if steps and min(steps) >= 0 else None


def _error_in(message: dict[str, Any]) -> str | None:
    error = message.get("error")
    if error is None:
        return None
    return str(error.get("message") or error) if isinstance(error, dict) else str(error) or repr(error)


def _count(usage: object, key: str) -> int | None:
    value = usage.get(key) if isinstance(usage, dict) else None
    return value if type(value) is int and value >= 0 else None
