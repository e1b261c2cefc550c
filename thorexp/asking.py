"""How a server is asked: headers with the key of the environment, and the target of a load."""

import os

from thorexp.config_load import EndpointConfig
from thorexp.errors import ConfigError
from thorexp.load.patience import Timeouts
from thorexp.load.target import Target


def headers_of(config: EndpointConfig) -> dict[str, str]:
    """Of every request, with the key that the environment holds, if it holds one.

    ConfigError for one that no header can hold: the error of whoever tried would quote it.
    """
    key = os.environ.get(config.api_key_env, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(
            f"The key in {config.api_key_env} has characters that no HTTP header can hold.",
            ("where", f"endpoint.api_key_env={config.api_key_env}"),
            ("try", f"export {config.api_key_env}=…, without line breaks"),
        )
    return {**config.headers, **({"Authorization": f"Bearer {key}"} if key else {})}


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
