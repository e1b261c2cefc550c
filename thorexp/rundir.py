"""The run directory: the record of one job. MLflow and reports are views of it.

Every file is written whole or not at all, but for telemetry.csv, which grows during the load. `record.json` is written
last: a directory that has one, of this schema, is complete, whatever else it holds; a directory that has none was
interrupted.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from thorexp.errors import RecordError
from thorexp.field_types import check_fields
from thorexp.machine.telemetry import read_telemetry
from thorexp.measure.records import RequestRecord
from thorexp.measure.signals import Telemetry
from thorexp.measure.verdict import Verdict, from_json
from thorexp.secret import known
from thorexp.whole_file import write_whole

SCHEMA = 1

CONFIG = "config.yaml"  # the composed config, resolved
ENGINE_ARGS = "engine_args.json"  # [{name, value, source}], as vLLM got them
PLAN = "plan.json"  # the load plan without its prompts, and the digest of all of it
REQUESTS = "requests.jsonl"  # one RequestRecord a line
SUMMARY = "summary.json"  # our own names and structure; absent values are null
RESULT = "result.json"  # the keys of `vllm bench serve`; ours under "thorexp"
REPORT = "report.txt"  # the layout of `vllm bench serve`, then ours
MACHINE = "machine.json"  # versions, and what it ran on
SERVER = "server.json"  # what the server says of itself: models, version, cache configuration
SERVER_LOG = "server.log"  # the server's start-up and its lines during this job
METRICS_BEFORE = "metrics_before.prom"  # /metrics just before the load
METRICS_AFTER = "metrics_after.prom"  # and just after
TELEMETRY = "telemetry.csv"  # ns,signal,value: what was sampled before and during the load
PAGE = "report.html"  # the job in figures, to look at
VERDICT = "verdict.json"  # may the result be believed; the reasons against it
SAMPLES = "samples.json"  # answers to plain questions, asked before the load
ERROR = "error.txt"  # why the job failed; only there if it did
RECORD = "record.json"
FILES = (
    CONFIG, ENGINE_ARGS, PLAN, REQUESTS, SUMMARY, RESULT, REPORT, MACHINE, SERVER, SERVER_LOG, METRICS_BEFORE,
    METRICS_AFTER, TELEMETRY, PAGE, VERDICT, SAMPLES, ERROR,
)  # fmt: skip

LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader  # ten times as fast

Status = Literal["finished", "failed"]


@dataclass(frozen=True, slots=True)
class Record:
    """What a complete run directory says of itself.

    `id` is unique to this execution; `point` is a digest of what was asked and the same for every execution of
    it. `started_at` and `ended_at` are Unix seconds, labels only; `started_ns` is the run's monotonic clock at
    `started_at`, by which its stamps get a date; absent in older records. `error` is absent when the job finished.
    `server_start_s`: how long its server took to be ready, absent when it ran already; `measure_s`: from then
    on to the end, absent when there was no server. `overrides`: what was typed for it, as Hydra takes it, without what
    concerns Hydra itself; alike for all repeats of a point; absent in older records.
    """

    schema: int
    id: str
    point: str
    status: Status
    started_at: float
    ended_at: float
    sweep: str | None
    tags: dict[str, str]
    error: str | None = None
    server_start_s: float | None = None
    measure_s: float | None = None
    started_ns: int | None = None
    overrides: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.overrides is not None:  # of JSON: a list
            object.__setattr__(self, "overrides", tuple(self.overrides))


@dataclass(frozen=True, slots=True)
class RunDir:
    """One job's directory, made on use."""

    path: Path

    def begin(self) -> None:
        """Take away what an earlier job left here, its completion first."""
        for name in (RECORD, *FILES):
            (self.path / name).unlink(missing_ok=True)

    def write_text(self, name: str, text: str) -> Path:
        """Put a whole file in place, in UTF-8 and without what this process knows to be a secret, or leave what was
        there.
        """
        return self.write_bytes(name, known().hidden(text).encode())

    def write_bytes(self, name: str, content: bytes) -> Path:
        """Put a whole file in place, or leave what was there; MachineError where there is no room, or no right."""
        return write_whole(self.path / name, content)

    def write_json(self, name: str, value: object) -> Path:
        """Absent values become null; infinities and NaN are refused with ValueError."""
        return self.write_text(name, json.dumps(value, indent=1, allow_nan=False) + "\n")

    def write_jsonl(self, name: str, values: Iterable[object]) -> Path:
        """One compact JSON value a line, never all of them in memory; else as `write_text`."""
        lines = (json.dumps(value, separators=(",", ":"), allow_nan=False) for value in values)
        return write_whole(self.path / name, (f"{known().hidden(line)}\n".encode() for line in lines))

    def complete(self, record: Record) -> None:
        """Write the last file. Nothing is written into the directory after it."""
        self.write_json(RECORD, asdict(record))

    def has(self, name: str) -> bool:
        """Whether the file is there (written whole)."""
        return (self.path / name).is_file()

    def read_text(self, name: str) -> str:
        """RecordError when it is missing."""
        try:
            return (self.path / name).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            raise RecordError(
                "A run directory is not complete.",
                ("where", str(self.path)),
                ("lacks", name),
                ("try", "run the job again, or name a directory that has a record.json"),
            ) from None
        except OSError as refused:
            raise damaged(self.path / name, refused.strerror or str(refused)) from None

    def read_json(self, name: str) -> Any:
        """RecordError when it is missing or is not JSON."""
        try:
            return json.loads(self.read_text(name))
        except (ValueError, RecursionError) as broken:
            raise damaged(self.path / name, str(broken)) from None

    def read_mapping(self, name: str) -> dict[str, Any]:
        """RecordError when it is missing or holds no JSON object."""
        return self._mapping(name, self.read_json(name))

    def _mapping(self, name: str, values: object) -> dict[str, Any]:
        if not isinstance(values, dict):
            raise damaged(self.path / name, f"a {type(values).__name__} where a mapping should be")
        return values

    def config(self) -> dict[str, Any]:
        """The job's config as plain data; RecordError when it is missing or is no mapping."""
        try:
            values = yaml.load(self.read_text(CONFIG), Loader=LOADER)
        except (yaml.YAMLError, ValueError, ArithmeticError, RecursionError, AttributeError, TypeError) as broken:
            raise damaged(self.path / CONFIG, str(broken)) from None
        return self._mapping(CONFIG, values)

    def requests(self) -> tuple[RequestRecord, ...]:
        """What was sent, as it was recorded; none of an imported result. RecordError when a line is damaged."""
        return tuple(self.each_request())

    def each_request(self) -> Iterator[RequestRecord]:
        """As `requests`, one after the other."""
        if not self.has(REQUESTS):
            return
        path = self.path / REQUESTS
        try:
            with path.open(encoding="utf-8", errors="replace") as lines:
                for number, line in enumerate(lines, start=1):
                    yield _request(line, path, number)
        except OSError as refused:
            raise damaged(path, refused.strerror or str(refused)) from None

    def telemetry(self) -> Telemetry:
        """What was sampled; nothing where there is no file. RecordError when a row is damaged."""
        try:
            return read_telemetry(self.path / TELEMETRY)
        except (ValueError, OverflowError, OSError) as broken:
            raise damaged(self.path / TELEMETRY, str(broken)) from None

    def verdict(self) -> Verdict | None:
        """On its result; absent where nobody judged. RecordError when it is none."""
        if not self.has(VERDICT):
            return None
        try:
            return from_json(self.read_mapping(VERDICT))
        except (TypeError, KeyError, AttributeError, ValueError) as broken:
            raise damaged(self.path / VERDICT, repr(broken)) from None

    def record(self) -> Record:
        """What the directory says of itself; RecordError when it is not complete, or of another schema."""
        values = self.read_json(RECORD)
        schema = values.get("schema") if isinstance(values, Mapping) else None
        if schema != SCHEMA:
            raise RecordError(
                f"A record has schema {schema}, this thorexp reads {SCHEMA}.",
                ("where", str(self.path / RECORD)),
                ("try", "the thorexp that wrote it, or run the job again"),
            )
        try:
            check_fields(Record, values)
            return Record(**values)
        except TypeError as other:
            raise RecordError(
                "A record does not have the fields of its schema.",
                ("where", str(self.path / RECORD)),
                ("says", str(other)),
                ("try", "run the job again"),
            ) from None


