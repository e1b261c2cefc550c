"""The constants of the simulator, read off published results, and what it makes of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean, geometric_mean, median

import numpy as np

from thorexp.kernels import Kernels
from thorexp.measure.metrics import Summary, summarize
from thorexp.measure.plan import LoadPlan, PlannedRequest, Stage
from thorexp.measure.window import of_stage
from thorexp.predicting import predict
from thorexp.prepare import PreparedJob
from thorexp.rooflines import roofline
from thorexp.sim.cost import Cost, Part
from thorexp.simulation import reach_of, sim_spec

MS_PER_S = 1000.0
DRAWS = 12  # of what was not published, averaged over
FELL_SHORT = 0.1  # of the prompts
SEARCHES = 18  # halvings of an interval
PREFILL_SHARES = (0.005, 1.0)
ROUTED_ALIKE = (1.0, 8.0)
# Of NVIDIA's table of W4A16 checkpoints on Thor at 1 at once, prompts cached: Qwen3 8B, 41.55 tokens/s, 5.1 GB a token.
OTHER_BANDWIDTH = 41.55 * 5.14e9 / 273e9


@dataclass(frozen=True, slots=True)
class Case:
    """A model of a published table. `kind`: its kernels' family. `high`, `low`: what was published of 8 requests at
    once and of one; `jobs`: the same load as jobs, by its name, one for each draw of what was not published.
    """

    name: str
    kind: str
    high: Summary
    low: Summary
    jobs: Mapping[str, Sequence[PreparedJob]]

    @property
    def job(self) -> PreparedJob:
        """Any of them, for what they have in common."""
        return self.jobs["low"][0]


@dataclass(frozen=True, slots=True)
class Shared:
    """What all models on a board share: the bandwidth that kernels reach, and how alike tokens are routed."""

    bandwidth: float
    routed_alike: float


def as_published(job: PreparedJob, said: Summary, draw: int) -> PreparedJob:
    """The job with as many tokens as were reported, after one request that is asked before the load.

    `vllm bench serve` of 2025 began with a first request on its own, which was in the prefix cache then. It cut the
    prompts that had become longer as text, and left those that had become shorter: how many those were is not
    published, one in ten is taken here, and `draw` tells which.
    """
    (stage,) = job.plan.stages
    rng = np.random.default_rng(draw)
    inputs = _spread(said.total_input_tokens or 0, [request.ask.input_len or 0 for request in stage.requests], rng)
    outputs = _spread(said.total_output_tokens, [request.ask.output_len or 0 for request in stage.requests], rng)
    asked = [
        replace(request, ask=replace(request.ask, prompt=request.ask.prompt[:length], output_len=output))
        for request, length, output in zip(stage.requests, inputs, outputs, strict=True)
    ]
    first = PlannedRequest(len(asked), 0, asked[0].ask)
    stages = (Stage("first", (first,)), replace(stage, requests=tuple(asked)))
    return replace(job, plan=LoadPlan(stages, job.plan.ignore_eos))


def simulated(job: PreparedJob, kernels: Kernels) -> Summary:
    """A published load on these kernels."""
    config = replace(job.config, sim=replace(job.config.sim, kernels={job.config.model.name: asdict(kernels)}))
    played, _ = predict(job, sim_spec(config, job.args, "published"))
    return summarize(of_stage(played, 1), job.config.metrics.percentiles, job.slo)


def shared_by(cases: Sequence[Case]) -> Shared:
    """Bandwidth: of dense models at 1 at once, whose step is nothing but reading. `routed_alike`: the median of what
    explains the step of 8 of each mixture of experts.
    """
    dense = [case for case in cases if not _is_moe(case)]
    bandwidth = fmean(map(_bandwidth, dense)) if dense else OTHER_BANDWIDTH
    alike = [_routed_alike(case, bandwidth) for case in cases if _is_moe(case)]
    return Shared(bandwidth, median(alike) if alike else 1.0)


def kernels_for(case: Case, shared: Shared, source: str) -> Kernels:
    """Of one model. `step_ms`: what is left of its step of 1 when all is read; `prefill`: what makes the load of 8
    take as long as it did.
    """
    alike = shared.routed_alike if _is_moe(case) else 1.0
    kernels = Kernels(shared.bandwidth, 1.0, 0.0, source, routed_alike=alike)
    if _is_moe(case):
        kernels = replace(kernels, step_ms=max(0.0, _low_tpot_ms(case) - _step_ms(case, kernels, 1)))

    def too_long(prefill: float) -> bool:
        return simulated(case.jobs["high"][0], replace(kernels, prefill=prefill)).duration_s > case.high.duration_s

    return replace(kernels, prefill=_turn(too_long, *PREFILL_SHARES))


def stand_ins(case: Case, others: Sequence[Case]) -> list[Case]:
    """Of the same family of kernels; where there are none, those of the same bits, else of all."""
    bits, _, _ = case.kind.partition("_")
    alike = [other for other in others if other.kind == case.kind]
    near = [other for other in others if other.kind.startswith(f"{bits}_")]
    return alike or near or list(others)


def together(each: Sequence[Kernels], source: str) -> Kernels:
    """Of several models that share kernels."""
    return replace(
        each[0],
        step_ms=fmean(kernels.step_ms for kernels in each),
        prefill=geometric_mean([kernels.prefill for kernels in each]),
        source=source,
    )


def errors(case: Case, kernels: Kernels) -> dict[str, float]:
    """Simulated / published − 1 of each credible figure: of the high load, and TPOT of the low one."""
    high = [simulated(job, kernels) for job in case.jobs["high"]]
    low = [simulated(job, kernels) for job in case.jobs["low"]]
    pairs = {
        "output throughput": (fmean(each.output_throughput for each in high), case.high.output_throughput),
        "mean TPOT": (fmean(_mean(each, "tpot") for each in high), _mean(case.high, "tpot")),
        "mean TTFT": (fmean(_mean(each, "ttft") for each in high), _mean(case.high, "ttft")),
        "low mean TPOT": (fmean(_mean(each, "tpot") for each in low), _mean(case.low, "tpot")),
    }
    return {name: ours / theirs - 1 for name, (ours, theirs) in pairs.items()}


def cold_ttft_ms(case: Case, kernels: Kernels) -> float:
    """The median TTFT at 1 at once with an empty prefix cache, which nobody published."""
    sample = simulated(case.job, kernels).ttft_ms
    assert sample is not None
    return sample.median


def _spread(total: int, asked: Sequence[int], rng: np.random.Generator) -> list[int]:
    """Lengths that add up to `total`: of few requests shorter than they were asked for, all by as much."""
    lengths = np.array(asked)
    few = rng.permutation(len(lengths))[: max(1, round(FELL_SHORT * len(lengths)))]
    each, rest = divmod(sum(asked) - total, len(few))
    lengths[few] -= each
    lengths[few[:rest]] -= 1
    return [int(length) for length in lengths]


def _is_moe(case: Case) -> bool:
    return case.job.config.model.architecture.num_experts is not None


def _mean(summary: Summary, name: str) -> float:
    sample = summary.tpot_ms if name == "tpot" else summary.ttft_ms
    assert sample is not None
    return sample.mean


def _low_tpot_ms(case: Case) -> float:
    return _mean(case.low, "tpot")


def _step_ms(case: Case, kernels: Kernels, batch: int) -> float:
    """Of a decode step of so many sequences, in the middle of their answers."""
    job = case.job
    limits = roofline(job.config, job.args)
    assert limits.board.bandwidth_bytes_s is not None
    reach = reach_of(kernels, limits.board.bandwidth_bytes_s, 1e30)  # computing is hidden behind reading
    said = case.low
    context = round(((said.total_input_tokens or 0) + said.total_output_tokens / 2) / said.completed)
    return Cost(limits.model, limits.precision, reach).step_s([Part(1, context)] * batch) * MS_PER_S


def _bandwidth(case: Case) -> float:
    return _step_ms(case, Kernels(1.0, 1.0, 0.0, ""), 1) / _low_tpot_ms(case)


def _routed_alike(case: Case, bandwidth: float) -> float:
    """What makes a step of 8 take as long as the median ITL, beside what a step takes that reads nothing."""
    itl = case.high.itl_ms
    assert itl is not None
    kernels = Kernels(bandwidth, 1.0, 0.0, "")
    step_ms = max(0.0, _low_tpot_ms(case) - _step_ms(case, kernels, 1))

    def too_long(alike: float) -> bool:
        return _step_ms(case, replace(kernels, step_ms=step_ms, routed_alike=alike), 8) > itl.median

    return _turn(too_long, *ROUTED_ALIKE)


def _turn(too_long: Callable[[float], bool], low: float, high: float) -> float:
    """Where a larger value stops being too long."""
    for _ in range(SEARCHES):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if too_long(middle) else (low, middle)
    return high
