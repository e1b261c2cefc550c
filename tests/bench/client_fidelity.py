"""The client's own error against its targets, and beside it that of `vllm bench serve` where one is installed.

    [THOREXP_VLLM="/path/to/python -m vllm.entrypoints.openai.api_server"] python -m tests.bench.client_fidelity

The client on one core, the server on another; first token after 20 ms, the others 20 ms apart, 128 tokens. A figure
over its target is followed by the ratio of both. Judges nothing: these are figures of one machine at one moment.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.vllm_bench import bench_serve
from thorexp.ruler.__main__ import HEADING, cores, in_a_process, row
from thorexp.ruler.measure import Figures, Task
from thorexp.ruler.server import Served, truth, truth_server
from thorexp.serve.dummy_model import write_dummy_model

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
TINY = {
    "model_type": "qwen3", "num_hidden_layers": 1, "hidden_size": 64, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 32, "intermediate_size": 64, "vocab_size": 32768,
    "max_position_embeddings": 4096, "rope_theta": 1e6, "tie_word_embeddings": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """The most, in ms, us and MB, and the least rate; absent where there is none for so many streams."""

    ttft_mean: float | None = None
    ttft_p99: float | None = None
    rate: float = 0.97
    cpu_us: float | None = None
    peak_mb: float | None = None


TARGETS: Mapping[int, Target] = {
    8: Target(ttft_mean=0.5, ttft_p99=2.0),
    256: Target(ttft_mean=1.0, ttft_p99=12.0, cpu_us=10.0),
    1024: Target(ttft_mean=2.0, ttft_p99=25.0, peak_mb=250.0),
}


def main() -> None:
    """Print a line for each number of streams and each client."""
    options = _options()
    print(f"{'':12}{HEADING}")
    for streams in options.streams:
        for _ in range(options.rounds):
            task = Task(streams, options.requests_a_stream, 128, 20.0, 20.0, *cores())
            figures = in_a_process(task)
            over = ", ".join(missed(figures, TARGETS.get(streams, Target())))
            print(f"{'thorexp':12}{row(streams, figures)}{'   over: ' if over else ''}{over}", flush=True)
            if options.vllm:
                print(f"{'vllm bench':12}{theirs(task, options.vllm)}", flush=True)


def missed(figures: Figures, target: Target) -> Iterator[str]:
    """What is worse than its target, and how many times."""
    for name, value, most in (
        ("TTFT mean", figures.ttft.mean, target.ttft_mean),
        ("TTFT P99", figures.ttft.p99, target.ttft_p99),
        ("CPU", figures.cpu_us, target.cpu_us),
        ("memory", figures.peak_mb, target.peak_mb),
        ("time", 1 / figures.rate, 1 / target.rate),
    ):
        if most is not None and value > most:
            yield f"{name} x {value / most:.2f}"


def theirs(task: Task, vllm: str) -> str:
    """The same load by `vllm bench serve`: how far its means lie from the server's. Its P99 is not a difference."""
    with tempfile.TemporaryDirectory() as folder, truth_server(0.02, 0.02, task.server_core) as url:
        scratch = Path(folder)
        tokenizer = write_dummy_model(scratch / "model", TINY, None, 32_000)
        report = bench_serve(
            vllm,
            [
                "--base-url", url, "--model", "truth", "--tokenizer", str(tokenizer), "--dataset-name", "random",
                "--random-input-len", "4", "--random-output-len", str(task.tokens), "--ignore-eos",
                "--num-prompts", str(task.streams * task.requests_a_stream), "--max-concurrency", str(task.streams),
            ],
            scratch,
            task.client_core,
        )  # fmt: skip
        served = list(truth(url).values())
    true_ttft, true_s = _means(served)
    rate = report["request_throughput"] * true_s / task.streams
    return (
        f"{task.streams:7}{report['mean_ttft_ms'] - true_ttft:11.3f}{'':8}{'':19}"
        f"{100 * rate:7.1f} %   P99 TTFT as reported {report['p99_ttft_ms']:.1f} ms"
    )


def _means(served: list[Served]) -> tuple[float, float]:
    """Of TTFT in ms and of a whole request in s."""
    ttft = [(each.token_ns[0] - each.arrived_ns) / NS_PER_MS for each in served]
    whole = [(each.token_ns[-1] - each.arrived_ns) / NS_PER_S for each in served]
    return float(np.mean(ttft)), float(np.mean(whole))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vllm", default=os.environ.get("THOREXP_VLLM"), help="command of a vLLM server")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8, 64, 256, 1024])
    parser.add_argument("--requests-a-stream", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
