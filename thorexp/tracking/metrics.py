"""The numbers of a record as MLflow's metrics.

MLflow draws a section of charts for what stands before the last `/` of a name, by the alphabet; behind them "Model
metrics", which has no `/`, and last "System metrics", which begins with `system/`. So a result comes first.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from thorexp.flat import flat
from thorexp.measure.curves import means
from thorexp.measure.signals import Telemetry
from thorexp.measure.verdict import WORSE
from thorexp.tracking.limits import key_of

_SIGNAL_POINTS = 200  # of one signal, of which there are some 20; an SQLite store takes 10,000 points a second
_OURS = re.compile(r"goodput_percent|.*_from_schedule_ms")  # what a user of the server meets, beside vLLM's numbers
_UNCHARTED = ("burstiness", "thorexp")  # what was asked, and ours


@dataclass(frozen=True, slots=True)
class Point:
    """A metric's value at a time, in Unix ms. `step`: ms since the first sample, alike for every metric of a run."""

    key: str
    value: float
    ms: int
    step: int


_FIRST = "output_throughput"  # what MLflow draws, unasked, where runs are compared is the metric that was logged first


def metrics_of(result: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a result: vLLM's under its own names, those of machine, server and client under `system/`.

    `stages/<name>/…`: of each stage. `system/config.…` repeats the numbers that were `asked`, since MLflow compares
    params as strings only ("128" < "16"). `system/doubt`: the verdict as a number to sort by, 0 for VALID, 1 for
    SUSPECT, 2 for INVALID. Absent values, infinities, NaN and lists have no metric.
    """
    ours = result.get("thorexp") or {}
    first = {key: result[key] for key in (_FIRST,) if key in result}
    values = first | {key: value for key, value in result.items() if key not in _UNCHARTED}
    values |= {_named(key): value for key, value in flat({k: v for k, v in ours.items() if k != "stages"})}
    values |= dict(_of_stages(ours.get("stages") or {}))
    values |= {f"system/config.{key}": value for key, value in asked.items()}
    if (standing := _standing(str(ours.get("verdict", "")))) is not None:
        values["system/doubt"] = standing
    return {key_of(key): float(value) for key, value in values.items() if _is_finite(value)}


def points_of(telemetry: Telemetry, unix_s: float, monotonic_ns: int) -> tuple[Point, ...]:
    """Each signal under `system/`, long ones as means of some hundred parts; infinities and NaN are left out.

    `unix_s` and `monotonic_ns`: one moment on both clocks, by which the samples are dated.
    """
    first_ns = min((series.ns[0] for series in telemetry.signals.values() if series.ns), default=0)
    began_ms = unix_s * 1000 - monotonic_ns / 1e6
    thinned = {name: means(series, _SIGNAL_POINTS) for name, series in telemetry.signals.items()}
    return tuple(
        Point(key_of(f"system/{name}"), value, round(began_ms + ns / 1e6), (ns - first_ns) // 1_000_000)
        for name, series in thinned.items()
        for ns, value in zip(series.ns, series.values, strict=True)
        if math.isfinite(value)
    )


def _named(key: str) -> str:
    return key if _OURS.fullmatch(key) else f"system/{key}"


def _of_stages(stages: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    for name, figures in stages.items():
        yield from ((f"stages/{name.replace('/', '_')}/{key}", value) for key, value in figures.items())


def _standing(words: str) -> int | None:
    """Of a verdict's last word."""
    last = words.rsplit(" ", 1)[-1]
    return next((place for place, standing in enumerate(WORSE) if standing == last), None)


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
