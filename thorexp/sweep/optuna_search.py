"""A search: what is asked, run and told, until its trials are used up or all points are known."""

import logging
from collections.abc import Iterator, Sequence

from thorexp.answers import keep_answers
from thorexp.errors import ConfigError, ThorexpError
from thorexp.results.summary import Point
from thorexp.secret import masked, shown_word
from thorexp.sweep.failing import is_its_own
from thorexp.sweep.jobs import ComposedJob
from thorexp.sweep.judging import Judged, judge, lost
from thorexp.sweep.launcher import SweepLauncher
from thorexp.sweep.objective import Aim
from thorexp.sweep.optuna_answer import Searched, best_of, figures
from thorexp.sweep.search_space import Space
from thorexp.sweep.study import KeptStudy, Trial

IN_A_ROW = 3  # trials that fail by what is no fault of theirs, until the search ends

log = logging.getLogger(__name__)


class UntoldError(Exception):
    """A trial that failed by no fault of its own; its words say how."""


def search(launcher: SweepLauncher, study: KeptStudy, space: Space, aim: Aim, most: int) -> None:
    """Go on until `most` trials of the study are told; then the table of all points, and below it the answer.

    ThorexpError when no point can win, or a trial is left untold. An interruption leaves the study as it is.
    """
    log.info("search: %s", aim)
    log.info("study: %s", study.path)
    _recall(launcher, study, space)
    with launcher.summed_up():
        untold = _told_until(launcher, study, space, aim, most)
    searched = Searched(aim, space, study.told)
    if launcher.directory is not None:
        keep_answers(launcher.directory, [searched.answer(study.path.parent.name)])
    launcher.conclude()
    if untold:
        raise ThorexpError(
            f"{len(untold)} of {len(study.trials)} trials have failed by what is no fault of theirs.",
            ("says", untold[-1]),
            ("try", "the same command once that is mended: it begins with them"),
        )
    if searched.best is None:
        raise ThorexpError("The search has found no point that can win.", ("try", "other limits, or other values"))


def _told_until(launcher: SweepLauncher, study: KeptStudy, space: Space, aim: Aim, most: int) -> list[str]:
    """Why each trial that is left untold has failed; after several in a row no other is tried."""
    untold: list[str] = []
    in_a_row = 0
    for trial in _to_try(study, most):
        try:
            errors, judged = _tried(launcher, space, aim, trial)
        except UntoldError as failed:
            untold.append(str(failed))
            in_a_row += 1
            if in_a_row == IN_A_ROW:
                break
            continue
        in_a_row = 0
        _say(study.tell(trial, judged, errors), best_of(aim, study.trials), most)
    return untold


def _say(told: Trial, best: Trial | None, most: int) -> None:
    mark = ", the best so far" if best is not None and best.number == told.number else ""
    words = "" if told.judged is None else figures(told.judged)
    log.info("trial %d of %d: %s%s", told.number + 1, most, words, mark)


def _to_try(study: KeptStudy, most: int) -> Iterator[Trial]:
    """Those that were asked and never told come first: thorexp ended while they ran, or they failed for nothing."""
    yield from [trial for trial in study.trials if trial.judged is None]
    while len(study.trials) < most:
        yield study.ask()


def _tried(launcher: SweepLauncher, space: Space, aim: Aim, trial: Trial) -> tuple[tuple[str | None, ...], Judged]:
    """The error of each repeat, and how all of them stand.

    Each value was composed before the search began: what cannot be composed now is of values that do not go together,
    and no reason to stop.
    """
    words = space.words(trial.params)
    try:
        jobs = launcher.compose(words, trial.number)
    except ConfigError as refused:
        log.error("#%d %s: %s", trial.number, " ".join(map(shown_word, space.chosen(trial.params))), refused)
        return (), lost(aim, refused.headline)
    points = launcher.probe(jobs)
    for job, point in zip(jobs, points, strict=True):
        if point.state != "finished" and job.refused is None and not is_its_own(point):
            raise UntoldError(masked(point.error or point.state))
    return _errors(points), judge(points, aim)


def _errors(points: Sequence[Point]) -> tuple[str | None, ...]:
    return tuple(None if point.state == "finished" else masked(point.error or point.state) for point in points)


def _recall(launcher: SweepLauncher, study: KeptStudy, space: Space) -> None:
    """Points that were told before have their place in the sweep and in its table, those too that were refused; none is
    run again.
    """
    for trial in (trial for trial in study.told if trial.errors):
        jobs = _composed(launcher, space, trial)
        if len(jobs) == len(trial.errors):
            launcher.recall(jobs, trial.errors)


def _composed(launcher: SweepLauncher, space: Space, trial: Trial) -> tuple[ComposedJob, ...]:
    """None where a file that it needs has changed since."""
    try:
        return launcher.compose(space.words(trial.params), trial.number)
    except ConfigError:
        return ()
