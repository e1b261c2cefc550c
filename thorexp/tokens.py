"""A plan in the terms of its endpoint and the tokens of its model, as the server's own tokenizer has them.

Completions are asked by token ids, whatever the workload has; chat by messages. Only the server knows how many
tokens a text is, so this is done when it is ready, and before the load.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from thorexp.errors import LoadError
from thorexp.load.target import Target, messages
from thorexp.measure.plan import LoadPlan, PlannedRequest, with_asks, without
from thorexp.measure.workload import Ask
from thorexp.serve.http import HttpError, post_json

log = logging.getLogger(__name__)

AT_ONCE = 8


def in_tokens(plan: LoadPlan, target: Target, max_len: int | None) -> LoadPlan:
    """The same load with every prompt as the endpoint takes it and every length known.

    Conversations longer than `max_len` (in and out together) are left out, aloud. LoadError where the server has no
    /tokenize and cannot be asked without, or where nothing is left.
    """
    ready = target.api == "completions" and all(_is_ready(request.ask) for request in plan.requests)
    counted = plan if ready else _counted(plan, target)
    return counted if max_len is None else _fitting(counted, max_len)


def warmup_in_tokens(warmup: LoadPlan, target: Target) -> LoadPlan:
    """A warm-up of token ids as the endpoint takes it.

    In chat, for a server that does not turn them into text, as the numbers that they are: those are about as long,
    and in no other prompt.
    """
    try:
        return in_tokens(warmup, target, None)
    except LoadError:
        if target.api != "chat":
            raise
    return with_asks(warmup, tuple(_as_numbers(request.ask) for request in warmup.requests))


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """The server's, over HTTP. Texts that begin a prompt get the special tokens that the model begins with."""

    target: Target

    def for_completions(self, request: PlannedRequest) -> Ask:
        """The ask by token ids."""
        ask = request.ask
        ids: Sequence[int]
        if ask.token_ids is not None:
            ids = ask.token_ids
        elif isinstance(ask.prompt, str):
            ids = self._tokens(prompt=ask.prompt, add_special_tokens=request.follows is None)
        else:
            ids = self._tokens(messages=list(ask.prompt))
        return replace(ask, prompt=tuple(ids), output_len=self._output_len(ask))

    def for_chat(self, request: PlannedRequest) -> Ask:
        """The ask by messages; their number of tokens is absent where the server does not count."""
        ask = request.ask
        asked = messages(ask.prompt if ask.token_ids is None else self._text(ask.token_ids))
        try:
            counted = len(self._tokens(messages=list(asked)))
        except LoadError:
            counted = None
        return replace(ask, prompt=asked, counted=counted, output_len=self._output_len(ask))

    def _output_len(self, ask: Ask) -> int:
        if ask.output_len is not None:
            return ask.output_len
        return max(1, len(self._tokens(prompt=ask.reference, add_special_tokens=False)))

    def _tokens(self, **asked: Any) -> Sequence[int]:
        return [int(token) for token in self._answer("tokenize", asked, "tokens")]

    def _text(self, ids: Sequence[int]) -> str:
        return str(self._answer("detokenize", {"tokens": list(ids)}, "prompt"))

    def _answer(self, path: str, asked: Mapping[str, Any], key: str) -> Any:
        url = f"{self.target.base_url}/{path}"
        try:
            said = json.loads(post_json(url, {"model": self.target.model, **asked}, headers=self.target.headers))
            return said[key]
        except (HttpError, ValueError, LookupError, TypeError) as failed:
            raise LoadError(
                "The server's tokenizer does not answer, and only it knows how many tokens a text is.",
                ("where", url),
                ("says", str(failed) if isinstance(failed, HttpError) else f'no JSON with "{key}"'),
                ("try", "endpoint=chat with a workload of texts and workload.output_len=128, or workload=random"),
            ) from None


def _counted(plan: LoadPlan, target: Target) -> LoadPlan:
    tokenizer = Tokenizer(target)
    settle = tokenizer.for_chat if target.api == "chat" else tokenizer.for_completions
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return with_asks(plan, tuple(pool.map(settle, plan.requests)))


def _as_numbers(ask: Ask) -> Ask:
    return replace(ask, prompt=messages(" ".join(str(token) for token in ask.token_ids or ())))


def _is_ready(ask: Ask) -> bool:
    return ask.token_ids is not None and ask.output_len is not None


def _fitting(plan: LoadPlan, max_len: int) -> LoadPlan:
    longer = {index for index, length in plan.lengths.items() if length > max_len}
    if not longer:
        return plan
    fitting = without(plan, longer)
    left_out = len(plan.requests) - len(fitting.requests)
    log.warning("left out %d of %d requests, longer than workload.max_len=%d", left_out, len(plan.requests), max_len)
    if not all(stage.requests for stage in fitting.stages):
        raise LoadError(
            "Nothing of the load is left to be asked.",
            ("where", f"workload.max_len={max_len}"),
            ("longest", f"{max(plan.lengths.values())} tokens, in and out"),
            ("try", "a larger workload.max_len, or another file"),
        )
    return fitting
