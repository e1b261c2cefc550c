"""Runs a server and makes sure that nothing of it outlives the process that asked for it.

A script of the standard library alone: `python -I guard.py GRACE_S COMMAND…`. It reads its standard input,
the other end of which thorexp holds. The line `stop SECONDS` ends the server; so does the end of input, or of
the process that started it, which is what every death of thorexp looks like from here, SIGKILL included. As a
subreaper it inherits what the server leaves behind, in whatever session, and kills that too. It prints the
server's process id, and at the end its return code.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
KILL_S = 10.0  # a process that outlives SIGKILL this long sits in the kernel; nothing here can end it
LIBC = ctypes.CDLL(None, use_errno=True)


def main(grace_s: float, command: list[str]) -> int:
    """Run the command until it ends or is to end; its return code, negative for a signal."""
    thorexp = os.pidfd_open(os.getppid())  # a fork of thorexp's would keep our input open after its death
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=2, process_group=0, preexec_fn=_as_server)
    print(server.pid, flush=True)
    asked_grace_s = _until_told_or_ended(server.pid, thorexp)
    code = _stop(server, grace_s if asked_grace_s is None else asked_grace_s, grace_s, thorexp)
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


def _stop(server: "subprocess.Popen[bytes]", grace_s: float, orphan_grace_s: float, thorexp: int) -> int:
    """SIGTERM to the group, wait, SIGKILL to the group; a thorexp that dies meanwhile cuts the wait short."""
    if server.poll() is None:
        _signal_group(server.pid, signal.SIGTERM)
        watched, deadline = [sys.stdin.fileno(), thorexp], time.monotonic() + grace_s
        while server.poll() is None and time.monotonic() < deadline:
            if select.select(watched, [], [], 0.05)[0]:
                watched, deadline = [], min(deadline, time.monotonic() + orphan_grace_s)
    _signal_group(server.pid, signal.SIGKILL)
    try:
        return server.wait(KILL_S)
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL


def _signal_group(group: int, which: signal.Signals) -> None:
    try:
        os.killpg(group, which)
    except ProcessLookupError:
        return


def _reap_all() -> None:
    """Kill and bury children until there are none: orphans of the server have become ours."""
    deadline = time.monotonic() + KILL_S
    while time.monotonic() < deadline:
        for pid in _children():
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
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
