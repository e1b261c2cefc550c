"""What a load left behind becomes the findings that it is judged by."""

from collections.abc import Iterator, Sequence

from thorexp.asking import other_model
from thorexp.left import Left
from thorexp.machine.gpus import GpuState
from thorexp.machine.identity import identity
from thorexp.machine.state import MachineState
from thorexp.measure.degenerate import degenerate
from thorexp.measure.findings import Findings
from thorexp.measure.grounds.answers import Lengths
from thorexp.measure.grounds.cache import CacheUse
from thorexp.measure.grounds.machine import MachineFound, PowerState
from thorexp.measure.grounds.server import OtherLoad, ServerWork
from thorexp.measure.grounds.steadiness import Halves, Rest, halves
from thorexp.measure.limits import Roofline, Utilization, tpot_against, ttft_against
from thorexp.measure.metrics import Summary, output_tokens
from thorexp.measure.plan import LoadPlan
from thorexp.measure.power import Power
from thorexp.measure.records import RequestRecord
from thorexp.measure.reuse import Reuse
from thorexp.prepare import PreparedJob
from thorexp.samples import Sample
from thorexp.serve.kernels import slow_kernels
from thorexp.serve.known_problems import Problem
from thorexp.setting import problems_of
from thorexp.watching import gpus_of, is_other_machine

SEVERAL_TOKENS = 1.01  # a chunk: above it, gaps between chunks are not gaps between tokens


def findings(
    job: PreparedJob, left: Left, limits: Roofline, reuse: Reuse | None, used: Utilization, power: Power | None = None
) -> Findings:
    """All grounds that the job and what is left of it give. A model may have nothing to say to one question."""
    answered = [sample for sample in left.samples if sample.text is not None]
    texts = [sample for sample in answered if sample.text] or answered
    good, is_simulated = left.good, left.origin == "simulated"
    return Findings(
        summary=left.summary,
        is_open=job.plan.is_open,
        # A simulation cannot be faster than the board but by what is told of it as late.
        ttft=() if is_simulated else ttft_against(good, limits, {} if reuse is None else reuse.each),
        tpot=() if is_simulated or _may_draft(job, left.summary) else tpot_against(good, limits),
        # What sequences share of the KV cache may be read once for all of them.
        used=used if reuse is not None and reuse.total == 0 and not is_simulated else Utilization(),
        lengths=lengths(job.plan, good),
        cache=_cache(left, reuse),
        server=_server(job, left),
        machine=_machine(job, left),
        halves=_halves(job.plan, good),
        rest=_rest(left, power),
        degenerate=tuple(_degenerate(texts)),
        texts=len(texts),
    )


def _cache(left: Left, reuse: Reuse | None) -> CacheUse:
    cache = left.cache
    return CacheUse(
        left.coldness.state,
        queries=None if cache is None else cache.queries,
        hits=None if cache is None else cache.hits,
        reusable=None if reuse is None else reuse.total,
        asked=_answered_prompts(left),
    )


def _answered_prompts(left: Left) -> int | None:
    """Tokens of all prompts that were looked up; absent where one was not answered, and nobody counted it."""
    sent = [record for record in left.played.requests if record.sent_ns is not None]
    counted = [record.input_tokens for record in sent if record.ok and record.input_tokens is not None]
    return sum(counted) if len(counted) == len(sent) else None


def _rest(left: Left, power: Power | None) -> Rest | None:
    """Absent without samples on both sides."""
    if power is None or left.watched.idle is None:
        return None
    idle = power.series.within(*left.watched.idle)
    load = power.series.within(left.played.start_ns, left.played.end_ns)
    if idle.mean is None or load.mean is None:
        return None
    return Rest(min(idle.values), idle.mean, max(idle.values), load.mean)


def _may_draft(job: PreparedJob, summary: Summary) -> bool:
    """Whether somebody else's server may decode several tokens a step: its arguments are not known."""
    return job.launch is None and (summary.tokens_per_chunk or 1.0) > SEVERAL_TOKENS


