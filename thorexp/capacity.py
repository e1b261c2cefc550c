"""What a job takes of its board, in memory and time, before anything is started."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from thorexp.config_load import WorkloadConfig
from thorexp.errors import ConfigError, ThorexpError
from thorexp.measure.limits import Roofline
from thorexp.measure.plan import LoadPlan
from thorexp.measure.roofline import Fit, load_floor_s, memory_fit
from thorexp.prepare import PreparedJob
from thorexp.rooflines import GB, UTILIZATION, devices_of, number, roofline
from thorexp.serve.said import Said

NS_PER_S = 1_000_000_000
OTHER_MEASURES = ("kv_cache_memory_bytes", "cpu_offload_gb")
# An answer of ours can be wrong where a checkpoint keeps layers at another precision.
KNOWN_BETTER = "hardware.memory_gb=null, if you know that it fits"


@dataclass(frozen=True, slots=True)
class Capacity:
    """`fit`: weights and the KV cache of the longest request that the server takes; absent where the board's
    memory is unknown. `floor_s`: the load at the full peak of the board; absent where that is unknown.
    """

    fit: Fit | None
    floor_s: float | None


def capacity(job: PreparedJob) -> Capacity:
    """What the roofline says of a job; of a rehearsal how the model that was asked for fits on its board."""
    fit = _fit(job, job.asked_args, roofline(job.asked, job.asked_args))
    return Capacity(fit, _floor_s(job.plan, roofline(job.config, job.args)))


def check_fit(job: PreparedJob, needs: Capacity) -> None:
    """ConfigError for a job that its board cannot carry, or whose requests its server would refuse."""
    args = job.asked_args
    longest, most = max(job.plan.lengths.values()), args.get("max_model_len")
    if isinstance(most, int) and longest > most > 0:
        raise ConfigError(
            f"Requests of {longest} tokens are longer than the model is served for.",
            ("where", f"{_longest_from(job.config.workload)}, engine.max_model_len={most}"),
            ("try", f"engine.max_model_len={longest}"),
        )
    check_context(job, job.said, ConfigError)
    fit, hardware = needs.fit, job.config.hardware
    if fit is not None and not fit.fits:
        share = args.get("gpu_memory_utilization") or UTILIZATION
        room = f"{fit.room_bytes / GB:.1f} GB"
        raise ConfigError(
            f"{job.config.model.name} does not fit on {hardware.name}.",
            ("needs", f"{fit.weights_bytes / GB:.1f} GB of weights and {fit.kv_bytes / GB:.1f} GB of KV cache"),
            ("has", f"{room}: hardware.memory_gb={hardware.memory_gb} x engine.gpu_memory_utilization={share}"),
            ("try", f"a smaller quantization, a shorter engine.max_model_len, or {KNOWN_BETTER}"),
        )


def check_context(job: PreparedJob, said: Said | None, error: type[ThorexpError]) -> None:
    """That error where somebody else's server says that it would refuse the longest request of the job."""
    longest, most = max(job.plan.lengths.values(), default=0), None if said is None else said.max_model_len
    if job.launch is not None or most is None or longest <= most:
        return
    raise error(
        f"Requests of {longest} tokens are longer than the model is served for.",
        ("where", f"{_longest_from(job.config.workload)}, server.base_url={job.config.server.base_url}"),
        ("says", f"max_model_len={most}"),
        ("try", f"a shorter workload, workload.max_len={most}, or the server with --max-model-len {longest}"),
    )


def _longest_from(workload: WorkloadConfig) -> str:
    """What makes requests long, as typed."""
    if workload.file is not None:
        return f"workload.file={workload.file}"
    keys = {"input_len": workload.input_len, "output_len": workload.output_len, "turns": workload.turns}
    return " ".join(f"workload.{key}={value}" for key, value in keys.items() if key != "turns" or value != 1)


def _fit(job: PreparedJob, args: Mapping[str, Any], limits: Roofline) -> Fit | None:
    """vLLM refuses to start without KV cache for one request of max_model_len tokens.

    Nobody's server is judged, nor one that was told another measure of its memory.
    """
    if job.launch is None or any(args.get(name) for name in OTHER_MEASURES):
        return None
    longest = args.get("max_model_len") or job.asked.model.architecture.max_position_embeddings
    return memory_fit(
        limits.model,
        limits.precision,
        limits.board,
        utilization=number(args, "gpu_memory_utilization", UTILIZATION),
        tokens=longest if isinstance(longest, int) and longest > 0 else max(job.plan.lengths.values()),
        devices=int(devices_of(args)),
    )


def _floor_s(plan: LoadPlan, limits: Roofline) -> float | None:
    """Absent too where the server has yet to count tokens, or where a conversation grows while it is played. A load
    takes at least the time that its stages are given, and a timed closed loop no more work than fits in.
    """
    timed_s = sum(stage.length_ns or 0 for stage in plan.stages) / NS_PER_S
    if any(stage.is_timed for stage in plan.stages):
        return timed_s
    requests, inputs, outputs = plan.requests, plan.input_tokens, plan.output_tokens
    most = limits.tokens_per_step or math.inf
    if inputs is None or outputs is None or any(request.follows is not None for request in requests):
        return None
    floor_s = load_floor_s(
        limits.model,
        limits.precision,
        limits.board,
        requests=math.ceil(len(requests) / limits.replicas),
        input_len=inputs / len(requests),
        output_len=1 + (outputs / len(requests) - 1) / most,
        streams=math.ceil(plan.streams / limits.replicas),
        request_rate=plan.request_rate,
    )
    return None if floor_s is None else max(floor_s, timed_s)
