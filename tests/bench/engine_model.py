"""How well the engine model describes a real vLLM on a CPU: two concurrencies are fitted, three others predicted.

    [THOREXP_VLLM="/path/to/python -m vllm.entrypoints.openai.api_server"] python -m tests.bench.engine_model

Closed loops of the same prompts on one server, warmed up and cold. Bandwidth, FLOP/s, `step_s` and `sequence_s` are
fitted to throughput, mean TTFT and mean TPOT at 1 and 8 at once; `request_s` is that of conf/sim/default.yaml.
Bandwidth and `step_s` mean little alone: both are a constant of each step here. Judges nothing: these are figures of
one machine at one moment.
"""

import argparse
import math
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from hydra import compose, initialize_config_dir

from tests.command_line import thorexp
from thorexp.compose import job_config
from thorexp.conf_tree import conf_dir, register
from thorexp.measure.metrics import Slo, summarize
from thorexp.predicting import predict
from thorexp.prepare import PreparedJob, prepare
from thorexp.rooflines import roofline
from thorexp.rundir import PLAN, SUMMARY
from thorexp.sim.cost import Reach
from thorexp.sim.engine import Limits
from thorexp.sim.spec import SimSpec

FITTED, PREDICTED = (1, 8), (2, 4, 12)
HEADS = ("tokens/s", "TTFT ms", "TPOT ms", "P99 ITL ms")  # the first three are fitted
LIMITS = Limits(max_num_seqs=16, max_num_batched_tokens=512, max_model_len=4096, num_blocks=4096)
# Steps of some 20 ms and prompts of some 150 ms, beside which a client's error is small.
WORDS = (
    "hardware=cpu", "model=tiny_qwen3", "model.architecture.num_hidden_layers=8", "model.architecture.hidden_size=768",
    "model.architecture.num_attention_heads=12", "model.architecture.num_key_value_heads=4",
    "model.architecture.head_dim=64", "model.architecture.intermediate_size=2048",
    f"engine.max_num_seqs={LIMITS.max_num_seqs}", f"engine.max_num_batched_tokens={LIMITS.max_num_batched_tokens}",
    "load=high", "load.num_prompts=40", "load.num_warmups=4", "workload.input_len=256", "workload.output_len=64",
    "tracking.enabled=false",
)  # fmt: skip
BEGIN = Reach(bandwidth_bytes_s=2e10, flops_s=2e11, step_s=0.005, sequence_s=0.001)  # of the search
WIDEST, NARROWEST = math.log(2), math.log(1.002)
HELPS = 0.99  # else a search goes on for ever towards a bandwidth without end

Vector = tuple[float, ...]
Loads = Mapping[int, PreparedJob]


