"""A real MLflow tracking server with an artifact proxy, and a real PostgreSQL for it."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

READY_S = 180
BINARIES = Path("/usr/lib/postgresql")  # Debian's, by major version
PASSWORD = "of-the-test"


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def tracking_server(
    backend_uri: str,
    folder: Path,
    *,
    port: int | None = None,
    words: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """The address of an `mlflow server` that answers; it and all of its processes are killed in the end.

    Artifacts go to `folder`/artifacts and what it prints to `folder`/server.log, so one that is started again with
    the same folder and port goes on where it was.
    """
    address = f"http://127.0.0.1:{port or free_port()}"
    place = ["--backend-store-uri", backend_uri, "--serve-artifacts", "--artifacts-destination", f"{folder}/artifacts"]
    listen = ["--host", "127.0.0.1", "--port", address.rsplit(":", 1)[1], "--workers", "2"]
    own = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    inherited = {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}  # MLflow heeds it
    with (folder / "server.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *place, *listen, *words],
            cwd=folder,
            env=inherited | own | dict(variables or {}),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait(lambda: _answers(f"{address}/health"), process, folder / "server.log")
        yield address
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def postgres() -> Iterator[str]:
    """The URI, with a password in it, of an empty database of a PostgreSQL of its own.

    The driver is named, for SQLAlchemy 2.1 has another default than 2.0. PostgreSQL refuses to run as root, and a
    test's own folder is closed to other users: hence a folder of its own. Skips, or with THOREXP_REQUIRE_POSTGRES
    fails, where Debian's package is not there.
    """
    binaries = _binaries()
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="thorexp-postgres-"))
    try:
        (folder / "password").write_text(PASSWORD)
        if user is not None:
            for path in (folder, folder / "password"):
                shutil.chown(path, user)
        _initialise(binaries, folder, user)
        with _started(binaries, folder, user) as port:
            yield f"postgresql+psycopg2://thorexp:{PASSWORD}@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(folder)


def _binaries() -> Path:
    found = sorted(BINARIES.glob("*/bin/initdb"))
    if not found:
        assert "THOREXP_REQUIRE_POSTGRES" not in os.environ, f"no PostgreSQL below {BINARIES}"
        # A database server is no dependency of ours; CI installs one, and forbids this.
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    return found[-1].parent


def _user() -> str | None:
    """Whom root starts it as; anybody else starts it himself."""
    if os.geteuid() != 0:
        return None
    return next(entry.pw_name for name in ("postgres", "nobody") for entry in pwd.getpwall() if entry.pw_name == name)


def _initialise(binaries: Path, folder: Path, user: str | None) -> None:
    access = ["--username=thorexp", "--auth=scram-sha-256", f"--pwfile={folder}/password"]
    words = [str(binaries / "initdb"), f"--pgdata={folder}/data", "--no-locale", "--encoding=UTF8", "--no-sync"]
    done = subprocess.run([*words, *access], cwd=folder, user=user, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr


@contextmanager
def _started(binaries: Path, folder: Path, user: str | None) -> Iterator[int]:
    """The port of 127.0.0.1 that it listens on. Its data need not outlive the machine."""
    port = free_port()
    words = [str(binaries / "postgres"), "-D", f"{folder}/data", "-p", str(port), "-k", str(folder), "-c", "fsync=off"]
    log = folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [*words, "-c", "listen_addresses=127.0.0.1"], cwd=folder, user=user, stdout=out, stderr=out
        )
    ready = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    try:
        _wait(lambda: subprocess.run(ready, check=False).returncode == 0, process, log)
        yield port
    finally:
        process.send_signal(signal.SIGINT)  # fast shutdown: clients are not waited for
        process.wait(60)


def _answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=10) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _wait(come: Callable[[], bool], process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while not come():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
