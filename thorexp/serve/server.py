"""A running server: where it answers, when it is ready."""

import hashlib
import json
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from thorexp.errors import StartError
from thorexp.serve.docker import Container
from thorexp.serve.engine_args import EngineArg, to_flags
from thorexp.serve.http import NO_HEADERS, Headers, HttpError, get_text, post_json
from thorexp.serve.said import Said, is_busy, said_by

POLL_S = 0.25
Api = Literal["completions", "chat"]
PATHS: Mapping[Api, str] = {"completions": "/v1/completions", "chat": "/v1/chat/completions"}
OTHER: Mapping[Api, Api] = {"completions": "chat", "chat": "completions"}
REFUSED = (401, 403)
ABSENT = (404, 405, 501)  # of what a server does not have
SIMULATED = "+simulated"  # ends the version of a server that thorexp simulates


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server that answers. `version`: of vLLM, as GET /version says; absent where there is none. `speedup`: of a
    simulated one, how many of its seconds pass in one. `said`: of itself, as it became ready.
    """

    base_url: str
    served_model: str
    version: str | None
    speedup: float = 1.0
    said: Said | None = None

    @property
    def simulated(self) -> bool:
        """Whether there is no vLLM behind it, by its own word."""
        return self.version is not None and self.version.endswith(SIMULATED)


class Server(Protocol):
    """A server that is ready, whoever runs it."""

    @property
    def endpoint(self) -> Endpoint:
        """Where it answers."""

    @property
    def log(self) -> Path | None:
        """What it prints; absent when somebody else runs it."""

    def check_alive(self) -> None:
        """DeathError, with the cause, when it has ended."""

    def stop(self) -> None:
        """End it, if it is ours to end. Twice is once."""


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """Everything that decides a server, and how long its owner waits for it.

    `port` absent: any free one. `probe_len`: tokens in the prompt of the completion that shows it ready.
    `drop_caches`: give back the page cache before it starts, for which `asks_sudo` allows `sudo -n`. `headers`: of what
    it is asked, which may hold a key.
    `container`: what `command` runs in; absent for a process of this machine.
    """

    command: tuple[str, ...]
    model: str
    args: tuple[EngineArg, ...]
    env: tuple[tuple[str, str], ...]
    host: str
    port: int | None
    ready_timeout_s: float
    stop_timeout_s: float
    memory_timeout_s: float
    probe_len: int
    drop_caches: bool = False
    asks_sudo: bool = False
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    container: Container | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256, hex, over what the server sees: two jobs with one value can share a server."""
        seen: tuple[object, ...] = (self.command, self.model, to_flags(self.args), self.env, self.host, self.port)
        if self.container is not None:
            seen = (*seen, self.container.seen)
        return hashlib.sha256(json.dumps(seen).encode()).hexdigest()

    def argv(self, port: int | str) -> tuple[str, ...]:
        """The whole command, as it runs in a container if there is one. `vllm serve` takes the model as its argument,
        the module as `--model`. `port`: a word where it is only to be shown.
        """
        model = (self.model,) if "serve" in self.command else ("--model", self.model)
        return (*self.command, *model, "--host", self.host, "--port", str(port), *to_flags(self.args))


def wait_ready(
    base_url: str, timeout_s: float, check_alive: Callable[[], None], probe_len: int, headers: Headers = NO_HEADERS
) -> Endpoint:
    """Wait for /health, then for one real completion; StartError when time is up or it fails.

    What `check_alive` raises passes through.
    """
    deadline = time.monotonic() + timeout_s
    while not _answers(f"{base_url}/health", headers):
        check_alive()
        if time.monotonic() >= deadline:
            raise StartError(
                f"The server was not ready after {timeout_s:g} s.",
                ("where", base_url),
                ("try", f"server.ready_timeout_s={2 * timeout_s:g}"),
            )
        time.sleep(POLL_S)
    endpoint = endpoint_at(base_url, headers)
    answer_once(endpoint, "completions", probe_len, max(30.0, deadline - time.monotonic()), headers)
    return endpoint


def _answers(url: str, headers: Headers) -> bool:
    try:
        get_text(url, timeout_s=5.0, headers=headers)
    except HttpError:
        return False
    return True


def endpoint_at(base_url: str, headers: Headers = NO_HEADERS, wanted: str | None = None) -> Endpoint:
    """By its own word, with the model `wanted` where it serves that; StartError when it does not say what it serves."""
    try:
        said = said_by(base_url, headers, wanted)
    except (HttpError, ValueError) as unreadable:
        if isinstance(unreadable, HttpError) and unreadable.status in REFUSED:
            raise StartError(
                "The server wants another key.",
                ("where", f"{base_url}/v1/models"),
                ("says", str(unreadable)),
                ("try", "export OPENAI_API_KEY=…, or the variable that endpoint.api_key_env names"),
            ) from None
        if isinstance(unreadable, HttpError) and is_busy(unreadable):
            raise StartError(
                "The server does not say in time what it is.",
                ("where", base_url),
                ("says", str(unreadable)),
                ("try", "the same command, when it has less to do"),
            ) from None
        raise StartError(
            "The server does not say which model it serves.",
            ("where", f"{base_url}/v1/models"),
            ("says", str(unreadable)),
            ("try", "a server that speaks the OpenAI API, as vLLM does"),
        ) from None
    return Endpoint(base_url, said.model.id, said.version, said.speedup, said)


def answer_once(endpoint: Endpoint, api: Api, prompt_len: int, timeout_s: float, headers: Headers = NO_HEADERS) -> None:
    """One prompt of about that many tokens, as the load will be asked; StartError when it is not answered."""
    url, asked = f"{endpoint.base_url}{PATHS[api]}", {"model": endpoint.served_model, **first_prompt(api, prompt_len)}
    try:
        post_json(url, asked, timeout_s, headers)
    except HttpError as failed:
        remedy = "the server's log: the engine behind a healthy API server may have died"
        lacks = failed.status in ABSENT
        raise StartError(
            "The server is up but does not complete a first prompt.",
            ("where", url),
            ("says", failed.body[:500] if failed.status is None else f"HTTP {failed.status}: {failed.body[:500]}"),
            ("try", f"endpoint={OTHER[api]}, or {remedy}" if lacks else remedy),
        ) from None


FIRST_TOKENS = 4  # more than one: some servers make the first by other means


def first_prompt(api: Api, prompt_len: int) -> dict[str, Any]:
    """The fields that ask for `FIRST_TOKENS` behind a prompt of about that many."""
    numbers = range(10, 10 + prompt_len)
    if api == "chat":
        words = " ".join(map(str, numbers))
        return {"messages": [{"role": "user", "content": words}], "max_completion_tokens": FIRST_TOKENS}
    return {"prompt": list(numbers), "max_tokens": FIRST_TOKENS, "temperature": 0}


def url_of(host: str, port: int) -> str:
    """Where a client on this machine finds a server that listens there."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def claim_port(host: str, port: int | None) -> int:
    """That port, or any free one if absent. OSError when a server could not be started there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port or 0), family=family) as listener:
        return int(listener.getsockname()[1])


def can_listen(host: str, port: int) -> bool:
    """Whether a server could be started there now."""
    try:
        return port == claim_port(host, port)
    except OSError:
        return False
