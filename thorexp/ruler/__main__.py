"""The client's own error on this machine: what it reports, against what a server truly did.

    python -m thorexp.ruler [--streams 1 8 64 256 1024] [--rounds 1]

For each number of streams a server is started, in another process and on another core, that gives its first token
after 20 ms and the others 20 ms apart, and writes down when it did; then as many streams are played as in any load.
A line tells, in ms, by how much TTFT exceeds the server's own and ITL differs from it (mean and P99), how many of
the requests/s of a client that loses no time came about, the client's CPU per streamed token, and its peak memory.
What a measurement on this machine reports below these errors, nobody can tell.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from thorexp.own_error import at_edge
from thorexp.ruler.measure import Error, Figures, Task

HEADING = (
    f"{'streams':>7}{'TTFT mean':>11}{'P99':>8}{'ITL mean':>11}{'P99':>8}{'rate':>9}{'CPU/token':>12}{'memory':>9}"
)


def main() -> None:
    """Print the table."""
    options = _options()
    client_core, server_core = cores()
    if client_core is None:
        print("one core for client and server: their errors are not told apart", file=sys.stderr)
    print(HEADING)
    for streams in options.streams:
        for _ in range(options.rounds):
            task = Task(
                streams,
                options.requests_a_stream,
                options.tokens,
                options.ttft_ms,
                options.itl_ms,
                client_core,
                server_core,
            )
            print(row(streams, in_a_process(task)), flush=True)


def cores() -> tuple[int | None, int | None]:
    """One core each for client and server, the last two that this process may use; absent where there is one."""
    usable = sorted(os.sched_getaffinity(0))
    return (usable[-2], usable[-1]) if len(usable) > 1 else (None, None)


def in_a_process(task: Task) -> Figures:
    """The figures of a client that does nothing else."""
    command = [sys.executable, "-m", "thorexp.ruler.measure", json.dumps(asdict(task))]
    said: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    itl = None if said["itl"] is None else Error(**said["itl"])
    return Figures(**{**said, "ttft": Error(**said["ttft"]), "itl": itl})


def row(streams: int, figures: Figures) -> str:
    """A line below the heading."""
    itl = f"{'-':>11}{'-':>8}" if figures.itl is None else f"{figures.itl.mean:11.3f}{figures.itl.p99:8.3f}"
    return (
        f"{streams:7}{figures.ttft.mean:11.3f}{figures.ttft.p99:8.3f}{itl}{100 * figures.rate:7.1f} %"
        f"{figures.cpu_us:9.1f} us{figures.peak_mb:6.0f} MB"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m thorexp.ruler", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8, 64, 256, 1024])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--requests-a-stream", type=int, default=10)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--ttft-ms", type=float, default=20.0)
    parser.add_argument("--itl-ms", type=float, default=20.0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(at_edge(main))
