"""A point as it was measured, once or more: its numbers, what it was measured under, and what it was set to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from thorexp import rundir
from thorexp.compare.conditions import PLAN, POWER_MODE, UNKNOWN, conditions_of
from thorexp.compare.settings import settings_of
from thorexp.counted import counted
from thorexp.errors import ConfigError
from thorexp.measure.published import figures_of
from thorexp.measure.ratios import Side, more_is_better
from thorexp.measure.records import RequestRecord, RunRecord
from thorexp.measure.stats import agreement
from thorexp.measure.verdict import Verdict
from thorexp.published import Judged
from thorexp.results.summary import together
from thorexp.rundir import CONFIG, RESULT, SUMMARY, Record, RunDir, check_whole, damaged

NAMED = ("model", "load")  # what every point is named by
SPREAD = 0.05  # of records that say nothing of it


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
    """Of the run directories of one point, one at least; RecordError for one that is not whole, or damaged."""
    for run_dir in repeats:
        check_whole(run_dir)
    try:
        return _measured(repeats)
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError, OSError) as broken:
        raise damaged(repeats[0].path, repr(broken)) from broken
    except ConfigError as broken:  # load.exclude_… of its config
        raise damaged(repeats[0].path, broken.headline) from None


def _measured(repeats: Sequence[RunDir]) -> Measured:
    first, record = repeats[0], repeats[0].record()
    results = [run_dir.read_mapping(RESULT) for run_dir in repeats]
    config = first.config() if first.has(CONFIG) else {}
    numbers = tuple(dict(_numbers(result)) for result in results)
    conditions, words = conditions_of(repeats, results), words_of(record)
    return Measured(
        words=words,
        chosen=record.tags | words | {"power_mode": "; ".join(sorted(conditions[POWER_MODE]))},
        where=str(first.path),
        side=Side(numbers, tuple(_counted(run_dir, config) for run_dir in repeats), _is_closed(first)),
        verdict=_verdict(repeats, numbers),
        conditions=conditions,
        settings=dict(settings_of(first, config)),
        spread=_spread(config),
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
        POWER_MODE: UNKNOWN,
        "clocks locked": UNKNOWN,
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


def words_of(record: Record) -> dict[str, str]:
    """By key, as typed, after its model and its load; what was deleted or added too, under its key."""
    typed = (word.lstrip("+~").partition("=") for word in record.overrides or ())
    return {key: record.tags[key] for key in NAMED if key in record.tags} | {key: value for key, _, value in typed}


def _verdict(repeats: Sequence[RunDir], numbers: Sequence[Mapping[str, float]]) -> Verdict | None:
    """On all repeats, and on whether they agree in what is ranked."""
    ranked = [key for key in numbers[0] if more_is_better(key) is not None]
    values = {key: agreement([each[key] for each in numbers if key in each]) for key in ranked}
    return together(repeats, {key: value for key, value in values.items() if value is not None}, None)


def _spread(config: Mapping[str, Any]) -> float:
    spread = (config.get("verdict") or {}).get("spread")
    return SPREAD if spread is None else float(spread)


def _numbers(result: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """vLLM's, then ours; without what is no finite number."""
    for key, value in (*result.items(), *(result.get("thorexp") or {}).items()):
        if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
            yield key, float(value)


def _counted(run_dir: RunDir, config: Mapping[str, Any]) -> tuple[RequestRecord, ...]:
    """Those that the result is made of: without what `load.exclude_*` leaves out; none where nobody knows which."""
    requests = run_dir.requests()
    if not requests or not run_dir.has(SUMMARY):
        return requests
    load_ns = run_dir.read_json(SUMMARY).get("load_ns")
    if load_ns is None:
        return ()
    start_ns, end_ns = load_ns
    return counted(RunRecord(start_ns, end_ns, requests), config).requests


def _is_closed(run_dir: RunDir) -> bool:
    """Whether all of its load was a closed loop with a limit, whose throughput the server makes."""
    plan = run_dir.read_json(rundir.PLAN) if run_dir.has(rundir.PLAN) else {}
    stages = plan.get("stages") or ()
    return bool(stages) and all(stage.get("closed") and stage.get("limits") for stage in stages)
