"""What boards have put into MLflow, brought into the directory of the sweep that asked for it."""

import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from thorexp import tracking
from thorexp.config import TrackingConfig
from thorexp.errors import RecordError, TrackingError
from thorexp.rundir import RECORD, Record, RunDir
from thorexp.sweep.jobs import ComposedJob

log = logging.getLogger(__name__)


def check_stores(of: Iterable[TrackingConfig]) -> None:
    """Make each ready, or TrackingError unless every one answers, and collects from boards."""
    for store in dict.fromkeys(map(tracking.Store.of, of)):
        tracking.open_collecting(store)


class Brought:
    """Results of the jobs of one sweep, which is kept in `directory`. `done`: the ids of records that are there
    already, by point.
    """

    def __init__(self, sweep: str, directory: Path, jobs: Sequence[ComposedJob], done: Mapping[str, str]) -> None:
        self._sweep = sweep
        self._directory = directory
        self._jobs: Mapping[str, ComposedJob] = {job.point: job for job in jobs}
        self._stores = tuple(dict.fromkeys(tracking.Store.of(job.tracking) for job in jobs))
        self._ids = dict(done)

    def bring_finished(self) -> Iterator[ComposedJob]:
        """The jobs that have finished somewhere since the last look, once their records are here. Of two results of one
        point the one that is here stays, in MLflow too. TrackingError when the store does not answer.
        """
        for store in self._stores:
            runs = [run for run in tracking.finished_runs(store, self._sweep) if run.point in self._jobs]
            for point, run in tracking.end_seconds(store, runs, set(self._ids.values())).items():
                if point not in self._ids:
                    self.bring(self._jobs[point], run.run_id)
                    log.info("#%d finished on %s", self._jobs[point].number, run.host)
                    yield self._jobs[point]

    def bring(self, job: ComposedJob, run_id: str) -> None:
        """A record that finished or failed, in its place; TrackingError when it does not come."""
        place = RunDir(self._directory / job.subdir)
        with TemporaryDirectory(prefix="thorexp-") as workshop:
            tracking.bring(tracking.Store.of(job.tracking), run_id, Path(workshop))
            record = _record(RunDir(Path(workshop)), run_id)
            _put(Path(workshop), place)
        if record.status == "finished":
            self._ids[job.point] = record.id

    def end_lost(self, jobs: Sequence[ComposedJob]) -> None:
        """What a board that is lost left RUNNING of these; TrackingError when the store does not answer."""
        for store in self._stores:
            tracking.end_lost(store, self._sweep, {job.point for job in jobs})


def _put(made: Path, place: RunDir) -> None:
    """The record last: what was interrupted is brought again."""
    place.path.mkdir(parents=True, exist_ok=True)
    place.begin()
    shutil.copytree(made, place.path, dirs_exist_ok=True, ignore=shutil.ignore_patterns(RECORD))
    place.write_text(RECORD, RunDir(made).read_text(RECORD))


def _record(run_dir: RunDir, run_id: str) -> Record:
    try:
        return run_dir.record()
    except RecordError as damaged:
        raise TrackingError(
            "A run in MLflow is not a whole record.",
            ("run", run_id),
            ("says", damaged.headline),
            ("try", "the same command"),
        ) from damaged
