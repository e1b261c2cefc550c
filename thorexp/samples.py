"""What a running server says to three fixed prompts, so that somebody can look before a timing is believed.

Sent before the prefix cache is emptied, and no part of the load that is measured.
"""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from thorexp.load.target import Target, messages
from thorexp.serve.http import HttpError, post_json

PROMPTS = (
    "Count from one to twenty in words: one, two,",
    "The capital of France is",
    "Write one sentence about the sea.",
)
MAX_TOKENS = 32
TIMEOUT_S = 30.0
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Sample:
    """A prompt and its answer. `text`, of reasoning too, and `tokens` as the server counted them; absent in failure.

    `text` is empty where the model ended by itself at once (`finish_reason` "stop"): one such answer is no sign of a
    broken model. `tokens` is absent too where the server does not count. `error`: why there is no text, in the
    server's words.
    """

    prompt: str
    text: str | None
    tokens: int | None
    error: str | None = None


def sample_texts(target: Target) -> tuple[Sample, ...]:
    """In the order of PROMPTS, asked at the same time, greedily, each for 32 tokens at most and for 30 s.

    A failure is one of the samples. The load's `extra_body` is not sent: a `stop` or a grammar there would make empty
    or odd texts of a sound model.
    """
    with ThreadPoolExecutor(len(PROMPTS)) as asking:
        return tuple(asking.map(lambda prompt: _sample(prompt, target), PROMPTS))


def _sample(prompt: str, target: Target) -> Sample:
    try:
        said = post_json(target.url, _body(prompt, target), TIMEOUT_S, target.headers)
    except HttpError as failed:
        return Sample(prompt, None, None, str(failed))
    try:
        answer = dict(json.loads(said))
        tokens = dict(answer.get("usage") or {}).get("completion_tokens")
        text = _text(dict(answer["choices"][0]))
    except (ValueError, LookupError, TypeError):
        return Sample(prompt, None, None, f"{target.url}: no answer of {target.api}: {said[:SHOWN]}")
    return Sample(prompt, text, tokens if isinstance(tokens, int) else None)


def _body(prompt: str, target: Target) -> Mapping[str, Any]:
    """Whole, greedily, and until the model ends by itself; without `extra_body`."""
    asked: dict[str, Any]
    if target.api == "chat":
        asked = {"messages": messages(prompt), "max_completion_tokens": MAX_TOKENS}
    else:
        asked = {"prompt": prompt, "max_tokens": MAX_TOKENS}
    return {"model": target.model, **asked, "temperature": 0, "stream": False, "ignore_eos": False}


def _text(choice: Mapping[str, Any]) -> str:
    """TypeError where it is no text. What a reasoning model thinks was named otherwise before vLLM PR 27752."""
    if "text" in choice:
        return "".join((choice["text"],))
    message = dict(choice["message"])
    thought = message.get("reasoning") or message.get("reasoning_content") or ""
    return "".join((thought, message.get("content") or ""))
