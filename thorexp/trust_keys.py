"""Keys of hardware, server, telemetry and verdict, refused where nothing could come of them."""

import difflib
import logging
import re
import shlex
from dataclasses import asdict
from functools import cache

from thorexp.config import HardwareConfig
from thorexp.config_server import PrepareConfig, ServerConfig, ServerKind
from thorexp.config_trust import TelemetryConfig
from thorexp.errors import ConfigError
from thorexp.measure.findings import NAMES
from thorexp.measure.verdict import Thresholds

LAST_PORT = 65535
SHORTEST_S = 0.01  # a sampler that looks more often costs more than it tells

log = logging.getLogger(__name__)


def check_telemetry(config: TelemetryConfig) -> None:
    """ConfigError by the full key."""
    for key, value in (("interval_s", config.interval_s), ("server_interval_s", config.server_interval_s)):
        if not SHORTEST_S <= value < float("inf"):
            raise ConfigError(
                f"telemetry.{key}={value:g} cannot be kept.", ("try", f"telemetry.{key}={SHORTEST_S:g} or more")
            )
    if not 0 <= config.idle_s < float("inf"):
        raise ConfigError(
            f"telemetry.idle_s={config.idle_s:g} is no time to rest.", ("try", "telemetry.idle_s=3, or 0")
        )
    try:
        if config.tegrastats and not shlex.split(config.tegrastats):
            raise ValueError("it has no word")
    except ValueError as wrong:
        raise ConfigError(
            f"telemetry.tegrastats={config.tegrastats} is no command.",
            ("says", str(wrong)),
            ("try", "telemetry.tegrastats=/usr/bin/tegrastats"),
        ) from None


def check_commands(server: ServerConfig) -> None:
    """ConfigError for a command that a shell could not take apart, and for a Docker that has none."""
    docker = server.docker
    commands = {"server.command": server.command, "server.docker.client": docker.client}
    if docker.entrypoint is not None:
        commands["server.docker.entrypoint"] = docker.entrypoint
    for key, command in commands.items():
        try:
            words = shlex.split(command)
        except ValueError as wrong:
            raise ConfigError(
                f"{key}={command} is no command.", ("says", str(wrong)), ("try", "as a shell would take it")
            ) from None
        if not words and key == "server.docker.client" and server.kind is ServerKind.docker:
            raise ConfigError("server.docker.client has no word.", ("try", "server.docker.client=docker"))


def check_hardware(hardware: HardwareConfig) -> None:
    """ConfigError for a pattern that is none, or no device."""
    if hardware.devices < 1:
        raise ConfigError(f"hardware.devices={hardware.devices} serve nothing.", ("try", "hardware.devices=1"))
    try:
        re.compile(hardware.match or "")
    except re.error as wrong:
        raise ConfigError(
            f"hardware.match={hardware.match} is no regular expression.",
            ("says", str(wrong)),
            ("try", "hardware.match=null, which matches nothing"),
        ) from None


def check_port(port: int | None) -> None:
    """ConfigError for one that there is not; absent is any free one, and so is 0."""
    if port is not None and not 0 <= port <= LAST_PORT:
        raise ConfigError(
            f"server.port={port} is no port.", ("try", f"server.port=8000, of 1 to {LAST_PORT}, or null for a free one")
        )


def check_preparation(hardware: HardwareConfig, kind: ServerKind) -> None:
    """ConfigError for a power mode that the board does not have, and for a board under somebody else's server."""
    asked, modes = hardware.prepare, hardware.power_modes
    if asked.power_mode is not None and asked.power_mode not in modes:
        near = difflib.get_close_matches(asked.power_mode.upper(), modes, n=1, cutoff=0.0) or ["null"]
        raise ConfigError(
            f"hardware={hardware.name} has no power mode {asked.power_mode}.",
            ("where", f"hardware.prepare.power_mode={asked.power_mode}"),
            ("have", ", ".join(modes) or "none"),
            ("try", f"hardware.prepare.power_mode={near[0]}"),
        )
    if kind is ServerKind.attach and (keys := _wanted(asked)):
        raise ConfigError(
            "The board under somebody else's server is not changed.",
            ("where", ", ".join(keys)),
            ("try", "server=vllm or server=docker, which start one; or prepare the board before, by hand"),
        )


def warn_of_no_preparation(asked: PrepareConfig) -> None:
    """Of each key that changes nothing, because nothing is measured of the board."""
    for key in _wanted(asked):
        _say_no_effect(key)


def _wanted(asked: PrepareConfig) -> list[str]:
    """Full keys of what is to be done to the board."""
    keys = {"power_mode": asked.power_mode, "lock_clocks": asked.lock_clocks, "drop_caches": asked.drop_caches}
    return [f"hardware.prepare.{key}" for key, value in keys.items() if value]


@cache
def _say_no_effect(key: str) -> None:
    """Once a process."""
    log.warning("%s has no effect: a simulation or a rehearsal changes nothing of the board", key)


def check_thresholds(believed: Thresholds) -> None:
    """ConfigError by the full key, for a share that is none, and for a reason that does not exist."""
    for name in believed.accept:
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, n=3) or NAMES
            raise ConfigError(f"verdict.accept has {name}, which is no reason.", ("try", " or ".join(near)))
    for key, value in asdict(believed).items():
        if key != "accept" and not 0 <= value < float("inf"):
            raise ConfigError(f"verdict.{key}={value:g} is no share.", ("try", f"verdict.{key}=0.1"))
