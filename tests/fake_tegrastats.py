"""A tegrastats that is not one: it replays recorded lines, and writes down when it said which.

    python tests/fake_tegrastats.py LINES EMITTED [--again] --interval MS

EMITTED gets a row `ns,vin_w` for each line: CLOCK_MONOTONIC just before it was written, and the watts of its VIN,
empty in a line without one. After the last line it stays silent until it is killed; with --again it begins anew.
Like a C program it holds its output back unless that is a terminal.
"""

import argparse
import itertools
import re
import sys
import time
from pathlib import Path

NS_PER_MS = 1_000_000
NS_PER_S = 1e9


def main() -> None:
    """Say a line at each tick of the interval."""
    parser = argparse.ArgumentParser()
    parser.add_argument("lines", type=Path)
    parser.add_argument("emitted", type=Path)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--interval", type=int, default=1000)
    options = parser.parse_args()
    lines = options.lines.read_text().splitlines()
    began = time.monotonic_ns()
    with options.emitted.open("w", buffering=1) as emitted:
        emitted.write("ns,vin_w\n")
        for tick, line in enumerate(itertools.cycle(lines) if options.again else lines, 1):
            due = began + tick * options.interval * NS_PER_MS
            time.sleep(max(0, due - time.monotonic_ns()) / NS_PER_S)
            vin = re.search(r"\bVIN (-?\d+)mW", line)
            emitted.write(f"{time.monotonic_ns()},{int(vin[1]) / 1000 if vin else ''}\n")
            sys.stdout.write(f"{line}\n")
        time.sleep(float(10**6))


if __name__ == "__main__":
    main()
