"""Whether a long load leaks: 1,024 streams against the golden server for ten minutes, and the client's memory.

    python -m tests.bench.load_held [--streams 1024] [--minutes 10]

An answer takes half a minute (120 tokens, 250 ms apart), so that each stream asks some twenty times. Memory is the
resident one of the client's process, looked at every second; its slope is fitted over the second half, when connections
and the backlog of undecoded answers have their size. What a load must keep, the record of each request, is told apart:
the bytes of all records over the time that made them. What the slope has beyond that would be a leak.
"""

import argparse
import multiprocessing
import sys
import time
from dataclasses import dataclass, fields

import numpy as np
import psutil

from tests.golden import Settings, Truth, golden_server
from thorexp.load.generator import play
from thorexp.load.target import Target
from thorexp.load.watch import LoadState
from thorexp.measure.plan import LoadPlan, PlannedRequest, Stage
from thorexp.measure.records import RequestRecord, RunRecord
from thorexp.measure.workload import Ask

TOKENS, TTFT_S, ITL_S = 120, 0.25, 0.25
MB, S_PER_MIN = 1e6, 60.0
SHARED, ALIGNMENT = 256, 16  # the greatest int that CPython makes once; bytes of its allocator


@dataclass(frozen=True, slots=True)
class Held:
    """What the client says of itself: (seconds, bytes) of each look, the bytes of its records, and those records."""

    memory: list[tuple[float, int]]
    kept: int
    run: RunRecord


def main() -> None:
    """Print what was accounted for, then the slopes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1024)
    parser.add_argument("--minutes", type=float, default=10.0)
    options = parser.parse_args()
    rounds = max(round(options.minutes * S_PER_MIN / (TTFT_S + (TOKENS - 1) * ITL_S)), 2)
    with golden_server(Settings(ttft_s=TTFT_S, itl_s=ITL_S)) as server:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            held = pool.apply(hold, (server.base_url, options.streams, rounds))
        truth = server.truth()
    print(accounted(held.run, truth))
    print(slopes(held))


def hold(base_url: str, streams: int, rounds: int) -> Held:
    """The load, in a process of its own."""
    asks = (Ask((number + 1, 1, 2, 3), TOKENS) for number in range(streams * rounds))
    requests = tuple(PlannedRequest(number, 0, ask) for number, ask in enumerate(asks))
    plan = LoadPlan((Stage("held", requests, ((0, streams),)),), ignore_eos=True)
    process, began, memory = psutil.Process(), time.monotonic(), list[tuple[float, int]]()

    def look(_state: LoadState) -> None:
        memory.append((time.monotonic() - began, process.memory_info().rss))

    run = play(plan, Target(base_url, "golden"), check_alive=lambda: None, watch=look)
    return Held(memory, sum(map(size, run.requests)), run)


def size(record: RequestRecord) -> int:
    """In bytes, as CPython gives memory out: the record, its tuples, and the numbers in it but for the small, which are
    shared, as words are.
    """
    values = [getattr(record, field.name) for field in fields(record)]
    tuples = [value for value in values if isinstance(value, tuple)]
    numbers = [value for value in (*values, *record.token_ns) if isinstance(value, int) and value > SHARED]
    return sum(-(-sys.getsizeof(each) // ALIGNMENT) * ALIGNMENT for each in (record, *tuples, *numbers))


def accounted(run: RunRecord, truth: Truth) -> str:
    """Each request in one record, and in that as many chunks as the server wrote."""
    served = {each.prompt[0] - 1: each for each in truth.served}
    whole = [r for r in run.requests if r.ok and len(r.token_ns) == len(served[r.index].token_ns) == TOKENS]
    return (
        f"{len(run.requests):,} records of {len(truth.served):,} requests that the server met, {len(whole):,} with all "
        f"of their {TOKENS} tokens, {truth.peak:,} at once, in {(run.end_ns - run.start_ns) / 1e9:.0f} s"
    )


def slopes(held: Held) -> str:
    """In MB a minute: all of it, what records take, and the rest, which for each request is the object that held it."""
    seconds, rss = np.array(held.memory, dtype=np.float64).T
    late = seconds > seconds[-1] / 2
    grown = float(np.polyfit(seconds[late], rss[late], 1)[0]) * S_PER_MIN / MB
    kept = held.kept / seconds[-1] * S_PER_MIN / MB
    rest = (grown - kept) * MB / S_PER_MIN * seconds[-1] / len(held.run.requests)
    return (
        f"memory {rss[late][0] / MB:.0f} MB after half of it, {rss[-1] / MB:.0f} MB at its end: "
        f"{grown:+.2f} MB/min, records {kept:+.2f} MB/min, the rest {grown - kept:+.2f} MB/min, "
        f"{rest:.0f} bytes a request"
    )


if __name__ == "__main__":
    main()
