"""What sampling costs: the sampler's share of a core, at 10 Hz on a board of 4 rails and 5 zones.

    python -m tests.bench.telemetry_cost [--seconds 60] [--rounds 3]

The sensors are files, tegrastats is the fake one, and a /metrics page as long as vLLM's is asked for at 1 Hz. Prints,
in percent of a core: all that it took, of which its own (the rest is the fake tegrastats), and its own when the first
seconds are left out, in which Python starts and imports. Then how late tegrastats' lines were stamped, against when
they were written.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import PIPE, Popen

from tests.machine.fake_sysfs import thor
from thorexp.machine.sampler import SamplerSpec
from thorexp.machine.telemetry import read_telemetry

ROOT = Path(__file__).parents[2]
FAKE = f"{sys.executable} {ROOT / 'tests/fake_tegrastats.py'} {ROOT / 'tests/data/tegrastats_thor.log'}"
START_S = 3.0
HISTOGRAMS, BUCKETS = 24, 22
GAUGES = {"num_requests_running": 8, "num_requests_waiting": 92, "kv_cache_usage_perc": 0.31}
COUNTERS = {"num_preemptions_total": 0, "generation_tokens_total": 123_456}
LABELS = 'engine="0",model_name="nvidia/Qwen3-30B-A3B-FP8"'


def main() -> None:
    """Print a line for each round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    heads = ("all %", "ours %", "later %", "rows/s", "late ms", "p99 ms")
    print("".join(f"{head:>10}" for head in heads), flush=True)
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder, serving(page()) as url:
            print("".join(f"{figure:10.2f}" for figure in measured(Path(folder), url, options.seconds)), flush=True)


def measured(folder: Path, url: str, seconds: float) -> tuple[float, ...]:
    """The figures of one round."""
    spec = SamplerSpec(
        metrics_url=url, tegrastats=f"{FAKE} {folder / 'emitted.csv'} --again", root=str(thor(folder / "root"))
    )
    start = _sampled(folder / "start.csv", spec, START_S)
    whole = _sampled(folder / "telemetry.csv", spec, seconds)
    ours_s, start_s = (account["cpu_s"] - account["children_cpu_s"] for account in (whole, start))
    signals = read_telemetry(folder / "telemetry.csv").signals
    emitted = [int(row.split(",")[0]) for row in (folder / "emitted.csv").read_text().splitlines()[1:]]
    late_ns = sorted(ns - said for ns, said in zip(signals["tegrastats.VIN_w"].ns, emitted, strict=False))
    return (
        100 * whole["cpu_s"] / whole["wall_s"],
        100 * ours_s / whole["wall_s"],
        100 * (ours_s - start_s) / (whole["wall_s"] - start["wall_s"]),
        sum(len(series.ns) for series in signals.values()) / seconds,
        late_ns[len(late_ns) // 2] / 1e6,
        late_ns[len(late_ns) * 99 // 100] / 1e6,
    )


def _sampled(csv: Path, spec: SamplerSpec, seconds: float) -> dict[str, float]:
    """What the process says of itself after so many seconds."""
    command = [sys.executable, "-m", "thorexp.machine.sampler", str(csv)]
    with Popen(command, stdin=PIPE, stdout=PIPE, cwd=ROOT) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(asdict(spec)).encode() + b"\n")
        process.stdin.flush()
        time.sleep(seconds)
        said, _ = process.communicate()
    account: dict[str, float] = json.loads(said)
    return account


def page() -> bytes:
    """About 600 lines."""
    lines = []
    for number in range(HISTOGRAMS):
        name = f"vllm:request_something_{number}_seconds"
        lines += [f"# HELP {name} Histogram of something in seconds.", f"# TYPE {name} histogram"]
        lines += [f'{name}_bucket{{{LABELS},le="{2.0**bucket}"}} {bucket}.0' for bucket in range(BUCKETS)]
        lines += [f"{name}_count{{{LABELS}}} 18.0", f"{name}_sum{{{LABELS}}} 261.0"]
    for name, value in {**GAUGES, **COUNTERS}.items():
        kind = "gauge" if name in GAUGES else "counter"
        lines += [f"# HELP vllm:{name} What it is.", f"# TYPE vllm:{name} {kind}", f"vllm:{name}{{{LABELS}}} {value}"]
    return "".join(f"{line}\n" for line in lines).encode()


@contextmanager
def serving(body: bytes) -> Iterator[str]:
    """The URL of a server that gives every request this page, over connections that are kept."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/metrics"
        server.shutdown()


if __name__ == "__main__":
    main()
