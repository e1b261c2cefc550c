"""vLLM as a child process, or in a container whose client is one; nothing of it outlives us."""

import contextlib
import errno
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from thorexp.errors import DeathError, LacksMemoryError, MachineError, StartError
from thorexp.secret import masked
from thorexp.serve import docker, guard, memory
from thorexp.serve.diagnose import Diagnosis, diagnose
from thorexp.serve.phase import Phase, phase_of, unwatched
from thorexp.serve.server import Endpoint, LaunchSpec, can_listen, claim_port, url_of, wait_ready
from thorexp.superuser import Superuser
from thorexp.whole_file import write_whole

_log = logging.getLogger(__name__)

# After thorexp itself has died there is nobody left to be patient for.
ORPHAN_GRACE_S = 2.0
# What the guard needs beyond the grace, for what SIGKILL does not end and a daemon that is slow to remove.
GUARD_S = 3 * guard.KILL_S + 2 * guard.REMOVE_S
# Of a log that may be long: the lines that tell the phase are the last.
TAIL_BYTES = 32_768


class VllmProcess:
    """A Server that is ours, under a guard that ends it when we end.

    `kept`: descriptors that the guard, but not the server, keeps open until the server has ended.
    """

    def __init__(self, spec: LaunchSpec, port: int, log: Path, kept: tuple[int, ...] = ()) -> None:
        self._spec = spec
        self._port = port
        self.log = log
        self._printed: tuple[str, ...] | None = None
        self._name = docker.new_name()
        self.endpoint = Endpoint(url_of(spec.host, port), spec.model, None)
        log.parent.mkdir(parents=True, exist_ok=True)
        if spec.container is not None:
            docker.note(spec.container.client, self._name)
        with log.open("wb") as output, _given(spec) as given:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", guard.__file__, str(ORPHAN_GRACE_S), *_guarded(spec, port, self._name, given)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                env=_environment(spec),
                start_new_session=True,
                pass_fds=kept if given is None else (*kept, given),
            )

    def wait_ready(self, watch: Callable[[Phase], None] = unwatched) -> None:
        """Wait until it completes prompts; StartError, and nothing left of it, when it does not.

        `watch` is told meanwhile what it is doing.
        """

        def check() -> None:
            self.check_alive()
            watch(phase_of(self._tail()))

        try:
            spec = self._spec
            self.endpoint = wait_ready(
                self.endpoint.base_url, spec.ready_timeout_s, check, spec.probe_len, dict(spec.headers)
            )
        except DeathError as died:
            self.stop()
            raise _not_started(died, self._diagnosis(self._exit_code())) from None
        except StartError as late:
            self.stop()
            raise _with_log(late, self.log, self._diagnosis(None)) from None
        except BaseException:
            self.stop()
            raise
        watch(Phase("ready"))

    def check_alive(self) -> None:
        """DeathError, with what its log says, when it has ended."""
        if self._guard.poll() is not None:
            raise self._death()

    def stop(self) -> None:
        """End it and wait until its port is free again. For its memory whoever starts the next one waits."""
        if self._guard.poll() is None:
            _log.info("server: stopping")
            self._tell(f"stop {self._spec.stop_timeout_s}\n")
            self._wait_for_guard()
        self._kill_unguarded()
        if self._spec.container is not None:
            docker.make_sure_gone(self._spec.container.client, self._name)
            docker.forget(self._name)
        self._mask_log()
        self._wait_for_port()

    def _mask_log(self) -> None:
        """What a server prints of its environment and its arguments; nobody writes there any more."""
        with contextlib.suppress(OSError, MachineError):  # a full disk: it is no worse than before
            text = self.log.read_text(encoding="utf-8", errors="surrogateescape")
            if (shown := masked(text)) != text:
                write_whole(self.log, shown.encode("utf-8", "surrogateescape"))

    def _wait_for_guard(self) -> None:
        try:
            self._guard.wait(self._spec.stop_timeout_s + GUARD_S)
        except subprocess.TimeoutExpired:
            _log.warning("the server's guard does not end and is killed; see what is left: ps -ef | grep -i vllm")
            self._guard.kill()
            self._guard.wait()

    def _kill_unguarded(self) -> None:
        """A guard that was killed has said the server's process id and no code: its group is ours to end."""
        said = self._said()
        if len(said) == 1:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(int(said[0]), signal.SIGKILL)

    def _tell(self, line: str) -> None:
        assert self._guard.stdin is not None
        try:
            self._guard.stdin.write(line)
            self._guard.stdin.flush()
        except BrokenPipeError:
            return  # the server, and with it the guard, ended by itself just now

    def _death(self) -> DeathError:
        code = self._exit_code()
        said = self._diagnosis(code)
        ended = "ended" if code is None else f"exited with code {code}"
        return DeathError(
            f"vLLM {ended}: {said.cause}",
            ("log", str(self.log)),
            ("last", "\n".join(said.last)),
            ("try", said.remedy or "the log above the last lines tells more"),
        )

    def _diagnosis(self, code: int | None) -> Diagnosis:
        return diagnose(masked(self.log.read_text(encoding="utf-8", errors="replace")), code)

    def _tail(self) -> str:
        with self.log.open("rb") as printed:
            printed.seek(max(0, self.log.stat().st_size - TAIL_BYTES))
            return printed.read().decode("utf-8", "replace")

    def _exit_code(self) -> int | None:
        """The server's; absent when the guard itself was killed."""
        said = self._said()
        return int(said[1]) if len(said) == 2 else None

    def _said(self) -> tuple[str, ...]:
        """What the guard, which has ended, printed: the server's process id and return code."""
        if self._printed is None:
            assert self._guard.stdin is not None
            assert self._guard.stdout is not None
            with self._guard.stdout as printed:
                self._printed = tuple(printed.read().split())
            with contextlib.suppress(BrokenPipeError):  # a line that the guard never read
                self._guard.stdin.close()
        return self._printed

    def _wait_for_port(self) -> None:
        deadline = time.monotonic() + self._spec.memory_timeout_s
        while not can_listen(self._spec.host, self._port):
            if time.monotonic() >= deadline:
                _log.warning("port %d is still taken after the server has ended", self._port)
                return
            time.sleep(0.1)


