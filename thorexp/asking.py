"""How a server is asked: headers with the key of the environment, and the target of a load."""

import os

from thorexp.config_load import EndpointConfig
from thorexp.errors import ConfigError
from thorexp.load.patience import Timeouts
from thorexp.load.target import Target
from thorexp.secret import is_secret

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
    return {**config.headers, **({"Authorization": f"Bearer {key}"} if key else {})}


def check_endpoint(config: EndpointConfig) -> None:
    """ConfigError for time limits that are none, and for a body that would undo what is measured."""
    for name, limit_s in (
        ("connect_timeout_s", config.connect_timeout_s),
        ("first_token_timeout_s", config.first_token_timeout_s),
        ("idle_timeout_s", config.idle_timeout_s),
        ("timeout_s", config.timeout_s),
    ):
        if limit_s is not None and not limit_s > 0:
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
