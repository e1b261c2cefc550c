"""What `server=docker` comes to: an image that is here, what it is given, and which vLLM it has."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from thorexp.config import JobConfig
from thorexp.config_server import DockerConfig, Pull, ServerKind
from thorexp.config_sweep import Executor
from thorexp.errors import ConfigError
from thorexp.serve.docker import Container
from thorexp.serve.entrypoint import invocation
from thorexp.serve.flags import KnownFlags, shipped_flags
from thorexp.serve.image import Image, find_image, known_of, pull, remembered

# What vLLM as a child of ours would find in the user's environment, and a container does not.
HANDED_ON = (
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "HF_ENDPOINT",
    "HF_HUB_OFFLINE",
    "VLLM_API_KEY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
)


@dataclass(frozen=True, slots=True)
class DockerPlan:
    """A server's `command` and what it runs in. `known`: its flags; absent where no image is here that was asked."""

    command: tuple[str, ...]
    container: Container
    known: KnownFlags | None


class Images:
    """Those that one process has found: every job of a sweep needs one, and no tag may move between two of them."""

    def __init__(self) -> None:
        self._here: dict[tuple[object, ...], Image] = {}
        self._seen: dict[tuple[object, ...], Image | ConfigError | None] = {}
        self._known: dict[tuple[object, ...], KnownFlags] = {}

    def pulled(self, name: str, docker: DockerConfig) -> Image:
        """Pulled first where it has to be; ConfigError when it is not to be had."""
        asked = (docker.client, name, docker.pull)
        if asked not in self._here:
            self._here[asked] = _pulled(client_of(docker), name, docker.pull, docker.pull_timeout_s)
        return self._here[asked]

    def seen(self, name: str, docker: DockerConfig) -> Image | ConfigError | None:
        """As it is here, absent where it is not; why Docker does not say."""
        asked = (docker.client, name)
        if asked not in self._seen:
            try:
                self._seen[asked] = find_image(client_of(docker), name)
            except ConfigError as silent:
                self._seen[asked] = silent
        return self._seen[asked]

    def known(self, container: Container, command: tuple[str, ...], cache_dir: Path) -> KnownFlags:
        """What the vLLM in it says, which takes two containers where it was never asked before."""
        asked = (container.seen, command, cache_dir)
        if asked not in self._known:
            self._known[asked] = known_of(container, command, cache_dir)
        return self._known[asked]


IMAGES = Images()  # of this process


def docker_plan(config: JobConfig, env: dict[str, str], cache_dir: Path) -> DockerPlan:
    """The image is pulled, and asked which vLLM it has, where a server will be started here. ConfigError, before
    anything is started, when there is none, or Docker does not work.

    Who starts nothing runs no container either: what is known of the image from before is all that is known.
    `env`: what the server is given.
    """
    docker, name, starts = config.server.docker, _name(config), runs_containers(config)
    image = IMAGES.pulled(name, docker) if starts else _found(config, name)
    run = invocation(() if image is None else image.entrypoint, docker.entrypoint, shlex.split(config.server.command))
    container = Container(
        client=client_of(docker),
        image=name if image is None else image.id,
        reference=name if image is None else image.reference,
        given=run.given,
        entrypoint=run.replaced,
        args=(*config.hardware.docker_args, *docker.args),
        volumes=tuple(_volume(volume, makes=starts) for volume in docker.volumes),
        handed_on=HANDED_ON,
    )
    _check_variables(container.variables(env))
    ask = IMAGES.known if starts else remembered
    known = ask(container, run.command, cache_dir)
    return DockerPlan(run.command, container, shipped_flags() if known is None and config.predict else known)


def runs_containers(config: JobConfig) -> bool:
    """Whether preparing this job pulls an image and runs containers of it, which disturbs whoever measures here."""
    starts = not (config.dry_run or config.predict or config.rehearse)
    return config.server.kind is ServerKind.docker and config.sweep.executor is Executor.local and starts


def image_remark(config: JobConfig) -> str | None:
    """What a plan says of the image; absent where no container will run here."""
    if config.server.kind is not ServerKind.docker or config.predict or config.rehearse:
        return None
    docker, name = config.server.docker, _name(config)
    if config.sweep.executor is not Executor.local:
        return f"The image {name} is looked for on each board."
    seen = IMAGES.seen(name, docker)
    if isinstance(seen, ConfigError):
        return f"Whether the image {name} is here is not known. {seen.headline}"
    if seen is None:
        then = "server.docker.pull=never" if docker.pull is Pull.never else "it is pulled before anything starts"
        return f"The image {name} is not here: {then}."
    return f"The image {seen.reference} is here{', and pulled all the same' if docker.pull is Pull.always else ''}."


def client_of(docker: DockerConfig) -> tuple[str, ...]:
    """The docker command."""
    return tuple(shlex.split(docker.client))


def _name(config: JobConfig) -> str:
    name = config.server.docker.image or config.hardware.image
    if name is None:
        raise ConfigError(
            "There is no image to run.",
            ("where", f"server.docker.image, and hardware.image of hardware={config.hardware.name}"),
            ("try", "server.docker.image=vllm/vllm-openai:latest"),
        )
    return name


def _pulled(client: tuple[str, ...], name: str, when: Pull, timeout_s: float) -> Image:
    image = find_image(client, name)
    if when is Pull.never and image is None:
        raise ConfigError(
            f"The image {name} is not here.",
            ("where", "server.docker.pull=never"),
            ("try", "server.docker.pull=missing"),
        )
    if when is Pull.always or image is None:
        pull(client, name, timeout_s)
        image = find_image(client, name)
    if image is None:
        raise ConfigError(f"The image {name} was pulled and is not here.", ("try", "docker image ls, by hand"))
    return image


def _found(config: JobConfig, name: str) -> Image | None:
    """For who starts nothing a Docker that does not work is one that has no image; another board's is not known."""
    if config.sweep.executor is not Executor.local:
        return None
    seen = IMAGES.seen(name, config.server.docker)
    return seen if isinstance(seen, Image) else None


def _check_variables(variables: Mapping[str, str]) -> None:
    for variable, value in variables.items():
        if "\n" in value or "\r" in value:
            raise ConfigError(
                f"The variable {variable} has a line break, which Docker's --env-file cannot hold.",
                ("where", f"server.env.{variable}, or the variable of the user's that is handed on"),
                ("try", f"a file with it in server.docker.volumes, and its path as server.env.{variable}"),
            )


def _volume(volume: str, makes: bool) -> str:
    """`HOST:CONTAINER[:ro]` with the host's path absolute, made if it is not there: Docker would make it as root.
    A host's part that is no path, as `models`, is the name of a volume of Docker's own.
    """
    host, colon, inside = volume.partition(":")
    if not colon or not inside.startswith("/"):
        raise ConfigError(
            f"server.docker.volumes has {volume!r}.", ("try", "server.docker.volumes=[/data/models:/models:ro]")
        )
    if "/" not in host and host not in ("~", ".", ".."):
        return volume
    try:
        directory = Path(host).expanduser().absolute()
        if makes:
            directory.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as refused:
        raise ConfigError(
            f"The directory {host} cannot be made.",
            ("where", f"server.docker.volumes: {volume}"),
            ("says", getattr(refused, "strerror", None) or str(refused)),
            ("try", "server.docker.volumes=[], or paths that this user may write"),
        ) from None
    return f"{directory}:{inside}"