def start(
    spec: LaunchSpec, log: Path, watch: Callable[[Phase], None] = unwatched, kept: tuple[int, ...] = ()
) -> VllmProcess:
    """Start it and wait until it is ready; StartError, with the cause, when it does not get there."""
    docker.remove_noted()
    if spec.container is not None:
        docker.remove_leftovers(spec.container.client)
    port = _claim(spec)
    if spec.drop_caches:
        memory.drop_page_cache(Superuser(spec.asks_sudo))
    _log.info("server: starting %s, log in %s", spec.model, log)
    began = time.monotonic()
    server = VllmProcess(spec, port, log, kept)
    server.wait_ready(watch)
    _log.info("server: ready after %.0f s", time.monotonic() - began)
    return server


def _claim(spec: LaunchSpec) -> int:
    try:
        return claim_port(spec.host, spec.port)
    except OSError as refused:
        if refused.errno == errno.EADDRINUSE and spec.port is not None:
            raise StartError(
                f"Port {spec.port} of {spec.host} is taken.",
                ("where", f"server.port={spec.port}"),
                *_holder(spec.port),
                ("try", "server.port=null for a free one"),
            ) from None
        raise StartError(
            f"No server can listen on {spec.host}.",
            ("where", f"server.host={spec.host} server.port={spec.port or 'null'}"),
            ("says", refused.strerror or str(refused)),
            ("try", "server.host=127.0.0.1 server.port=null"),
        ) from None


def _guarded(spec: LaunchSpec, port: int, name: str, given: int | None) -> tuple[str, ...]:
    """The guard's words: how a container of that name ends, if it is one, what its client reads, and the command."""
    if spec.container is None:
        return "null", "null", *spec.argv(port)
    run = spec.container.run_words(name, spec.argv(port), spec.model)
    return json.dumps(spec.container.ending(name)), json.dumps(given), *run


@contextlib.contextmanager
def _given(spec: LaunchSpec) -> Iterator[int | None]:
    """What the client of a container reads; absent for a process, which has its variables in its environment."""
    if spec.container is None:
        yield None
        return
    descriptor = docker.env_file(spec.container.variables(_variables(spec)))
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _environment(spec: LaunchSpec) -> dict[str, str]:
    """Of the command; of a container's client the user's own, as of any other of theirs."""
    return {**os.environ, **(_variables(spec) if spec.container is None else {})}


def _variables(spec: LaunchSpec) -> dict[str, str]:
    local = {"HF_HUB_OFFLINE": "1"} if Path(spec.model).is_dir() else {}
    return {"VLLM_SERVER_DEV_MODE": "1", "PYTHONUNBUFFERED": "1", **local, **dict(spec.env)}


def _holder(port: int) -> tuple[tuple[str, str], ...]:
    for connection in psutil.net_connections("tcp"):
        if connection.laddr and connection.laddr.port == port and connection.pid:
            return (("held by", f"pid {connection.pid}, {psutil.Process(connection.pid).name()}"),)
    return ()


def _not_started(died: DeathError, said: Diagnosis) -> StartError:
    return _kind(said)(died.headline, *((fact.label, fact.text) for fact in died.facts))


def _with_log(error: StartError, log: Path, said: Diagnosis) -> StartError:
    """What the log is known to mean replaces the general advice."""
    facts = [(fact.label, fact.text) for fact in error.facts if fact.label != "try" or said.remedy is None]
    known = [] if said.remedy is None else [("cause", said.cause), ("try", said.remedy)]
    return _kind(said)(error.headline, ("log", str(log)), ("last", "\n".join(said.last)), *facts, *known)


def _kind(said: Diagnosis) -> type[StartError]:
    return LacksMemoryError if said.lacks_memory else StartError
