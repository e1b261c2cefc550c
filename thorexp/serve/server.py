"""A running server: where it answers, when it is ready."""

import hashlib
import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from thorexp.errors import StartError
from thorexp.serve.engine_args import EngineArg, to_flags
from thorexp.serve.http import NO_HEADERS, Headers, HttpError, get_json, get_text, post_json

POLL_S = 0.25
SIMULATED = "+simulated"  # ends the version of a server that thorexp simulates


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server that answers. `version`: of vLLM, as GET /version says; absent where there is none. `speedup`: of a
    simulated one, how many of its seconds pass in one.
    """

    base_url: str
    served_model: str
    version: str | None
    speedup: float = 1.0

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
    `drop_caches`: give back the page cache before it starts. `headers`: of what it is asked, which may hold a key.
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
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256, hex, over what the server sees: two jobs with one value can share a server."""
        seen = (self.command, self.model, to_flags(self.args), self.env, self.host, self.port)
        return hashlib.sha256(json.dumps(seen).encode()).hexdigest()

    def argv(self, port: int) -> tuple[str, ...]:
        """The whole command. `vllm serve` takes the model as its argument, the module as `--model`."""
        model = (self.model,) if "serve" in self.command else ("--model", self.model)
        return (*self.command, *model, "--host", self.host, "--port", str(port), *to_flags(self.args))


def wait_ready(
    base_url: str, timeout_s: float, check_alive: Callable[[], None], probe_len: int, headers: Headers = NO_HEADERS
) -> Endpoint:
    """Wait for /health, then for one real completion; StartError when time is up or it fails.

    What `check_alive` raises passes through.
    """
    deadline = time.monotonic() + timeout_s
    while not _answers(f"{base_url}/health"):
        check_alive()
        if time.monotonic() >= deadline:
            raise StartError(
                f"The server was not ready after {timeout_s:g} s.",
                ("where", base_url),
                ("try", f"server.ready_timeout_s={2 * timeout_s:g}"),
            )
        time.sleep(POLL_S)
    version, speedup = _version(base_url)
    endpoint = Endpoint(base_url, _served_model(base_url, headers), version, speedup)
    _complete_once(endpoint, probe_len, max(30.0, deadline - time.monotonic()), headers)
    return endpoint


def _answers(url: str) -> bool:
    try:
        get_text(url, timeout_s=5.0)
    except HttpError:
        return False
    return True


def _served_model(base_url: str, headers: Headers) -> str:
    try:
        return str(get_json(f"{base_url}/v1/models", headers=headers)["data"][0]["id"])
    except (HttpError, ValueError, LookupError, TypeError) as unreadable:
        if isinstance(unreadable, HttpError) and unreadable.status in (401, 403):
            raise StartError(
                "The server wants another key.",
                ("where", f"{base_url}/v1/models"),
                ("says", str(unreadable)),
                ("try", "export OPENAI_API_KEY=…, or the variable that endpoint.api_key_env names"),
            ) from None
        raise StartError(
            "The server does not say which model it serves.",
            ("where", f"{base_url}/v1/models"),
            ("says", str(unreadable)),
            ("try", "a server that speaks the OpenAI API, as vLLM does"),
        ) from None


def _version(base_url: str) -> tuple[str | None, float]:
    """Of vLLM, absent where it says none; and how fast its time passes."""
    try:
        said = get_json(f"{base_url}/version")
        return str(said["version"]), float(said.get("speedup", 1.0))
    except (HttpError, ValueError, LookupError, TypeError, AttributeError):
        return None, 1.0


def _complete_once(endpoint: Endpoint, prompt_len: int, timeout_s: float, headers: Headers) -> None:
    prompt = list(range(10, 10 + prompt_len))
    asked = {"model": endpoint.served_model, "prompt": prompt, "max_tokens": 4, "temperature": 0}
    try:
        post_json(f"{endpoint.base_url}/v1/completions", asked, timeout_s, headers)
    except HttpError as failed:
        raise StartError(
            "The server is up but does not complete a first prompt.",
            ("where", f"{endpoint.base_url}/v1/completions"),
            ("says", failed.body[:500]),
            ("try", "the server's log: the engine behind a healthy API server may have died"),
        ) from None


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
