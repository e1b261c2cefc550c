"""How long the small things take that one waits for at a prompt: help, a refused typo, a plan.

    python -m tests.bench.small_things [--rounds 5]

The median wall-clock and CPU time of whole commands, with the ratio to the second that is enough. Then which of the
heavy packages each has imported: none that it does not need.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ENOUGH_S = 1.0
HEAVY = ("mlflow", "plotly", "ray", "matplotlib", "aiohttp", "optuna", "submitit")
ROOT = Path(__file__).parents[2]
COMMANDS = {
    "help": ("--help",),
    "a misspelt key": ("modle=qwen3_32b_awq",),
    "a misspelt option": ("model=qwen3_32b_aqw",),
    "a word for a number": ("load.num_prompts=many",),
    "a plan": ("model=qwen3_32b_awq", "server=sim", "dry_run=true"),
}


def main() -> None:
    """Print a line for each command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(f"{'':28}{'s':>7}{'of 1 s':>8}{'CPU s':>8}  exit  imported")
    with tempfile.TemporaryDirectory() as folder:
        for name, words in COMMANDS.items():
            walls, cpus, code = zip(*(timed(words, folder) for _ in range(options.rounds)), strict=True)
            wall = statistics.median(walls)
            heavy = ", ".join(imported(words, folder)) or "-"
            print(
                f"{name:28}{wall:7.2f}{wall / ENOUGH_S:8.2f}{statistics.median(cpus):8.2f}{code[0]:6}  {heavy}",
                flush=True,
            )


def timed(words: tuple[str, ...], folder: str) -> tuple[float, float, int]:
    """Seconds, CPU seconds and the exit code of one."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "thorexp", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    return time.monotonic() - began, used.ru_utime + used.ru_stime, os.waitstatus_to_exitcode(status)


def imported(words: tuple[str, ...], folder: str) -> list[str]:
    """Those of the heavy packages that it imports."""
    code = (
        "import atexit, runpy, sys; "
        f"atexit.register(lambda: print('imported', *(name for name in {HEAVY!r} if name in sys.modules))); "
        "runpy.run_module('thorexp', run_name='__main__', alter_sys=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.rpartition("imported")[2].split()


if __name__ == "__main__":
    main()
