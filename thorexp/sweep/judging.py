"""How a probed point stands to the aim of a search: its figures, and why it cannot win."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from thorexp.errors import RecordError
from thorexp.measure.stats import Agreement, agreement
from thorexp.measure.verdict import Standing, Verdict
from thorexp.results.summary import Point, together
from thorexp.rundir import RESULT, RunDir
from thorexp.sweep.objective import Aim
from thorexp.tracking.metrics import metrics_of

FAR = 1e6  # by how much a point without figures misses each limit: more than any with figures
NOTHING = {True: 0.0, False: 1e12}  # what it counts as, where the objective is maximized and where minimized
DOUBT: Mapping[Standing, float] = {"VALID": 0.0, "SUSPECT": 1.0, "INVALID": 10.0}


@dataclass(frozen=True, slots=True)
class Judged:
    """`value` of the objective, finite in any case. `missed`: of each limit and then of the verdict, kept where it is 0
    or below. `why`: it cannot win; absent where it can. `figures`: medians of repeats, by the metrics of the aim, empty
    for what failed. `verdict`: its words, absent where there is none.
    """

    value: float
    missed: tuple[float, ...]
    why: str | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    verdict: str | None = None


def judge(repeats: Sequence[Point], aim: Aim) -> Judged:
    """A point by its records. One that failed in any repeat has failed."""
    failed = next((point for point in repeats if point.state != "finished"), None)
    if failed is not None:
        return lost(aim, next(iter((failed.error or failed.state).splitlines())))
    run_dirs = [RunDir(point.directory) for point in repeats if point.directory is not None]
    try:
        values = _medians(run_dirs, aim)
        found = together(run_dirs, values, repeats[0].believed)
    except RecordError as damaged:
        return lost(aim, damaged.headline)
    missing = [name for name in aim.metrics if name not in values]
    if missing:
        return lost(aim, f"no {' and no '.join(missing)} in its result")
    figures = {name: each.median for name, each in values.items()}
    return _measured(aim, figures, found)


def lost(aim: Aim, why: str) -> Judged:
    """A point without figures."""
    return Judged(NOTHING[aim.maximize], (FAR,) * (len(aim.limits) + 1), why)


def _measured(aim: Aim, figures: Mapping[str, float], found: Verdict | None) -> Judged:
    """An INVALID verdict wins nothing, whether or not a VALID one was asked for; what nobody judged is SUSPECT."""
    standing = "SUSPECT" if found is None else found.standing
    doubt = DOUBT[standing] if aim.valid or standing == "INVALID" else 0.0
    missed = [limit.missed(figures[limit.metric]) for limit in aim.limits]
    why = [f"not {limit}" for limit, share in zip(aim.limits, missed, strict=True) if share > 0]
    if doubt:
        reasons = () if found is None else found.reasons
        names = ", ".join(reason.name for reason in reasons if reason.standing == standing)
        why.append(f"{standing}: {names or 'nobody judged'}")
    words = standing if found is None else found.words
    return Judged(figures[aim.metric], (*missed, doubt), "; ".join(why) or None, figures, words)


def _medians(run_dirs: Sequence[RunDir], aim: Aim) -> dict[str, Agreement]:
    """Of the metrics that each repeat has."""
    results = [metrics_of(run_dir.read_mapping(RESULT), {}) for run_dir in run_dirs]
    samples = {name: [_figure(result, name) for result in results] for name in aim.metrics}
    whole = {name: [value for value in sample if value is not None] for name, sample in samples.items()}
    agreed = {name: agreement(sample) for name, sample in whole.items() if len(sample) == len(results)}
    return {name: each for name, each in agreed.items() if each is not None}


def _figure(result: Mapping[str, float], name: str) -> float | None:
    """What MLflow shows under `system/` goes by its own name too."""
    return result.get(name, result.get(f"system/{name}"))
