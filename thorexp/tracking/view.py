"""What MLflow shall know of a record, in MLflow's terms; no MLflow in it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thorexp.answers import answer_metrics
from thorexp.errors import RecordError
from thorexp.measure.verdict import Verdict
from thorexp.rundir import (
    CONFIG,
    ENGINE_ARGS,
    MACHINE,
    PAGE,
    PLAN,
    REPORT,
    RESULT,
    Record,
    RunDir,
    damaged,
)
from thorexp.secret import masked, shown_command
from thorexp.secret_words import is_secret
from thorexp.sweepdir import SweepRecord
from thorexp.tracking.limits import TAG_CHARS, cut, key_of
from thorexp.tracking.load_input import LoadInput, load_input_of
from thorexp.tracking.machine_tags import machine_tags
from thorexp.tracking.metrics import Point, metrics_of, points_of
from thorexp.tracking.notes import note_of_job
from thorexp.tracking.params import asked_of, params_of
from thorexp.tracking.request_table import REQUEST_TABLE, request_table
from thorexp.tracking.sweep_note import note_of_sweep

_LOG_FILE_BYTES = 10_000_000

_NAME_CHARS = 120

_SUMMARY_MD = "summary.md"


@dataclass(frozen=True, slots=True)
class View:
    """One MLflow run to be, within MLflow's limits. Times in Unix ms.

    `metrics` have one value each, `series` a history. `where`: the record's absolute directory. `artifacts`: files,
    or directories whose content is meant. `revision`: of what was there to be seen; a run that shows an older one is
    filled again. `note`: its description, in Markdown, with RUN_ID where the run's id belongs. `tables`: artifacts
    that MLflow shows as such, by their names. `load`: absent where there is no plan.
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
    note: str = ""
    tables: tuple[tuple[str, str], ...] = ()
    load: LoadInput | None = None


def view_of_job(run_dir: RunDir) -> View:
    """All of one run directory, which may lack any file but the record; RecordError when one is damaged."""
    try:
        return _view_of_job(run_dir)
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError) as broken:
        raise damaged(run_dir.path, repr(broken)) from broken


def _view_of_job(run_dir: RunDir) -> View:
    record = run_dir.record()
    config = run_dir.config() if run_dir.has(CONFIG) else {}
    engine_args, result, machine, plan = (_json(run_dir, name) for name in (ENGINE_ARGS, RESULT, MACHINE, PLAN))
    verdict = run_dir.verdict()
    where = run_dir.path.absolute()
    tables = _tables(run_dir, plan)
    tags = record.tags | machine_tags(machine) | _tags_of(record, verdict) | {"thorexp.run_dir": str(where)}
    asked, params = asked_of(config, record.overrides), params_of(config, engine_args, record.overrides)
    files = [*(name for name in (PAGE, REPORT) if run_dir.has(name)), *(name for name, _ in tables)]
    return View(
        id=record.id,
        revision=record.id,
        name=_name_of(record, asked, params),
        where=where,
        status=record.status.upper(),
        start_ms=_ms(record.started_at),
        end_ms=_ms(record.ended_at),
        tags=_tags(tags),
        params=params,
        metrics=metrics_of(result, {key: value for key, value in asked.items() if not is_secret(key)}),
        artifacts=(where,),
        series=_series_of(record, run_dir),
        note=note_of_job(tags, result, verdict, record.error, files),
        tables=tables,
        load=load_input_of(plan, config) if plan else None,
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
            ("try", f"the same command again, which goes on where it stopped: {shown_command(sweep.command)}"),
        )
    status = "failed" if sweep.failed else "finished"
    origin = {} if sweep.origin is None else {"origin": sweep.origin}
    unreal = "" if sweep.origin in (None, "measured") else f"{sweep.origin} "
    kept = tuple(path for path in sorted(where.iterdir()) if _is_kept(path))
    own = {"kind": "sweep", "id": sweep.id, "sweep": sweep.id, "status": status, "run_dir": str(where)}
    return View(
        id=sweep.id,
        revision=str(sweep.ended_at),
        name=f"{unreal}sweep {sweep.id}",
        where=where,
        status=status.upper(),
        start_ms=_ms(sweep.started_at),
        end_ms=_ms(sweep.ended_at),
        tags=_tags(
            {f"thorexp.{key}": value for key, value in (own | {"command": shown_command(sweep.command)}).items()}
            | origin
        ),
        params={},
        metrics={"system/finished_jobs": float(sweep.finished), "system/failed_jobs": float(sweep.failed)}
        | {key_of(name): value for name, value in answer_metrics(where).items()},
        artifacts=kept,
        note=_note_of_sweep(sweep, where, [path.name for path in kept]),
    )


def _series_of(record: Record, run_dir: RunDir) -> tuple[Point, ...]:
    """None of a record that does not say when its monotonic clock was read."""
    if record.started_ns is None:
        return ()
    return points_of(run_dir.telemetry(), record.started_at, record.started_ns)


def _name_of(record: Record, asked: Iterable[str], params: Mapping[str, str]) -> str:
    """By model, load and what was typed beside, first of all by an origin that is not our own measuring."""
    chosen = [record.tags[key] for key in ("model", "load") if key in record.tags] or [record.id]
    beside = [] if record.overrides is None else [f"{key.split('.')[-1]}={params[key_of(key)]}" for key in asked]
    name = cut(" ".join((*chosen, *beside)), _NAME_CHARS)
    origin = record.tags.get("origin", "measured")
    return name if origin == "measured" else f"{origin} {name}"


def _tags_of(record: Record, verdict: Verdict | None) -> dict[str, str]:
    headline = next(iter(masked(record.error or "").strip().splitlines()), None)
    values = {
        "kind": "job",
        "id": record.id,
        "point": record.point,
        "sweep": record.sweep,
        "status": record.status,
        "error": headline,
    }
    ours = {f"thorexp.{key}": value for key, value in values.items() if value is not None}
    return ours if verdict is None else ours | {"standing": verdict.standing}


def _json(run_dir: RunDir, name: str) -> Any:
    """Nothing where the file is not there."""
    return run_dir.read_json(name) if run_dir.has(name) else {}


def _tables(run_dir: RunDir, plan: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    records = run_dir.requests()
    stages = [stage["name"] for stage in plan.get("stages", ())]
    return ((REQUEST_TABLE, request_table(records, stages)),) if records else ()


def _note_of_sweep(sweep: SweepRecord, where: Path, files: Sequence[str]) -> str:
    summary = RunDir(where).read_text(_SUMMARY_MD) if _SUMMARY_MD in files else ""
    return note_of_sweep(summary, shown_command(sweep.command), files)


def _tags(values: Mapping[str, str]) -> dict[str, str]:
    return {key_of(key): cut(value, TAG_CHARS) for key, value in values.items()}


def _is_kept(path: Path) -> bool:
    return path.is_file() and (path.suffix != ".log" or path.stat().st_size <= _LOG_FILE_BYTES)


def _ms(unix_seconds: float) -> int:
    return round(unix_seconds * 1000)
