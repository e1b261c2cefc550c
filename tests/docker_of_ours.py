"""The fake Docker as a test has it: a daemon that runs, what it was told, and what is left in it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

FAKE = Path(__file__).with_name("fake_docker.py")
NAME, DIGEST = "vllm/vllm-openai:latest", "sha256:" + 8 * "0123abcd"
OPENAI = {
    "Id": "sha256:" + 8 * "89efcdab",
    "RepoDigests": [f"vllm/vllm-openai@{DIGEST}"],
    "Config": {"Entrypoint": ["vllm", "serve"]},
}


@dataclass(slots=True)
class FakeDocker:
    """`told`: what FAKE_DOCKER says, to be changed before a command runs."""

    state: Path
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def client(self) -> tuple[str, ...]:
        """Its command."""
        return sys.executable, str(FAKE)

    @property
    def words(self) -> tuple[str, ...]:
        """Of a command line of thorexp that uses it."""
        return "server=docker", f"server.docker.client='{' '.join(self.client)}'", f"server.docker.image={NAME}"

    @property
    def env(self) -> dict[str, str]:
        """As it reads it."""
        registry = {NAME: OPENAI}
        return {"FAKE_DOCKER": json.dumps({"state": str(self.state), "registry": registry, **self.told})}

    def commands(self, *first: str) -> list[list[str]]:
        """All that it was given that begin with these words, in order."""
        kept = self.state / "argv.jsonl"
        all_words = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
        return [words for words in all_words if tuple(words[: len(first)]) == first]

    @property
    def servers(self) -> list[list[str]]:
        """The commands that ran a server, and not a question."""
        return [words for words in self.commands("run") if "--port" in words]

    @property
    def containers(self) -> list[str]:
        """Names of those that are there."""
        return sorted(place.name for place in (self.state / "containers").iterdir())

    @property
    def processes(self) -> list[psutil.Process]:
        """What runs in them."""
        return [p for p in psutil.process_iter() if _works_in(p, self.state) and str(FAKE) not in _words(p)]

    def until_gone(self, timeout_s: float) -> None:
        """Wait until there is neither a container nor a process of one."""
        deadline = time.monotonic() + timeout_s
        while self.containers or self.processes:
            assert time.monotonic() < deadline, (self.containers, self.processes)
            time.sleep(0.05)


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(folder)
    except psutil.Error:
        return False


@contextmanager
def fake_docker(folder: Path) -> Iterator[FakeDocker]:
    """One whose daemon runs meanwhile; afterwards nothing of it does."""
    state = folder / "docker"
    state.mkdir()
    docker = FakeDocker(state)
    daemon = subprocess.Popen([*docker.client, "daemon"], cwd=state, env={**os.environ, **docker.env})
    try:
        deadline = time.monotonic() + 60
        while not (state / "ready").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield docker
    finally:
        daemon.kill()
        daemon.wait()
        for process in docker.processes:
            process.kill()
