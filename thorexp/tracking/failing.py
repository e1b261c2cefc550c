"""What MLflow, its database and its network raise, told as ours."""

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


@contextmanager
def failing_as_ours(headline: str, uri: str, remedy: str) -> Iterator[None]:
    """TrackingError, without the passwords in a URI; `remedy` is for what is not known to have another."""
    try:
        yield
    except _failures() as failure:
        evidence = next(iter(str(failure).strip().splitlines()), "")
        known = (better for words, better in _REMEDIES if words in str(failure))
        raise TrackingError(
            headline,
            ("store", masked(uri)),
            ("says", masked(f"{type(failure).__name__}: {evidence}")),
            ("try", next(known, remedy)),
        ) from failure


def _failures() -> tuple[type[Exception], ...]:
    """Every error of `requests` is an OSError."""
    from alembic.util import CommandError
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, SQLAlchemyError, CommandError, sqlite3.Error, OSError
