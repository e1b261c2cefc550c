"""tegrastats as a child, read line by line.

It writes to a pseudo-terminal: into a pipe its C library may hold lines back, a --logfile grows and is to be polled,
and `--stop` would stop those of others. The terminal is the child's controlling one, so that the kernel hangs it up
when we die, by whatever signal, and even where it is run by sudo, which clears a parent-death signal.
"""

import ctypes
import fcntl
import os
import shlex
import signal
import termios
import time
from contextlib import suppress
from subprocess import Popen, TimeoutExpired

from thorexp.machine.source import AbsentError, Row, Source
from thorexp.machine.tegrastats import parse

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
END_S = 0.5  # for a killed child to be gone
SILENCE_S = 5.0
LONGEST_LINE = 65_536  # bytes; tegrastats writes some 500
MS_PER_S = 1e3


class Child:
    """A tegrastats, started when made.

    To be made in the main thread, before there are others: the child is forked with Python in it, and the kernel
    takes the end of the thread that made it for the end of its parent.
    """

    name = "tegrastats"

    def __init__(self, command: str, interval_s: float) -> None:
        self._command = command
        self._last_words = ""
        self._rest = b""
        interval = str(max(1, round(interval_s * MS_PER_S)))
        self._terminal, theirs = os.openpty()
        try:
            words = [*shlex.split(command), "--interval", interval]
            self._process: Popen[bytes] | None = Popen(
                words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=_die_with_us
            )
        except OSError as refused:
            self._process, self._last_words = None, refused.strerror or str(refused)
        except ValueError as unclear:  # a quote that is not closed
            self._process, self._last_words = None, str(unclear)
        finally:
            os.close(theirs)

    def source(self) -> Source:
        """Its lines, as they come."""
        return Source(self.name, 0.0, self._here, SILENCE_S)

    def _here(self) -> list["Child"]:
        if self._process is None:
            raise AbsentError(f"`{self._command}` cannot be run: {self._last_words}")
        return [self]

    def read(self) -> list[Row]:
        """Waits for it to write; a row for each signal of the lines that this completes. AbsentError when it ended."""
        try:
            chunk = os.read(self._terminal, 65_536)
        except OSError:  # EIO: nobody has the other end open
            chunk = b""
        ns = time.monotonic_ns()
        if not chunk:
            raise AbsentError(f"`{self._command}` ended{self._how()}")
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            self._rest = b""  # no line of tegrastats, and it may go on for a night
        said = [parse(line.decode("ascii", "replace")) for line in lines]
        if lines and not any(said):
            self._last_words = lines[-1].decode("ascii", "replace").strip()
        return [(ns, signal, value) for line in said for signal, value in line.items()]

    def _how(self) -> str:
        """Its exit code, and what it said last that was no line of tegrastats."""
        code = self._wait()
        with_code = "" if code is None else f" with exit code {code}"
        return with_code + (f": {self._last_words}" if self._last_words else "")

    def end(self) -> None:
        """Kill and bury it, so that its CPU time is known. One that we may not kill is hung up when we exit."""
        if self._process is not None:
            with suppress(PermissionError):
                self._process.kill()
            self._wait()

    def _wait(self) -> int | None:
        assert self._process is not None
        try:
            return self._process.wait(END_S)
        except TimeoutExpired:
            return None


def _die_with_us() -> None:
    """In the child, which leads a session by now."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
