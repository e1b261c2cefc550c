"""What a search finds of a simulated board, against as many random points.

    python -m tests.bench.search [TRIALS] [SEEDS]

A Thor serves short prompts in a closed loop: most output tokens/s under a limit of the P99 TTFT, over four keys and
2,520 points, of two loads. Of each search the best point that keeps the limit is compared; exit code 1 where the median
of all seeds is not higher than that of chance.
"""

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from thorexp.compose import composed
from thorexp.conf_tree import conf_dir, register
from thorexp.measure.metrics import Slo, summarize
from thorexp.predicting import predict
from thorexp.prepare import PreparedJob, prepare
from thorexp.simulation import sim_spec
from thorexp.sweep.judging import Judged
from thorexp.sweep.objective import Limit
from thorexp.sweep.sampler import MISSED, distributions, random_params, sampler
from thorexp.sweep.search_space import Choice, Ladder, Params, Space, Value

BASE = ("predict=true", "model=qwen3_30b_a3b_fp8", "workload.input_len=512")
SPACE = Space(
    (),
    (
        Ladder("load.max_concurrency", ("2", "4", "8", "12", "16", "24", "32", "48", "64", "96")),
        Ladder("engine.max_num_seqs", ("2", "4", "8", "16", "32", "64", "128")),
        Ladder("engine.max_num_batched_tokens", tuple(map(str, range(256, 4609, 256)))),
        Choice("engine.kv_cache_dtype", ("auto", "fp8")),
    ),
)
STARTUP = int(OmegaConf.load(conf_dir() / "hydra" / "sweeper" / "optuna.yaml").startup_trials)


@dataclass(frozen=True, slots=True)
class Landscape:
    """A load, and the limit that makes a point of it one that can win."""

    name: str
    words: tuple[str, ...]
    limit: Limit

    def judged(self, params: Params) -> Judged:
        """The point as the simulator predicts it. Streams that are not there fill no place of a batch."""
        concurrency, seqs, tokens, kv_cache = (each.typed(params[each.key]) for each in SPACE.dimensions)
        return _judged(self, int(concurrency), int(seqs), int(tokens), kv_cache)


LANDSCAPES = (
    Landscape("long", ("workload.output_len=64", "load.num_prompts=96"), Limit("p99_ttft_ms", 4000.0, is_most=True)),
    Landscape("short", ("workload.output_len=32", "load.num_prompts=64"), Limit("p99_ttft_ms", 3000.0, is_most=True)),
)


@cache
def _judged(of: Landscape, concurrency: int, seqs: int, tokens: int, kv_cache: str) -> Judged:
    job = _job(of, concurrency)
    args = {"max_num_seqs": seqs, "max_num_batched_tokens": tokens, "kv_cache_dtype": kv_cache}
    played, _ = predict(job, sim_spec(job.config, job.args | args, "model"))
    summary = summarize(played, (99.0,), Slo())
    assert summary.ttft_ms is not None
    missed = of.limit.missed(dict(summary.ttft_ms.percentiles)[99.0])
    return Judged(summary.output_throughput, (missed,), "too slow" if missed > 0 else None)


@cache
def _job(of: Landscape, concurrency: int) -> PreparedJob:
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config, typed = composed(compose("config", [*BASE, *of.words], return_hydra_config=True))
    return prepare(replace(config, load=replace(config.load, max_concurrency=concurrency)), typed)


def by_optuna(judged: Callable[[Params], Judged], trials: int, seed: int) -> float:
    """The best that keeps the limit; 0 without one."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=sampler(SPACE, seed, STARTUP))
    best = 0.0
    for _ in range(trials):
        trial = study.ask(fixed_distributions=distributions(SPACE))
        found = judged(trial.params)
        trial.set_user_attr(MISSED, found.missed)
        study.tell(trial, found.value)
        best = max(best, found.value if found.why is None else 0.0)
    return best


def by_chance(judged: Callable[[Params], Judged], trials: int, seed: int) -> float:
    """The same of random points, none of them twice."""
    rng = np.random.default_rng(seed)
    tried: dict[tuple[Value, ...], float] = {}
    while len(tried) < trials:
        params = random_params(SPACE, rng)
        found = judged(params)
        tried[tuple(params.values())] = found.value if found.why is None else 0.0
    return max(tried.values())


def is_won(of: Landscape, trials: int, seeds: int) -> bool:
    """Whether the median is higher; each seed is printed, then the medians."""
    optuna = [by_optuna(of.judged, trials, seed) for seed in range(seeds)]
    chance = [by_chance(of.judged, trials, seed) for seed in range(seeds)]
    for seed, (ours, theirs) in enumerate(zip(optuna, chance, strict=True)):
        print(f"seed {seed:<3} {ours:8.2f} tok/s by Optuna {theirs:8.2f} by chance")
    won = sum(ours > theirs for ours, theirs in zip(optuna, chance, strict=True))
    lost = sum(ours < theirs for ours, theirs in zip(optuna, chance, strict=True))
    medians = statistics.median(optuna), statistics.median(chance)
    print(f"median   {medians[0]:8.2f} tok/s by Optuna {medians[1]:8.2f} by chance")
    print(f"{of.name}: {trials} trials of {SPACE.size:.0f} points: {won} of {seeds} seeds won, {lost} lost", flush=True)
    return medians[0] > medians[1]


def main(trials: int = 24, seeds: int = 10) -> int:
    """The exit code."""
    won = [is_won(each, trials, seeds) for each in LANDSCAPES]
    return 0 if all(won) else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
