"""What a word of the command line names: the points that were measured there."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from thorexp.baseline import baseline_results, names, shipped
from thorexp.compare.measured import Measured, measured, published
from thorexp.errors import RecordError
from thorexp.published import check_measured, imported, judge_one, read
from thorexp.rundir import RunDir, find_run_dirs
from thorexp.said_load import load_words
from thorexp.tracking.lookup import directories_of

WHAT = "a run directory, a sweep's, a file of results, a baseline's name, or an id out of MLflow (--uri)"


def points_of(word: str, uri: str, workshop: Path) -> tuple[Measured, ...]:
    """One at least, repeats together, in the order in which they were measured.

    What exists as a path is that, then come baselines, then MLflow, whose copies go to `workshop`. RecordError where
    nothing was measured.
    """
    path = Path(word)
    if path.is_dir():
        return _of_directories(find_run_dirs(path), word)
    if path.is_file():
        return tuple(_of_file(values, path) for values in read(path))
    if word in names():
        return tuple(published(judged, word) for judged in baseline_results(shipped(word)))
    return _of_directories([RunDir(place) for place in directories_of(word, uri, workshop)], word)


def chosen(points: Sequence[Measured], conditions: dict[str, str]) -> tuple[Measured, ...]:
    """Those that were chosen with these words, `load=high` or `quantization=awq,fp8`."""
    wanted = {key: value.split(",") for key, value in conditions.items()}
    return tuple(point for point in points if all(point.chosen.get(key) in among for key, among in wanted.items()))


def _of_file(values: Mapping[str, Any], path: Path) -> Measured:
    check_measured(values, path)
    return published(imported(judge_one(values, [*load_words(values)], path)), str(path))


def _of_directories(found: Sequence[RunDir], word: str) -> tuple[Measured, ...]:
    finished = [run_dir for run_dir in found if run_dir.record().status == "finished"]
    if not finished:
        facts = (("where", word), ("have", f"{len(found)} records, none of a finished job"), ("try", WHAT))
        raise RecordError("Nothing was measured there.", *facts)
    in_time = sorted(finished, key=lambda run_dir: run_dir.record().started_at)
    return tuple(measured(repeats) for repeats in _by_point(in_time))


def _by_point(run_dirs: Sequence[RunDir]) -> Iterator[list[RunDir]]:
    """Repeats of a point have the same words in the same sweep; older records do not tell them."""
    points: dict[object, list[RunDir]] = {}
    for run_dir in run_dirs:
        record = run_dir.record()
        key = record.id if record.sweep is None or record.overrides is None else (record.sweep, record.overrides)
        points.setdefault(key, []).append(run_dir)
    yield from points.values()
