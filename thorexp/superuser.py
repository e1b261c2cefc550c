"""Commands that need root: run as root, or asked of sudo, each within a time."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field

from thorexp.errors import ConfigError

ROOT = 0
SUDO = ("sudo", "-n")
FROM_SUDO = re.compile(r"^sudo: ", re.MULTILINE)
LONGEST = 500


@dataclass(frozen=True, slots=True)
class Superuser:
    """Who may become root. `asks_sudo`: whether `sudo -n` may be asked, which asks no password. `euid`: ours."""

    asks_sudo: bool
    euid: int = field(default_factory=os.geteuid)

    def run(self, words: Sequence[str], timeout_s: float, answer: str = "") -> str:
        """What it prints, on both streams. `answer`: to what it asks. ConfigError when it is refused, fails or hangs.

        One that hangs is killed and not waited for: on Jetson a read of sysfs can wait where no signal reaches.
        """
        typed = shlex.join(words)
        if self.euid != ROOT and not self.asks_sudo:
            raise ConfigError(
                "The board cannot be prepared without root.",
                ("command", typed),
                ("try", "hardware.prepare.sudo=true, or to run thorexp as root"),
            )
        whole = tuple(words) if self.euid == ROOT else (*SUDO, *words)
        code, said = _outcome(whole, timeout_s, answer)
        if code == 0:
            return said
        if self.euid != ROOT and FROM_SUDO.search(said):
            raise ConfigError(
                "The board cannot be prepared: sudo refuses.",
                ("command", shlex.join(whole)),
                ("says", said.strip()[:LONGEST]),
                ("try", f"a line for `sudo visudo`: {_user()} ALL=(root) NOPASSWD: {_absolute(words[0])}"),
            )
        raise ConfigError(
            "The board cannot be prepared: a command has failed.",
            ("command", shlex.join(whole)),
            ("says", said.strip()[-LONGEST:] or (f"exit code {code}" if code is not None else "nothing")),
            *([] if code is not None else [("after", f"{timeout_s:g} s, in which it did not end")]),
            ("try", f"sudo {typed}"),
        )


def _outcome(words: Sequence[str], timeout_s: float, answer: str) -> tuple[int | None, str]:
    """Exit code, absent for a command that hangs, and what it printed."""
    try:
        child = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C is for us: what was begun is finished, and undone
        )
    except OSError as missing:
        return 127, f"{words[0]}: {missing.strerror}"
    try:
        said, _ = child.communicate(answer, timeout_s)
    except KeyboardInterrupt:  # what is under way would else come after it was undone
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout_s)
        raise
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        return None, ""
    return child.returncode, said


def _user() -> str:
    return os.environ.get("USER") or str(os.getuid())


def _absolute(command: str) -> str:
    """As sudoers wants it."""
    folders = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
    return shutil.which(command, path=folders) or command
