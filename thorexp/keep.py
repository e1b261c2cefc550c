"""A measurement becomes the files of its run directory."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from thorexp import rundir
from thorexp.config import JobConfig
from thorexp.found import SEVERAL_TOKENS, known_problems
from thorexp.kernels import kernels_of
from thorexp.left import Left
from thorexp.machine.identity import identity
from thorexp.measure.energy import Energy
from thorexp.measure.metrics import WORST, Summary
from thorexp.measure.stats import Distribution, percentile_word
from thorexp.measure.verdict import Verdict
from thorexp.prepare import PreparedJob
from thorexp.rehearsal import left_out
from thorexp.report import Extra, Result, as_json, render
from thorexp.rundir import RunDir
from thorexp.serve.said import Said
from thorexp.serve.server import Endpoint
from thorexp.simulation import origin_of
from thorexp.trust import Trust, trust
from thorexp.watching import gpus_of


@dataclass(frozen=True, slots=True)
class Measurement:
    """A load that was played, in numbers; `stages` too, by name, where there are several.

    `warmup_s`: how long the warm-up before it took, with the proof that the cache is cold.
    """

    left: Left
    stages: tuple[tuple[str, Summary], ...]
    warmup_s: float

    @property
    def excluded(self) -> int:
        """Requests that `load.exclude_*` leaves out of the summary."""
        return len(self.left.played.requests) - len(self.left.counting.requests)


def keep_result(job: PreparedJob, endpoint: Endpoint, measured: Measurement, run_dir: RunDir) -> Verdict:
    """Judge it, and write summary, verdict, result, report and machine."""
    left = measured.left
    backed = trust(job, left)
    result = _result(job, endpoint, measured, backed)
    run_dir.write_json(rundir.MACHINE, _machine(job, endpoint, left))
    run_dir.write_json(rundir.SUMMARY, _summary(job, measured, backed))
    run_dir.write_json(rundir.VERDICT, backed.verdict.as_json() | {"thresholds": asdict(job.config.verdict)})
    run_dir.write_json(rundir.RESULT, as_json(result))
    run_dir.write_text(rundir.REPORT, render(result))
    return backed.verdict


def _machine(job: PreparedJob, endpoint: Endpoint, left: Left) -> dict[str, Any]:
    """What it ran on: ours, the server's, and how fast the machine might run before and after."""
    before, after, telemetry = left.watched.before, left.watched.after, left.watched.telemetry
    return {
        "client": asdict(identity()),
        "server": {key: value for key, value in asdict(endpoint).items() if key != "said"}
        | {"torch": job.torch_version}
        | ({} if job.image is None else {"image": job.image}),
        "before": None if before is None else asdict(before),
        "after": None if after is None else asdict(after),
        "telemetry": None if telemetry is None else {"absent": telemetry.absent, "cpu_share": telemetry.cpu_share},
    }


def _summary(job: PreparedJob, measured: Measurement, backed: Trust) -> dict[str, Any]:
    """By our own names; the spans of the load and of the rest before it on the clock of requests and telemetry.

    `gpus`: those that the job may use, by NVML's indices; null for all.
    """
    left = measured.left
    return {
        "origin": left.origin,
        "load_ns": (left.played.start_ns, left.played.end_ns),
        "idle_ns": left.watched.idle,
        "summary": asdict(left.summary),
        "stages": [(name, asdict(stage)) for name, stage in measured.stages],
        "warmup_s": measured.warmup_s,
        "coldness": asdict(left.coldness),
        "cache": None if left.cache is None else asdict(left.cache),
        "reusable_tokens": backed.reusable_tokens,
        "excluded": measured.excluded,
        "utilization": asdict(backed.utilization),
        "position": asdict(backed.position),
        "gpus": gpus_of(job.config),
        "server": asdict(left.counted),
        "known_problems": [asdict(problem) for problem in known_problems(job, left)],
        "energy": None if backed.energy is None else asdict(backed.energy),
        "hottest": backed.hottest,
        "throttling": None if backed.throttling is None else asdict(backed.throttling),
    }


