"""Where a sweep is kept: in the directory of the earlier one that it goes on with, else in one of its own."""

import fcntl
import logging
import os
import re
import shlex
import sys
import time
from collections.abc import Iterator, Set
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from thorexp.config_sweep import Executor
from thorexp.errors import ConfigError, RecordError
from thorexp.rundir import RunDir
from thorexp.secret import shown_command, shown_tree, shown_words
from thorexp.sweep.resume import finished_points
from thorexp.sweepdir import SWEEP, SweepRecord, read_sweep, sweep_id

MULTIRUN = "multirun.yaml"
COPIES = ("config.yaml", "hydra.yaml", "overrides.yaml")  # Hydra's, in hydra.output_subdir
STAMP = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d")

log = logging.getLogger(__name__)


def command() -> str:
    """What was typed behind `python -m thorexp`, to be typed again, its secrets too."""
    return shown_command(shlex.join(sys.argv[1:]))


def directories_for(configured: Path, points: Set[str], command: str, by: Executor = Executor.local) -> Iterator[Path]:
    """Where a sweep of these points may be kept, the best first: it goes on where it stopped, or begins.

    It goes on in an earlier sweep that it repeats, narrows or extends: one beside it that was asked for all of
    these points, or all of whose points are asked for again, or some of them by the same command, as by a sweeper
    that comes in batches. The one with the most finished points comes first, then the latest. It begins as
    configured, or beside that.
    """
    if not (configured / SWEEP).exists():
        earlier = [sweep for sweep in _sweeps_beside(configured) if _continues(sweep, points, command)]
        finished = {sweep.directory: len(finished_points(sweep.directory, by).keys() & points) for sweep in earlier}
        earlier.sort(key=lambda sweep: (finished[sweep.directory], sweep.started_at), reverse=True)
        yield from (sweep.directory for sweep in earlier)
    yield from fresh_directories(configured)


def fresh_directories(configured: Path) -> Iterator[Path]:
    """As configured; then, for a sweep that began in the same second, with a number behind it."""
    yield configured
    yield from (configured.with_name(f"{configured.name}_{number}") for number in count(2))


def hold(directory: Path) -> bool:
    """Take it for this process, until that ends; false when another one that lives has it.

    A network file system may not lock directories: there it is said, and not held.
    """
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    except OSError as cannot:
        log.warning("%s cannot be locked (%s): start no second sweep in it", directory, cannot.strerror)
    return True


def begin(directory: Path, points: tuple[str, ...], to_run: bool, name: str | None = None) -> SweepRecord:
    """The sweep as it begins, written into its directory; one that goes on keeps its beginning, and its id but for a
    `name` that is given.

    It also keeps its points, so that none of its measurements is forgotten, and its end where nothing is to run.
    """
    earlier = read_sweep(directory)
    # By the wall clock: when it began is a label, and no duration is made of it.
    record = SweepRecord(name or sweep_id(directory), command(), points, time.time(), directory)
    if earlier is not None:
        together = tuple(dict.fromkeys((*earlier.points, *points)))
        ended_at = None if to_run else earlier.ended_at
        record = replace(record, id=name or earlier.id, points=together)
        record = replace(record, started_at=earlier.started_at, ended_at=ended_at)
    record.write()
    return record


@contextmanager
def unless_begun(made: Path) -> Iterator[None]:
    """Take away the directory that Hydra made for what is refused, or interrupted, before it has begun."""
    try:
        yield
    except BaseException:
        forget(made)
        raise


def show_no_secret(written: Path) -> None:
    """In a file of Hydra's, with all that was typed."""
    tree = shown_words(shown_tree(OmegaConf.to_container(OmegaConf.load(written))))
    RunDir(written.parent).write_text(written.name, OmegaConf.to_yaml(OmegaConf.create(tree)))


def clean_copies() -> None:
    """Show no secret in those that Hydra keeps of a job's config, if it was told to by `hydra.output_subdir`."""
    job = HydraConfig.get()
    if job.output_subdir is not None:
        for name in COPIES:
            show_no_secret(Path(job.runtime.output_dir) / job.output_subdir / name)


def check_copies(tree: DictConfig) -> None:
    """ConfigError for those on another board, where Hydra writes them and nobody cleans them."""
    if tree.hydra.output_subdir is not None and tree.sweep.executor != Executor.local.value:
        raise ConfigError(
            "On another board Hydra's copies of a config would show its secrets.",
            ("where", f"hydra.output_subdir={tree.hydra.output_subdir}, sweep.executor={tree.sweep.executor}"),
            ("try", "config.yaml of each run directory, which has the config as it was resolved"),
        )


def forget(made: Path) -> None:
    """Take away a directory that Hydra made, if nothing is in it but the file that it puts into a sweep's.

    So goes the one above, if it bears a time for its name and nothing else is in that.
    """
    if made.is_dir() and [path.name for path in made.iterdir()] == [MULTIRUN] and STAMP.fullmatch(made.name):
        (made / MULTIRUN).unlink()
    for directory in (made, made.parent) if STAMP.fullmatch(made.parent.name) else (made,):
        with suppress(OSError):  # it is not empty, or was never made
            directory.rmdir()


def _continues(sweep: SweepRecord, points: Set[str], command: str) -> bool:
    theirs = set(sweep.points)
    return bool(points & theirs) and (theirs <= points or points <= theirs or shown_command(sweep.command) == command)


def _sweeps_beside(configured: Path) -> Iterator[SweepRecord]:
    """Each sweep that can be read."""
    for path in configured.parent.glob(f"*/{SWEEP}"):
        try:
            sweep = read_sweep(path.parent)
        except RecordError as damaged:
            log.warning("%s", damaged)
        else:
            if sweep is not None:
                yield sweep
