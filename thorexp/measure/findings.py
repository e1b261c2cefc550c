"""What was found of a result, judged on every ground."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from thorexp.measure.grounds import answers, cache, client, limits, machine, server, steadiness
from thorexp.measure.grounds.answers import Lengths
from thorexp.measure.grounds.cache import CacheUse
from thorexp.measure.grounds.machine import MachineFound
from thorexp.measure.grounds.server import ServerWork
from thorexp.measure.grounds.steadiness import Halves, Rest
from thorexp.measure.limits import Against, Utilization
from thorexp.measure.metrics import Summary
from thorexp.measure.stats import Distribution, percentile_word
from thorexp.measure.verdict import Reason, Thresholds, Verdict, verdict

# Every reason there can be, of one result and of points beside each other.
NAMES = (
    "prefix_cache_hits", "cold_cache_not_verified", "ttft_below_prefill_limit", "tpot_below_decode_limit",
    "batch_above_bandwidth", "degenerate_text", "failed_requests", "stopped_load", "answer_lengths",
    "tokens_in_one_read", "client_lag", "schedule_lag", "client_saturated", "preemptions", "kv_cache_full",
    "server_queue", "slow_kernels", "known_problem", "simulation_late", "other_load", "other_model",
    "other_machine", "power_mode", "clocks", "throttling", "drift", "few_samples", "unsteady_rest",
    "repeats_disagree", "output_lengths_differ",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that is known of a result. What is absent accuses nobody.

    `is_open`: whether requests were due at times of their own. `ttft`, `tpot`: beside what the hardware allows, and
    how much of it is `used`; empty where that is unknown. `lengths`: absent where answers may end when they like.
    `halves`: absent of a load that changes by itself. `rest`: absent where no power was told before the load.
    `degenerate`: of so many sampled `texts` those that are none, in words.
    """

    summary: Summary
    is_open: bool = False
    ttft: tuple[Against, ...] = ()
    tpot: tuple[Against, ...] = ()
    used: Utilization = field(default_factory=Utilization)
    lengths: Lengths | None = None
    cache: CacheUse | None = None
    server: ServerWork = field(default_factory=ServerWork)
    machine: MachineFound | None = None
    halves: Halves | None = None
    rest: Rest | None = None
    degenerate: tuple[str, ...] = ()
    texts: int = 0


def judge(found: Findings, limits_of_belief: Thresholds) -> Verdict:
    """Every reason there is, weighed."""
    reasons = (reason for reason in _reasons(found, limits_of_belief) if reason is not None)
    return verdict(reasons, limits_of_belief.accept)


def _reasons(found: Findings, believed: Thresholds) -> Iterator[Reason | None]:
    summary, work = found.summary, found.server
    if found.cache is not None:
        yield cache.prefix_cache_hits(found.cache, believed.cache_hits)
        yield cache.cold_cache_not_verified(found.cache)
    yield limits.ttft_below_prefill_limit(found.ttft, believed.below_limit)
    impossible = limits.tpot_below_decode_limit(found.tpot, believed.below_limit)
    yield impossible or limits.batch_above_bandwidth(found.used, believed.below_limit)
    yield answers.degenerate_text(found.degenerate, found.texts)
    if summary.stopped is None:  # else those that the stop gave up are no failures of the server's
        yield answers.failed_requests(summary.completed, summary.failed, believed.failed)
    yield answers.stopped_load(summary.stopped)
    yield answers.answer_lengths(found.lengths)
    yield answers.tokens_in_one_read(summary.one_read_share, believed.one_read)
    yield client.client_lag(summary, believed.client_lag, believed.one_read)
    yield client.schedule_lag(summary, believed.client_lag, is_open=found.is_open)
    yield client.client_saturated(summary, believed.client_cpu)
    yield server.preemptions(work.preemptions)
    yield server.kv_cache_full(work.kv_cache, believed.kv_cache)
    yield server.server_queue(work.queue_ms, summary.ttft_ms.mean if summary.ttft_ms else None, believed.server_queue)
    yield server.slow_kernels(work.slow_kernels)
    yield server.known_problem(work.known_problems)
    yield server.simulation_late(work.simulation_late, believed.client_lag)
    yield server.other_load(work.others)
    yield server.other_model(work.other_model)
    if found.machine is not None:
        yield machine.other_machine(found.machine)
        yield machine.power_mode(found.machine)
        yield machine.clocks(found.machine)
        yield machine.throttling(found.machine, believed.throttled)
    yield steadiness.drift(found.halves, believed.drift)
    yield steadiness.unsteady_rest(found.rest)
    yield answers.few_samples(unsupported(summary, is_open=found.is_open))


def unsupported(summary: Summary, *, is_open: bool) -> dict[str, tuple[int, float]]:
    """Percentiles of latencies that their samples do not support (`stats.supports`): count and p, by key."""
    return {
        f"{percentile_word(p)}_{name}_ms": (sample.count, p)
        for name, sample in _shown(summary, is_open=is_open).items()
        if sample is not None
        for p in sample.unsupported
    }


def _shown(summary: Summary, *, is_open: bool) -> dict[str, Distribution | None]:
    always = {"ttft": summary.ttft_ms, "tpot": summary.tpot_ms, "itl": summary.itl_ms, "e2el": summary.e2el_ms}
    if not is_open:
        return always
    return always | {
        "ttft_from_schedule": summary.ttft_from_schedule_ms,
        "e2el_from_schedule": summary.e2el_from_schedule_ms,
    }
