"""What an image runs, and what it has to be given so that it runs vLLM. Pure."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from thorexp.errors import ConfigError

SERVER = ("vllm", "serve")
SHELLS = frozenset({"sh", "bash", "dash"})


@dataclass(frozen=True, slots=True)
class Invocation:
    """The server's `command`; how many leading words of it the entrypoint says already; and the entrypoint that takes
    the place of the image's, empty for none, absent to leave that.
    """

    command: tuple[str, ...]
    given: int
    replaced: tuple[str, ...] | None


def invocation(of_image: tuple[str, ...], typed: str | None, command: Sequence[str]) -> Invocation:
    """`typed`: an entrypoint in place of the image's; `command`: of the server, empty for what the image has.

    An entrypoint that is a server, as vllm/vllm-openai's, gives way to a command that was typed. Any other, as
    NVIDIA's, which sets up libraries and then runs what it is given, stays before the command.
    """
    replaced = None if typed is None else tuple(shlex.split(typed))
    words, wanted = (of_image if replaced is None else replaced), tuple(command)
    runs = wanted or SERVER
    if words and runs[: len(words)] == words:
        return Invocation(runs, len(words), replaced)
    if _is_server(words):
        return Invocation(wanted, 0, ()) if wanted else Invocation(words, len(words), replaced)
    if words and PurePath(words[0]).name in SHELLS:
        raise ConfigError(
            "The image's entrypoint is a shell, which runs no command that it is given.",
            ("where", f"server.docker.entrypoint: {shlex.join(words)}"),
            ("try", "server.docker.entrypoint=\"''\", and server.command='vllm serve' if that is what it has"),
        )
    return Invocation(runs, 0, replaced)


def _is_server(words: tuple[str, ...]) -> bool:
    is_vllm = any(PurePath(word).name == "vllm" for word in words)
    return (is_vllm and "serve" in words) or any("api_server" in word for word in words)
