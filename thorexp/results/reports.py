"""The reports of a sweep's points, in the layout of the published table: by model, the high load before the low."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from thorexp.errors import RecordError
from thorexp.report import JUDGED, OURS
from thorexp.results.summary import Row
from thorexp.rundir import RECORD, REPORT, RESULT, RunDir
from thorexp.said_load import LOADS

# What a sweep varies of what is asked of a server; all else is of the server itself.
OF_LOADS = ("load", "workload")


@dataclass(frozen=True, slots=True)
class Report:
    """Of one point, that of its median run by output throughput; `runs`: of how many.

    `load`: its name; `asked`: what that is, in words. `text`: as report.txt has it, but for what thorexp counts.
    """

    load: str
    asked: str
    text: str
    runs: int


@dataclass(frozen=True, slots=True)
class Section:
    """Reports of one model in one configuration, in the order of LOADS, then of the table.

    `model`: the name of its repository without the owner. `marks`: the origin, and what was typed for this
    configuration and not for all; none of what we measured of the only one.
    """

    model: str
    marks: tuple[str, ...]
    reports: tuple[Report, ...]


def sections(table: Sequence[Row]) -> tuple[Section, ...]:
    """Of all rows that have a report and undamaged files, in the order of the table."""
    found: dict[tuple[str, tuple[str, ...]], list[Report]] = {}
    for row in table:
        with suppress(RecordError):  # the sweep's page says what is wrong with it
            runs = [(each, each.read_mapping(RESULT)) for each in map(RunDir, row.directories) if _is_told(each)]
            if runs:
                run_dir, result = _median(runs)
                place = _model(run_dir, result), _marks(row)
                found.setdefault(place, []).append(_report(row, run_dir, result, len(runs)))
    return tuple(Section(model, marks, tuple(sorted(own, key=_rank))) for (model, marks), own in found.items())


def _is_told(run_dir: RunDir) -> bool:
    return all(run_dir.has(name) for name in (RECORD, REPORT, RESULT))


def _median(runs: Sequence[tuple[RunDir, dict[str, Any]]]) -> tuple[RunDir, dict[str, Any]]:
    """Of an even number the slower of the two in the middle."""
    ranked = sorted(runs, key=lambda run: run[1].get("output_throughput") or 0.0)
    return ranked[(len(ranked) - 1) // 2]


def _model(run_dir: RunDir, result: Mapping[str, Any]) -> str:
    repository = str(result.get("model_id") or "").rstrip("/").rpartition("/")[2]
    return repository or run_dir.record().tags.get("model", "-")


def _marks(row: Row) -> tuple[str, ...]:
    typed = tuple(word for word in row.words if _group(word) not in ("model", *OF_LOADS))
    return (row.origin, *typed) if typed or row.origin != "measured" else ()


def _report(row: Row, run_dir: RunDir, result: Mapping[str, Any], runs: int) -> Report:
    varied = [word for word in row.words if _group(word) in OF_LOADS and not word.startswith("load=")]
    return Report(
        load=run_dir.record().tags.get("load", "-"),
        asked=", ".join((*_asked(result), *varied)),
        text=_without_counts(run_dir.read_text(REPORT)),
        runs=runs,
    )


def _group(word: str) -> str:
    """`load` of load=high, +load.num_prompts=8 and load@x=high."""
    return word.lstrip("+~").partition("=")[0].partition(".")[0].partition("@")[0]


def _asked(result: Mapping[str, Any]) -> Iterator[str]:
    """Requests, how many at once or at which rate, and tokens of a mean request."""
    requests, at_once, rate = result.get("num_prompts"), result.get("max_concurrency"), result.get("request_rate")
    if requests:
        yield f"{requests} requests"
    if at_once is not None:
        yield f"{at_once} at once"
    if isinstance(rate, int | float) and math.isfinite(rate):
        yield f"{rate:g} requests/s"
    ours = result.get("thorexp") or {}
    for way, tokens in (("tokens in", ours.get("planned_input_tokens")), ("out", ours.get("planned_output_tokens"))):
        if requests and tokens is not None:
            yield f"{round(tokens / requests, 1):g} {way}"


def _without_counts(report: str) -> str:
    """vLLM's part, with the line above it, and the verdict: no more than one would publish."""
    of_vllm, _, ours = report.partition(f"{OURS}\n")
    _, judged, verdict = ours.partition(f"{JUDGED}\n")
    return f"{of_vllm}{judged}{verdict}"


def _rank(report: Report) -> int:
    return LOADS.index(report.load) if report.load in LOADS else len(LOADS)
