"""The command line. What it needs only to measure is imported once there is something to do: a typo is told at once."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import hydra
from omegaconf import DictConfig

from thorexp.compose import explain
from thorexp.composing import is_of_composing
from thorexp.conf_tree import conf_dir, register
from thorexp.own_error import FULL, exit_code, told, wants_tracebacks
from thorexp.printed import print_no_secret

OUTPUTS = Path("outputs")  # as conf/config.yaml has it
LAST_MEMORY_S = 10.0  # nobody here starts another server, but a memory that does not come back is said


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
        hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")(_task)()
    except KeyboardInterrupt:
        print("Interrupted: what is complete is kept. Once more does not wait for a server of ours.", file=sys.stderr)
        raise
    finally:
        _leave()
        if not was_there:
            with suppress(OSError):  # it is not empty, or was never made
                OUTPUTS.rmdir()


def _task(tree: DictConfig) -> Any:
    from thorexp.task import task

    return task(tree)


def _leave() -> None:
    """The display and the board, if there is anything to leave."""
    if "thorexp.session" in sys.modules:
        from thorexp.session import SHOWN, leave_board

        SHOWN.pause()
        leave_board(LAST_MEMORY_S)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Once: everything on the way out happens. The server's guard ends it when we do not get to that."""
    signal.signal(signal.SIGTERM, _stop_now)
    signal.signal(signal.SIGINT, _stop_now)
    raise KeyboardInterrupt


def _stop_now(_signal: int, _frame: FrameType | None) -> None:
    show_cursor = b"\x1b[?25h" if sys.stderr.isatty() else b""
    os.write(sys.stderr.fileno(), show_cursor + b"Stopped at once.\n")
    os._exit(130)
