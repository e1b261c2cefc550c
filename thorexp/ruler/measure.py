"""One load against the server of known truth, and by how much the client's figures differ from what was.

Run by itself it is a process of its own, so that its memory and CPU are the client's alone:

    python -m thorexp.ruler.measure '{"streams": 64, …}'
"""

import json
import os
import resource
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np

from thorexp.load.generator import play
from thorexp.load.target import Target
from thorexp.load.watch import LoadState
from thorexp.measure.plan import LoadPlan, PlannedRequest, Stage
from thorexp.measure.records import RunRecord
from thorexp.measure.workload import Ask
from thorexp.ruler.server import Served, truth, truth_server

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
BYTES_PER_MB = 1e6
BYTES_PER_KIB = 1024


@dataclass(frozen=True, slots=True)
class Task:
    """A closed loop of so many streams, and the cores that client and server keep to; absent for any."""

    streams: int
    requests_a_stream: int
    tokens: int
    ttft_ms: float
    itl_ms: float
    client_core: int | None
    server_core: int | None


@dataclass(frozen=True, slots=True)
class Error:
    """Mean and P99 of what a client's figure has more than the truth, in ms."""

    mean: float
    p99: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What was found. `ttft`: of each request; an upper bound, for the server's own lateness in reading it is in it.
    `itl`: of each gap, whatever its sign; absent without one. `true_ttft_ms`: the server's own mean.

    `rate`: requests/s over those of a client that loses no time, streams / true duration. `cpu_us`: of the client
    while it played, user and system, per streamed token; what it decodes afterwards is not in it. `peak_mb`:
    resident memory of the client's process.
    """

    ttft: Error
    itl: Error | None
    true_ttft_ms: float
    rate: float
    cpu_us: float
    peak_mb: float


def measure(task: Task, watch: Callable[[LoadState], None] | None = None) -> Figures:
    """Play it and compare. The process keeps to its core from then on. `watch` is told how it goes."""
    count = task.streams * task.requests_a_stream
    asks = (Ask((number, 1, 2, 3), task.tokens) for number in range(count))
    requests = tuple(PlannedRequest(number, 0, ask) for number, ask in enumerate(asks))
    plan = LoadPlan((Stage("ruler", requests, ((0, task.streams),)),), ignore_eos=True)
    with truth_server(task.ttft_ms / 1000, task.itl_ms / 1000, task.server_core) as url:
        if task.client_core is not None:
            os.sched_setaffinity(0, {task.client_core})
        run = play(plan, Target(url, "truth"), check_alive=lambda: None, watch=watch)
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES_PER_KIB / BYTES_PER_MB
        return compare(run, truth(url), task, peak_mb)


def compare(run: RunRecord, served: dict[int, Served], task: Task, peak_mb: float) -> Figures:
    """What the client says of a run, held against what the server did, by the number of each request."""
    ttft, itl, true_ttft, true_s = [], [], [], []
    for record in run.requests:
        if record.sent_ns is None or record.error is not None:
            raise SystemExit(f"request {record.index} of the ruler failed: {record.error}")
        true = served[record.index]
        late = np.subtract(record.token_ns, true.token_ns)
        ttft.append((true.arrived_ns - record.sent_ns + int(late[0])) / NS_PER_MS)
        itl += [abs(after - before) / NS_PER_MS for before, after in pairwise(late.tolist())]
        true_ttft.append((true.token_ns[0] - true.arrived_ns) / NS_PER_MS)
        true_s.append((true.token_ns[-1] - true.arrived_ns) / NS_PER_S)
    played_s = (run.end_ns - run.start_ns) / NS_PER_S
    return Figures(
        ttft=_error(ttft),
        itl=_error(itl) if itl else None,
        true_ttft_ms=float(np.mean(true_ttft)),
        rate=len(run.requests) / played_s / (task.streams / float(np.mean(true_s))),
        cpu_us=1e6 * (run.cpu_share or 0.0) * played_s / (len(run.requests) * task.tokens),
        peak_mb=peak_mb,
    )


def _error(sample: list[float]) -> Error:
    return Error(float(np.mean(sample)), float(np.percentile(sample, 99)))


if __name__ == "__main__":
    print(json.dumps(asdict(measure(Task(**json.loads(sys.argv[1]))))))
