"""Runs a server and makes sure that nothing of it outlives the process that asked for it.

A script of the standard library alone: `python -I guard.py GRACE_S ENDING INPUT COMMAND…`. It reads its standard input,
the other end of which thorexp holds. The line `stop SECONDS` ends the server; so does the end of input, or of
the process that started it, which is what every death of thorexp looks like from here, SIGKILL included. As a
subreaper it inherits what the server leaves behind, in whatever session, and kills that too. It prints the
server's process id, and at the end its return code.

ENDING is `null`, or of a container, whose client the command is, two commands as JSON: one that asks it to end, in
place of SIGTERM, and one that removes it, run at the end in every case. INPUT is `null`, or the number of the
descriptor that the command reads on its standard input.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

REMOVE_S = 60.0  # for the daemon to end what holds a GPU's memory
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
KILL_S = 10.0  # a process that outlives SIGKILL this long sits in the kernel; nothing here can end it
LIBC = ctypes.CDLL(None, use_errno=True)


def main(grace_s: float, ending: list[list[str]] | None, given: int | None, command: list[str]) -> int:
    """Run the command until it ends or is to end; its return code, negative for a signal."""
    thorexp = os.pidfd_open(os.getppid())  # a fork of thorexp's would keep our input open after its death
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL if given is None else given,
        stdout=2,
        process_group=0,
        preexec_fn=_as_server,
    )
    if given is not None:
        os.close(given)
    print(server.pid, flush=True)
    asked_grace_s = _until_told_or_ended(server.pid, thorexp)
    code = _stop(server, ending, grace_s if asked_grace_s is None else asked_grace_s, grace_s, thorexp)
    _reap_all()
    print(code, flush=True)
    return 0


def die_with_parent() -> None:
    """In a child, before it becomes another program: be killed when the process that started it dies."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _as_server() -> None:
    """In the child: die with the guard, and take signals again."""
    die_with_parent()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _until_told_or_ended(pid: int, thorexp: int) -> float | None:
    """The grace in seconds that `stop` named; absent when the server ended or thorexp did."""
    ended = os.pidfd_open(pid)
    told, _, _ = select.select([sys.stdin.fileno(), ended, thorexp], [], [])
    words = sys.stdin.readline().split() if sys.stdin.fileno() in told else []
    return float(words[1]) if words else None


def _stop(
    server: "subprocess.Popen[bytes]",
    ending: list[list[str]] | None,
    grace_s: float,
    orphan_grace_s: float,
    thorexp: int,
) -> int:
    """SIGTERM to the group, wait, SIGKILL to the group; a thorexp that dies meanwhile cuts the wait short."""
    ask, remove = ending or (None, None)
    if server.poll() is None:
        if ask is None or not _succeeds(ask, min(grace_s, KILL_S)):
            _signal_group(server.pid, signal.SIGTERM)
        watched, deadline = [sys.stdin.fileno(), thorexp], time.monotonic() + grace_s
        while server.poll() is None and time.monotonic() < deadline:
            if select.select(watched, [], [], 0.05)[0]:
                watched, deadline = [], min(deadline, time.monotonic() + orphan_grace_s)
    if remove is not None:
        _remove(server, remove)
    _signal_group(server.pid, signal.SIGKILL)
    try:
        return server.wait(KILL_S)
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL


def _remove(server: "subprocess.Popen[bytes]", remove: list[str]) -> None:
    """Its client ends by itself then. One that does not may be creating it still: removed once more after that."""
    _succeeds(remove, REMOVE_S)
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(1.0)
        return
    _signal_group(server.pid, signal.SIGKILL)
    _succeeds(remove, REMOVE_S)


def _succeeds(command: list[str], timeout_s: float) -> bool:
    """Run it, silently, since what it prints would stand in the server's log. What hangs is killed and not waited for:
    a sudo is not ours to kill.
    """
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except OSError:
        return False
    try:
        return child.wait(max(2.0, timeout_s)) == 0
    except subprocess.TimeoutExpired:
        with contextlib.suppress(PermissionError):
            child.kill()
        return False


def _signal_group(group: int, which: signal.Signals) -> None:
    """What sudo has started is not ours to signal."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, which)


def _reap_all() -> None:
    """Kill and bury children until there are none: orphans of the server have become ours."""
    deadline = time.monotonic() + KILL_S
    while time.monotonic() < deadline:
        for pid in _children():
            with contextlib.suppress(PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.01)
        except ChildProcessError:
            return


def _children() -> Iterator[int]:
    me = str(os.getpid())
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[1] == me and fields[0] != "Z":
            yield int(status.parent.name)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4:]))
