"""The file of an SQLite store: made whole or not at all, and written to by one at a time."""

import fcntl
import logging
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from thorexp.errors import TrackingError
from thorexp.secret import masked

_log = logging.getLogger(__name__)

_DATABASE_SERVER = re.compile(r"(postgres(ql)?|mysql|mssql)(\+\w+)?:")


BELONGS = "tracking.uri is a database, which belongs behind a tracking server that keeps the artifacts too."
REMEDIES = (
    ("try", "pip install 'thorexp[server]', then on one host"),
    ("", "mlflow server --backend-store-uri postgresql+psycopg2://… --artifacts-destination DIR"),
    ("", "and on each board tracking.uri=http://HOST:5000"),
)


def is_database_server(uri: str) -> bool:
    """Whether a store of that address would have its artifacts elsewhere."""
    return _DATABASE_SERVER.match(uri) is not None


def database_of(uri: str) -> Path | None:
    """The absolute file of an SQLite store; absent for a tracking server.

    TrackingError for the address of a database server: what writes there writes artifacts to a disk of its own, which
    nobody else can read.
    """
    from sqlalchemy.engine import make_url

    if is_database_server(uri):
        raise TrackingError(BELONGS, ("where", masked(uri)), *REMEDIES)
    return Path(make_url(uri).database or "").absolute() if uri.startswith("sqlite:") else None


@contextmanager
def alone(database: Path | None) -> Iterator[None]:
    """Nobody else fills a run or, at first use, makes the tables: two at once break each other's.

    A server locks nothing; what two make there at once is put right afterwards. The database is opened here first,
    since MLflow would retry for 100 s on one that cannot be.
    """
    if database is None:
        yield
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    with database.with_name(f"{database.name}.lock").open("a") as lock:
        _hold(lock, database)
        if not database.exists():
            _create(database)
        with closing(sqlite3.connect(database, timeout=20)) as connection:
            connection.execute("PRAGMA journal_mode=wal")
        yield


def _hold(lock: IO[str], database: Path) -> None:
    """Wait for whoever has it, and say so: one that was stopped would be waited for in silence."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _log.info("waiting for another process that writes to %s; `fuser %s` names it", database, lock.name)
        fcntl.flock(lock, fcntl.LOCK_EX)


def _create(database: Path) -> None:
    """All of its tables or no file: MLflow cannot go on with a migration that was killed half way."""
    from mlflow.store.tracking import DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    prefix = f".{database.name}.partial"
    for left in database.parent.glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    workshop = Path(tempfile.mkdtemp(prefix=prefix, dir=database.parent))  # a new one: MLflow keeps what it has opened
    try:
        made = SqlAlchemyStore(f"sqlite:///{workshop / database.name}", DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH)  # type: ignore[no-untyped-call]  # MLflow's
        made.engine.dispose()
        (workshop / database.name).replace(database)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