def tags(config: JobConfig, vllm_version: str | None, image: str | None = None) -> dict[str, str]:
    """What a job is filtered by; a tag whose value is not known is left out."""
    ours = identity()
    known = {
        "model": config.model.name,
        "quantization": config.quantization.name,
        "hardware": config.hardware.name,
        "load": config.load.name,
        "workload": config.workload.name,
        "server": "none" if config.predict else config.server.kind.value,
        "origin": origin_of(config),
        "vllm_version": vllm_version,
        "image": image,
        "thorexp_version": ours.thorexp,
        "git_commit": ours.git_commit,
        "hostname": ours.hostname,
    }
    return {name: value for name, value in known.items() if value is not None}


def said_tags(said: Said) -> dict[str, str]:
    """What somebody else's server is filtered by, of which no engine argument is known."""
    figures = {"served_model": said.model.id, **dict(_of_attached(said))}
    return {name: str(value) for name, value in figures.items() if value is not None}


def verdict_tags(verdict: Verdict, measured: Measurement) -> dict[str, str]:
    """Where a result is from, whether it may be believed, and by what names it may not."""
    stopped, reasons = measured.left.summary.stopped, ", ".join(reason.name for reason in verdict.reasons)
    said = {
        "origin": verdict.origin,
        "verdict": verdict.words,
        "verdict_reasons": reasons,
        "stopped": stopped or "",
    }
    return {name: value for name, value in said.items() if value}


def _result(job: PreparedJob, endpoint: Endpoint, measured: Measurement, backed: Trust) -> Result:
    return Result(
        model_id=endpoint.served_model,
        date=time.strftime("%Y%m%d-%H%M%S"),
        num_prompts=len(job.plan.requests),
        request_rate=job.plan.request_rate,
        burstiness=job.config.load.burstiness,
        max_concurrency=job.plan.max_concurrency,
        summary=measured.left.summary,
        extras=dict(_extras(job, endpoint, measured, backed)),
        verdict=backed.verdict,
        is_open=job.plan.is_open,
    )


def _extras(job: PreparedJob, endpoint: Endpoint, measured: Measurement, backed: Trust) -> Iterator[tuple[str, Extra]]:
    """What applies to this job; what applies and is not known is None."""
    summary, cache = measured.left.summary, measured.left.cache
    if summary.stopped is not None:
        yield "stopped", summary.stopped
    yield from _of_hardware(backed)
    yield "cold_cache", measured.left.coldness.state
    yield "prefix_cache_queries_tokens", cache.queries if cache else None
    yield "prefix_cache_hits_tokens", cache.hits if cache else None
    yield "prefix_cache_hit_rate_percent", 100.0 * cache.hits / cache.queries if cache and cache.queries else None
    yield "reusable_prompt_tokens", backed.reusable_tokens
    yield from _of_server(measured.left)
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
    yield "hardware", job.config.hardware.name
    yield "endpoint", job.config.endpoint.name
    yield "served_model", endpoint.served_model
    yield "vllm_version", endpoint.version
    if known := known_problems(job, measured.left):
        yield "known_problems", tuple(problem.name for problem in known)
    if job.image is not None:
        yield "image", job.image
    if job.launch is None and endpoint.said is not None:
        yield from _of_attached(endpoint.said)
    if backed.verdict.origin == "simulated":
        yield from _of_simulation(job, endpoint)
    if missing := left_out(job.engine_args):
        yield "left_out_of_rehearsal", missing
    if measured.stages:
        yield "stages", {name: dict(_stage_figures(stage)) for name, stage in measured.stages}


def _of_attached(said: Said) -> Iterator[tuple[str, int | str | None]]:
    """In place of engine arguments, which are its owner's."""
    yield "max_model_len", said.max_model_len
    yield "prefix_caching", None if said.prefix_caching is None else "on" if said.prefix_caching else "off"
    yield "kv_cache_dtype", said.kv_cache_dtype


