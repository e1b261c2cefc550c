"""A measurement becomes the files of its run directory."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

from thorexp import rundir
from thorexp.cold import Coldness
from thorexp.config import JobConfig
from thorexp.machine.identity import identity
from thorexp.measure.metrics import WORST, Summary
from thorexp.measure.stats import Distribution, percentile_word
from thorexp.prepare import PreparedJob
from thorexp.report import Extra, Result, as_json, render, unsupported_percentiles
from thorexp.rundir import RunDir
from thorexp.serve.prefix_cache import PrefixCache
from thorexp.serve.server import Endpoint

SEVERAL_TOKENS = 1.01  # a chunk: above it, gaps between chunks are not gaps between tokens


@dataclass(frozen=True, slots=True)
class Measurement:
    """A load that was played, in numbers; `stages` too, by name, where there are several.

    `cache`: lookups of this load alone, absent if not counted. `reusable_tokens`: what such a cache could find of
    it, absent where nobody knows. `excluded`: requests that `load.exclude_*` leaves out of the summary. `warmup_s`:
    how long the warm-up before it took, with the proof that the cache is cold.
    """

    summary: Summary
    stages: tuple[tuple[str, Summary], ...]
    warmup_s: float
    coldness: Coldness
    cache: PrefixCache | None
    reusable_tokens: int | None
    excluded: int = 0


def keep_result(job: PreparedJob, endpoint: Endpoint, measured: Measurement, run_dir: RunDir) -> None:
    """Write summary, result, report and machine."""
    result = _result(job, endpoint, measured)
    run_dir.write_json(rundir.MACHINE, {"client": asdict(identity()), "server": asdict(endpoint)})
    run_dir.write_json(rundir.SUMMARY, asdict(measured))
    run_dir.write_json(rundir.RESULT, as_json(result))
    run_dir.write_text(rundir.REPORT, render(result))


def tags(config: JobConfig, vllm_version: str | None) -> dict[str, str]:
    """What a job is filtered by; a tag whose value is not known is left out."""
    ours = identity()
    known = {
        "model": config.model.name,
        "quantization": config.quantization.name,
        "hardware": config.hardware.name,
        "load": config.load.name,
        "workload": config.workload.name,
        "server": config.server.kind.value,
        "vllm_version": vllm_version,
        "thorexp_version": ours.thorexp,
        "git_commit": ours.git_commit,
        "hostname": ours.hostname,
    }
    return {name: value for name, value in known.items() if value is not None}


def _result(job: PreparedJob, endpoint: Endpoint, measured: Measurement) -> Result:
    bare = Result(
        model_id=endpoint.served_model,
        date=time.strftime("%Y%m%d-%H%M%S"),
        num_prompts=len(job.plan.requests),
        request_rate=job.plan.request_rate,
        burstiness=job.config.load.burstiness,
        max_concurrency=job.plan.max_concurrency,
        summary=measured.summary,
        extras={},
        is_open=job.plan.is_open,
    )
    return replace(bare, extras=dict(_extras(job, endpoint, measured, unsupported_percentiles(bare))))


def _extras(
    job: PreparedJob, endpoint: Endpoint, measured: Measurement, unsupported: tuple[str, ...]
) -> Iterator[tuple[str, Extra]]:
    """What applies to this job; what applies and is not known is None."""
    summary, cache = measured.summary, measured.cache
    if summary.stopped is not None:
        yield "stopped", summary.stopped
    yield "cold_cache", measured.coldness.state
    yield "prefix_cache_queries_tokens", cache.queries if cache else None
    yield "prefix_cache_hits_tokens", cache.hits if cache else None
    yield "prefix_cache_hit_rate_percent", 100.0 * cache.hits / cache.queries if cache and cache.queries else None
    yield "reusable_prompt_tokens", measured.reusable_tokens
    yield from _client_figures(job, summary)
    if summary.goodput_fraction is not None:
        yield "goodput_percent", 100.0 * summary.goodput_fraction
    if summary.unsent:
        yield "unsent_requests", summary.unsent
    if summary.errors:
        yield "errors", summary.errors
    if measured.excluded:
        yield "excluded_requests", measured.excluded
    if summary.tokens_per_chunk is not None and summary.tokens_per_chunk > SEVERAL_TOKENS:
        yield "tokens_per_chunk", summary.tokens_per_chunk
    yield "planned_input_tokens", job.plan.input_tokens
    yield "planned_output_tokens", job.plan.output_tokens
    yield "plan_digest", job.digest[:16]
    yield "endpoint", job.config.endpoint.name
    yield "served_model", endpoint.served_model
    yield "vllm_version", endpoint.version
    if unsupported:
        yield "unsupported_percentiles", unsupported
    if measured.stages:
        yield "stages", {name: dict(_stage_figures(stage)) for name, stage in measured.stages}


def _client_figures(job: PreparedJob, summary: Summary) -> Iterator[tuple[str, float | None]]:
    """What the client itself may have added; in an open loop also what a request met that came when it was due."""
    if job.plan.is_open:
        lag = summary.schedule_lag_ms
        yield "mean_schedule_lag_ms", lag.mean if lag else None
        yield from _from_schedule("ttft", summary.ttft_from_schedule_ms)
        yield from _from_schedule("e2el", summary.e2el_from_schedule_ms)
    cpu, lags = summary.client_cpu_share, summary.loop_lag_ms
    yield "client_cpu_percent", None if cpu is None else 100.0 * cpu
    yield "mean_loop_lag_ms", lags.mean if lags else None
    yield "max_loop_lag_ms", dict(lags.percentiles)[WORST] if lags else None


def _from_schedule(name: str, sample: Distribution | None) -> Iterator[tuple[str, float | None]]:
    yield f"mean_{name}_from_schedule_ms", sample.mean if sample else None
    for p, value in sample.percentiles if sample else ():
        yield f"{percentile_word(p)}_{name}_from_schedule_ms", value


def _stage_figures(stage: Summary) -> Iterator[tuple[str, float | int]]:
    yield "completed", stage.completed
    yield "failed", stage.failed
    yield "duration", stage.duration_s
    yield "request_throughput", stage.request_throughput
    yield "output_throughput", stage.output_throughput
    if stage.goodput_fraction is not None:
        yield "goodput_percent", 100.0 * stage.goodput_fraction
    for name, sample in (("ttft", stage.ttft_ms), ("tpot", stage.tpot_ms), ("e2el", stage.e2el_ms)):
        if sample is not None:
            yield f"median_{name}_ms", sample.median
            for p, value in sample.percentiles:
                yield f"{percentile_word(p)}_{name}_ms", value
