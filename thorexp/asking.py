"""How a server is asked: headers with the key of the environment, and the target of a load."""

import os
from functools import cache
from time import monotonic
from urllib.parse import urlsplit

from thorexp.config import JobConfig
from thorexp.config_load import EndpointConfig
from thorexp.config_server import ServerKind
from thorexp.config_sweep import Executor
from thorexp.errors import ConfigError
from thorexp.load.patience import Timeouts
from thorexp.load.target import Target
from thorexp.secret import known, masked
from thorexp.secret_words import is_secret
from thorexp.serve.attach import root_of
from thorexp.serve.http import HttpError
from thorexp.serve.said import Model, Said, said_by
from thorexp.serve.server import REFUSED

# What a load says itself, and where it is chosen.
OURS = {
    "model": "engine.served_model_name, for a server of thorexp's own",
    "prompt": "workload=",
    "messages": "workload=",
    "max_tokens": "workload.output_len=",
    "max_completion_tokens": "workload.output_len=",
    "ignore_eos": "workload.ignore_eos=",
    "stream": "endpoint.stream=",
    "stream_options": "endpoint.stream=",
}

PLANNING_S = 10.0  # a busy server is waited for: what it leaves unsaid would make another one of it
SHORTEST_S, LONGEST_S = 0.001, 1e9  # of a time limit, which timers can keep
ABSENT_S = 60.0  # one that is not there holds up a plan of many jobs once


def headers_of(config: EndpointConfig) -> dict[str, str]:
    """Of the load, and of what else is asked under /v1 and of the tokenizer: the config's, and the key that the
    environment holds, if it holds one.

    ConfigError for one that no header can hold, before the error of whoever tried could quote it, and for a secret
    in the config, which is kept with every record.
    """
    for name, value in config.headers.items():
        if is_secret(f"endpoint.headers.{name}"):
            raise ConfigError(
                f"endpoint.headers.{name} would be kept with every record.",
                ("try", f"export {config.api_key_env}=…, which is sent as Authorization: Bearer and kept nowhere"),
            )
        _check_header(value, f"endpoint.headers.{name}")
    key = os.environ.get(config.api_key_env, "").strip()
    _check_header(key, f"the variable endpoint.api_key_env={config.api_key_env}")
    known().learn((key,))
    return {**config.headers, **({"Authorization": f"Bearer {key}"} if key else {})}


def check_endpoint(config: EndpointConfig) -> None:
    """ConfigError for time limits that are none, and for a body that would undo what is measured."""
    for name, limit_s in (
        ("connect_timeout_s", config.connect_timeout_s),
        ("first_token_timeout_s", config.first_token_timeout_s),
        ("idle_timeout_s", config.idle_timeout_s),
        ("timeout_s", config.timeout_s),
    ):
        if limit_s is not None and not SHORTEST_S <= limit_s <= LONGEST_S:
            raise ConfigError(f"endpoint.{name}={limit_s:g} is no time.", ("try", f"endpoint.{name}=60, or null"))
    for name in sorted(config.extra_body.keys() & OURS.keys()):
        raise ConfigError(f"endpoint.extra_body.{name} is not for you to say.", ("try", OURS[name]))


def _check_header(value: str, where: str) -> None:
    if not (value.isascii() and (value.isprintable() or not value)):
        raise ConfigError(
            "A header has characters that no HTTP header can hold.", ("where", where), ("try", "one line of ASCII")
        )


def target_of(config: EndpointConfig, base_url: str, model: str) -> Target:
    """Where the load is played, and how it asks."""
    return Target(
        base_url=base_url,
        model=model,
        api=config.api.value,
        stream=config.stream,
        extra_body=config.extra_body,
        headers=headers_of(config),
        timeouts=Timeouts(
            connect_s=config.connect_timeout_s,
            first_token_s=config.first_token_timeout_s,
            idle_s=config.idle_timeout_s,
            total_s=config.timeout_s,
        ),
    )


def check_url(base_url: str | None) -> str:
    """Of a server that runs already; ConfigError for one that is missing, or no URL, or holds a password."""
    if base_url is None:
        raise ConfigError("server.base_url is missing.", ("try", "server.base_url=http://127.0.0.1:8000"))
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port  # a port that is none raises
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise ConfigError(
            f"server.base_url={masked(base_url)} is no URL of a server.",
            ("try", "server.base_url=http://127.0.0.1:8000, with https:// or a path where they are needed"),
        )
    if parts.username is not None:
        raise ConfigError(
            f"server.base_url={masked(base_url)} has a user's name in it, which would be kept with every record.",
            ("try", "export OPENAI_API_KEY=…, which is sent as Authorization: Bearer and kept nowhere"),
        )
    return base_url


def said_of(config: JobConfig) -> Said | None:
    """By somebody else's server, of itself; absent where none answers yet, and where another board will ask it, at an
    address that is here another's. One that has answered is asked once a process. ConfigError when it wants another
    key.
    """
    if config.server.kind is not ServerKind.attach or config.sweep.executor is not Executor.local:
        return None
    headers = tuple(sorted(headers_of(config.endpoint).items()))
    minute = int(monotonic() // ABSENT_S)
    try:
        return _if_there(root_of(check_url(config.server.base_url)), headers, config.model.repository, minute)
    except HttpError as refused:
        raise ConfigError(
            "The server wants another key.",
            ("where", f"server.base_url={config.server.base_url}"),
            ("says", str(refused)),
            ("try", f"export {config.endpoint.api_key_env}=…, which endpoint.api_key_env names"),
        ) from None


def other_model(config: JobConfig, served: Model | None) -> str | None:
    """What somebody else's server serves in place of the config's model, in words; absent where it is that one, or
    nothing is said of it.
    """
    if served is None or served.is_from(config.model.repository):
        return None
    root = "" if served.root in (None, served.id) else f", of {served.root}"
    return f"model={config.model.name} is {config.model.repository}, the server serves {served.id}{root}"


@cache
def _if_there(url: str, headers: tuple[tuple[str, str], ...], wanted: str, _minute: int) -> Said | None:
    """Absent for that minute; HttpError where it refuses the key."""
    try:
        return _said(url, headers, wanted)
    except (HttpError, ValueError) as absent:
        if isinstance(absent, HttpError) and absent.status in REFUSED:
            raise
        return None


@cache
def _said(url: str, headers: tuple[tuple[str, str], ...], wanted: str) -> Said:
    return said_by(url, dict(headers), wanted, PLANNING_S)
