"""vLLM in a container: the words of `docker run`, and how nothing of it is left."""

import contextlib
import json
import logging
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from thorexp.serve.docker_client import ask
from thorexp.serve.owner import is_dead, owner

LABEL = "thorexp.owner"
GONE_S = 30.0  # a container with its memory full has taken seconds to be removed
# Where the client reads the variables of the server: on its standard input, which passes through sudo as its own
# environment does not, and stands on no disk and in no command line.
ENV_FILE = "/dev/stdin"
# As Jetson and NVIDIA document it: the host's network and shared memory, memory that may be locked, deep stacks.
SHARED = ("--network", "host", "--ipc", "host", "--ulimit", "memlock=-1", "--ulimit", "stack=67108864")
# Of what Docker gives to root in a container a server needs none: no more rights by a setuid program, no packets of the
# host's network but its own, no device files.
CONFINED = ("--security-opt", "no-new-privileges", "--cap-drop", "NET_RAW", "--cap-drop", "MKNOD")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Container:
    """What a server runs in. `client`: the docker command; `image`: the id, so that a tag cannot move meanwhile.

    `reference`: the image by name and digest. `given`: how many leading words of the server's command the
    entrypoint says, which is `entrypoint`, absent for the image's own, empty for none. `args` of `docker run`.
    `handed_on`: variables of the user's that the server gets too.
    """

    client: tuple[str, ...]
    image: str
    reference: str
    given: int
    entrypoint: tuple[str, ...] | None
    args: tuple[str, ...]
    volumes: tuple[str, ...]
    handed_on: tuple[str, ...] = ()

    @property
    def deciding(self) -> tuple[object, ...]:
        """What figures depend on: the image by its digest, what stands before the server in it, how it is run."""
        return self.reference.rpartition("@")[2], self.given, self.entrypoint, self.args

    @property
    def seen(self) -> tuple[object, ...]:
        """What the server in it sees."""
        return self.image, self.given, self.entrypoint, self.args, self.volumes

    def run_words(self, name: str, server: tuple[str, ...], model: str) -> tuple[str, ...]:
        """The whole command that runs this server, with a local model mounted where it is, to be read only. It reads
        the variables of the server, an `env_file`, on its standard input.
        """
        return (
            *self._run(name),
            *(word for volume in (*self.volumes, *model_volumes(model)) for word in ("-v", volume)),
            *("--env-file", ENV_FILE),
            *self._image_words,
            *server[self.given :],
        )

    def asking_words(self, name: str, words: tuple[str, ...], entrypoint: str | None = None) -> tuple[str, ...]:
        """A command that runs the server's with other arguments, or anything by an entrypoint of its own."""
        if entrypoint is not None:
            return (*self._run(name), "--entrypoint", entrypoint, self.image, *words)
        return (*self._run(name), *self._image_words, *words[self.given :])

    def _run(self, name: str) -> tuple[str, ...]:
        """Never pulled from here: what is not known to be here was refused before."""
        label = f"{LABEL}={owner()}"
        run = ("run", "--rm", "--pull", "never", "--name", name, "--label", label)
        return (*self.client, *run, *SHARED, *CONFINED, *self.args)

    @property
    def _image_words(self) -> tuple[str, ...]:
        if self.entrypoint is None:
            return (self.image,)
        first, *rest = self.entrypoint or ("",)
        return ("--entrypoint", first, self.image, *rest)

    def variables(self, env: Mapping[str, str]) -> dict[str, str]:
        """Of the server: the user's that are handed on, and before them those that it is given."""
        return {name: os.environ[name] for name in self.handed_on if name in os.environ} | dict(env)

    def ending(self, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The commands that ask it to end, and that remove it whatever it does: its client cannot be signalled below
        sudo, and does not take it along when killed.
        """
        return (*self.client, "kill", "--signal", "TERM", name), (*self.client, "rm", "--force", name)


def new_name() -> str:
    """Of a container that is about to be."""
    return f"thorexp-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def env_file(variables: Mapping[str, str]) -> int:
    """A file of them that is on no disk, open to be read; whoever asks for it closes it."""
    descriptor = os.memfd_create("env")
    with os.fdopen(os.dup(descriptor), "w", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in variables.items())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def model_volumes(model: str) -> tuple[str, ...]:
    """Of a model that is a directory: it, and where links in it lead, as those of a snapshot of the Hub do."""
    directory = Path(model)
    if not directory.is_dir():
        return ()
    targets = {path.resolve().parent for path in directory.rglob("*") if path.is_symlink()}
    outside = sorted(str(target) for target in targets if not target.is_relative_to(directory.resolve()))
    return tuple(f"{path}:{path}:ro" for path in (str(directory), *outside))


def make_sure_gone(client: tuple[str, ...], name: str) -> None:
    """Removed if it is still there; said when that cannot be done."""
    deadline, said = time.monotonic() + GONE_S, ""
    while time.monotonic() < deadline:
        listed = ask((*client, "ps", "--all", "--quiet", "--filter", f"name=^/?{name}$"))
        if listed.returncode == 0 and not listed.stdout.strip():
            return
        said = ask((*client, "rm", "--force", name)).stderr.strip() or listed.stderr.strip()
        time.sleep(0.2)
    _log.warning("container %s is still there (%s); by hand: %s rm --force %s", name, said, " ".join(client), name)


def note(client: tuple[str, ...], name: str) -> None:
    """That this process runs a container by this client: should it die, the next one, which may need none, asks it."""
    with contextlib.suppress(OSError):
        _notes().mkdir(parents=True, exist_ok=True)
        (_notes() / f"{name}.json").write_text(json.dumps({"client": client, "owner": owner()}))


def forget(name: str) -> None:
    """That container, which is gone."""
    with contextlib.suppress(OSError):
        (_notes() / f"{name}.json").unlink(missing_ok=True)


def remove_noted() -> None:
    """As `remove_leftovers`, by every client that a thorexp has noted which has died."""
    for left in sorted(_notes().glob("*.json")):
        with contextlib.suppress(OSError, ValueError, LookupError):
            told = json.loads(left.read_text())
            if is_dead(told["owner"]) and remove_leftovers(tuple(told["client"])):
                left.unlink(missing_ok=True)


def _notes() -> Path:
    return Path("~/.cache/thorexp/containers").expanduser()


def remove_leftovers(client: tuple[str, ...]) -> bool:
    """Remove the containers of each thorexp of this host that has died without removing them, and say so. Whether
    Docker told which there are.
    """
    shown = f'{{{{.Names}}}} {{{{.Label "{LABEL}"}}}}'
    listed = ask((*client, "ps", "--all", "--no-trunc", "--filter", f"label={LABEL}", "--format", shown))
    for line in listed.stdout.splitlines():
        name, _, said = line.partition(" ")
        if is_dead(said):
            _log.warning("container %s was left by a thorexp that has died (pid %s): removed", name, said.split()[2])
            make_sure_gone(client, name)
    return listed.returncode == 0
