"""What Hydra calls: one job, from its composed config to MLflow."""

import logging
from pathlib import Path

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import filter_overrides
from hydra.types import RunMode
from omegaconf import DictConfig

from thorexp import job
from thorexp.capacity import capacity, check_fit
from thorexp.compose import check_meaning, job_config, resolved_yaml, typed_engine_args
from thorexp.config import TrackingConfig
from thorexp.config_sweep import Executor
from thorexp.errors import ConfigError
from thorexp.execution import check_store, means, tracked
from thorexp.job import Outcome, Place
from thorexp.places import places_of_job
from thorexp.prepare import PreparedJob, prepare
from thorexp.rundir import REPORT, RunDir
from thorexp.session import SHOWN, prepare_board, take_board, take_board_for_image
from thorexp.sweep.directory import clean_copies, forget, unless_begun
from thorexp.sweep.plan import plan_of_one
from thorexp.sweepdir import read_sweep, sweep_id

LAUNCHER = "hydra_plugins.thorexp.ThorexpLauncher"

log = logging.getLogger(__name__)


def task(tree: DictConfig) -> Outcome | None:
    """One job, from its composed config to MLflow. What stopped it is raised once it is kept.

    Absent for a dry run, which starts nothing.
    """
    clean_copies()
    hydra_config = HydraConfig.get()
    directory = Path(hydra_config.runtime.output_dir)
    with unless_begun(directory):
        prepared = _prepared(tree, hydra_config)
        if prepared.config.baseline.file is not None and hydra_config.mode is not RunMode.MULTIRUN:
            log.warning("baseline=%s stands beside a sweep: python -m thorexp -m", prepared.config.baseline.name)
        if prepared.config.dry_run:
            print(plan_of_one(prepared), end="")
        check_fit(prepared, capacity(prepared))
        if prepared.config.dry_run:
            forget(directory)
            return None
        take_board(prepared.config.sweep)
        prepare_board(prepared)
    place = _place(hydra_config)
    outcome = job.run(prepared, means(prepared.config.tracking), place, resolved_yaml(tree))
    SHOWN.pause()
    return _kept(outcome, place.run_dir, prepared.config.tracking, Path(hydra_config.runtime.cwd))


def _prepared(tree: DictConfig, hydra_config: HydraConf) -> PreparedJob:
    """The job, checked; refused when it was to be repeated and nobody is there to do that."""
    config = job_config(tree)
    check_meaning(config, hydra_config.overrides.task)
    launched = hydra_config.mode is RunMode.MULTIRUN and hydra_config.launcher["_target_"] == LAUNCHER
    repeats, executor = config.sweep.repeats, config.sweep.executor
    of_sweeps = [f"sweep.repeats={repeats}"] if repeats != 1 else []
    of_sweeps += [f"sweep.executor={executor.value}"] if executor is not Executor.local else []
    of_sweeps += ["hydra/sweeper=optuna"] if hydra_config.runtime.choices.get("hydra/sweeper") == "optuna" else []
    if of_sweeps and not launched:
        raise ConfigError(
            f"{of_sweeps[0]} is for a sweep of thorexp's own.",
            ("try", "python -m thorexp -m, with the same words and no other hydra/launcher"),
        )
    take_board_for_image(config)
    check_store(config.tracking)
    return prepare(config, typed_engine_args(hydra_config.overrides.task))


def _kept(outcome: Outcome, run_dir: RunDir, to: TrackingConfig, here: Path) -> Outcome:
    """Track the record, show the report and say where all of it is, then raise what went wrong, the job's own failure
    first.
    """
    run_id, untracked = tracked(run_dir, to)
    if outcome.failure is not None:
        if untracked is not None:
            log.error("%s", untracked)
        raise outcome.failure
    print(run_dir.read_text(REPORT), end="")
    print(*places_of_job(run_dir, run_id, to.uri, here), "", sep="\n", flush=True)
    if untracked is not None:
        raise untracked
    return outcome


def _place(hydra_config: HydraConf) -> Place:
    directory = Path(hydra_config.runtime.output_dir)
    typed = tuple(filter_overrides(hydra_config.overrides.task))
    if hydra_config.mode is not RunMode.MULTIRUN:
        return Place(RunDir(directory), logs=directory.parent / "servers", sweep=None, overrides=typed)
    sweep = Path(hydra_config.sweep.dir).resolve()
    begun = read_sweep(sweep)
    name = sweep_id(sweep) if begun is None else begun.id
    return Place(RunDir(directory), logs=sweep / "servers", sweep=name, overrides=typed)
