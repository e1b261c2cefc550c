"""What it adds to the client's error that the load is watched, by turns with and without rows on a terminal.

    python -m tests.load.watched [--streams 64 256] [--itl-ms 10 50] [--requests-a-stream 20] [--rounds 3]

As tests.load.ruler, whose figures these are, on loads long enough to be looked at often. The terminal is a pty
that another process reads.
"""

import argparse
import os
import pty
from collections.abc import Callable
from subprocess import DEVNULL, Popen

import numpy as np
from rich.console import Console

from tests.golden import Settings, golden_server
from tests.load.ruler import PATIENCE_S, TOKENS, TTFT_S, errors_ms
from tests.records import a_plan, some_asks
from thorexp.load.client import Target
from thorexp.load.generator import play
from thorexp.load.watch import LoadState
from thorexp.progress import Bars, SweepState


def main() -> None:
    """Print a line for each round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--itl-ms", type=float, nargs="+", default=[10.0, 50.0])
    parser.add_argument("--requests-a-stream", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    ours, theirs = pty.openpty()
    with Popen(["cat"], stdin=ours, stdout=DEVNULL, stderr=DEVNULL), os.fdopen(theirs, "w") as terminal:
        os.close(ours)
        bars = Bars(Console(file=terminal, force_terminal=True, force_interactive=True, width=100))
        bars.sweep(SweepState(3, 14, 2, 7, "about 41 min"))
        for streams, itl_ms in zip(options.streams, options.itl_ms, strict=True):
            for name, watch in (("alone", None), ("watched", bars.load)) * options.rounds:
                print(f"{streams:4} {name:8}", line(streams, itl_ms, options.requests_a_stream, watch), flush=True)


def line(streams: int, itl_ms: float, requests_a_stream: int, watch: Callable[[LoadState], None] | None) -> str:
    """One load, played and compared."""
    plan = a_plan(*some_asks(requests_a_stream * streams, tokens=TOKENS), max_concurrency=streams)
    with golden_server(Settings(ttft_s=TTFT_S, itl_s=itl_ms / 1000)) as server:
        target = Target(server.base_url, "golden")
        run = play(plan, target, timeout_s=PATIENCE_S, check_alive=lambda: None, watch=watch)
        ttft, itl, _ = errors_ms(run, server.truth())
    return "".join(
        f"  {name} mean {np.mean(of):6.3f} p99 {np.percentile(of, 99):7.3f} p99.9 {np.percentile(of, 99.9):7.3f} ms"
        for name, of in (("TTFT", ttft), ("ITL", itl))
    )


if __name__ == "__main__":
    main()
