"""A point as it was measured, once or more: its numbers, what it was measured under, and what it was set to."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from thorexp import rundir
from thorexp.counted import counted
from thorexp.flat import flat, typed
from thorexp.measure.published import figures_of
from thorexp.measure.ratios import Side, more_is_better
from thorexp.measure.records import RequestRecord, RunRecord
from thorexp.measure.stats import agreement
from thorexp.measure.verdict import Verdict
from thorexp.published import Judged
from thorexp.results.summary import together
from thorexp.rundir import CONFIG, ENGINE_ARGS, MACHINE, RESULT, SUMMARY, RunDir

NAMED = ("model", "load")  # what every point is named by
UNKNOWN = "not known"
PLAN = "load plan"
SPREAD = 0.05  # of records that say nothing of it
# How a job is done and kept; and what `engine.*` as vLLM got it tells better.
NO_SETTINGS = re.compile(
    r"(dry_run|predict|tracking|sweep|baseline|telemetry|verdict|sim)(\.|$)|engine$"
    r"|(model|quantization|hardware)\.engine(\.|$)|workload\.seed$|server\.(port|base_url)$"
)
VERSIONS = ("vllm_version", "thorexp_version")
OF_MACHINE = ("description", "jetpack", "l4t", "kernel", "driver", "cuda")


@dataclass(frozen=True, slots=True)
class Measured:
    """One point. `words`: what was typed for it, its model and its load, by key; `chosen`: these and its tags.

    `where`: the directory, of repeats that of the first, or the file of a result of others. `conditions`: what must be
    alike for two to be ranked, by name; of each all that its repeats had. `settings`: what may differ, and explain a
    difference. `spread`: what starts may spread over, of 1 (`verdict.spread`). `run_dirs`: none of a result of others.
    """

    words: Mapping[str, str]
    chosen: Mapping[str, str]
    where: str
    side: Side
    verdict: Verdict | None
    conditions: Mapping[str, frozenset[str]]
    settings: Mapping[str, str]
    spread: float
    run_dirs: tuple[RunDir, ...] = ()


def measured(repeats: Sequence[RunDir]) -> Measured:
    """Of the run directories of one point, one at least; RecordError for one that is not whole."""
    first, record = repeats[0], repeats[0].record()
    results = [run_dir.read_json(RESULT) for run_dir in repeats]
    config = first.config() if first.has(CONFIG) else {}
    numbers = tuple(dict(_numbers(result)) for result in results)
    ranked = [key for key in numbers[0] if more_is_better(key) is not None]
    values = {key: agreement([each[key] for each in numbers if key in each]) for key in ranked}
    words = {key: record.tags[key] for key in NAMED if key in record.tags} | words_of(record.overrides or ())
    return Measured(
        words=words,
        chosen=record.tags | words | {"power_mode": _power_mode(first)},
        where=str(first.path),
        side=Side(numbers, tuple(_counted(run_dir, config) for run_dir in repeats), _is_closed(first)),
        verdict=together(repeats, {key: value for key, value in values.items() if value is not None}, None),
        conditions=_conditions(repeats, results),
        settings=dict(_settings(first, config)),
        spread=config["verdict"]["spread"] if "verdict" in config else SPREAD,
        run_dirs=tuple(repeats),
    )


def published(judged: Judged, where: str) -> Measured:
    """A result of others, of which nobody knows the prompts."""
    config, summary, asked = judged.config, judged.summary, judged.config.workload
    conditions = {
        "origin": "imported",
        PLAN: f"{summary.completed} requests, {judged.at_once} at once, "
        f"{asked.input_len} in, {asked.output_len} out, other prompts perhaps",
        "hardware": config.hardware.name,
        "power mode": UNKNOWN,
        "cold cache": UNKNOWN,
    }
    words = {"model": config.model.name, "load": config.load.name}
    return Measured(
        words=words,
        chosen=words | {"hardware": config.hardware.name, "quantization": config.quantization.name},
        where=where,
        side=Side((figures_of(summary),), (), closed=True),
        verdict=judged.verdict,
        conditions={name: frozenset({value}) for name, value in conditions.items()},
        settings={
            "model.name": config.model.name,
            "quantization.name": config.quantization.name,
            "load.name": config.load.name,
        },
        spread=config.verdict.spread,
    )


def words_of(overrides: Sequence[str]) -> dict[str, str]:
    """By key, as typed; what was deleted or added too, under its key."""
    words = (word.lstrip("+~").partition("=") for word in overrides)
    return {key: value for key, _, value in words}


def _numbers(result: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """vLLM's, then ours; without what is no finite number."""
    for key, value in (*result.items(), *(result.get("thorexp") or {}).items()):
        if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
            yield key, float(value)


def _counted(run_dir: RunDir, config: Mapping[str, Any]) -> tuple[RequestRecord, ...]:
    """Those that the result is made of: without what `load.exclude_*` leaves out."""
    requests = run_dir.requests()
    if not requests or not run_dir.has(SUMMARY):
        return requests
    start_ns, end_ns = run_dir.read_json(SUMMARY)["load_ns"]
    return counted(RunRecord(start_ns, end_ns, requests), config).requests


def _is_closed(run_dir: RunDir) -> bool:
    """Whether all of its load was a closed loop with a limit, whose throughput the server makes."""
    stages = run_dir.read_json(rundir.PLAN)["stages"] if run_dir.has(rundir.PLAN) else []
    return bool(stages) and all(stage["closed"] and stage["limits"] for stage in stages)


def _conditions(repeats: Sequence[RunDir], results: Sequence[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    ours = [result.get("thorexp") or {} for result in results]
    found = {
        "origin": [each.get("origin", "measured") for each in ours],
        PLAN: [each.get("plan_digest", UNKNOWN) for each in ours],
        "endpoint": [each.get("endpoint", UNKNOWN) for each in ours],
        "cold cache": [each.get("cold_cache", UNKNOWN) for each in ours],
        "hardware": [_hardware(run_dir, each) for run_dir, each in zip(repeats, ours, strict=True)],
        "power mode": [_power_mode(run_dir) for run_dir in repeats],
        "speedup": [str(each.get("speedup", 1.0)) for each in ours],
    }
    return {name: frozenset(values) for name, values in found.items()}


def _hardware(run_dir: RunDir, ours: Mapping[str, Any]) -> str:
    """By its name in the config; of a server of ours also what it really was."""
    name = str(ours.get("hardware", UNKNOWN))
    tags = run_dir.record().tags
    if tags.get("server") != "vllm" or not run_dir.has(MACHINE):
        return name
    return f"{name} ({run_dir.read_json(MACHINE)['client']['description']})"


def _power_mode(run_dir: RunDir) -> str:
    """Before the load, with locked clocks where it is known that they were."""
    state = (run_dir.read_json(MACHINE) if run_dir.has(MACHINE) else {}).get("before") or {}
    return state.get("power_mode") or UNKNOWN


def _settings(run_dir: RunDir, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The config as typed, engine arguments as vLLM got them, versions."""
    yield from ((key, typed(value)) for key, value in flat(config) if not NO_SETTINGS.match(key))
    for argument in run_dir.read_json(ENGINE_ARGS) if run_dir.has(ENGINE_ARGS) else ():
        yield f"engine.{argument['name']}", typed(argument["value"])
    tags = run_dir.record().tags
    yield from ((name, tags[name]) for name in VERSIONS if name in tags)
    machine = run_dir.read_json(MACHINE).get("client") if run_dir.has(MACHINE) else None
    yield from ((name, typed(machine[name])) for name in OF_MACHINE if machine and machine.get(name) is not None)
