"""A Hydra launcher that plans first, starts each server once, goes on when a job fails, and on where it stopped."""

import logging
from collections.abc import Mapping, Sequence, Set
from itertools import chain
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus, configure_log, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from thorexp import tracking
from thorexp.errors import BusyError, TrackingError
from thorexp.progress import SweepState
from thorexp.rundir import RECORD, RunDir
from thorexp.session import SHOWN
from thorexp.sweep.cooldown import cool_down
from thorexp.sweep.ending import command, keep_sweep, sweep_record, track_sweep
from thorexp.sweep.estimate import History, history, sweep_time
from thorexp.sweep.jobs import ComposedJob, with_repeats
from thorexp.sweep.lock import take_board
from thorexp.sweep.plan import SweepPlan
from thorexp.sweep.resume import directories_for, finished_points, forget, fresh_directories, hold
from thorexp.sweep.summary import Point

log = logging.getLogger(__name__)


class SweepLauncher(Launcher):
    """Composes and checks every job before it starts any, then runs them server by server.

    A sweeper that comes in batches has one sweep all the same: its points add up.
    """

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra hands over what `launch` needs."""
        self.hydra_context = hydra_context
        self.task_function = task_function
        self.config = config
        self._directory: Path | None = None
        self._returns: dict[str, JobReturn] = {}
        self._points: dict[str, Point] = {}

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run every point that has no record yet; results in the order of `job_overrides`.

        A failed one leaves the others running. A point that was asked for twice has one result.
        """
        setup_globals()
        self._log_as_sweep()
        asked = [self._compose(initial_job_idx + i, each) for i, each in enumerate(job_overrides)]
        fresh: dict[str, ComposedJob] = {}
        for job in chain.from_iterable(asked):
            if job.point not in self._returns:
                fresh.setdefault(job.point, job)
        first = asked[0][0]
        plan, done = self._plan(tuple(fresh.values()), first)
        print(plan.text(), flush=True)
        self._dry(plan) if first.dry_run else self._play(plan, done)
        return [_worst([self._returns[job.point] for job in jobs]) for jobs in asked]

    def _compose(self, number: int, overrides: Sequence[str]) -> tuple[ComposedJob, ...]:
        tree = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
        return with_repeats(tree, number, overrides)

    def _plan(self, jobs: tuple[ComposedJob, ...], first: ComposedJob) -> tuple[SweepPlan, Mapping[str, RunDir]]:
        """What is to do, and the records that are there already."""
        configured, resume = Path(str(self.config.hydra.sweep.dir)).resolve(), first.sweep.resume
        if self._directory is None:
            self._directory = self._place(configured, {job.point for job in jobs}, first)
        before = finished_points(self._directory) if resume else {}
        done = {job.point: before[job.point] for job in jobs if job.point in before}
        return SweepPlan(jobs, done.keys(), self._directory, history(configured.parent)), done

    def _place(self, configured: Path, points: Set[str], first: ComposedJob) -> Path:
        """The directory of the sweep, and the board, for this process; a dry run only looks."""
        places = directories_for(configured, points, command()) if first.sweep.resume else fresh_directories(configured)
        if first.dry_run:
            forget(configured)
            return next(places)
        try:
            take_board(first.sweep)
        except BusyError:
            forget(configured)
            raise
        place = next(place for place in places if hold(place))
        if place != configured:
            forget(configured)
        return place

    def _dry(self, plan: SweepPlan) -> None:
        self._returns |= {job.point: _not_run(job) for job in plan.jobs}

    def _play(self, plan: SweepPlan, done: Mapping[str, RunDir]) -> None:
        """Track what is done, run what is not, sum up; when interrupted, sum up what there is."""
        record = sweep_record(plan, (*self._points, *(job.point for job in plan.jobs)))
        self._returns |= {job.point: _not_run(job) for job in plan.jobs if job.refused is not None}
        whole = False
        try:
            for job in plan.jobs:
                if job.point in done:
                    self._returns[job.point] = _tracked(job, done[job.point])
            self._run_all(plan)
            whole = True
        finally:
            SHOWN.pause()
            self._points |= {
                job.point: _point(job, self._returns.get(job.point), done.get(job.point)) for job in plan.jobs
            }
            record = keep_sweep(record, tuple(self._points.values()), ended=whole, ran=bool(plan.to_run))
        track_sweep(record, plan.jobs[0].tracking)

    def _run_all(self, plan: SweepPlan) -> None:
        jobs, known = plan.to_run, plan.known
        for i, job in enumerate(jobs):
            self._show(plan, i, known)
            if i > 0:
                cool_down(job.sweep)
            self._returns[job.point] = self._run(job, plan.directory)
            known = _learn(known, job, self._returns[job.point])

    def _show(self, plan: SweepPlan, i: int, known: History) -> None:
        jobs = plan.to_run
        servers = list(dict.fromkeys(job.server for job in jobs))
        left = sweep_time(jobs[i:], known, plan.jobs, running=jobs[i - 1].server if i else None)
        SHOWN.sweep(
            SweepState(
                done=len(plan.jobs) - len(jobs) + i,
                total=len(plan.jobs),
                server=servers.index(jobs[i].server) + 1,
                servers=len(servers),
                left=str(left) if left.seconds else None,
            )
        )

    def _run(self, job: ComposedJob, directory: Path) -> JobReturn:
        log.info("#%d%s %s", job.number, f" repeat {job.repeat}" if job.repeat else "", " ".join(job.overrides))
        with open_dict(job.tree):
            job.tree.hydra.sweep.dir = str(directory)
        result = run_job(
            task_function=self.task_function,
            config=job.tree,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
            hydra_context=self.hydra_context,
        )
        self._log_as_sweep()
        if result.status is JobStatus.FAILED:
            log.error("#%d failed: %s", job.number, result._return_value)
        return result

    def _log_as_sweep(self) -> None:
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)


