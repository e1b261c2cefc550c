"""How long 100,000 requests take to sum up, and what memory: as a job does it, and read back from its directory.

    python -m tests.bench.many_requests [--requests 100000] [--tokens 128]

A process for each, whose memory is that alone. Prints seconds (wall) and peak resident memory in MB, each with its
ratio to what shall do, 10 s and 1 GB; that of the job holds the records that it played, as a job must.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from thorexp import rundir
from thorexp.measure.metrics import Slo, summarize
from thorexp.measure.records import RequestRecord, RunRecord
from thorexp.rundir import RunDir

MOST_S, MOST_MB = 10.0, 1000.0
ITL_NS, GAP_NS = 20_000_000, 5_000_000
KIB, MB = 1024, 1e6
PERCENTILES = (50.0, 90.0, 95.0, 99.0)
LIMITS = Slo(ttft_ms=100.0, tpot_ms=25.0, itl_p99_ms=60.0)

Timed = tuple[float, float, int]


def main() -> None:
    """Print a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--tokens", type=int, default=128)
    options = parser.parse_args()
    print(f"{'':28}{'s':>8}{'of 10 s':>9}{'MB':>8}{'of 1 GB':>9}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        run_dir = RunDir(Path(folder))
        run_dir.write_jsonl(rundir.REQUESTS, map(asdict, records(options.requests, options.tokens)))
        ways: tuple[tuple[str, Callable[..., Timed], tuple[object, ...]], ...] = (
            ("records in memory", _of_memory, (options.requests, options.tokens)),
            ("read back and summed up", _of_disk, (run_dir.path,)),
        )
        for name, way, given in ways:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                took_s, peak_mb, completed = pool.apply(way, given)
            assert completed == options.requests
            print(f"{name:28}{took_s:8.2f}{took_s / MOST_S:9.2f}{peak_mb:8.0f}{peak_mb / MOST_MB:9.2f}", flush=True)


def records(count: int, tokens: int) -> Iterator[RequestRecord]:
    """Successes of that many tokens, 5 ms apart, whose gaps vary as a server's do."""
    draws = np.random.default_rng(0)
    for index in range(count):
        due = index * GAP_NS
        stamps = due + np.cumsum(draws.gamma(20.0, ITL_NS / 20.0, tokens)).astype(np.int64)
        yield RequestRecord(
            index, due, due + 1000, due + 2000, tuple(stamps.tolist()), 2048, tokens, "length", "", None, (1,) * tokens
        )


def _of_memory(count: int, tokens: int) -> Timed:
    return _timed(tuple(records(count, tokens)), time.monotonic)


def _of_disk(path: Path) -> Timed:
    began = time.monotonic()
    return _timed(RunDir(path).requests(), lambda: began)


def _timed(played: tuple[RequestRecord, ...], begin: Callable[[], float]) -> Timed:
    """From the begin until it is summed up, the most memory until then, and how many requests were counted."""
    began = begin()
    last = max(record.token_ns[-1] for record in played)
    summary = summarize(RunRecord(0, last, played, loop_lag_ns=(0,) * 1000), PERCENTILES, LIMITS)
    took_s = time.monotonic() - began
    return took_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB / MB, summary.completed


if __name__ == "__main__":
    main()
