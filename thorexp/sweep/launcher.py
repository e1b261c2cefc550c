"""A Hydra launcher that plans first, starts each server once, goes on when a job fails, and on where it stopped."""

import logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus, configure_log, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from thorexp.config import TrackingConfig
from thorexp.config_sweep import Executor
from thorexp.errors import ConfigError, ThorexpError
from thorexp.execution import tracked
from thorexp.own_error import told
from thorexp.progress import SweepState
from thorexp.results.beside import baseline_rows
from thorexp.results.summary import Point, Row
from thorexp.rundir import RECORD, RunDir
from thorexp.secret import shown_word
from thorexp.session import SHOWN, take_board
from thorexp.sweep.boards import Boards, Played, boards_for, name_of_its_own
from thorexp.sweep.cooldown import cool_down
from thorexp.sweep.directory import (
    begin,
    check_copies,
    command,
    directories_for,
    forget,
    fresh_directories,
    hold,
    unless_begun,
)
from thorexp.sweep.ending import how_to_go_on, keep_sweep, track_sweep
from thorexp.sweep.estimate import History, history, sweep_time
from thorexp.sweep.jobs import ComposedJob, check_apart, with_repeats
from thorexp.sweep.plan import SweepPlan
from thorexp.sweep.resume import finished_points, warn_of_versions
from thorexp.sweep.told import headline, not_run, of_repeats
from thorexp.sweepdir import SweepRecord

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
        setup_globals()
        self._log_as_sweep()
        self._directory: Path | None = None
        self._returns: dict[str, JobReturn] = {}
        self._points: dict[str, Point] = {}
        self._models: set[str] = set()
        self._has_run = False
        self._boards: Boards | None = None
        self._name: str | None = None
        self._beside: tuple[Row, ...] = ()
        self._kept: tuple[SweepRecord, TrackingConfig] | None = None

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run every point that has no record yet; results in the order of `job_overrides`.

        A failed one leaves the others running. A point that was asked for twice has one result.
        """
        asked = [
            self._composed(words, initial_job_idx + i, len(job_overrides)) for i, words in enumerate(job_overrides)
        ]
        plan, done = self._take(asked)
        if plan is not None:
            print(plan.text(), flush=True)
            self._play(plan, done)
            self.conclude()
        return [of_repeats([self._returns[job.point] for job in repeats]) for repeats in asked]

    def compose(self, overrides: Sequence[str], number: int) -> tuple[ComposedJob, ...]:
        """One point with its repeats; ConfigError for what no server could make right."""
        with unless_begun(self._configured):
            tree = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
            check_copies(tree)
            return with_repeats(tree, number, overrides)

    def _composed(self, overrides: Sequence[str], number: int, points: int) -> tuple[ComposedJob, ...]:
        """What is refused of one of several is said to be of that."""
        try:
            return self.compose(overrides, number)
        except ConfigError as refused:
            if points == 1:
                raise
            facts = [(fact.label, fact.text) for fact in refused.facts]
            point = f"#{number} {' '.join(map(shown_word, overrides))}"
            raise type(refused)(refused.headline, *facts, ("point", point)) from None

    def probe(self, repeats: tuple[ComposedJob, ...]) -> tuple[Point, ...]:
        """One point of a search: jobs of the sweep like any other, without a plan or a table of their own. `conclude`
        shows all of them.

        One that its board cannot carry, or whose server fails, has failed. In a dry run it is not run.
        """
        plan, done = self._take([repeats])
        if plan is not None:
            self._play(plan, done)
        return tuple(self._points.get(job.point, Point(job.overrides, job.base, None, "not run")) for job in repeats)

    def recall(self, repeats: tuple[ComposedJob, ...], errors: Sequence[str | None]) -> None:
        """A point that an earlier process has probed, for the table: nothing of it is run again, whatever became of its
        records. `errors`: of each repeat, absent where it finished.
        """
        directory = self._directory = self._directory or self._place(repeats)
        there = finished_points(directory, repeats[0].sweep.executor)
        if all(job.point in there for job in repeats):
            self.probe(repeats)
            return
        for job, error in zip(repeats, errors, strict=True):
            if error is not None:
                self._points[job.point] = Point(job.overrides, job.base, directory / job.subdir, "failed", error)

    @property
    def directory(self) -> Path | None:
        """Where the sweep is kept; absent before anything was asked for."""
        return self._directory

    def conclude(self) -> None:
        """The table, the files and MLflow's run of all that was launched and probed; nothing of a dry run."""
        if self._kept is not None:
            record, to = self._kept
            record = self._keep(replace(record, ended_at=record.ended_at or time.time()))
            track_sweep(record, to)
            warn_of_versions(point.directory for point in self._points.values() if point.state == "finished")

    @contextmanager
    def summed_up(self) -> Iterator[None]:
        """What was launched and probed until something breaks off has its table, once, and how to go on is said."""
        try:
            yield
        except BaseException:
            if self._kept is not None:
                record, _ = self._kept
                self._kept = None
                self._keep(record)
                print(f"To go on where this stopped: {how_to_go_on(record)}", flush=True)
            raise

    def _take(self, asked: Sequence[tuple[ComposedJob, ...]]) -> tuple[SweepPlan | None, Mapping[str, RunDir]]:
        """Of what has no result yet a plan, absent without any, and the records that are there already."""
        with unless_begun(self._configured):
            jobs = {job.point: job for job in chain.from_iterable(reversed(asked)) if job.point not in self._returns}
            fresh = tuple(sorted(jobs.values(), key=lambda job: (job.number, job.repeat)))
            if not fresh:
                return None, {}
            plan, done = self._plan(fresh)
            self._models |= {job.model for job in fresh}
            self._beside = baseline_rows(fresh[0].baseline, self._models)
            self._boards = self._boards or boards_for(plan)
            return plan, done

    @property
    def _configured(self) -> Path:
        return Path(str(self.config.hydra.sweep.dir)).resolve()

    def _plan(self, jobs: tuple[ComposedJob, ...]) -> tuple[SweepPlan, Mapping[str, RunDir]]:
        """What is to do, and the records that are there already."""
        directory = self._directory = self._directory or self._place(jobs)
        there = finished_points(directory, jobs[0].sweep.executor)
        done = {job.point: there[job.point] for job in jobs if job.sweep.resume and job.point in there}
        plan = SweepPlan(jobs, done.keys(), directory, history(self._configured.parent))
        check_apart(plan.to_run, directory, there)
        return plan, done

    def _place(self, jobs: Sequence[ComposedJob]) -> Path:
        """The directory of the sweep, and the board, for this process; a dry run only looks."""
        first, configured = jobs[0], self._configured
        named = any(word.lstrip("+").startswith("hydra.sweep.dir=") for word in sys.argv)
        places = (
            fresh_directories(configured)
            if named or not first.sweep.resume
            else directories_for(configured, {job.point for job in jobs}, command(), first.sweep.executor)
        )
        if first.dry_run:
            forget(configured)
            return next(places)
        take_board(first.sweep)
        place = next(place for place in places if hold(place))
        if place != configured:
            log.info("the sweep goes on in %s", place)
            forget(configured)
        return place

    def _play(self, plan: SweepPlan, done: Mapping[str, RunDir]) -> None:
        """Run what is not done and track what is; when interrupted, sum up what there is. A dry run does neither."""
        if plan.jobs[0].dry_run:
            self._returns |= {job.point: not_run(job) for job in plan.jobs}
            return
        points = (*self._points, *(job.point for job in plan.jobs))
        self._name = self._name or name_of_its_own(plan)
        record = begin(plan.directory, points, to_run=bool(plan.to_run), name=self._name)
        self._returns |= {job.point: not_run(job) for job in plan.jobs if job.refused is not None}
        self._kept = record, plan.jobs[0].tracking
        with self.summed_up():
            try:
                self._run_all(plan, record.id, done)
                self._track(plan.jobs, done)
            finally:
                self._note(plan)

    def _note(self, plan: SweepPlan) -> None:
        there = finished_points(plan.directory, plan.jobs[0].sweep.executor)
        self._points |= {job.point: _point(job, self._returns.get(job.point), there, plan) for job in plan.jobs}

    def _keep(self, record: SweepRecord) -> SweepRecord:
        SHOWN.pause()
        return keep_sweep(record, tuple(self._points.values()), self._beside)

    def _track(self, jobs: Sequence[ComposedJob], done: Mapping[str, RunDir]) -> None:
        """Records from before: thorexp may have been killed when one was not in MLflow yet.

        A store that did not take one is not asked again for the others.
        """
        refused: ThorexpError | None = None
        for job in (job for job in jobs if job.point in done):
            refused = refused or tracked(done[job.point], job.tracking)[1]
            status = JobStatus.COMPLETED if refused is None else JobStatus.FAILED
            self._returns[job.point] = JobReturn(overrides=job.overrides, status=status, _return_value=refused)

    def _run_all(self, plan: SweepPlan, sweep: str, done: Mapping[str, RunDir]) -> None:
        jobs, known = plan.to_run, plan.known
        if plan.jobs[0].sweep.executor is not Executor.local:
            ids = {point: run_dir.record().id for point, run_dir in done.items()}
            with closing(Played(plan, sweep, ids).run(self._boards)) as results:
                self._returns.update(results)
            return
        for i, job in enumerate(jobs):
            self._show(plan, i, known)
            if self._has_run:
                cool_down(job.sweep)
            self._has_run = True
            self._returns[job.point] = self._run(job, plan.directory)
            known = _learn(known, job, RunDir(plan.directory / job.subdir))

    def _show(self, plan: SweepPlan, i: int, known: History) -> None:
        jobs = plan.to_run
        servers = list(dict.fromkeys(job.server for job in jobs))
        left = sweep_time(jobs[i:], known, plan.jobs, running=jobs[i - 1].server if i else None)
        SHOWN.sweep(
            SweepState(
                done=len(plan.done) + i,
                total=len(plan.done) + len(jobs),
                server=servers.index(jobs[i].server) + 1,
                servers=len(servers),
                left=str(left) if left.seconds else None,
            )
        )

    def _run(self, job: ComposedJob, directory: Path) -> JobReturn:
        repeat = f" repeat {job.repeat + 1} of {job.sweep.repeats}" if job.sweep.repeats > 1 else ""
        log.info("#%d%s %s", job.number, repeat, " ".join(map(shown_word, job.overrides)))
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
            result.return_value = told(result._return_value)
            log.error("#%d failed: %s", job.number, headline(result))
        return result

    def _log_as_sweep(self) -> None:
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)


def _point(job: ComposedJob, result: JobReturn | None, there: Mapping[str, RunDir], plan: SweepPlan) -> Point:
    """A job by its record; without one it has failed, or was not come to."""
    error = str(result._return_value) if result is not None and result.status is JobStatus.FAILED else None
    if job.point in there:
        return Point(job.overrides, job.base, there[job.point].path, "finished", error, job.believed)
    return Point(job.overrides, job.base, plan.directory / job.subdir, "not run" if result is None else "failed", error)


def _learn(known: History, job: ComposedJob, run_dir: RunDir) -> History:
    return known.and_also(run_dir.record(), job.base) if run_dir.has(RECORD) else known