def _of_simulation(job: PreparedJob, endpoint: Endpoint) -> Iterator[tuple[str, Extra]]:
    """By what; of a server that somebody else simulates nobody knows."""
    if job.sim is not None:
        name, kernels = kernels_of(job.config)
        yield "simulated_kernels", name
        board, fitted_on = job.config.hardware.name, job.config.sim.fitted_on
        yield "kernels_source", kernels.source if board == fitted_on else f"{kernels.source}, assumed for {board}"
        yield "step_budget_tokens", job.sim.limits.max_num_batched_tokens
        yield "kv_cache_tokens", job.sim.limits.num_blocks * job.sim.limits.block_size
    if not job.config.predict:
        yield "speedup", endpoint.speedup


def _of_hardware(backed: Trust) -> Iterator[tuple[str, Extra]]:
    """How near to its limits, how hot, at which cost; what no sensor tells is left out."""
    used = backed.utilization
    for name, share in (("mfu", used.mfu), ("mbu", used.mbu), ("mbu_uniform_routing", used.mbu_uniform)):
        if share is not None:
            yield f"{name}_percent", 100.0 * share
    if backed.energy is not None:
        yield from _of_energy(backed.energy)
    if backed.hottest is not None:
        sensor, degrees = backed.hottest
        yield "hottest_c", degrees
        yield "hottest_sensor", sensor
    if backed.throttling is not None:
        yield "throttle_events", sum(backed.throttling.events.values())
        yield "throttled_percent", 100.0 * max(backed.throttling.shares.values(), default=0.0)
    if backed.sampling is not None:
        yield "telemetry_cpu_percent", 100.0 * backed.sampling


def _of_energy(energy: Energy) -> Iterator[tuple[str, Extra]]:
    """Gross, and above idle where the machine was seen idle before."""
    yield "power_of", f"{energy.scope} ({energy.source})"
    yield "energy_j", energy.energy_j
    yield "mean_power_w", energy.mean_power_w
    figures = {
        "idle_power_w": energy.idle_power_w,
        "energy_above_idle_j": energy.energy_above_idle_j,
        "energy_per_output_token_j": energy.energy_per_output_token_j,
        "energy_above_idle_per_output_token_j": energy.energy_above_idle_per_output_token_j,
        "energy_per_request_j": energy.energy_per_request_j,
        "energy_above_idle_per_request_j": energy.energy_above_idle_per_request_j,
        "tokens_per_s_per_w": energy.tokens_per_s_per_w,
    }
    yield from ((name, figure) for name, figure in figures.items() if figure is not None)


def _of_server(left: Left) -> Iterator[tuple[str, Extra]]:
    """What it counted of itself; left out where it does not."""
    figures = {
        "preemptions": left.counted.preemptions,
        "mean_server_queue_ms": left.counted.mean_queue_ms,
        "kv_cache_used_percent": left.kv_cache_percent,
    }
    yield from ((name, figure) for name, figure in figures.items() if figure is not None)


def _client_figures(job: PreparedJob, summary: Summary) -> Iterator[tuple[str, float | None]]:
    """What the client itself may have added; in an open loop also what a request met that came when it was due."""
    if job.plan.is_open:
        lag = summary.schedule_lag_ms
        yield "mean_schedule_lag_ms", lag.mean if lag else None
        yield from _from_schedule("ttft", summary.ttft_from_schedule_ms)
        yield from _from_schedule("e2el", summary.e2el_from_schedule_ms)
    cpu, lags = summary.client_cpu_share, summary.loop_lag_ms
    if lags is None and cpu is None:  # there was no client
        return
    yield "client_cpu_percent", None if cpu is None else 100.0 * cpu
    yield "first_token_lateness_ms", summary.first_token_lateness_ms
    yield "late_tokens_percent", None if summary.late_share is None else 100.0 * summary.late_share
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
