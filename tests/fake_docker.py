"""A docker that is not one: client, daemon and registry in a folder, and containers that are processes.

    python tests/fake_docker.py daemon          as long as Docker is to run
    python tests/fake_docker.py run … IMAGE …   and pull, image inspect, ps, kill, rm

FAKE_DOCKER, JSON in the environment: `state` (the folder); `registry` (by name what `image inspect` says of what can be
pulled); `pull_step_s` (each of four lines takes so long); `pull_error`, `run_error`, `client_error` (what is printed in
place of pulling, running, anything); `create_delay_s`; `vllm` (how the fake vLLM in a container behaves);
`versions` (of vLLM and torch in it, empty where they cannot be read).

As with the real one, a container is the daemon's child in a session of its own, and its client only follows it: what
kills the client does not end it. Every command's words are kept in `argv.jsonl`.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

FAKE_VLLM = Path(__file__).with_name("fake_vllm.py")
VERSIONS = "0.99.0\n2.9.0+fake\n"  # of vLLM and torch
POLL_S = 0.01
WRAPPER = "/opt/nvidia/nvidia_entrypoint.sh"
SWITCHES = ("--rm",)

TOLD: dict[str, Any] = json.loads(os.environ["FAKE_DOCKER"])
STATE = Path(TOLD["state"])
CONTAINERS, EXITS, IMAGES = STATE / "containers", STATE / "exits", STATE / "images"


def main(words: list[str]) -> int:
    """One command; its exit code."""
    if words == ["daemon"]:
        return daemon()
    with (STATE / "argv.jsonl").open("a") as kept:
        kept.write(json.dumps(words) + "\n")
    if "client_error" in TOLD:
        fail(TOLD["client_error"])
    if words[:2] == ["image", "inspect"]:
        return inspect(words[2])
    commands = {"pull": pull, "run": run, "ps": ps, "kill": kill, "rm": remove}
    return commands[words[0]](words[1:])


def fail(says: str, code: int = 1) -> NoReturn:
    """End as the client does."""
    print(says, file=sys.stderr)
    sys.exit(code)


def inspect(name: str) -> int:
    """What is here."""
    image = image_of(name)
    print("[]" if image is None else json.dumps([image]))
    if image is None:
        fail(f"Error response from daemon: No such image: {name}")
    return 0


def image_of(name: str) -> dict[str, Any] | None:
    """By name or id; absent if it was not pulled."""
    for kept in IMAGES.glob("*.json"):
        image = json.loads(kept.read_text())
        if name in (image["Id"], image["Name"]):
            return dict(image)
    return None


def pull(words: list[str]) -> int:
    """Four lines of progress, then it is here."""
    for step in range(4):
        print(f"a1b2c3: Downloading {25 * step}%", flush=True)
        time.sleep(TOLD.get("pull_step_s", 0.0))
    if "pull_error" in TOLD:
        fail(TOLD["pull_error"])
    if words[0] not in TOLD.get("registry", {}):
        fail(f"Error response from daemon: manifest for {words[0]} not found: manifest unknown: manifest unknown")
    keep_image(words[0])
    print(f"Status: Downloaded newer image for {words[0]}")
    return 0


def keep_image(name: str) -> None:
    """From the registry."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    image = {"Name": name, **TOLD["registry"][name]}
    (IMAGES / f"{image['Id'][-8:]}.json").write_text(json.dumps(image))


def run(words: list[str]) -> int:
    """Have it created, and follow it until it ends."""
    options, (name_of_image, *args) = parsed(words)
    if "run_error" in TOLD:
        fail(TOLD["run_error"], 125)
    image = image_of(name_of_image)
    if image is None:
        fail(f"docker: Error response from daemon: No such image: {name_of_image}.", 125)
    replaced = options.get("--entrypoint")
    own = image["Config"].get("Entrypoint") or []
    command = [*(own if replaced is None else [word for word in replaced if word]), *args]
    name = options["--name"][0]
    place = CONTAINERS / name
    time.sleep(TOLD.get("create_delay_s", 0.0))
    place.mkdir(parents=True)
    for sent in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sent, lambda number, _frame: send(name, number))
    asked = {
        "command": command,
        "env": environment(options.get("--env-file", [])),
        "labels": options.get("--label", []),
    }
    (place / "log").touch()
    (place / "asked.partial").write_text(json.dumps(asked))
    with (place / "log").open("rb") as log:
        (place / "asked.partial").rename(place / "asked.json")
        return follow(name, log)