def _request(line: str, path: Path, number: int) -> RequestRecord:
    try:
        values = json.loads(line)
        chunks = values.get("chunk_tokens")
        tuples = {"token_ns": tuple(values["token_ns"]), "chunk_tokens": None if chunks is None else tuple(chunks)}
        check_fields(RequestRecord, values)
        return RequestRecord(**values | tuples)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as broken:
        raise damaged(f"{path}:{number}", repr(broken)) from None


def damaged(path: Path | str, evidence: str) -> RecordError:
    """What is raised of a file of a run directory that is not what it should be."""
    return RecordError(
        "A file of a run directory is damaged.",
        ("where", str(path)),
        ("says", evidence),
        ("try", "run the job again"),
    )


def check_whole(run_dir: RunDir) -> None:
    """RecordError for a finished job whose config is gone, or its result, or requests that its result counts; an
    imported result has none.
    """
    record = run_dir.record()
    if record.status != "finished":
        return
    run_dir.config()
    completed = run_dir.read_mapping(RESULT).get("completed")
    if record.tags.get("origin") == "imported" or not isinstance(completed, int):
        return
    answered = sum(request.ok for request in run_dir.each_request())
    if answered < completed:
        raise damaged(run_dir.path / REQUESTS, f"{answered} requests that were answered, {RESULT} counts {completed}")


def find_run_dirs(root: Path) -> tuple[RunDir, ...]:
    """The complete run directories at or below `root`, in path order."""
    return tuple(RunDir(path.parent) for path in sorted(root.rglob(RECORD)))