def lengths(plan: LoadPlan, good: Sequence[RequestRecord]) -> Lengths | None:
    """Asked for and served; absent where answers may end when they like, or nobody said how long they shall be."""
    asked = {request.index: request.ask.output_len for request in plan.requests}
    wanted = [length for record in good if (length := asked[record.index]) is not None]
    if not plan.ignore_eos or len(wanted) < len(good):
        return None
    served = [output_tokens(record) for record in good]
    short = sum(got < length for got, length in zip(served, wanted, strict=True))
    return Lengths(sum(wanted), sum(served), short)


def _halves(plan: LoadPlan, good: Sequence[RequestRecord]) -> Halves | None:
    """Of a load that is the same from begin to end: in an open loop as many are under way as chance has it."""
    stage, *others = plan.stages
    is_steady = not others and len(stage.limits) <= 1 and stage.closed
    grows = any(request.follows is not None for request in plan.requests)
    return halves(good, stage.max_concurrency or max(len(good), 1)) if is_steady and not grows else None


def known_problems(job: PreparedJob, left: Left) -> tuple[Problem, ...]:
    """Of the server, by its version and its log; one that is none on this board has none."""
    return problems_of(job.config, left.version, left.log) if left.origin == "measured" else ()


def _server(job: PreparedJob, left: Left) -> ServerWork:
    percent = left.kv_cache_percent
    return ServerWork(
        preemptions=left.counted.preemptions,
        queue_ms=left.counted.mean_queue_ms,
        kv_cache=None if percent is None else percent / 100,
        slow_kernels=tuple((slow.line, slow.remedy) for slow in slow_kernels(left.log)),
        known_problems=tuple((each.words, each.remedy) for each in known_problems(job, left) if each.is_doubtful),
        simulation_late=left.counted.late_share,
        others=_others(left),
        other_model=None if job.launch is not None else other_model(job.config, left.model),
    )


def _others(left: Left) -> OtherLoad:
    """Those that the load has sent are ours, be it that the server was told to give them up."""
    return OtherLoad(
        before=None if left.before is None else left.before.under_way,
        after=None if left.after is None else left.after.under_way,
        answered=left.counted.requests,
        sent=len(left.sent),
    )


def _machine(job: PreparedJob, left: Left) -> MachineFound | None:
    """Absent where the server is on another machine, of which nobody tells."""
    before, after = left.watched.before, left.watched.after
    if before is None or after is None:
        return None
    hardware, gpus = job.config.hardware, gpus_of(job.config)
    return MachineFound(
        hardware=hardware.name,
        description=identity().description,
        is_other=is_other_machine(hardware.match),
        before=_power_state(before, gpus),
        after=_power_state(after, gpus),
        throttling=left.throttling,
    )


def _power_state(state: MachineState, gpus: Sequence[int] | None) -> PowerState:
    """Of a Jetson its power mode; of other GPUs, or those that count, the lowest limit that somebody has set."""
    if state.power_mode is not None or state.power_mode_id is not None:
        return PowerState(state.power_mode or f"{state.power_mode_id}", state.power_mode_is_max, state.clocks_locked)
    limits = [(gpu.power_limit_w, gpu.default_power_limit_w) for gpu in _counting(state, gpus)]
    lowered = [(limit, usual) for limit, usual in limits if limit is not None and usual is not None and limit < usual]
    if not lowered:
        return PowerState(clocks_locked=state.clocks_locked)
    limit, usual = min(lowered)
    return PowerState(f"a limit of {limit:g} W where {usual:g} W are usual", False, state.clocks_locked)


def _counting(state: MachineState, gpus: Sequence[int] | None) -> list[GpuState]:
    return [gpu for index, gpu in enumerate(state.gpus) if gpus is None or index in gpus]


def _degenerate(texts: Sequence[Sample]) -> Iterator[str]:
    for sample in texts:
        if sample.text is not None and (why := degenerate(sample.text)) is not None:
            yield f"to {sample.prompt!r}: {why}"
