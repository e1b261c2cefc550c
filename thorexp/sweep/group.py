"""`python -m thorexp.sweep.group`: the jobs of one server on the board where this runs.

An errand on standard input, an answer a line on standard output, everything else on standard error. The same jobs, by
the same code, as of a sweep on this board; what differs is where they are kept, and by which names they are tracked.
"""

import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TextIO

from hydra._internal.callbacks import Callbacks
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, configure_log, filter_overrides, run_job, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict

from thorexp import job, tracking
from thorexp.compose import composed, job_config, resolved_yaml, typed_engine_args
from thorexp.config import JobConfig, TrackingConfig
from thorexp.config_sweep import Executor, SweepConfig
from thorexp.errors import ConfigError, RecordError, ThorexpError, TrackingError
from thorexp.execution import means, tracked
from thorexp.job import Place
from thorexp.own_error import at_edge, told
from thorexp.prepare import PreparedJob, prepare
from thorexp.rundir import RECORD, Record, RunDir
from thorexp.session import SHOWN, leave_board, prepare_board, take_board
from thorexp.sweep.cooldown import cool_down
from thorexp.sweep.errand import AskedJob, Errand, JobEnded

# After a group that was killed its server has its grace, and then the memory to come back, with the board held.
SLACK_S = 60.0

log = logging.getLogger(__name__)


def main(errand: Errand, answers: TextIO) -> None:
    """Do all of it. A job that fails leaves the others; BusyError when the board does not become free."""
    setup_globals()
    trees = [_tree(asked) for asked in errand.jobs]
    HydraConfig.instance().set_config(trees[0])  # for `${hydra:…}`
    configure_log(trees[0].hydra.job_logging, trees[0].hydra.verbose)
    first, _ = composed(trees[0])
    take_board(replace(first.sweep, lock_wait_s=max(first.sweep.lock_wait_s, first.server.stop_timeout_s + SLACK_S)))
    kept = _kept_in(first.sweep, errand.sweep)
    for asked, tree in zip(errand.jobs, trees, strict=True):
        print(json.dumps(asdict(_answer(asked, tree, errand.sweep, kept))), file=answers, flush=True)


def _tree(asked: AskedJob) -> DictConfig:
    """As it was composed, but that here is the board: no executor gives it away again."""
    tree = OmegaConf.create(asked.tree)
    hydra: DictConfig = OmegaConf.structured(HydraConf)
    OmegaConf.set_struct(hydra, False)
    tree.hydra = OmegaConf.merge(hydra, tree.hydra)
    tree.sweep.executor = Executor.local.value
    assert isinstance(tree, DictConfig)
    return tree


def _kept_in(options: SweepConfig, sweep: str) -> Path:
    """The sweep's directory on this board. Relative paths of a config count from the one that all sweeps have here."""
    boards = Path.home() / options.board_dir
    boards.mkdir(parents=True, exist_ok=True)
    os.chdir(boards)
    return boards / sweep


def _answer(asked: AskedJob, tree: DictConfig, sweep: str, kept: Path) -> JobEnded:
    OmegaConf.set_readonly(tree.hydra, False)
    with open_dict(tree):
        tree.hydra.sweep.dir, tree.hydra.sweep.subdir = str(kept), asked.subdir
    search_path = ConfigSearchPathImpl()
    done = run_job(
        task_function=lambda config: _do(asked, config, sweep),
        config=tree,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
        hydra_context=HydraContext(ConfigLoaderImpl(search_path), Callbacks()),
    )
    return _told(asked, done)


def _told(asked: AskedJob, done: JobReturn) -> JobEnded:
    if done.status is JobStatus.COMPLETED and isinstance(done.return_value, JobEnded):
        return done.return_value
    return JobEnded(asked.point, str(told(done._return_value)), None)


def _do(asked: AskedJob, tree: DictConfig, sweep: str) -> JobEnded:
    """One job, unless it is in MLflow by now, from a board that was thought lost; looked at again before it goes there,
    since it took its time. A record that is here already only goes there.
    """
    config = job_config(tree)
    run_dir = RunDir(Path(HydraConfig.get().runtime.output_dir))
    if found := finished_in(config.tracking, sweep, asked.point):
        return found
    failure = None if _is_here(run_dir, asked.point) else _measured(asked, tree, config, run_dir, sweep)
    if failure is None and (found := finished_in(config.tracking, sweep, asked.point)):
        return found
    run_id, untracked = tracked(run_dir, config.tracking)
    wrong = failure or untracked
    return JobEnded(asked.point, None if wrong is None else str(wrong), run_id)


def _measured(asked: AskedJob, tree: DictConfig, config: JobConfig, run_dir: RunDir, sweep: str) -> ThorexpError | None:
    """Why it failed; absent when it finished."""
    overrides = HydraConfig.get().overrides.task
    prepared = prepare(config, typed_engine_args(overrides))
    _check_same_load(asked, prepared)
    cool_down(config.sweep)
    place = Place(run_dir, run_dir.path.parent / "servers", sweep, tuple(filter_overrides(overrides)), asked.point)
    prepare_board(prepared)
    failure = job.run(prepared, means(config.tracking), place, resolved_yaml(tree)).failure
    SHOWN.pause()
    return failure


def finished_in(to: TrackingConfig, sweep: str, point: str) -> JobEnded | None:
    """As it is in MLflow; absent too where that is silent: what is measured then can be tracked later."""
    try:
        runs = tracking.finished_runs(tracking.Store.of(to), sweep)
    except TrackingError as silent:
        log.warning("%s", silent)
        return None
    return next((JobEnded(point, None, run.run_id) for run in runs if run.point == point), None)


def _is_here(run_dir: RunDir, point: str) -> bool:
    """Whether a process before this one was killed when the record was complete."""
    return any(record.point == point and record.status == "finished" for record in _records(run_dir))


def _records(run_dir: RunDir) -> Iterator[Record]:
    try:
        if run_dir.has(RECORD):
            yield run_dir.record()
    except RecordError:
        return


def _check_same_load(asked: AskedJob, prepared: PreparedJob) -> None:
    if prepared.digest != asked.digest:
        raise ConfigError(
            "This board would play another load than the one that was asked for.",
            ("where", f"workload.file={prepared.config.workload.file}"),
            ("try", "the same file on every board, and the same thorexp"),
        )


def _interrupt(_signal: int, _frame: object) -> None:
    """Once: everything on the way out happens, the server's end before all."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _run() -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else prints does not come between answers
    try:
        return at_edge(lambda: main(Errand.from_json(sys.stdin.read()), answers))
    finally:
        SHOWN.pause()
        leave_board()


if __name__ == "__main__":
    sys.exit(_run())
