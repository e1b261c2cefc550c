"""What a sweep costs beside its loads and server starts: 14 points on 7 servers, against the fake vLLM.

    python -m tests.bench.sweep_overhead [--rounds 3]

Shaped like `experiment=thor_seed`, tracked in MLflow on SQLite. Prints, in seconds, the whole command, what its
server starts (2 s and more; real ones take 20 s to minutes), warm-ups and loads took by its own records, and the
rest, also per point. The rest is what thorexp does beside: composing, planning, stopping servers, decoding, keeping,
tracking. A warm-up has the proof in it that the cache is cold.
"""

import argparse
import tempfile
import time
from pathlib import Path

from tests.command_line import FAKE, Ran, thorexp
from thorexp.rundir import SUMMARY

POINTS = 14
WORDS = (
    "-m",
    "hardware=cpu",
    "model=tiny_qwen3",
    "engine.max_num_seqs=1,2,3,4,5,6,7",
    "load=high,low",
    f"server.command='{FAKE}'",
)


def main() -> None:
    """Print a line for each round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    heads = ("whole", "starts", "warm-ups", "loads", "rest", "a point")
    print("".join(f"{head:>10}" for head in heads), flush=True)
    for _ in range(parser.parse_args().rounds):
        with tempfile.TemporaryDirectory() as folder:
            print("".join(f"{seconds:10.2f}" for seconds in measured(Path(folder))), flush=True)


def measured(folder: Path) -> tuple[float, ...]:
    """Seconds of one sweep: the whole, its server starts, warm-ups and loads, the rest, the rest per point."""
    began = time.monotonic()
    ran = thorexp(folder, *WORDS, fake={"start_delay_s": 2.0})
    whole = time.monotonic() - began
    _check(ran)
    starts = sum(record.server_start_s or 0.0 for record in ran.records)
    loads = sum(result["duration"] for result in ran.results)
    warmups = sum(run_dir.read_json(SUMMARY)["warmup_s"] for run_dir in ran.run_dirs)
    rest = whole - starts - warmups - loads
    return whole, starts, warmups, loads, rest, rest / POINTS


def _check(ran: Ran) -> None:
    servers = len(list(ran.folder.glob("outputs/*/servers/*.log")))
    if (ran.code, len(ran.records), servers) != (0, POINTS, POINTS // 2):
        raise SystemExit(f"exit code {ran.code}, {len(ran.records)} records, {servers} servers\n{ran.err[-3000:]}")


if __name__ == "__main__":
    main()
