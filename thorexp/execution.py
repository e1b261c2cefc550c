"""What a job is done with in this process, and its run in MLflow: alike for a command line and on a board of many."""

import logging
import threading
from functools import cache

from thorexp import tracking
from thorexp.config import TrackingConfig
from thorexp.errors import ConfigError, ThorexpError, TrackingError
from thorexp.job import Means
from thorexp.rundir import RunDir
from thorexp.secret import masked
from thorexp.session import SERVERS, SHOWN

log = logging.getLogger(__name__)


def check_store(to: TrackingConfig) -> None:
    """ConfigError for an address that would take no record, as can be seen before anything is measured."""
    if to.enabled and tracking.is_database_server(to.uri):
        raise ConfigError(tracking.BELONGS, ("where", masked(to.uri)), *tracking.REMEDIES)


def means(to: TrackingConfig) -> Means:
    """MLflow is made ready while the server starts: it takes seconds, and none of them during the load."""
    if not to.enabled:
        return Means(SERVERS, SHOWN, settle=lambda: None)
    opening = threading.Thread(target=_open_store, args=(tracking.Store.of(to),), daemon=True)
    opening.start()
    return Means(SERVERS, SHOWN, settle=opening.join)


@cache
def _open_store(store: tracking.Store) -> None:
    """Say at the beginning of a night, once, and not at its end, that nothing will be tracked."""
    try:
        tracking.open_store(store)
    except TrackingError as failed:
        log.warning("%s", failed)


def tracked(run_dir: RunDir, to: TrackingConfig) -> tuple[str | None, ThorexpError | None]:
    """The record's run in MLflow; a store that does not take it is an outcome, and the record stays."""
    if not to.enabled:
        return None, None
    try:
        return tracking.track(run_dir, tracking.Store.of(to)), None
    except ThorexpError as failed:
        return None, failed
