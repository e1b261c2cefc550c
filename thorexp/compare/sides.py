"""What a word of the command line names: the points that were measured there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from thorexp.baseline import baseline_results, judged_import, names, shipped
from thorexp.compare.measured import Measured, measured, published, words_of
from thorexp.errors import RecordError, ThorexpError
from thorexp.result_files import read
from thorexp.rundir import RECORD, RunDir, find_run_dirs
from thorexp.secret import masked
from thorexp.tracking.lookup import Jobs, jobs_of

WHAT = "a run directory, a sweep's, a file of results, a baseline's name, or an id out of MLflow (--uri)"


@dataclass(frozen=True, slots=True)
class Failure:
    """A point of whose repeats some failed: `count` of so many. `words` and `chosen` as of one that was measured."""

    words: Mapping[str, str]
    chosen: Mapping[str, str]
    count: int
    repeats: int


@dataclass(frozen=True, slots=True)
class Source:
    """What was named by a word: points, repeats together, in the order in which they were measured.

    `single`: whether it is one measurement by itself, such as a run directory, and not a place where there happens to
    be one, such as a sweep's.
    """

    word: str
    points: tuple[Measured, ...]
    failures: tuple[Failure, ...] = ()
    single: bool = False


Point = TypeVar("Point", Measured, Failure)


def source_of(word: str, uri: str, workshop: Path) -> Source:
    """With one point at least.

    What has records, or is a file, is that; then come baselines, then MLflow, whose copies go to `workshop`.
    RecordError where nothing was measured.
    """
    path = Path(word)
    found = find_run_dirs(path) if path.is_dir() else ()
    if found:
        return _of_jobs(found, word, single=RunDir(path).has(RECORD))
    if path.is_file():
        return _of_others(word, [published(judged_import(values, (), path), str(path)) for values in read(path)])
    if word in names():
        return _of_others(word, [published(judged, word) for judged in baseline_results(shipped(word))])
    jobs = None if len(path.parts) > 1 and path.exists() else _jobs(word, uri, workshop)
    if jobs is None and path.exists():
        raise RecordError("Nothing was measured there.", ("where", word), ("have", "no record"), ("try", WHAT))
    if jobs is None:
        raise _unknown(word, uri)
    return _of_jobs([RunDir(place) for place in jobs.directories], word, jobs.single)


def _jobs(word: str, uri: str, workshop: Path) -> Jobs | None:
    """Of MLflow; where that does not answer, it may be a baseline's name that is misspelt."""
    try:
        return jobs_of(word, uri, workshop)
    except ThorexpError as silent:
        if not (near := get_close_matches(word, names(), n=3)):
            raise
        facts = (("says", silent.headline), ("try", f"{' or '.join(near)}, a baseline; or {WHAT}"))
        raise RecordError(f"{word} is nothing that can be compared.", *facts) from None


def choose(source: Source, conditions: Mapping[str, str]) -> Source:
    """What was chosen with these words, `load=high` or `quantization=awq,fp8`; RecordError where nothing was."""
    known = {key for point in source.points for key in point.chosen} | {
        key for failure in source.failures for key in failure.chosen
    }
    for key in conditions:
        if key not in known and (near := get_close_matches(key, known, n=3)):
            tries = " or ".join(f"{each}={conditions[key]}" for each in near)
            raise RecordError(f"No point of {source.word} says {key}=.", ("try", tries))
    kept = replace(source, points=_chosen(source.points, conditions), failures=_chosen(source.failures, conditions))
    if not kept.points:
        told = {" ".join(f"{key}={point.chosen.get(key)}" for key in conditions) for point in source.points}
        facts = (
            ("have", "; ".join(sorted(told))),
            ("try", " ".join(_nearest(source, conditions)) or "other words, or none"),
        )
        raise RecordError(f"No point of {source.word} was chosen.", *facts)
    return kept


def _nearest(source: Source, conditions: Mapping[str, str]) -> Iterator[str]:
    """For each value that no point has the nearest that one has."""
    for key, value in conditions.items():
        have = {point.chosen[key] for point in source.points if key in point.chosen}
        words = [(get_close_matches(word, have, n=1) or [word])[0] for word in value.split(",")]
        if ",".join(words) != value:
            yield f"{key}={','.join(words)}"


def _chosen(points: Sequence[Point], conditions: Mapping[str, str]) -> tuple[Point, ...]:
    wanted = {key: value.split(",") for key, value in conditions.items()}
    return tuple(point for point in points if all(point.chosen.get(key) in among for key, among in wanted.items()))


def _of_others(word: str, points: Sequence[Measured]) -> Source:
    return Source(word, tuple(points), single=len(points) == 1)


def _of_jobs(found: Sequence[RunDir], word: str, single: bool) -> Source:
    points = list(_by_point(sorted(found, key=lambda run_dir: run_dir.record().started_at)))
    finished = [[each for each in repeats if each.record().status == "finished"] for repeats in points]
    if not any(finished):
        facts = (("where", word), ("have", f"{len(found)} records, none of a finished job"), ("try", WHAT))
        raise RecordError("Nothing was measured there.", *facts)
    failures = (_failure(repeats) for repeats in points)
    return Source(
        word,
        tuple(measured(repeats) for repeats in finished if repeats),
        tuple(failure for failure in failures if failure.count),
        single,
    )


def _failure(repeats: Sequence[RunDir]) -> Failure:
    """Of none, where all of them finished."""
    records = [run_dir.record() for run_dir in repeats]
    words = words_of(records[0])
    count = sum(record.status == "failed" for record in records)
    return Failure(words, records[0].tags | words, count, len(records))


def _by_point(run_dirs: Sequence[RunDir]) -> Iterator[list[RunDir]]:
    """Repeats of a point have the same words in the same sweep; older records do not tell them."""
    points: dict[object, list[RunDir]] = {}
    for run_dir in run_dirs:
        record = run_dir.record()
        key = record.id if record.sweep is None or record.overrides is None else (record.sweep, record.overrides)
        points.setdefault(key, []).append(run_dir)
    yield from points.values()


def _unknown(name: str, uri: str) -> RecordError:
    near = get_close_matches(name, names(), n=3)
    tries = f"{' or '.join(near)}, a baseline; or {WHAT}" if near else WHAT
    facts = (("store", masked(uri)), ("says", "no run has this id, no experiment this id or name"), ("try", tries))
    return RecordError(f"{name} is nothing that can be compared.", *facts)
