"""How much the client adds to what a server did, measured against the golden server.

    python -m tests.load.ruler [--streams 8 64] [--itl-ms 10] [--rounds 3]

For each number of streams: requests of 32 tokens, four to a stream, first token after 20 ms. Prints, in ms, by
how much TTFT and E2EL exceed the server's own (ITL: by how much a gap differs from it), and the ratio of the
mean TTFT to the server's. An upper bound: the server's own lateness in reading a request is in it. Judges
nothing: these are figures of one machine at one moment.
"""

import argparse
from itertools import pairwise

import numpy as np

from tests.golden import Settings, Truth, golden_server
from tests.records import MS, a_plan, some_asks
from thorexp.load.client import Target
from thorexp.load.generator import play
from thorexp.measure.records import RunRecord

TOKENS = 32
REQUESTS_A_STREAM = 4
TTFT_S = 0.02
PATIENCE_S = 120.0


def main() -> None:
    """Print a line for each round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, nargs="+", default=[8, 64])
    parser.add_argument("--itl-ms", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{'streams':>7} {'requests':>8}" + "".join(f"{f'{m} mean':>11}{'p99':>8}" for m in ("TTFT", "ITL", "E2EL")))
    for streams in options.streams:
        for _ in range(options.rounds):
            print(line(streams, options.itl_ms), flush=True)


def line(streams: int, itl_ms: float) -> str:
    """One load, played and compared."""
    count = REQUESTS_A_STREAM * streams
    plan = a_plan(*some_asks(count, tokens=TOKENS), max_concurrency=streams)
    with golden_server(Settings(ttft_s=TTFT_S, itl_s=itl_ms / 1000)) as server:
        run = play(plan, Target(server.base_url, "golden"), timeout_s=PATIENCE_S, check_alive=lambda: None)
        truth = server.truth()
    ttft, itl, e2el = errors_ms(run, truth)
    served = {each.prompt: each for each in truth.served}
    true_ms = np.mean([(each.token_ns[0] - each.arrived_ns) / MS for each in served.values()])
    columns = "".join(f"{np.mean(each):11.3f}{np.percentile(each, 99):8.3f}" for each in (ttft, itl, e2el))
    return f"{streams:7} {count:8}{columns}   TTFT x {1 + np.mean(ttft) / true_ms:.4f}"


def errors_ms(run: RunRecord, truth: Truth) -> tuple[list[float], list[float], list[float]]:
    """Of TTFT and E2EL by request, of ITL by gap."""
    ttft, itl, e2el = [], [], []
    for record, ask in zip(run.requests, some_asks(len(run.requests)), strict=True):
        served = truth.of(ask.prompt)
        if record.sent_ns is None or record.error is not None:
            raise SystemExit(f"request {record.index}: {record.error}")
        way = served.arrived_ns - record.sent_ns
        delays = [seen - done for seen, done in zip(record.token_ns, served.token_ns, strict=True)]
        ttft.append((way + delays[0]) / MS)
        itl += [abs(later - earlier) / MS for earlier, later in pairwise(delays)]
        e2el.append((way + delays[-1]) / MS)
    return ttft, itl, e2el


if __name__ == "__main__":
    main()
