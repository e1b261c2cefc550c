"""The Hydra edge: a composed config in, a finished job out."""

import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

import hydra
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import filter_overrides
from hydra.types import RunMode
from omegaconf import DictConfig

from thorexp import job
from thorexp.capacity import capacity, check_fit
from thorexp.compose import (
    check_meaning,
    explain,
    job_config,
    resolved_yaml,
    typed_engine_args,
)
from thorexp.composing import is_of_composing
from thorexp.conf_tree import conf_dir, register
from thorexp.config import TrackingConfig
from thorexp.config_sweep import Executor
from thorexp.errors import ConfigError
from thorexp.execution import check_store, means, tracked
from thorexp.job import Outcome, Place
from thorexp.own_error import FULL, exit_code, told, wants_tracebacks
from thorexp.places import places_of_job
from thorexp.prepare import PreparedJob, prepare
from thorexp.printed import print_no_secret
from thorexp.rundir import REPORT, RunDir
from thorexp.session import SHOWN, leave_board, prepare_board, take_board, take_board_for_image
from thorexp.sweep.directory import forget, unless_begun
from thorexp.sweep.plan import plan_of_one
from thorexp.sweepdir import read_sweep, sweep_id

LAUNCHER = "hydra_plugins.thorexp.ThorexpLauncher"
OUTPUTS = Path("outputs")  # as conf/config.yaml has it
LAST_MEMORY_S = 10.0  # nobody here starts another server, but a memory that does not come back is said

log = logging.getLogger(__name__)


def task(tree: DictConfig) -> Outcome | None:
    """One job, from its composed config to MLflow. What stopped it is raised once it is kept.

    Absent for a dry run, which starts nothing.
    """
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
    """Show the report, track the record and say where all of it is, then raise what went wrong, the job's own failure
    first.
    """
    if outcome.failure is None:
        print(run_dir.read_text(REPORT), end="", flush=True)
    run_id, untracked = tracked(run_dir, to)
    if outcome.failure is not None:
        if untracked is not None:
            log.error("%s", untracked)
        raise outcome.failure
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


def main() -> None:
    """Run the command line and exit: 0 when every job finished, 1 otherwise, 70 for an error of thorexp's own, 130 when
    interrupted.

    The first Ctrl-C or SIGTERM starts nothing new, keeps what is complete and stops the server; the second does
    not wait for that.
    """
    print_no_secret()
    wants_traceback = wants_tracebacks()
    os.environ[FULL] = "1"  # errors come to us instead of being printed as Hydra would
    register()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)  # a shell starts background jobs with SIGINT ignored
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as failed:  # this is where all that nobody expected is said
        if wants_traceback:
            raise
        error = explain(failed) if is_of_composing(failed) else told(failed)
        print(error, file=sys.stderr)
        sys.exit(exit_code(error))


def _run() -> None:
    """Hydra, and whatever comes of it the end of the server. Of what was refused no empty folder is left."""
    was_there = OUTPUTS.exists()
    try:
        hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")(task)()
    except KeyboardInterrupt:
        print("Interrupted: what is complete is kept. Once more does not wait for a server of ours.", file=sys.stderr)
        raise
    finally:
        SHOWN.pause()
        leave_board(LAST_MEMORY_S)
        if not was_there:
            with suppress(OSError):  # it is not empty, or was never made
                OUTPUTS.rmdir()


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Once: everything on the way out happens. The server's guard ends it when we do not get to that."""
    signal.signal(signal.SIGTERM, _stop_now)
    signal.signal(signal.SIGINT, _stop_now)
    raise KeyboardInterrupt


def _stop_now(_signal: int, _frame: FrameType | None) -> None:
    show_cursor = b"\x1b[?25h" if sys.stderr.isatty() else b""
    os.write(sys.stderr.fileno(), show_cursor + b"Stopped at once.\n")
    os._exit(130)
