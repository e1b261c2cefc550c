"""What it adds to the client's error that the load is watched, by turns with and without rows on a terminal.

    python -m tests.bench.watched [--streams 64 256] [--requests-a-stream 5] [--rounds 3]

Figures as of `python -m thorexp.ruler`. The terminal is a pty that another process reads.
"""

import argparse
import os
import pty
from subprocess import DEVNULL, Popen

from rich.console import Console

from thorexp.progress import Bars, SweepState
from thorexp.ruler.__main__ import HEADING, cores, row
from thorexp.ruler.measure import Task, measure


def main() -> None:
    """Print a line for each round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--requests-a-stream", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{'':8}{HEADING}")
    pinned = cores()  # asked once: the process keeps to one from the first load on
    ours, theirs = pty.openpty()
    with Popen(["cat"], stdin=ours, stdout=DEVNULL, stderr=DEVNULL), os.fdopen(theirs, "w") as terminal:
        os.close(ours)
        bars = Bars(Console(file=terminal, force_terminal=True, force_interactive=True, width=100))
        bars.sweep(SweepState(3, 14, 2, 7, "about 41 min"))
        for streams in options.streams:
            for name, watch in (("alone", None), ("watched", bars.load)) * options.rounds:
                task = Task(streams, options.requests_a_stream, 128, 20.0, 20.0, *pinned)
                print(f"{name:8}{row(streams, measure(task, watch))}", flush=True)


if __name__ == "__main__":
    main()
