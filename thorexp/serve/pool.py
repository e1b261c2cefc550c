"""One running server at a time, shared by the jobs that ask for the same."""

import logging
from collections.abc import Callable
from pathlib import Path

from thorexp.errors import ServerError, StartError
from thorexp.serve import process
from thorexp.serve.server import LaunchSpec, Server

_log = logging.getLogger(__name__)


class ServerPool:
    """Holds the server that runs now. `log`: of the last server asked for, be it running or failed."""

    def __init__(self, start: Callable[[LaunchSpec, Path], Server] = process.start) -> None:
        self._start = start
        self._server: Server | None = None
        self._fingerprint: str | None = None
        self._refusals: dict[tuple[str, float], tuple[StartError, Path]] = {}
        self.log: Path | None = None
        self.starts = 0

    def acquire(self, spec: LaunchSpec, logs: Path) -> Server:
        """The running server if it is the same, else a new one in its place.

        A server that could not start in the time it was given is not tried again: the same StartError comes
        at once.
        """
        attempt = (spec.fingerprint, spec.ready_timeout_s)
        if refused := self._refusals.get(attempt):
            error, self.log = refused
            raise error
        if self._server is not None and self._fingerprint == spec.fingerprint and self._alive(self._server):
            return self._server
        self.discard()
        self.log = logs / f"server-{self.starts}-{spec.fingerprint[:8]}.log"
        self.starts += 1
        try:
            self._server = self._start(spec, self.log)
        except StartError as error:
            self._refusals[attempt] = (error, self.log)
            raise
        self._fingerprint = spec.fingerprint
        return self._server

    def discard(self) -> None:
        """Stop the server that runs now, if any."""
        server, self._server, self._fingerprint = self._server, None, None
        if server is not None:
            server.stop()

    close = discard

    @staticmethod
    def _alive(server: Server) -> bool:
        try:
            server.check_alive()
        except ServerError as dead:
            _log.warning("the server has ended between two jobs and is started again: %s", dead.headline)
            return False
        return True
