"""A measurement becomes the files of its run directory."""

import time
from dataclasses import asdict, dataclass

from thorexp import rundir
from thorexp.cold import Coldness
from thorexp.config import JobConfig
from thorexp.machine.identity import identity
from thorexp.measure.metrics import Summary
from thorexp.prepare import PreparedJob
from thorexp.report import Result, as_json, render
from thorexp.rundir import RunDir
from thorexp.serve.server import Endpoint, PrefixCache


@dataclass(frozen=True, slots=True)
class Measurement:
    """A load that was played, in numbers. `cache`: lookups of this load alone, absent if not counted.

    `warmup_s`: how long the warm-up before it took, with the proof that the cache is cold.
    """

    summary: Summary
    warmup_s: float
    coldness: Coldness
    cache: PrefixCache | None


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
    return Result(
        model_id=endpoint.served_model,
        date=time.strftime("%Y%m%d-%H%M%S"),
        num_prompts=len(job.plan.requests),
        request_rate=job.plan.request_rate,
        burstiness=job.config.load.burstiness,
        max_concurrency=job.plan.max_concurrency,
        summary=measured.summary,
        extras=_extras(job, endpoint, measured),
    )


def _extras(job: PreparedJob, endpoint: Endpoint, measured: Measurement) -> dict[str, float | int | str | None]:
    cache, lag = measured.cache, measured.summary.schedule_lag_ms
    return {
        "cold_cache": measured.coldness.state,
        "prefix_cache_queries_tokens": cache.queries if cache else None,
        "prefix_cache_hits_tokens": cache.hits if cache else None,
        "prefix_cache_hit_rate_percent": 100.0 * cache.hits / cache.queries if cache and cache.queries else None,
        "mean_schedule_lag_ms": lag.mean if lag else None,
        "planned_input_tokens": sum(len(request.ask.prompt) for request in job.plan.requests),
        "planned_output_tokens": sum(request.ask.output_len for request in job.plan.requests),
        "plan_digest": job.plan.digest[:16],
        "served_model": endpoint.served_model,
        "vllm_version": endpoint.version,
    }
