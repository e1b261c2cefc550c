"""A load and a run in another time: what is played faster is told as it would have been."""

from collections.abc import Iterable
from dataclasses import replace

from thorexp.measure.metrics import Slo
from thorexp.measure.plan import LoadPlan, Stage
from thorexp.measure.records import RequestRecord, RunRecord, StageRecord


def faster(plan: LoadPlan, speedup: float) -> LoadPlan:
    """The same load in so many times less time."""
    if speedup == 1:
        return plan
    return replace(plan, stages=tuple(_faster_stage(stage, speedup) for stage in plan.stages))


def faster_slo(slo: Slo, speedup: float) -> Slo:
    """The limits that what is played that much faster must keep."""
    limits = (slo.ttft_ms, slo.tpot_ms, slo.itl_p99_ms, slo.e2el_ms)
    ttft, tpot, itl, e2el = (None if limit is None else limit / speedup for limit in limits)
    return Slo(ttft_ms=ttft, tpot_ms=tpot, itl_p99_ms=itl, e2el_ms=e2el)


def slower(run: RunRecord, speedup: float) -> RunRecord:
    """What was played so much faster, in the time that it stands for: all spans from its start on are that much
    longer, what the client added to them too. `cpu_share` stays: it is of the time that the client had.
    """
    if speedup == 1:
        return run

    def later(ns: int) -> int:
        return run.start_ns + round((ns - run.start_ns) * speedup)

    def all_later(stamps: Iterable[int]) -> tuple[int, ...]:
        return tuple(map(later, stamps))

    def request(record: RequestRecord) -> RequestRecord:
        return replace(
            record,
            scheduled_ns=later(record.scheduled_ns),
            released_ns=later(record.released_ns),
            sent_ns=None if record.sent_ns is None else later(record.sent_ns),
            token_ns=all_later(record.token_ns),
        )

    return replace(
        run,
        end_ns=later(run.end_ns),
        requests=tuple(map(request, run.requests)),
        stages=tuple(StageRecord(each.name, later(each.start_ns), later(each.end_ns)) for each in run.stages),
        loop_lag_ns=tuple(round(lag * speedup) for lag in run.loop_lag_ns),
        held_ns=tuple((later(begin), later(end)) for begin, end in run.held_ns),
    )


def _faster_stage(stage: Stage, speedup: float) -> Stage:
    return replace(
        stage,
        requests=tuple(replace(request, due_ns=round(request.due_ns / speedup)) for request in stage.requests),
        limits=tuple((round(offset_ns / speedup), limit) for offset_ns, limit in stage.limits),
        length_ns=None if stage.length_ns is None else round(stage.length_ns / speedup),
    )
