"""What searches among the points of a sweep have come to: of all of them one file in its directory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thorexp.errors import RecordError
from thorexp.rundir import RunDir

ANSWERS_JSON, ANSWERS_MD = "answers.json", "answers.md"


@dataclass(frozen=True, slots=True)
class Answer:
    """Of one search. `digest`: the same for the same search; `says`: all of it in a line; `metrics`: its figures for
    the sweep's run in MLflow; `more`: what else is worth keeping, as JSON takes it.
    """

    digest: str
    says: str
    metrics: Mapping[str, float]
    more: Mapping[str, Any] = field(default_factory=dict)


def keep_answers(directory: Path, answers: Iterable[Answer]) -> None:
    """Write them into the sweep's directory; of other searches what is there stays."""
    ours = {each.digest: _as_json(each) for each in answers}
    values = [*(each for each in _read(directory) if each["digest"] not in ours), *ours.values()]
    run_dir = RunDir(directory)
    run_dir.write_json(ANSWERS_JSON, values)
    run_dir.write_text(ANSWERS_MD, "".join(f"- {each['says']}\n" for each in values))


def answer_lines(directory: Path) -> tuple[str, ...]:
    """A line for each search; none where nothing was searched, or the file cannot be read."""
    return tuple(str(each["says"]) for each in _read(directory))


def answer_metrics(directory: Path) -> dict[str, float]:
    """The figures of all searches there."""
    return {str(name): float(value) for each in _read(directory) for name, value in each["metrics"].items()}


def _as_json(answer: Answer) -> dict[str, Any]:
    return {"digest": answer.digest, "says": answer.says, "metrics": dict(answer.metrics), **answer.more}


def _read(directory: Path) -> list[dict[str, Any]]:
    run_dir = RunDir(directory)
    try:
        values = run_dir.read_json(ANSWERS_JSON) if run_dir.has(ANSWERS_JSON) else []
    except RecordError:
        return []
    return [each for each in values if isinstance(each, dict) and {"digest", "says", "metrics"} <= each.keys()]
