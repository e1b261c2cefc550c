"""A container image: made to be here, and asked what it would run and which vLLM that is."""

import hashlib
import json
import logging
import re
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath

from thorexp.errors import ConfigError
from thorexp.serve.diagnose import diagnose
from thorexp.serve.docker import Container, make_sure_gone, new_name
from thorexp.serve.docker_client import NOT_RUN, TERMINAL, TIMED_OUT, ask, refused
from thorexp.serve.flags import HELP_TIMEOUT_S, PROBE, UNKNOWN, KnownFlags, flags_told, is_told, write_json

PYTHON = "python3"  # where the command is not one itself

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Image:
    """One that is here. `digest`: by which a registry knows it; of one that was built here, its id."""

    name: str
    id: str
    digest: str
    entrypoint: tuple[str, ...]

    @property
    def reference(self) -> str:
        """By name and digest, `vllm/vllm-openai:latest@sha256:…`."""
        return f"{self.name.partition('@')[0]}@{self.digest}"


def find_image(client: tuple[str, ...], name: str) -> Image | None:
    """As the daemon describes it; absent where it has none. ConfigError when it does not answer."""
    said = ask((*client, "image", "inspect", name))
    if said.returncode:
        if re.search(r"No such image|no such image", said.stderr):
            return None
        raise refused("Docker does not say whether it has the image.", f"server.docker.client={' '.join(client)}", said)
    described = json.loads(said.stdout)[0]
    entrypoint = (described.get("Config") or {}).get("Entrypoint") or ()
    return Image(name, described["Id"], _digest(name, described), tuple(entrypoint))


def _digest(name: str, described: dict[str, object]) -> str:
    """Of several registries' the one's that it is called by."""
    known = [str(each) for each in described.get("RepoDigests") or ()]  # type: ignore[attr-defined]  # of JSON
    repository = re.sub(r":[^/:]*$", "", name.partition("@")[0])
    named = [each for each in known if each.partition("@")[0] == repository]
    return str(next(iter(named or known), described["Id"])).rpartition("@")[2]


def pull(client: tuple[str, ...], name: str, timeout_s: float) -> None:
    """Fetch it, its progress shown as the client shows it; ConfigError when it does not come."""
    _log.info("image: pulling %s, server.docker.pull_timeout_s=%g", name, timeout_s)
    said = ask((*client, "pull", name), timeout_s=timeout_s, stdout=TERMINAL)
    if said.returncode == TIMED_OUT:
        raise ConfigError(
            f"The image {name} did not come within {timeout_s:g} s.",
            ("where", f"server.docker.pull_timeout_s={timeout_s:g}"),
            ("try", f"server.docker.pull_timeout_s={2 * timeout_s:g}: what has come is kept and not fetched again"),
        )
    if said.returncode:
        raise refused(f"The image {name} cannot be pulled.", f"server.docker.image={name}", said)


def known_of(container: Container, command: tuple[str, ...], cache_dir: Path) -> KnownFlags:
    """What the vLLM in it says, remembered by the image's id; not where it does not tell its version, which it may
    another time.
    """
    known = remembered(container, command, cache_dir)
    if known is not None:
        return known
    known = _asked(container, command)
    if is_told(known.version):
        write_json(_cache(container, command, cache_dir), asdict(known) | {"flags": sorted(known.flags)})
    return known


def remembered(container: Container, command: tuple[str, ...], cache_dir: Path) -> KnownFlags | None:
    """What it said before; absent where it was not asked."""
    try:
        kept = json.loads(_cache(container, command, cache_dir).read_text())
        return KnownFlags(kept["version"], frozenset(kept["flags"]), kept["torch"])
    except (OSError, ValueError, LookupError):
        return None


def _cache(container: Container, command: tuple[str, ...], cache_dir: Path) -> Path:
    seen = json.dumps((container.image, container.given, container.entrypoint, command))
    return cache_dir / f"image-{hashlib.sha256(seen.encode()).hexdigest()[:16]}.json"


def _asked(container: Container, command: tuple[str, ...]) -> KnownFlags:
    """By two containers: one reads versions, one asks for help. Both see what the server would see of the hardware,
    without which a vLLM may not know what it runs on.
    """
    python = command[0] if PurePath(command[0]).name.startswith("python") else PYTHON
    probed = _run_in(container, ("-c", PROBE), python)
    vllm, *torch = probed.stdout.split() if probed.returncode == 0 else (f"{UNKNOWN}{container.image[-12:]}",)
    flags = flags_told(lambda asked: _run_in(container, (*command, asked)), f"{container.reference} {command[-1]}")
    return KnownFlags(vllm, flags, next(iter(torch), None))


def _run_in(
    container: Container, words: tuple[str, ...], entrypoint: str | None = None
) -> "subprocess.CompletedProcess[str]":
    """Whatever becomes of it, it is removed. ConfigError when the daemon cannot run it at all."""
    name = new_name()
    try:
        said = ask(container.asking_words(name, words, entrypoint), timeout_s=HELP_TIMEOUT_S)
    except BaseException:
        make_sure_gone(container.client, name)
        raise
    if said.returncode == TIMED_OUT:
        make_sure_gone(container.client, name)
    if said.returncode == NOT_RUN:
        known = diagnose(said.stderr, None)
        raise ConfigError(
            "Docker cannot run the image.",
            ("where", container.reference),
            ("says", known.cause),
            ("try", known.remedy or "the words of hardware.docker_args and server.docker.args"),
        )
    return said
