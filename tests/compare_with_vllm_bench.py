"""thorexp beside `vllm bench serve` on one running server.

    THOREXP_VLLM="/path/to/python -m vllm.entrypoints.openai.api_server" python -m tests.compare_with_vllm_bench

Starts a tiny Qwen3 of random weights, lets both clients play the same load in turn, each time with fresh
prompts, and prints output throughput and median TPOT of each and their ratio. Exit code 1 above 5 %.
"""

import argparse
import os
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.vllm_bench import bench_serve
from thorexp.compose import job_config
from thorexp.conf_tree import conf_dir, register
from thorexp.load.generator import play
from thorexp.load.target import Target
from thorexp.measure.metrics import summarize
from thorexp.prepare import PreparedJob, prepare
from thorexp.serve.dummy_model import write_dummy_model
from thorexp.serve.prefix_cache import reset_prefix_cache
from thorexp.serve.process import start
from thorexp.serve.server import Server

TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class Figures:
    """What both clients report of one run."""

    output_throughput: float
    median_tpot_ms: float


def main() -> None:
    """Print the comparison; exit 1 when the clients disagree."""
    options = _options()
    with tempfile.TemporaryDirectory() as scratch:
        job = _job(options.vllm, options.load, seed=1)
        assert job.launch is not None
        architecture = asdict(job.config.model.architecture)
        write_dummy_model(Path(job.launch.model), architecture, None, job.config.model.prompt_token_ids)
        server = start(job.launch, Path(scratch) / "server.log")
        try:
            pairs = [_pair(server, job, options, Path(scratch), seed) for seed in range(options.rounds + 1)]
        finally:
            server.stop()
    sys.exit(_verdict(pairs[1:]))  # the first pair warms both up


def _pair(
    server: Server, job: PreparedJob, options: argparse.Namespace, scratch: Path, seed: int
) -> tuple[Figures, Figures]:
    """Each client first in every other round: what the first leaves behind must not favour one."""
    players = [
        lambda: _ours(server, _job(options.vllm, options.load, seed)),
        lambda: _theirs(server, job, options.vllm, scratch, seed),
    ]
    order = (0, 1) if seed % 2 else (1, 0)
    figures = {}
    for which in order:
        reset_prefix_cache(server.endpoint.base_url)
        figures[which] = players[which]()
    print(f"round {seed}: thorexp {figures[0]}  vllm bench serve {figures[1]}", flush=True)
    return figures[0], figures[1]


def _ours(server: Server, job: PreparedJob) -> Figures:
    target = Target(server.endpoint.base_url, server.endpoint.served_model)
    played = play(job.plan, target, check_alive=server.check_alive)
    summary = summarize(played, (99,), job.slo)
    assert summary.tpot_ms is not None, played.requests[0].error
    return Figures(summary.output_throughput, summary.tpot_ms.median)


def _theirs(server: Server, job: PreparedJob, vllm: str, scratch: Path, seed: int) -> Figures:
    assert job.launch is not None
    words = [
        "--base-url", server.endpoint.base_url, "--model", server.endpoint.served_model,
        "--tokenizer", job.launch.model, "--dataset-name", "random", "--seed", str(seed),
        "--random-input-len", str(job.config.workload.input_len),
        "--random-output-len", str(job.config.workload.output_len),
        "--num-prompts", str(len(job.plan.requests)), "--max-concurrency", str(job.plan.streams),
        "--ignore-eos",
    ]  # fmt: skip
    report = bench_serve(vllm, words, scratch)
    return Figures(report["output_throughput"], report["median_tpot_ms"])


def _verdict(pairs: list[tuple[Figures, Figures]]) -> int:
    worst = 0.0
    print(f"{'':20} {'thorexp':>10} {'vllm bench':>10} {'ratio':>7}   medians of {len(pairs)} rounds")
    for name in ("output_throughput", "median_tpot_ms"):
        ours, theirs = (statistics.median(asdict(pair[i])[name] for pair in pairs) for i in (0, 1))
        worst = max(worst, abs(ours / theirs - 1))
        print(f"{name:20} {ours:10.2f} {theirs:10.2f} {ours / theirs:7.3f}")
    print(f"largest difference {worst:.1%}, allowed {TOLERANCE:.0%}")
    return int(worst > TOLERANCE)


def _job(vllm: str, load: str, seed: int) -> PreparedJob:
    register()
    overrides = [
        "hardware=cpu",
        "model=tiny_qwen3",
        f"load={load}",
        f"workload.seed={seed}",
        f"server.command='{vllm}'",
    ]
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        tree = compose("config", overrides)
    OmegaConf.resolve(tree)
    return prepare(job_config(tree), frozenset())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vllm", default=os.environ.get("THOREXP_VLLM"), help="command of a vLLM server")
    parser.add_argument("--load", default="high")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not options.vllm:
        parser.error("name a vLLM: --vllm or THOREXP_VLLM")
    return options


if __name__ == "__main__":
    main()
