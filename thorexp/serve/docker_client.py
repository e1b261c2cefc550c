"""The docker command: what it answers, and its refusals in words that say what to do."""

import contextlib
import re
import subprocess
from collections.abc import Sequence

from thorexp.errors import ConfigError
from thorexp.serve.guard import die_with_parent

ANSWER_S = 60.0  # of what the daemon only has to look up; a busy board has taken seconds
TERMINAL = 2  # standard error: standard output is for results
HINT = re.compile(r"(?:See|Run) 'docker .*--help'")
NO_CLIENT = -127  # as no client exits: a container may, with 127
TIMED_OUT = -124
NOT_RUN = 125  # `docker run`'s own, of a container that never ran

# What the client, its daemon and registries print, Docker 20.10 to 28 and sudo: what it means, and what to try.
REFUSALS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        r"permission denied while trying to connect|dial unix .*permission denied",
        "This user may not talk to the Docker daemon.",
        ("server.docker.client='sudo -n docker'", "sudo usermod -aG docker $USER, and log in again"),
    ),
    (
        r"a password is required|a terminal is required to (?:read|authenticate)",
        "sudo wants a password to run docker, and nobody is there to type it.",
        ("sudo usermod -aG docker $USER, log in again, and server.docker.client=docker",),
    ),
    (
        r"Cannot connect to the Docker daemon|[Ff]ailed to connect to the docker API|Is the docker daemon running",
        "The Docker daemon does not run.",
        ("sudo systemctl start docker", "server=vllm, which needs none"),
    ),
    (
        r"no matching manifest for|does not match the (?:specified|detected) platform",
        "The image is not made for this machine's architecture.",
        ("server.docker.image=… with another tag: vllm/vllm-openai:latest has amd64 and arm64",),
    ),
    (
        r"no space left on device",
        "The disk is full.",
        ("docker system df says of what; docker image prune --all removes images that no container uses",),
    ),
    (r"toomanyrequests|rate limit", "The registry has given this address enough for now.", ("docker login",)),
    (
        r"manifest unknown|manifest for .* not found|pull access denied|repository does not exist|"
        r"requested access to the resource is denied|unauthorized|denied: |invalid reference format|: not found",
        "There is no such image, or it is not for everybody.",
        ("server.docker.image=… that exists; its tags stand on the registry's page", "docker login, if it is private"),
    ),
    (
        r"dial tcp|i/o timeout|TLS handshake timeout|no such host|failure in name resolution|"
        r"request canceled while waiting for connection|connection reset by peer",
        "The registry cannot be reached.",
        ("the network, or an image that is here: docker image ls", "docker load, from a machine that has it"),
    ),
)


def ask(
    command: Sequence[str], timeout_s: float = ANSWER_S, stdout: int = subprocess.PIPE
) -> "subprocess.CompletedProcess[str]":
    """What it answered. One that is not there, or not done in time, has failed and says so."""
    try:
        asked = _started(command, stdout)
    except OSError as absent:
        return subprocess.CompletedProcess(list(command), NO_CLIENT, "", f"{command[0]}: {absent.strerror}")
    try:
        out, err = asked.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        _end(asked)
        return subprocess.CompletedProcess(list(command), TIMED_OUT, "", f"no answer within {timeout_s:g} s")
    except BaseException:
        _end(asked)
        raise
    return subprocess.CompletedProcess(list(command), asked.returncode, out or "", err)


def _started(command: Sequence[str], stdout: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        preexec_fn=die_with_parent,
    )


def _end(asked: "subprocess.Popen[str]") -> None:
    """A client below sudo is not ours to kill; it ends when its work does."""
    with contextlib.suppress(PermissionError, subprocess.TimeoutExpired):
        asked.kill()
        asked.wait(5.0)


def refused(headline: str, where: str, said: "subprocess.CompletedProcess[str]") -> ConfigError:
    """What is wrong, as far as it is known, else the headline; with what was printed and what to try."""
    if said.returncode == NO_CLIENT:
        return ConfigError(
            f"There is no docker command {said.args[0]!r}.",
            ("where", "server.docker.client"),
            ("try", "install Docker: sudo apt-get install docker.io"),
            ("or", "server=vllm, which needs none"),
        )
    printed = (said.stderr or said.stdout).strip()
    by_hand = ("where it goes wrong by hand: " + " ".join(said.args[:4]) + " …",)
    for pattern, meaning, remedies in REFUSALS:
        if re.search(pattern, printed):
            return _error(meaning, where, printed, remedies)
    return _error(headline, where, printed, by_hand)


def _error(headline: str, where: str, printed: str, remedies: Sequence[str]) -> ConfigError:
    lines = [line for line in printed.splitlines() if line.strip() and not HINT.match(line)]
    says = next(reversed(lines), "nothing")
    first, *more = remedies
    return ConfigError(headline, ("where", where), ("says", says), ("try", first), *(("or", remedy) for remedy in more))
