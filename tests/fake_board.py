"""A board that is not one: nvpmodel, jetson_clocks, nvidia-smi and sudo as executables that keep its state in a folder.

    fake_board.py COMMAND FOLDER words…

FOLDER, which can be taken for the root of a file system, holds what the board is: `mode` (nvpmodel's number),
`next_boot` (the number that it will have then), `governor`, `gpu_clocks` (a range, or free), and `said`, a line for
each command that was asked for anything, whoever asked. `board.json` chooses how it behaves: `modes` (name to number),
`mig` (Enabled), `processes` (as nvidia-smi lists those that compute), `reboot_for` (numbers of modes that cannot be had
without), `sudo` (refuses), `fails` (commands that do).
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

MODES = {"MAXN": 0, "120W": 1, "90W": 2, "70W": 3}
AS_IT_COMES = {"mode": "1", "next_boot": "1", "governor": "nvhost_podgov", "gpu_clocks": "free", "said": ""}
COMMANDS = ("nvpmodel", "jetson_clocks", "nvidia-smi", "sudo", "sysctl")

# Of a Thor whose mode 2 wants a reboot, answered no (NVIDIA's nvpmodel).
REBOOT = """\
NVPM WARN: Golden image context is already created
NVPM WARN: Reboot required for changing to this power mode: {}
NVPM WARN: DO YOU WANT TO REBOOT NOW? enter YES/yes to confirm:
NVPM ERROR: optMask is 1, no request for power mode"""


class Board:
    """What a test makes of it, and what became of it."""

    def __init__(self, folder: Path, *without: str, **behaviour: Any) -> None:
        self.folder = folder
        self.bin = folder / "usr/sbin"
        self.bin.mkdir(parents=True)
        for name, said in AS_IT_COMES.items():
            (folder / name).write_text(said)
        (folder / "board.json").write_text(json.dumps(behaviour))
        for command in COMMANDS:
            if command not in without:
                self._install(command)

    def _install(self, command: str) -> None:
        script = self.bin / command
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {__file__} {command} {self.folder} "$@"\n')
        script.chmod(0o755)

    def becomes(self, **behaviour: Any) -> None:
        """It behaves like that from now on."""
        (self.folder / "board.json").write_text(json.dumps(behaviour))

    @property
    def path(self) -> str:
        """PATH, with its commands before all others."""
        return f"{self.bin}{os.pathsep}{os.environ['PATH']}"

    def reads(self, name: str) -> str:
        """One of its files."""
        return (self.folder / name).read_text()

    @property
    def changes(self) -> list[str]:
        """The commands that were to change something, in order; `sudo` stands where it was asked."""
        looks = ("nvpmodel -q", "nvpmodel -p", "nvidia-smi --query", "jetson_clocks --show")
        return [line for line in self.reads("said").splitlines() if not line.startswith(looks)]


def main(command: str, folder: Path, words: list[str]) -> int:
    """Answer as that command does; the exit code."""
    with (folder / "said").open("a") as said:
        said.write(" ".join((command, *words)) + "\n")
    behaviour = json.loads((folder / "board.json").read_text())
    if command in behaviour.get("fails", ()):
        print(f"{command}: it fails", file=sys.stderr)
        return 1
    answer = {"nvpmodel": nvpmodel, "jetson_clocks": jetson_clocks, "nvidia-smi": nvidia_smi, "sudo": sudo}
    return answer[command](folder, words, behaviour) if command in answer else 0


def nvpmodel(folder: Path, words: list[str], behaviour: dict[str, Any]) -> int:
    """-q, -p --verbose, -m ID; a mode that wants a reboot asks for it on standard input. Answered no, it is the next
    boot's.
    """
    modes = behaviour.get("modes", MODES)
    match words:
        case ["-q"]:
            now = int((folder / "mode").read_text())
            names = {number: name for name, number in modes.items()}
            print(f"NV Power Mode: {names[now]}\n{now}")
        case ["-p", "--verbose"]:
            for name, number in modes.items():
                print(f"NVPM VERB: POWER_MODEL: ID={number} NAME={name}")
        case ["-m", number] if int(number) in behaviour.get("reboot_for", ()):
            print(REBOOT.format(number))
            (folder / "next_boot").write_text(number)
            if sys.stdin.readline().strip().lower() == "yes":
                (folder / "rebooted").touch()
            return 1
        case ["-m", number]:
            for name in ("mode", "next_boot"):
                (folder / name).write_text(number)
        case _:
            return 2
    return 0


def jetson_clocks(folder: Path, words: list[str], _behaviour: dict[str, Any]) -> int:
    """Without words it locks; --store asks before it overwrites, as NVIDIA's does."""
    governor = folder / "governor"
    match words:
        case []:
            governor.write_text("performance")
        case ["--store", file] if Path(file).exists():
            print(f"File {file} already exists. Can I overwrite it? Y/N:")
            return 1
        case ["--store", file]:
            Path(file).write_text(governor.read_text())
        case ["--restore", file]:
            governor.write_text(Path(file).read_text())
        case _:
            return 2
    return 0


def nvidia_smi(folder: Path, words: list[str], behaviour: dict[str, Any]) -> int:
    """Queries, -lgc and -rgc."""
    match words:
        case ["--query-gpu=index,clocks.max.graphics", *_]:
            print("0, 1980")
        case ["--query-gpu=index,mig.mode.current", *_]:
            print(f"0, {behaviour.get('mig', '[N/A]')}")
        case ["--query-compute-apps=pid,process_name,used_memory", *_]:
            print("\n".join(behaviour.get("processes", ())))
        case ["-i", _, "-lgc", clocks]:
            (folder / "gpu_clocks").write_text(clocks)
        case ["-i", _, "-rgc"]:
            (folder / "gpu_clocks").write_text("free")
        case _:
            return 2
    return 0


def sudo(_folder: Path, words: list[str], behaviour: dict[str, Any]) -> int:
    """Without -n it would ask for a password, and nobody is there."""
    if words[0] != "-n" or behaviour.get("sudo") == "refuses":
        print("sudo: a password is required", file=sys.stderr)
        return 1
    return subprocess.run(words[1:], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
