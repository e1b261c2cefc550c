"""What MLflow, its database and its network raise, told as ours."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from thorexp.errors import TrackingError
from thorexp.secret import masked

REACHABLE = "tracking.uri=<a store that answers>"
# What a tracking server says to a stranger, with what helps; MLflow 3.17's words.
_REMEDIES = (
    (
        "Invalid Host header",
        "the server's private address in tracking.uri, or mlflow server --allowed-hosts HOST:PORT",
    ),
    ("error code 401", "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, exported"),
    ("error code 403", "another user, in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, who may write there"),
)
# What comes first, where the rest of the remedy would fail as before.
_BEFORE = (
    (re.compile(r"No space left|Disk quota|disk is full|disk I/O"), "room on that disk, then"),
    (re.compile(r"database is locked"), "when nobody else holds that database (fuser names who does):"),
    (re.compile(r"[Rr]ead-?only|Permission denied|unable to open database"), "the right to write there, then"),
)


@contextmanager
def failing_as_ours(headline: str, uri: str, remedy: str) -> Iterator[None]:
    """TrackingError, without the passwords in a URI; `remedy` is for what is not known to have another."""
    try:
        yield
    except _failures() as failure:
        lines = str(failure).strip().splitlines() or [""]
        evidence = next((line for line in lines if any(told.search(line) for told, _ in _BEFORE)), lines[0])
        known = (better for words, better in _REMEDIES if words in str(failure))
        raise TrackingError(
            headline,
            ("store", masked(uri)),
            ("says", masked(f"{type(failure).__name__}: {evidence}")),
            ("try", next(known, None) or " ".join([*_first(str(failure)), remedy])),
        ) from failure


def _first(words: str) -> Iterator[str]:
    return (what for told, what in _BEFORE if told.search(words))


def _failures() -> tuple[type[Exception], ...]:
    """Every error of `requests` is an OSError."""
    from alembic.util import CommandError
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, SQLAlchemyError, CommandError, sqlite3.Error, OSError
