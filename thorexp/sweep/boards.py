"""Groups of a sweep, each the jobs of one server, given to boards until every job has a result."""

import logging
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from thorexp.config_sweep import Executor
from thorexp.errors import ThorexpError, TrackingError
from thorexp.progress import SweepState
from thorexp.secret import masked
from thorexp.session import SHOWN
from thorexp.sweep.brought import Brought, check_stores
from thorexp.sweep.errand import AskedJob, Ended, Errand, JobEnded
from thorexp.sweep.jobs import ComposedJob
from thorexp.sweep.on_ray import RayBoards
from thorexp.sweep.on_slurm import SlurmBoards
from thorexp.sweep.plan import SweepPlan
from thorexp.sweep.reach import warn_of_loopback
from thorexp.sweepdir import sweep_id

LOOK_EVERY_S = 15.0
SLACK_S = 10.0  # for what a group does beside stopping its server

Outcome = tuple[str, JobReturn]  # of the job of that point

log = logging.getLogger(__name__)


class Boards(Protocol):
    """Whoever gives groups to boards, one at a time to each."""

    def submit(self, errand: str) -> "Future[Ended]":
        """Do this on a board that is free; the future fails when that board is lost."""

    def close(self, grace_s: float) -> None:
        """End what has not ended: a group has so long to stop its server and to leave its board as it was."""


@dataclass(frozen=True, slots=True)
class Group:
    """Jobs of one server that have no result yet. `tries`: how often a board was lost at the first of them."""

    number: int
    jobs: tuple[ComposedJob, ...]
    tries: int = 0

    def errand(self, sweep: str) -> str:
        """What a board is told."""
        return Errand(sweep, tuple(map(_asked, self.jobs))).as_json()

    def after(self, left: tuple[ComposedJob, ...]) -> "Group":
        """Once its board was lost: the first that is left is what it was lost at."""
        return Group(self.number, left, self.tries + 1 if left[0] is self.jobs[0] else 1)


class Played:
    """A sweep while boards are at it."""

    def __init__(self, plan: SweepPlan, sweep: str, done: Mapping[str, str]) -> None:
        """`sweep`: its id; `done`: the ids of the records that are here already, by point."""
        self._sweep = sweep
        self._jobs = plan.to_run
        jobs = [job for job in plan.jobs if job.refused is None]
        self._results = Brought(sweep, plan.directory, jobs, done)
        self._before = len(plan.done)
        self._ended: set[str] = set()
        self._shown: SweepState | None = None

    def run(self, boards: Boards | None) -> Generator[Outcome, None, None]:
        """Each job's result as it comes; those that an earlier command left in MLflow first. Without boards no more
        than those.

        An interruption ends the groups and brings what is complete.
        """
        yield from self._look()
        groups = _groups(self._left(self._jobs))
        if boards is None or not groups:
            return
        try:
            yield from self._give(groups, boards)
        except BaseException:
            boards.close(max(job.stop_timeout_s for job in self._jobs) + SLACK_S)
            self._save()
            raise

    def _give(self, groups: Sequence[Group], boards: Boards) -> Iterator[Outcome]:
        given = {self._submit(boards, group): group for group in groups}
        while given:
            self._show(len(groups) - len(given), len(groups))
            ready = wait(given, LOOK_EVERY_S, FIRST_COMPLETED).done
            yield from self._look()
            for future in ready:
                again = yield from self._end(given.pop(future), _ended(future))
                if again is not None:
                    given[self._submit(boards, again)] = again
        yield from self._look()

    def _submit(self, boards: Boards, group: Group) -> "Future[Ended]":
        return boards.submit(group.errand(self._sweep))

    def _look(self) -> Iterator[Outcome]:
        """What has come since; a store that is silent for once is asked again later."""
        try:
            for job in self._results.bring_finished():
                yield from self._tell(job, None)
        except TrackingError as silent:
            log.warning("%s", silent)

    def _end(self, group: Group, ended: Ended) -> Generator[Outcome, None, Group | None]:
        """The rest of its results; what is to be given to another board, where this one was lost."""
        jobs = {job.point: job for job in group.jobs}
        for answer in ended.answers:
            yield from self._tell(jobs[answer.point], self._error(jobs[answer.point], answer))
        left = self._left(group.jobs)
        if not left:
            log.info("group %d has ended on %s", group.number, ended.board)
            return None
        lost = masked(ended.lost or "it ended without an answer")
        log.warning("group %d lost its board (%s): %s", group.number, ended.board, lost)
        self._end_lost(left)
        again = group.after(left)
        if again.tries <= left[0].sweep.retries:
            return again
        # What a board refuses it refuses for all of a group; what kills one is the job that it was at.
        given_up, rest = (left, ()) if ended.refused else (left[:1], left[1:])
        for job in given_up:
            yield from self._tell(job, _gave_up(again.tries, ended.board, lost))
        return Group(group.number, rest) if rest else None

    def _error(self, job: ComposedJob, answer: JobEnded) -> ThorexpError | None:
        """Why a job that has ended has failed, with its record here; absent when it finished."""
        try:
            if job.point not in self._ended and answer.run_id is not None:
                self._results.bring(job, answer.run_id)
        except TrackingError as failed:
            if answer.error is None:
                return failed
            log.warning("%s", failed)
        return None if answer.error is None else ThorexpError(answer.error)

    def _tell(self, job: ComposedJob, error: ThorexpError | None) -> Iterator[Outcome]:
        """Once for each job."""
        if job.point in self._ended:
            return
        self._ended.add(job.point)
        if error is not None:
            log.error("#%d failed: %s", job.number, next(iter(str(error).splitlines()), ""))
        status = JobStatus.COMPLETED if error is None else JobStatus.FAILED
        yield job.point, JobReturn(overrides=job.overrides, status=status, _return_value=error)

    def _left(self, jobs: Sequence[ComposedJob]) -> tuple[ComposedJob, ...]:
        return tuple(job for job in jobs if job.point not in self._ended)

    def _end_lost(self, jobs: Sequence[ComposedJob]) -> None:
        try:
            self._results.end_lost(jobs)
        except TrackingError as silent:
            log.warning("%s", silent)

    def _save(self) -> None:
        for _ in self._look():
            pass
        self._end_lost(self._left(self._jobs))

    def _show(self, ended: int, groups: int) -> None:
        done, total = self._before + len(self._ended), self._before + len(self._jobs)
        state = SweepState(done, total, min(ended + 1, groups), groups, left=None)
        if state != self._shown:
            SHOWN.sweep(state)
        self._shown = state


