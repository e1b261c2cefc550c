"""python -m thorexp.importer FILE … key=value …: results of others, as run directories and in MLflow.

A FILE holds what `python -m thorexp.judge` reads, but for run directories: reports as `vllm bench serve` prints them,
a page of several, each under the heading that names its model, or what it saves as JSON; or the JSON of GuideLLM,
AIPerf or GenAI-Perf. Words choose what a file does not say, as in a job: `model=`, `hardware=`,
`workload.output_len=`, `tracking=off`.

Each result is judged and kept in outputs/imported/<file>/<model>_<requests at once>, marked `imported`. The same file
again is the same directories and the same runs in MLflow.
"""

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from itertools import count
from math import isfinite
from pathlib import Path
from typing import Any

from thorexp import rundir, tracking
from thorexp.baseline import judged_import
from thorexp.errors import RecordError, ThorexpError
from thorexp.judge import heading, table, told_usage, words_of
from thorexp.own_error import at_edge
from thorexp.published import Judged
from thorexp.report import Extra, Result, as_json, render
from thorexp.result_files import SAVED, read
from thorexp.rundir import Record, RunDir
from thorexp.said_load import number, prompts, rate

ROOT = Path("outputs") / "imported"
# Only where the result says so itself.
UNSAID = ("date", "endpoint_type", "backend", "label", "tokenizer_id", "request_rate", "burstiness")


@dataclass(frozen=True, slots=True)
class Imported:
    """One result of a file, judged; `values` by vLLM's keys. `id`: a digest of what it is and where it stands."""

    id: str
    source: Path
    values: Mapping[str, Any]
    judged: Judged


def main(argv: Sequence[str] | None = None) -> int:
    """The judge's table, and where the directories are. 1 when a file cannot be read, or MLflow took a record not."""
    files, typed = words_of(argv)
    if (code := told_usage(files, __doc__)) is not None:
        return code
    try:
        results = [result for file in files for result in imports(file, typed)]
        kept = [keep(result, ROOT) for result in results]
        for result, run_dir in zip(results, kept, strict=True):
            track(result, run_dir)
    except ThorexpError as wrong:
        print(wrong, file=sys.stderr)
        return 1
    judged = [result.judged for result in results]
    print(*heading(judged[0].hardware), *table(judged), "", *_places(kept), sep="\n", flush=True)
    return 0


def imports(source: Path, typed: Sequence[str]) -> Iterator[Imported]:
    """The results of a file, of which two may be the same; RecordError for what cannot be read or was not measured."""
    if _is_directory(source):
        remedy = f"{SAVED}. Run directories of thorexp's own: python -m thorexp.tracking {source}"
        raise RecordError("A directory cannot be imported.", ("where", str(source)), ("try", remedy))
    seen: Counter[str] = Counter()
    for values in read(source):
        judged = judged_import(values, typed, source)
        content = _digest(source.name, *_chosen(judged).values(), values)
        yield Imported(_digest(content, seen[content]), source, values, judged)
        seen[content] += 1


def keep(result: Imported, root: Path) -> RunDir:
    """A run directory of its own, written anew where the same result was there."""
    run_dir = _place(result, root)
    config, moment = result.judged.config, _moment(result)
    published = _published(result, moment)
    run_dir.begin()
    run_dir.write_text(rundir.CONFIG, result.judged.config_yaml)
    run_dir.write_json(rundir.RESULT, _as_json(published, result.values))
    run_dir.write_text(rundir.REPORT, render(published))
    run_dir.write_json(
        rundir.SUMMARY, {"summary": asdict(result.judged.summary), "utilization": asdict(result.judged.used)}
    )
    run_dir.write_json(rundir.VERDICT, result.judged.verdict.as_json() | {"thresholds": asdict(config.verdict)})
    run_dir.complete(
        Record(
            schema=rundir.SCHEMA,
            id=result.id,
            point=result.id,
            status="finished",
            started_at=moment - result.judged.summary.duration_s,
            ended_at=moment,
            sweep=None,
            tags=_tags(result),
        )
    )
    return run_dir


