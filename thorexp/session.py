"""What lives as long as the process. Hydra calls our launcher and our task apart and hands nothing from one to
the other: the board that is measured on, the server that jobs share, and the display that shows them all.
"""

import logging
import math
import os
import platform
from functools import cache
from pathlib import Path

from thorexp.config import HardwareConfig, JobConfig
from thorexp.config_sweep import Executor, SweepConfig
from thorexp.docker_plan import runs_containers
from thorexp.machine.board import Board
from thorexp.machine.gpus import nvml
from thorexp.machine.journal import Journal
from thorexp.machine.preflight import Expected, remarks
from thorexp.machine.preparation import Preparation, Wanted
from thorexp.prepare import PreparedJob
from thorexp.progress import display
from thorexp.serve import process
from thorexp.serve.memory import DROP_CACHES, require_dropped
from thorexp.serve.pool import ServerPool, Watch
from thorexp.serve.server import LaunchSpec, Server
from thorexp.superuser import Superuser
from thorexp.watching import gpus_of

log = logging.getLogger(__name__)

ROOT = Path("/")
BOARD = Board()
PREPARATION = Preparation(Journal(Path.home() / ".cache" / "thorexp" / f"board-{platform.node()}.json"))
SHOWN = display()


def _start(spec: LaunchSpec, log: Path, watch: Watch) -> Server:
    """Its guard holds the board too: a server that outlives us by its grace still takes the memory."""
    return process.start(spec, log, watch, BOARD.held)


SERVERS = ServerPool(_start)


def take_board(options: SweepConfig) -> None:
    """BusyError when another thorexp holds it; nothing where `sweep.lock` is off, or the boards are elsewhere."""
    if options.lock and options.executor is Executor.local:
        BOARD.take(Path(options.lock_path), options.lock_wait_s)


def take_board_for_image(config: JobConfig) -> None:
    """As `take_board`, before such a job is prepared that pulls an image then, and runs containers of it."""
    if runs_containers(config):
        take_board(config.sweep)


def prepare_board(job: PreparedJob) -> None:
    """As `hardware.prepare` wants it, before the job's server starts; whatever runs is stopped before anything changes.

    ConfigError when that cannot be done. Somebody else's server is left alone, and so is the board where nothing of
    it is measured.
    """
    config = job.config
    if job.launch is None or job.sim is not None or config.dry_run or config.rehearse:
        return
    asked = config.hardware.prepare
    if asked.drop_caches:
        _require_dropped(Superuser(asked.sudo), ROOT / DROP_CACHES.relative_to("/"))
    wanted = Wanted(asked.power_mode, asked.lock_clocks, gpus_of(config))
    PREPARATION.bring_to(wanted, Superuser(asked.sudo), SERVERS.discard)
    if SERVERS.starts == 0:
        _look_at_board(_expected(config.hardware))


def leave_board(memory_s: float = math.inf) -> None:
    """At the end, whatever it was: nothing runs, and what was changed is as it was. `memory_s`: how long the last
    server's memory is waited for at most.
    """
    try:
        SERVERS.close(memory_s)
    finally:
        PREPARATION.restore()


@cache
def _require_dropped(superuser: Superuser, through: Path) -> None:
    """Once a process: whether a night's servers can have it is known before the first."""
    require_dropped(superuser, through)


@cache
def _look_at_board(expected: Expected) -> None:
    """Once a process: what may spoil a night is said before it begins."""
    for remark in remarks(ROOT, expected, nvml(), os.geteuid()):
        log.warning("board: %s; try %s", remark.says, remark.remedy)


def _expected(hardware: HardwareConfig) -> Expected:
    return Expected(
        power_modes=tuple(hardware.power_modes),
        unified_memory=hardware.unified_memory,
        mode_is_chosen=hardware.prepare.power_mode is not None,
        drops_caches=hardware.prepare.drop_caches,
    )
