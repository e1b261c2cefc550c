"""What MLflow shall know of a record, in MLflow's terms; no MLflow in it."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from thorexp.errors import RecordError
from thorexp.machine.telemetry import read_telemetry
from thorexp.measure.curves import means
from thorexp.measure.signals import Telemetry
from thorexp.rundir import CONFIG, ENGINE_ARGS, RESULT, TELEMETRY, Record, RunDir, damaged
from thorexp.sweepdir import SweepRecord

# MLflow's own limits; it refuses a longer key and cuts a longer value without a word.
_KEY_CHARS, _PARAM_CHARS, _TAG_CHARS = 250, 6000, 8000

_LOG_FILE_BYTES = 10_000_000

_SIGNAL_POINTS = 200  # of one signal, of which there are some 20; an SQLite store takes 10,000 points a second

_FILTERED_BY = ("load.num_prompts", "load.max_concurrency", "workload.input_len", "workload.output_len")

_SUPERSEDED = re.compile(r"(model|quantization|hardware)\.engine(\.|$)")


@dataclass(frozen=True, slots=True)
class Point:
    """A metric's value at a time, in Unix ms. `step`: ms since the first sample, alike for every metric of a run."""

    key: str
    value: float
    ms: int
    step: int


@dataclass(frozen=True, slots=True)
class View:
    """One MLflow run to be, within MLflow's limits. Times in Unix ms.

    `metrics` have one value each, `series` a history. `where`: the record's absolute directory. `artifacts`: files,
    or directories whose content is meant. `revision`: of what was there to be seen; a run that shows an older one is
    filled again.
    """

    id: str
    revision: str
    name: str
    where: Path
    status: str
    start_ms: int
    end_ms: int
    tags: dict[str, str]
    params: dict[str, str]
    metrics: dict[str, float]
    artifacts: tuple[Path, ...]
    series: tuple[Point, ...] = ()


def view_of_job(run_dir: RunDir) -> View:
    """All of one run directory, which may lack any file but the record; RecordError when one is damaged."""
    record = run_dir.record()
    config = read_config(run_dir) if run_dir.has(CONFIG) else {}
    engine_args = run_dir.read_json(ENGINE_ARGS) if run_dir.has(ENGINE_ARGS) else []
    result = run_dir.read_json(RESULT) if run_dir.has(RESULT) else {}
    where = run_dir.path.absolute()
    return View(
        id=record.id,
        revision=record.id,
        name=_name_of(record),
        where=where,
        status=record.status.upper(),
        start_ms=_ms(record.started_at),
        end_ms=_ms(record.ended_at),
        tags=_tags(record.tags | _tags_of(record) | {"thorexp.run_dir": str(where)}),
        params=params_of(config, engine_args),
        metrics=metrics_of(result, config, engine_args),
        artifacts=(where,),
        series=_series_of(record, run_dir),
    )


def view_of_sweep(sweep: SweepRecord) -> View:
    """The files right in the sweep's directory, without logs above 10 MB; FAILED when a point failed.

    RecordError for a sweep that has not ended.
    """
    where = sweep.directory.absolute()
    if sweep.ended_at is None:
        raise RecordError(
            "A sweep has not ended.",
            ("where", str(where)),
            ("try", f"the same command again, which goes on where it stopped: {masked(sweep.command)}"),
        )
    status = "failed" if sweep.failed else "finished"
    origin = {} if sweep.origin is None else {"origin": sweep.origin}
    simulated = "simulated " if sweep.origin == "simulated" else ""
    own = {"kind": "sweep", "id": sweep.id, "sweep": sweep.id, "status": status, "run_dir": str(where)}
    return View(
        id=sweep.id,
        revision=str(sweep.ended_at),
        name=f"{simulated}sweep {sweep.id}",
        where=where,
        status=status.upper(),
        start_ms=_ms(sweep.started_at),
        end_ms=_ms(sweep.ended_at),
        tags=_tags(
            {f"thorexp.{key}": value for key, value in (own | {"command": masked(sweep.command)}).items()} | origin
        ),
        params={},
        metrics={"thorexp/finished": float(sweep.finished), "thorexp/failed": float(sweep.failed)},
        artifacts=tuple(path for path in sorted(where.iterdir()) if _is_kept(path)),
    )


