"""How a server comes to be, and what is done to its board before: one frozen dataclass per config group, as in
`config`.
"""

from dataclasses import dataclass, field
from enum import Enum


class ServerKind(Enum):
    """How a server comes to be. Members are named as a user types them."""

    vllm = "vllm"  # a child process of ours
    docker = "docker"  # a container of ours
    attach = "attach"  # somebody else's, at `server.base_url`
    sim = "sim"  # a child process of ours that simulates one


class Pull(Enum):
    """When an image is pulled. Members are named as a user types them."""

    missing = "missing"  # where it is not here yet
    always = "always"  # a tag may have moved
    never = "never"


@dataclass(frozen=True)
class DockerConfig:
    """The container of `server=docker`."""

    client: str
    """The command, as in `sudo -n docker`."""
    image: str | None
    """Of vLLM; absent for the hardware's own."""
    entrypoint: str | None
    """Absent for the image's own."""
    pull: Pull
    """When the image is pulled."""
    pull_timeout_s: float
    """How long that may take."""
    args: list[str] = field(default_factory=list)
    """Words of `docker run`, behind those of the hardware."""
    volumes: list[str] = field(default_factory=list)
    """`HOST:CONTAINER[:ro]`, made if they are not there."""


@dataclass(frozen=True)
class ServerConfig:
    """How the server is started and stopped."""

    kind: ServerKind
    """How it comes to be."""
    command: str
    """That starts it; the model and its arguments are put behind."""
    base_url: str | None
    """Where it is, of `server=attach`; absent for one that is started here."""
    host: str
    """The address that it listens on."""
    port: int | None
    """The port that it listens on; absent for any free one."""
    ready_timeout_s: float
    """How long it may take to load."""
    stop_timeout_s: float
    """From SIGTERM to SIGKILL."""
    memory_timeout_s: float
    """How long its memory may take to come back."""
    speedup: float
    """Of a simulated one, how many of its seconds pass in one."""
    docker: DockerConfig
    """Its container, if it has one."""
    env: dict[str, str] = field(default_factory=dict)
    """Environment variables that it gets."""


@dataclass(frozen=True)
class PrepareConfig:
    """What is done to the board, and undone at the end; each takes root."""

    power_mode: str | None = None
    """One of `hardware.power_modes`; absent to leave it."""
    lock_clocks: bool = False
    """At their highest."""
    drop_caches: bool = False
    """Give back the page cache before each server starts (unified memory)."""
    sudo: bool = True
    """Ask `sudo -n` for what needs root."""