def parsed(words: list[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Options with their values, and what comes after them."""
    options: dict[str, list[str]] = {}
    i = 0
    while words[i].startswith("-"):
        has_value = words[i] not in SWITCHES
        options.setdefault(words[i], []).append(words[i + 1] if has_value else "")
        i += 1 + has_value
    return options, words[i:]


def environment(files: list[str]) -> dict[str, str]:
    """Of the container, which has none of the user's but what these say."""
    given = {"PATH": os.environ["PATH"], "FAKE_VLLM": json.dumps(TOLD.get("vllm", {}))}
    given["VERSIONS"] = TOLD.get("versions", VERSIONS)
    pairs = [line.partition("=") for file in files for line in Path(file).read_text().splitlines()]
    return given | {name: value for name, _, value in pairs}


def follow(name: str, log: Any) -> int:
    """Print what it prints; its exit code."""
    ended = EXITS / name
    while True:
        has_ended = ended.exists()
        sys.stdout.buffer.write(log.read())
        sys.stdout.flush()
        if has_ended:
            return int(ended.read_text())
        time.sleep(POLL_S)


def ps(words: list[str]) -> int:
    """All that are there, in whatever state, by name or with their owners."""
    wanted = words[words.index("--filter") + 1].removeprefix("name=")
    for place in sorted(CONTAINERS.glob("*/asked.json")):
        name, owners = place.parent.name, json.loads(place.read_text())["labels"]
        if "label=" in wanted and owners:
            print(name, owners[0].partition("=")[2])
        elif "label=" not in wanted and re.search(wanted, f"/{name}"):
            print("0123456789ab")
    return 0


def kill(words: list[str]) -> int:
    """`--signal TERM NAME`."""
    if not send(words[-1], signal.Signals[f"SIG{words[1]}"]):
        fail(f"Error response from daemon: No such container: {words[-1]}")
    return 0


def send(name: str, which: int) -> bool:
    """Whether there was a process to send it to."""
    try:
        os.killpg(int((CONTAINERS / name / "pid").read_text()), which)
    except (OSError, ValueError):
        return False
    return True


def remove(words: list[str]) -> int:
    """`--force NAME`: killed, and gone when this returns."""
    name = words[-1]
    if not (CONTAINERS / name).is_dir():
        fail(f"Error response from daemon: No such container: {name}")
    while send(name, signal.SIGKILL) and not (EXITS / name).exists():
        time.sleep(POLL_S)
    shutil.rmtree(CONTAINERS / name, ignore_errors=True)
    print(name)
    return 0


def daemon() -> int:
    """Start what is asked for and bury what has ended, each with --rm, until killed."""
    for folder in (CONTAINERS, EXITS):
        folder.mkdir(parents=True, exist_ok=True)
    running: dict[str, subprocess.Popen[bytes]] = {}
    (STATE / "ready").touch()
    while True:
        for asked in CONTAINERS.glob("*/asked.json"):
            if asked.parent.name not in running and not (EXITS / asked.parent.name).exists():
                with contextlib.suppress(OSError):
                    running[asked.parent.name] = start(asked)
        for name, process in list(running.items()):
            if (code := process.poll()) is not None:
                (EXITS / f".{name}").write_text(str(code if code >= 0 else 128 - code))
                (EXITS / f".{name}").rename(EXITS / name)
                shutil.rmtree(CONTAINERS / name, ignore_errors=True)
                del running[name]
        time.sleep(POLL_S)


def start(asked: Path) -> "subprocess.Popen[bytes]":
    """What stands for its command, in a session of its own."""
    told = json.loads(asked.read_text())
    with (asked.parent / "log").open("ab") as log:
        process = subprocess.Popen(
            program(told["command"]),
            env=told["env"],
            cwd=STATE,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (asked.parent / "pid").write_text(str(process.pid))
    return process


def program(command: list[str]) -> list[str]:
    """The fake vLLM for a vLLM, by whichever of its two command lines; two versions for a script."""
    words = command[1:] if command[:1] == [WRAPPER] else command
    if words[0].startswith("python") and words[1] == "-c":
        return ["sh", "-c", 'test -n "$VERSIONS" && printf "$VERSIONS"']
    if words[:2] == ["vllm", "serve"]:
        return [sys.executable, str(FAKE_VLLM), *words[1:]]
    if words[:3] == ["python3", "-m", "vllm.entrypoints.openai.api_server"]:
        model = words[4:] if words[3:4] == ["--model"] else words[3:]
        return [sys.executable, str(FAKE_VLLM), "serve", *model]
    return ["sh", "-c", f'echo exec: \\"{words[0]}\\": executable file not found in \\$PATH >&2; exit 127']


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