def params_of(config: Mapping[str, Any], engine_args: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The config under dotted keys, with `engine.*` as vLLM got it; values are written as a user types them.

    What model, quantization and hardware ask of the engine is left out: it may have been overridden, and
    `engine_args.json` tells which value came from where.
    """
    asked = {key: value for key, value in _flat(config) if not _SUPERSEDED.match(key)}
    got = {f"engine.{arg['name']}": arg["value"] for arg in engine_args}
    return {_key(key): _cut(masked(_text(value)), _PARAM_CHARS) for key, value in (asked | got).items()}


def metrics_of(
    result: Mapping[str, Any], config: Mapping[str, Any], engine_args: Iterable[Mapping[str, Any]]
) -> dict[str, float]:
    """Every number of a result: vLLM's under its own names, ours under `thorexp/`; lists are left out.

    `config/…` repeats the few numbers of the request that runs are filtered by, since MLflow compares params
    as strings only ("128" < "16"): how many prompts, how many at once, how long, and each numeric engine
    argument. Absent values, infinities and NaN have no metric.
    """
    asked = dict(_flat(config))
    values = {key: value for key, value in result.items() if key != "thorexp"}
    values |= {f"thorexp/{key}": value for key, value in _flat(result.get("thorexp") or {})}
    values |= {f"config/{key}": asked.get(key) for key in _FILTERED_BY}
    values |= {f"config/engine.{arg['name']}": arg["value"] for arg in engine_args}
    return {_key(key): float(value) for key, value in values.items() if _is_finite(value)}


def points_of(telemetry: Telemetry, unix_s: float, monotonic_ns: int) -> tuple[Point, ...]:
    """Each signal under `telemetry/`, long ones as means of some hundred parts; infinities and NaN are left out.

    `unix_s` and `monotonic_ns`: one moment on both clocks, by which the samples are dated.
    """
    first_ns = min((series.ns[0] for series in telemetry.signals.values() if series.ns), default=0)
    began_ms = unix_s * 1000 - monotonic_ns / 1e6
    thinned = {name: means(series, _SIGNAL_POINTS) for name, series in telemetry.signals.items()}
    return tuple(
        Point(_key(f"telemetry/{name}"), value, round(began_ms + ns / 1e6), (ns - first_ns) // 1_000_000)
        for name, series in thinned.items()
        for ns, value in zip(series.ns, series.values, strict=True)
        if math.isfinite(value)
    )


def read_config(run_dir: RunDir) -> dict[str, Any]:
    """The job's config as plain data; RecordError when it is missing or is no mapping."""
    try:
        values = yaml.safe_load(run_dir.read_text(CONFIG))
    except yaml.YAMLError as broken:
        raise damaged(run_dir.path / CONFIG, str(broken)) from None
    if not isinstance(values, dict):
        raise damaged(run_dir.path / CONFIG, f"a {type(values).__name__} where a mapping should be")
    return values


def masked(text: str) -> str:
    """The text, without the user and password of any URL in it."""
    return re.sub(r"(\w://)[^/@\s]+@", r"\1***@", text)


def _series_of(record: Record, run_dir: RunDir) -> tuple[Point, ...]:
    """None of a record that does not say when its monotonic clock was read."""
    if record.started_ns is None:
        return ()
    try:
        return points_of(read_telemetry(run_dir.path / TELEMETRY), record.started_at, record.started_ns)
    except ValueError as broken:
        raise damaged(run_dir.path / TELEMETRY, str(broken)) from None


def _name_of(record: Record) -> str:
    """By model and load, first of all by an origin that is not our own measuring."""
    name = " ".join(record.tags[key] for key in ("model", "load") if key in record.tags) or record.id
    origin = record.tags.get("origin", "measured")
    return name if origin == "measured" else f"{origin} {name}"


def _tags_of(record: Record) -> dict[str, str]:
    headline = next(iter((record.error or "").strip().splitlines()), None)
    values = {
        "kind": "job",
        "id": record.id,
        "point": record.point,
        "sweep": record.sweep,
        "status": record.status,
        "error": headline,
    }
    return {f"thorexp.{key}": value for key, value in values.items() if value is not None}


def _tags(values: Mapping[str, str]) -> dict[str, str]:
    return {_key(key): _cut(value, _TAG_CHARS) for key, value in values.items()}


def _is_kept(path: Path) -> bool:
    return path.is_file() and (path.suffix != ".log" or path.stat().st_size <= _LOG_FILE_BYTES)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, float) else json.dumps(value, default=str)


def _key(name: str) -> str:
    return re.sub(r"[^/\w.\- :]", "_", name)[:_KEY_CHARS]


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _ms(unix_seconds: float) -> int:
    return round(unix_seconds * 1000)