def boards_for(plan: SweepPlan) -> Boards | None:
    """Those that the plan's jobs go to, and that results will come back from; absent for this one, and where nothing is
    to run. ConfigError or TrackingError where they, or the stores, cannot be reached.
    """
    jobs = plan.to_run
    if not jobs or jobs[0].dry_run or jobs[0].sweep.executor is Executor.local:
        return None
    check_stores(job.tracking for job in jobs)
    warn_of_loopback(jobs[0].tracking)
    options = jobs[0].sweep
    return RayBoards(options) if options.executor is Executor.ray else SlurmBoards(options)


def name_of_its_own(plan: SweepPlan) -> str | None:
    """Of a sweep that is to measure all of it: neither MLflow nor a board has results by that name. Absent where the
    sweep may go on, or is this board's.
    """
    options = plan.jobs[0].sweep
    is_anew = options.executor is not Executor.local and not options.resume
    return f"{sweep_id(plan.directory)}-{time.time():.0f}" if is_anew else None


def _groups(jobs: Sequence[ComposedJob]) -> list[Group]:
    """Jobs of one server stand side by side in a plan."""
    each = (tuple(group) for _, group in groupby(jobs, key=lambda job: job.server))
    return [Group(number, group) for number, group in enumerate(each, start=1)]


def _asked(job: ComposedJob) -> AskedJob:
    return AskedJob(job.number, job.point, job.subdir, job.digest, OmegaConf.to_yaml(job.tree))


def _ended(future: "Future[Ended]") -> Ended:
    """What came back; of a board that is gone only why."""
    try:
        return future.result()
    except Exception as lost:  # noqa: BLE001  whatever an executor raises, the board is lost
        first = next(iter(str(lost).strip().splitlines()), "").partition(". ")[0]
        return Ended("?", (), f"{type(lost).__name__}: {first}")


def _gave_up(tries: int, board: str, lost: str) -> ThorexpError:
    return ThorexpError(
        "A job was lost with its board, and with each that it was given to then.",
        ("tries", str(tries)),
        ("last", board),
        ("says", lost),
        ("try", "the same command again, or sweep.retries=5"),
    )