def main() -> None:
    """Measure, fit, predict, print."""
    words = (*WORDS, f"server.command='{_vllm()}'")
    jobs = {at_once: _job((*words, f"load.max_concurrency={at_once}")) for at_once in sorted(FITTED + PREDICTED)}
    print(f"load average {os.getloadavg()[0]:.2f} before it, on {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        real = measured(Path(folder), words, jobs)
    reach = fitted({at_once: jobs[at_once] for at_once in FITTED}, real)
    print(
        f"fitted: {reach.bandwidth_bytes_s / 1e9:.1f} GB/s, {reach.flops_s / 1e9:.0f} GFLOP/s, "
        f"{1e3 * reach.step_s:.2f} ms a step, {1e3 * reach.sequence_s:.2f} ms a sequence\n"
    )
    print(f"{'':14}" + "".join(f"{head:>27}" for head in HEADS))
    print(f"{'at once':14}" + f"{'measured':>11}{'model':>8}{'%':>8}" * len(HEADS))
    off = {at_once: _row(at_once, real[at_once], simulated(job, reach)) for at_once, job in jobs.items()}
    for name, of in (("median of predicted", median), ("worst of predicted", max)):
        sizes = [of([abs(off[at_once][place]) for at_once in PREDICTED]) for place in range(len(HEADS))]
        print(f"{name:19}{sizes[0]:22.1f}" + "".join(f"{size:27.1f}" for size in sizes[1:]))


def measured(folder: Path, words: Sequence[str], jobs: Loads) -> dict[int, Vector]:
    """Each load on one real server, its prefix cache proven cold before; as HEADS say."""
    ran = thorexp(folder, "-m", *words, f"load.max_concurrency={','.join(map(str, jobs))}", timeout_s=1800)
    summaries = {each.read_json(PLAN)["digest"]: each.read_json(SUMMARY)["summary"] for each in ran.run_dirs}
    if ran.code or summaries.keys() != {job.digest for job in jobs.values()}:
        raise SystemExit(f"exit code {ran.code}, {len(summaries)} of {len(jobs)} loads\n{ran.err[-3000:]}")
    return {at_once: _figures(summaries[job.digest]) for at_once, job in jobs.items()}


def simulated(job: PreparedJob, reach: Reach) -> Vector:
    """The same load on the model of that engine; as HEADS say."""
    shape, request_s = roofline(job.config, job.args), job.config.sim.request_ms / 1e3
    played, _ = predict(job, SimSpec("model", shape.model, shape.precision, reach, LIMITS, request_s))
    return _figures(asdict(summarize(played, (99.0,), Slo())))


def fitted(jobs: Loads, real: Mapping[int, Vector]) -> Reach:
    """What brings the model nearest: by the squares of the logs of its ratios to what was measured."""

    def distance(logs: Vector) -> float:
        models = {at_once: simulated(job, Reach(*map(math.exp, logs))) for at_once, job in jobs.items()}
        pairs = (pair for at_once in jobs for pair in zip(models[at_once][:3], real[at_once][:3], strict=True))
        return sum(math.log(ours / theirs) ** 2 for ours, theirs in pairs)

    begin = (BEGIN.bandwidth_bytes_s, BEGIN.flops_s, BEGIN.step_s, BEGIN.sequence_s)
    return Reach(*map(math.exp, least(distance, tuple(map(math.log, begin)))))


def least(distance: Callable[[Vector], float], begin: Vector) -> Vector:
    """By Hooke and Jeeves' pattern search: each coordinate up and down, then on to where that leads, else half as
    wide.
    """
    best, low, width = begin, distance(begin), WIDEST
    while width > NARROWEST:
        here, value = best, low
        for place in range(len(begin)):
            around = [(*here[:place], here[place] + step, *here[place + 1 :]) for step in (width, -width)]
            value, here = min([(value, here), *((distance(there), there) for there in around)])
        if value > HELPS * low:
            width /= 2
        further = tuple(2 * new - old for new, old in zip(here, best, strict=True))
        low, best = min((value, here), (distance(further), further))
    return best


def _row(at_once: int, real: Vector, model: Vector) -> Vector:
    """Print it; the errors in %."""
    errors = tuple(100 * (ours / theirs - 1) for theirs, ours in zip(real, model, strict=True))
    cells = (f"{cell[0]:11.1f}{cell[1]:8.1f}{cell[2]:+8.1f}" for cell in zip(real, model, errors, strict=True))
    print(f"{at_once:<4}{'fitted' if at_once in FITTED else 'predicted':10}" + "".join(cells))
    return errors


def _figures(summary: Mapping[str, Any]) -> Vector:
    itl_p99: float = dict(map(tuple, summary["itl_ms"]["percentiles"]))[99.0]
    return (summary["output_throughput"], summary["ttft_ms"]["mean"], summary["tpot_ms"]["mean"], itl_p99)


def _job(words: Sequence[str]) -> PreparedJob:
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return prepare(job_config(compose("config", list(words))), frozenset())


def _vllm() -> str:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vllm", default=os.environ.get("THOREXP_VLLM"), help="command of a vLLM server")
    vllm: str | None = parser.parse_args().vllm
    return vllm or parser.error("no vLLM: name one with --vllm or in THOREXP_VLLM")


if __name__ == "__main__":
    main()