def track(result: Imported, run_dir: RunDir) -> None:
    """Into the MLflow that the words chose; TrackingError when it does not take it."""
    to = result.judged.config.tracking
    if to.enabled:
        tracking.track(run_dir, tracking.Store.of(to))


def _is_directory(source: Path) -> bool:
    try:
        return source.is_dir()
    except OSError:  # who reads it says why
        return False


def _digest(*said: Any) -> str:
    return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]


def _chosen(judged: Judged) -> dict[str, str]:
    config = judged.config
    return {
        "model": config.model.name,
        "quantization": config.quantization.name,
        "hardware": config.hardware.name,
        "load": config.load.name,
    }


def _tags(result: Imported) -> dict[str, str]:
    """What an import is filtered by; a tag that would be empty is left out."""
    verdict = result.judged.verdict
    tags = _chosen(result.judged) | {
        "server": "imported",
        "origin": verdict.origin,
        "verdict": verdict.words,
        "verdict_reasons": ", ".join(reason.name for reason in verdict.reasons),
        "source": result.source.name,
    }
    return {name: value for name, value in tags.items() if value}


def _place(result: Imported, root: Path) -> RunDir:
    """The first directory of its name that is free, or its own."""
    name = f"{result.judged.config.model.name.replace('/', '_')}_{result.judged.at_once}"
    names = (name if number == 1 else f"{name}_{number}" for number in count(1))
    places = (RunDir(root / result.source.stem / each) for each in names)
    return next(place for place in places if not place.has(rundir.RECORD) or place.record().id == result.id)


def _places(kept: Sequence[RunDir]) -> Iterator[str]:
    for folder, results in Counter(run_dir.path.parent for run_dir in kept).items():
        yield f"{results} {'result' if results == 1 else 'results'} in {folder}"


def _moment(result: Imported) -> float:
    """When it ended, in Unix seconds: as it says itself, else when its file was written."""
    said = re.sub(r"^(\d{8})-(\d{6})$", r"\1T\2", str(result.values.get("date")))  # vLLM's, in local time
    try:
        return datetime.fromisoformat(said).timestamp()
    except (ValueError, OverflowError):
        return result.source.stat().st_mtime


def _published(result: Imported, moment: float) -> Result:
    values, at_once = result.values, number(result.values.get("max_concurrency"))
    return Result(
        model_id=result.judged.name,
        date=time.strftime("%Y%m%d-%H%M%S", time.localtime(moment)),
        num_prompts=prompts(values),
        request_rate=rate(values),
        burstiness=number(values.get("burstiness")) or 1.0,
        max_concurrency=None if at_once is None else int(at_once),
        summary=result.judged.summary,
        extras=dict(_extras(result)),
        verdict=result.judged.verdict,
    )


def _extras(result: Imported) -> Iterator[tuple[str, Extra]]:
    used = result.judged.used
    yield "source", result.source.name
    yield "hardware", result.judged.hardware.name
    for name, share in (("mfu", used.mfu), ("mbu", used.mbu), ("mbu_uniform_routing", used.mbu_uniform)):
        if share is not None:
            yield f"{name}_percent", 100.0 * share


def _as_json(published: Result, values: Mapping[str, Any]) -> dict[str, Any]:
    """What the result says, in its own digits, and what follows from it; lists are of single requests, and left out."""
    ours = {key: value for key, value in as_json(published).items() if key not in UNSAID}
    said = {key: value for key, value in values.items() if key != "thorexp" and _is_plain(value)}
    return ours | {key: value for key, value in said.items() if key not in ours or ours[key] != value}


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str) or (isinstance(value, int | float) and isfinite(value))


if __name__ == "__main__":
    sys.exit(at_edge(main))
