"""A complete run directory as an MLflow run; `python -m thorexp.tracking RUN_DIR…` replays it.

Runs are flat (MLflow's table folds nested ones away) and found again by their tag `thorexp.id`, so that
tracking one directory twice leaves one run. `import mlflow` takes seconds: only functions import it.
"""

from thorexp.rundir import RunDir
from thorexp.sweepdir import SweepRecord
from thorexp.tracking.database import BELONGS, REMEDIES, is_database_server
from thorexp.tracking.of_sweep import Finished, bring, end_lost, end_seconds, finished_runs, open_collecting
from thorexp.tracking.store import Store, close_abandoned, open_store, put, warm_up
from thorexp.tracking.view import view_of_job, view_of_sweep

__all__ = [
    "BELONGS",
    "REMEDIES",
    "Finished",
    "Store",
    "bring",
    "close_abandoned",
    "end_lost",
    "end_seconds",
    "finished_runs",
    "is_database_server",
    "open_collecting",
    "open_store",
    "track",
    "track_sweep",
    "warm_up",
]


def track(run_dir: RunDir, store: Store) -> str:
    """The id of the record's one MLflow run, FINISHED or FAILED as the record is.

    A run that is there stays as it is; one that a killed process left RUNNING is completed. RecordError when
    the directory is not a complete record, TrackingError when MLflow did not take it.
    """
    return put(view_of_job(run_dir), store).run_id


def track_sweep(sweep: SweepRecord, store: Store) -> str:
    """The id of the sweep's one MLflow run, FAILED when any of its points failed; filled again when it went on.

    TrackingError when MLflow did not take it; the replay that it names tracks the sweep's jobs.
    """
    return put(view_of_sweep(sweep), store).run_id
