"""python -m thorexp.fit: the simulator's constants, from the credible rows of the published table that thorexp ships.

Prints what it makes of them beside what was published: with constants of each model, with those of each family of
kernels, and of a model that was left out. Then the constants, as conf/sim/default.yaml has them.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from statistics import median

import yaml

from thorexp.baseline import baseline_results, shipped
from thorexp.compose import job_config
from thorexp.conf_tree import tree_of
from thorexp.fitting import (
    DRAWS,
    Case,
    as_published,
    cold_ttft_ms,
    errors,
    kernels_for,
    shared_by,
    stand_ins,
    together,
)
from thorexp.kernels import Kernels, family_of
from thorexp.own_error import at_edge
from thorexp.prepare import PreparedJob, prepare
from thorexp.published import Judged
from thorexp.results.page import piped

BASELINE = "thor_blog_2025_10"
NOT_CREDIBLE = "fp8"  # decodes faster than its weights can be read, so not all of it was computed
# As the published server scheduled: at most one prompt a step.
AS_SERVED = ("dry_run=true", "server.command=none-is-started", "engine.max_num_batched_tokens=2048")
FIGURES = ("output throughput", "mean TPOT", "mean TTFT", "low mean TPOT")


def main() -> int:
    """Fit and print."""
    cases = tuple(published_cases())
    own, families = fitted(cases)
    for line in _report(cases, own, families):
        print(line, flush=True)
    print(yaml.safe_dump({"kernels": as_config(families)}, sort_keys=False, width=120))
    return 0


def fitted(cases: Sequence[Case]) -> tuple[dict[str, Kernels], dict[str, Kernels]]:
    """Of each model by its published name, and of each family."""
    shared = shared_by(cases)
    own = {case.name: kernels_for(case, shared, f"{case.name} of {BASELINE}") for case in cases}
    kinds = dict.fromkeys(case.kind for case in cases)
    return own, {kind: _of_family([own[case.name] for case in cases if case.kind == kind]) for kind in kinds}


def as_config(families: Mapping[str, Kernels]) -> dict[str, dict[str, float]]:
    """By the names of sim.kernels, to four digits."""
    keys = ("bandwidth", "prefill", "step_ms", "routed_alike")
    said = {name: asdict(kernels) for name, kernels in families.items()}
    return {name: {key: float(f"{said[name][key]:.4g}") for key in keys} for name in families}


def published_cases() -> Iterator[Case]:
    """The models of the table, but for those whose figures are impossible."""
    by_model: dict[str, dict[str, Judged]] = {}
    for result in baseline_results(shipped(BASELINE)):
        if result.config.quantization.kernels != NOT_CREDIBLE:
            by_model.setdefault(result.name, {})["low" if result.at_once == "1" else "high"] = result
    for name, results in by_model.items():
        high, low = results["high"], results["low"]
        yield Case(
            name=name,
            kind=family_of(high.config),
            high=high.summary,
            low=low.summary,
            jobs={"high": tuple(_jobs(high, "high", DRAWS)), "low": tuple(_jobs(low, "low", 1))},
        )


def _jobs(result: Judged, load: str, draws: int) -> Iterator[PreparedJob]:
    config = job_config(tree_of((f"model={result.config.model.name}", f"load={load}", *AS_SERVED)))
    job = prepare(config, frozenset())
    return (as_published(job, result.summary, draw) for draw in range(draws))


def _of_family(each: Sequence[Kernels]) -> Kernels:
    return together(each, ", ".join(kernels.source for kernels in each))


def _report(cases: Sequence[Case], own: Mapping[str, Kernels], families: Mapping[str, Kernels]) -> Iterator[str]:
    yield from _table("Constants of each model", {case.name: errors(case, own[case.name]) for case in cases})
    yield from _table("Constants of each family", {case.name: errors(case, families[case.kind]) for case in cases})
    left_out = {}
    for case in cases:
        others = [other for other in cases if other is not case]
        shared, near = shared_by(others), stand_ins(case, others)
        kernels = together([kernels_for(other, shared, "") for other in near], "")
        left_out[f"{case.name}, from {', '.join(other.name for other in near)}"] = errors(case, kernels)
    yield from _table("Each model left out of the fit", left_out)
    yield "The median TTFT at 1 at once that a cold server would have had, in ms:"
    yield ""
    yield piped(("model", "published", "simulated, cold"))
    yield piped(("---", "---:", "---:"))
    for case in cases:
        assert case.low.ttft_ms is not None
        yield piped((case.name, f"{case.low.ttft_ms.median:.1f}", f"{cold_ttft_ms(case, own[case.name]):.0f}"))
    yield ""


def _table(title: str, found: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """Errors in percent, and what they come to without their signs."""
    yield f"{title}: simulated against published, in %"
    yield ""
    yield piped(("model", *FIGURES))
    yield piped(("---", *("---:" for _ in FIGURES)))
    for name, errors_of in found.items():
        yield piped((name, *(f"{100 * errors_of[figure]:+.1f}" for figure in FIGURES)))
    sizes = {figure: [abs(100 * each[figure]) for each in found.values()] for figure in FIGURES}
    yield piped(("median", *(f"{median(sizes[figure]):.1f}" for figure in FIGURES)))
    yield piped(("worst", *(f"{max(sizes[figure]):.1f}" for figure in FIGURES)))
    yield ""


if __name__ == "__main__":
    sys.exit(at_edge(main))
