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
    """The container of `kind: docker`. `client`: the command, as in `sudo -n docker`.

    `image`: absent for the hardware's own. `entrypoint`: absent for the image's. `args` of `docker run`, behind those
    of the hardware; `volumes` as `HOST:CONTAINER[:ro]`, made if they are not there.
    """

    client: str
    image: str | None
    entrypoint: str | None
    pull: Pull
    pull_timeout_s: float
    args: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ServerConfig:
    """How the server is started and stopped. `base_url`: for `kind: attach`; `port` absent: any free one. `speedup`: of
    a simulated one, how many of its seconds pass in one.
    """

    kind: ServerKind
    command: str
    base_url: str | None
    host: str
    port: int | None
    ready_timeout_s: float
    stop_timeout_s: float
    memory_timeout_s: float
    speedup: float
    docker: DockerConfig
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PrepareConfig:
    """What is done to the board, and undone at the end; each takes root.

    `power_mode`: one of `hardware.power_modes`, absent to leave it; `lock_clocks`: at their highest; `drop_caches`:
    give back the page cache before each server starts (unified memory). `sudo`: ask `sudo -n` for what needs root.
    """

    power_mode: str | None = None
    lock_clocks: bool = False
    drop_caches: bool = False
    sudo: bool = True
