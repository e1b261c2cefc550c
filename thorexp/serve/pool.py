"""One running server at a time, shared by the jobs that ask for the same."""

import logging
import math
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Protocol

from thorexp.errors import LacksMemoryError, ServerError, StartError
from thorexp.serve import memory, process
from thorexp.serve.phase import Phase, unwatched
from thorexp.serve.server import LaunchSpec, Server

_log = logging.getLogger(__name__)

Watch = Callable[[Phase], None]


class Start(Protocol):
    """How a server is started: its log, and who is told what it is doing meanwhile."""

    def __call__(self, spec: LaunchSpec, log: Path, watch: Watch) -> Server:
        """A server that is ready; StartError when it does not get there."""


class ServerPool:
    """Holds the server that runs now. `log`: of the last server asked for, be it running or failed.

    `starts` counts servers that were started, tries that failed included.
    """

    def __init__(self, start: Start = process.start) -> None:
        self._start = start
        self._server: Server | None = None
        self._fingerprint: str | None = None
        self._owed: tuple[int, float] | None = None  # bytes that were free before it, and how long to wait for them
        self._refusals: dict[tuple[str, float], tuple[StartError, Path | None]] = {}
        self.log: Path | None = None
        self.starts = 0

    def acquire(self, spec: LaunchSpec, logs: Path, watch: Watch = unwatched) -> Server:
        """The running server if it is the same, else a new one in its place.

        One that lacked memory is tried once more, now that what it held is back. A server that could not start
        in the time it was given is not tried again by later jobs: the same StartError comes at once.
        """
        attempt = (spec.fingerprint, spec.ready_timeout_s)
        if refused := self._refusals.get(attempt):
            error, self.log = refused
            raise error
        if self._server is not None and self._fingerprint == spec.fingerprint and self._alive(self._server):
            return self._server
        self.discard()
        try:
            self._server = self._started(spec, logs, watch)
        except StartError as error:
            self._refusals[attempt] = (error, self.log)
            raise
        self._fingerprint = spec.fingerprint
        return self._server

    def _started(self, spec: LaunchSpec, logs: Path, watch: Watch) -> Server:
        try:
            return self._tried(spec, logs, watch)
        except LacksMemoryError as lacking:
            _log.warning("server: started once more, since it lacked memory: %s", lacking.headline)
            return self._tried(spec, logs, watch)

    def _tried(self, spec: LaunchSpec, logs: Path, watch: Watch) -> Server:
        """Once the memory of the server before is back."""
        self._wait_for_memory(math.inf)
        self._owed = memory.available(), spec.memory_timeout_s
        return self._start(spec, self._next_log(spec, logs), watch)

    def _wait_for_memory(self, at_most_s: float) -> None:
        owed, self._owed = self._owed, None
        if owed is not None:
            free, timeout_s = owed
            memory.wait_until_back(free, min(timeout_s, at_most_s))

    def _next_log(self, spec: LaunchSpec, logs: Path) -> Path:
        """A file of its own: a sweep that goes on keeps the logs of the servers before."""
        number = next(i for i in count() if not any(logs.glob(f"server-{i}-*.log")))
        self.log = logs / f"server-{number}-{spec.fingerprint[:8]}.log"
        self.starts += 1
        return self.log

    def discard(self) -> None:
        """Stop the server that runs now, if any."""
        server, self._server, self._fingerprint = self._server, None, None
        if server is not None:
            server.stop()

    def close(self, at_most_s: float = math.inf) -> None:
        """Stop it, and wait so long for its memory: another process may start the next server on this board."""
        self.discard()
        self._wait_for_memory(at_most_s)

    @staticmethod
    def _alive(server: Server) -> bool:
        try:
            server.check_alive()
        except ServerError as dead:
            _log.warning("the server has ended between two jobs and is started again: %s", dead.headline)
            return False
        return True