def _not_run(job: ComposedJob) -> JobReturn:
    """What Hydra is told of a job that was not started: nothing, or why it is refused."""
    status = JobStatus.COMPLETED if job.refused is None else JobStatus.FAILED
    return JobReturn(overrides=job.overrides, status=status, _return_value=job.refused)


def _tracked(job: ComposedJob, run_dir: RunDir) -> JobReturn:
    """A job that is done already; thorexp may have been killed before its record was in MLflow."""
    to = job.tracking
    try:
        if to.enabled:
            tracking.track(run_dir, tracking.Store(to.uri, to.experiment, to.artifacts))
    except TrackingError as failed:
        return JobReturn(overrides=job.overrides, status=JobStatus.FAILED, _return_value=failed)
    return JobReturn(overrides=job.overrides, status=JobStatus.COMPLETED)


def _point(job: ComposedJob, result: JobReturn | None, done: RunDir | None) -> Point:
    """A job that has ended; or was not come to, for all that is known."""
    directory = None if done is None else done.path
    if result is None:
        return Point(job.overrides, job.base, directory, "not run" if done is None else "finished")
    if result.hydra_cfg is not None:
        directory = Path(str(result.hydra_cfg.hydra.runtime.output_dir))
    failed = result.status is JobStatus.FAILED
    error = str(result._return_value) if failed else None
    return Point(job.overrides, job.base, directory, "failed" if failed else "finished", error)


def _learn(known: History, job: ComposedJob, result: JobReturn) -> History:
    assert result.hydra_cfg is not None
    run_dir = RunDir(Path(str(result.hydra_cfg.hydra.runtime.output_dir)))
    return known.and_also(run_dir.record(), job.base) if run_dir.has(RECORD) else known


def _worst(repeats: Sequence[JobReturn]) -> JobReturn:
    """What Hydra is told of all repeats of a point: the first that failed, else the first."""
    return next((result for result in repeats if result.status is JobStatus.FAILED), repeats[0])
