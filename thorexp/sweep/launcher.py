"""A Hydra launcher that starts each server once and goes on when a job fails."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus, configure_log, filter_overrides, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from thorexp.compose import composed
from thorexp.config import TrackingConfig
from thorexp.prepare import prepare
from thorexp.sweep.summary import Point, SweepResult, keep_sweep, track_sweep

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ComposedJob:
    """One point of the sweep before it runs. `point`: its digest. Jobs with one `server` share it.

    Of the load plan nothing is kept: a sweep's plans together can take the memory that a server needs.
    """

    number: int
    overrides: tuple[str, ...]
    tree: DictConfig
    point: str
    server: str
    tracking: TrackingConfig


class SweepLauncher(Launcher):
    """Composes and checks every job before it starts any, then runs them server by server."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra hands over what `launch` needs."""
        self.hydra_context = hydra_context
        self.task_function = task_function
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run every point once; results in the order of `job_overrides`. A failed one leaves the others running.

        A point that was asked for twice has one result. When interrupted, what ran is still summed up, but
        not tracked: the server is to be stopped first.
        """
        setup_globals()
        self._log_as_sweep()
        jobs = [self._compose(initial_job_idx + i, tuple(each)) for i, each in enumerate(job_overrides)]
        once = list({job.point: job for job in reversed(jobs)}.values())[::-1]
        sweep_dir = Path(str(self.config.hydra.sweep.dir)).resolve()
        log.info("%d points on %d servers, kept in %s", len(once), len({job.server for job in once}), sweep_dir)
        started_at = time.time()
        returns: dict[str, JobReturn] = {}
        try:
            for job in by_server(once):
                returns[job.point] = self._run(job)
        finally:
            points = tuple(_point(job, returns[job.point]) for job in once if job.point in returns)
            record = keep_sweep(SweepResult(sweep_dir, points, len(once), started_at))
        track_sweep(record, jobs[0].tracking)
        return [returns[job.point] for job in jobs]

    def _compose(self, number: int, overrides: tuple[str, ...]) -> ComposedJob:
        tree = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
        with open_dict(tree):
            tree.hydra.job.id = str(number)
            tree.hydra.job.num = number
        prepared = prepare(*composed(tree))
        config, launch = prepared.config, prepared.launch
        server = f"attached {config.server.base_url}" if launch is None else launch.fingerprint
        return ComposedJob(number, overrides, tree, prepared.point, server, config.tracking)

    def _run(self, job: ComposedJob) -> JobReturn:
        log.info("#%d %s", job.number, " ".join(filter_overrides(job.overrides)))
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


def by_server(jobs: Sequence[ComposedJob]) -> list[ComposedJob]:
    """Jobs of one server side by side; servers, and jobs within one, in the order they were asked for."""
    servers = list(dict.fromkeys(job.server for job in jobs))
    return sorted(jobs, key=lambda job: servers.index(job.server))


def _point(job: ComposedJob, result: JobReturn) -> Point:
    failed = result.status is JobStatus.FAILED
    assert result.hydra_cfg is not None
    return Point(
        overrides=tuple(filter_overrides(job.overrides)),
        directory=Path(result.hydra_cfg.hydra.runtime.output_dir),
        error=str(result._return_value) if failed else None,
    )
