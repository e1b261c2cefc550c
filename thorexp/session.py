"""What lives as long as the process. Hydra calls our launcher and our task apart and hands nothing from one to
the other: the board that is measured on, the server that jobs share, and the display that shows them all.
"""

from pathlib import Path

from thorexp.config import SweepConfig
from thorexp.machine.board import Board
from thorexp.progress import display
from thorexp.serve import process
from thorexp.serve.pool import ServerPool, Watch
from thorexp.serve.server import LaunchSpec, Server

BOARD = Board()
SHOWN = display()


def _start(spec: LaunchSpec, log: Path, watch: Watch) -> Server:
    """Its guard holds the board too: a server that outlives us by its grace still takes the memory."""
    return process.start(spec, log, watch, BOARD.held)


SERVERS = ServerPool(_start)


def take_board(options: SweepConfig) -> None:
    """BusyError when another thorexp holds it; nothing where `sweep.lock` is off."""
    if options.lock:
        BOARD.take(Path(options.lock_path), options.lock_wait_s)
