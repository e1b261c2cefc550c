"""Where and how a plan is asked: an endpoint, and the bodies that it takes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from thorexp.load.patience import Timeouts
from thorexp.measure.plan import PlannedRequest
from thorexp.measure.workload import Prompt

Api = Literal["completions", "chat"]
PATHS: Mapping[Api, str] = {"completions": "/v1/completions", "chat": "/v1/chat/completions"}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a plan is played: `base_url` without path, and the name the server knows its model by.

    `extra_body` goes over what is asked by itself. `headers` may hold a key, and are shown nowhere.
    """

    base_url: str
    model: str
    api: Api = "completions"
    stream: bool = True
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeouts: Timeouts = field(default_factory=Timeouts)

    @property
    def url(self) -> str:
        """What requests are posted to."""
        return self.base_url + PATHS[self.api]


def body(request: PlannedRequest, target: Target, *, history: Prompt, ignore_eos: bool, followed: bool) -> bytes:
    """The JSON of a request behind its `history`: the fields that vLLM's own client sends (0.33.0,
    `benchmarks/lib/endpoint_request_func.py`), then `extra_body`.

    The answer to a request that is `followed` by another turn is asked for in token ids too: text that is turned
    into tokens again need not give the same.
    """
    ask = request.ask
    asked: dict[str, Any] = {"model": target.model}
    if target.api == "chat":
        asked |= {"messages": [*history, *messages(ask.prompt)], "max_completion_tokens": ask.output_len}
    else:
        asked |= {"prompt": [*history, *ask.prompt], "max_tokens": ask.output_len, "repetition_penalty": 1.0}
    asked |= {"ignore_eos": ignore_eos, "stream": target.stream}
    if target.stream:
        asked["stream_options"] = {"include_usage": True}
    if followed and target.api == "completions":
        asked["return_token_ids"] = True
    return json.dumps(asked | dict(target.extra_body), separators=(",", ":")).encode()


def messages(prompt: Prompt) -> tuple[Mapping[str, Any], ...]:
    """A prompt as the chat endpoint takes it: text becomes what one user says."""
    if isinstance(prompt, str):
        return ({"role": "user", "content": prompt},)
    return tuple(each for each in prompt if isinstance(each, Mapping))
