"""A job's config becomes its load plan, or is refused before anything starts."""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from thorexp.config import JobConfig
from thorexp.config_load import Arrivals, LoadConfig, StageConfig
from thorexp.errors import ConfigError
from thorexp.measure.arrivals import Ramp, Rate
from thorexp.measure.plan import LoadPlan
from thorexp.measure.shape import Shape, Workload, make_plan, naming
from thorexp.measure.trace import TraceWorkload
from thorexp.workloads import typed, workload_of

log = logging.getLogger(__name__)

# The value of keys that a stage may say too, where the load says nothing by them.
UNSAID: Mapping[str, Any] = {
    "duration_s": None,
    "request_rate": math.inf,
    "request_rate_end": None,
    "max_concurrency_end": None,
}


def load_plan(config: JobConfig) -> LoadPlan:
    """What will be asked, and when. ConfigError by the full key, or by the line of a file."""
    _check_single(config.load)
    _check_load(config.load)
    workload = workload_of(config.workload, config.model.prompt_token_ids)
    return make_plan(
        workload,
        tuple(_shapes(config.load, workload)),
        ignore_eos=config.workload.ignore_eos,
        drain=config.load.drain,
        seed=config.workload.seed,
    )


def _check_single(load: LoadConfig) -> None:
    """Refuse what is a search over many loads: each of those is one."""
    if load.search is not None:
        raise ConfigError(
            f"load={load.name} is a search over many runs.",
            ("where", f"load.search.over={load.search.over.value}"),
            ("try", "python -m thorexp -m, with the same words, an slo, and no other hydra/launcher or hydra/sweeper"),
        )


def _check_load(load: LoadConfig) -> None:
    """Refuse keys that mean nothing beside each other."""
    _check_trace(load)
    wholes = [_whole(load, stage) for stage in load.stages]
    _check_meaning("load", load, wholes or [load])
    _check_said(load)
    names = [_name(stage, number) for number, stage in enumerate(load.stages)]
    for number, (stage, whole, name) in enumerate(zip(load.stages, wholes, names, strict=True)):
        key = f"load.stages[{number}]"
        _check_meaning(key, stage, [whole])
        if name in names[:number]:
            raise ConfigError(
                f"{key}.name={name} is that of load.stages[{names.index(name)}].", ("try", "a name for each stage")
            )


def _check_said(load: LoadConfig) -> None:
    """Refuse what the load says and every stage says otherwise: it would be swept without effect."""
    said, stages = asdict(load), [asdict(stage) for stage in load.stages]
    for key, unsaid in UNSAID.items():
        if stages and said[key] != unsaid and all(stage[key] is not None for stage in stages):
            raise ConfigError(
                f"load.{key}={said[key]} is overruled by every stage.",
                ("where", f"load.stages of {load.name}"),
                ("try", f"load.stages=[…] with a {key} of each, or load.{key}={typed(unsaid)}"),
            )


def _check_trace(load: LoadConfig) -> None:
    if load.arrivals is not Arrivals.trace:
        if load.time_scale != 1:
            raise ConfigError(
                f"load.time_scale={load.time_scale} means nothing without a trace's times.",
                ("try", "load.arrivals=trace, or load.time_scale=1"),
            )
        return
    for key, value, unsaid in (
        ("request_rate", load.request_rate, math.inf),
        ("request_rate_end", load.request_rate_end, None),
        ("stages", load.stages, []),
    ):
        if value != unsaid:
            raise ConfigError(
                f"load.{key} means nothing beside load.arrivals=trace: a trace has times of its own.",
                ("try", f"load.{key}={typed(unsaid)}, or load.arrivals=rate"),
            )


def _check_meaning(key: str, said: LoadConfig | StageConfig, wholes: Sequence[LoadConfig]) -> None:
    """What is said there means something to one at least of the stages that it is for."""
    if said.burst_size not in (None, 1) and all(math.isinf(whole.request_rate) for whole in wholes):
        raise ConfigError(
            f"{key}.burst_size={said.burst_size} means nothing without a rate.",
            ("where", f"{key}.request_rate=inf"),
            ("try", f"{key}.request_rate=1, or {key}.burst_size=1"),
        )
    ends = [end for whole in wholes for end in (whole.request_rate_end, whole.max_concurrency_end)]
    if said.ramp not in (None, Ramp.linear) and all(end is None for end in ends):
        raise ConfigError(
            f"{key}.ramp={said.ramp} means nothing without an end to go to.",
            ("try", f"{key}.request_rate_end=4, {key}.max_concurrency_end=8, or {key}.ramp=linear"),
        )


def _shapes(load: LoadConfig, workload: Workload) -> Iterator[Shape]:
    if not load.stages:
        yield _shape(load, load.name, "load", workload)
    for number, stage in enumerate(load.stages):
        yield _shape(_whole(load, stage), _name(stage, number), f"load.stages[{number}]", workload)


def _whole(load: LoadConfig, stage: StageConfig) -> LoadConfig:
    """The load, with what the stage says itself."""
    return replace(load, **{name: value for name, value in asdict(stage).items() if value is not None})


def _name(stage: StageConfig, number: int) -> str:
    return f"stage {number}" if stage.name is None else stage.name


def _shape(load: LoadConfig, name: str, key: str, workload: Workload) -> Shape:
    with naming(key):
        rate_end = load.request_rate if load.request_rate_end is None else load.request_rate_end
        rate = Rate(load.request_rate, rate_end, load.ramp)
    shape = Shape(
        name=name,
        count=load.num_prompts,
        duration_s=load.duration_s,
        max_concurrency=load.max_concurrency,
        max_concurrency_end=load.max_concurrency_end,
        rate=rate,
        burstiness=load.burstiness,
        burst_size=load.burst_size,
        ramp=load.ramp,
        due_ns=_trace_times(load, workload),
        key=key,
    )
    if load.duration_s is not None and load.num_prompts is not None and not shape.is_closed:
        _warn_of_two_ends(shape, load.duration_s, load.num_prompts)
    return shape


def _warn_of_two_ends(shape: Shape, duration_s: float, num_prompts: int) -> None:
    """The presets have a number of prompts that a longer duration does not know of."""
    if shape.due_ns is None and num_prompts < round(shape.rate.count(duration_s)):
        log.warning(
            "%s.num_prompts=%d ends it before %s.duration_s=%g does: null for all that come in that time",
            shape.key,
            num_prompts,
            shape.key,
            duration_s,
        )


def _trace_times(load: LoadConfig, workload: Workload) -> tuple[int, ...] | None:
    if load.arrivals is not Arrivals.trace:
        return None
    if not isinstance(workload, TraceWorkload):
        raise ConfigError(
            "load.arrivals=trace needs a trace.", ("try", "workload=trace workload.file=/path/to/a/trace")
        )
    return workload.due_ns(load.num_prompts, load.time_scale)
