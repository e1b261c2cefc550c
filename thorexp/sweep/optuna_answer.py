"""What a search has found: the best point, and why others cannot win."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from thorexp.answers import Answer
from thorexp.secret import shown_word
from thorexp.sweep.judging import Judged
from thorexp.sweep.objective import Aim
from thorexp.sweep.search_space import Params, Space
from thorexp.sweep.study import Trial


@dataclass(frozen=True, slots=True)
class Searched:
    """All trials of a space that were told."""

    aim: Aim
    space: Space
    told: tuple[Trial, ...]

    @property
    def best(self) -> Trial | None:
        """The first of the best among those that can win; absent without any."""
        return best_of(self.aim, self.told)

    def __str__(self) -> str:
        """`most output_throughput: engine.max_num_seqs=64 is best (trial 6: output_throughput 118.3, VALID); 20 of 32
        points tried, 12 cannot win: 12 x not p99_ttft_ms ≤ 25000`, in one line.
        """
        return f"{self.aim}: {self._best()}; {self._tried()}"

    def answer(self, digest: str) -> Answer:
        """To be kept: all trials in their order, and the best one's figures as metrics. `digest`: of the search."""
        best = self.best
        figures = {} if best is None or best.judged is None else best.judged.figures
        trials = [{"number": t.number + 1, "words": self._words(t.params), **_judged(t.judged)} for t in self.told]
        more = {"aim": asdict(self.aim), "best": None if best is None else best.number + 1, "trials": trials}
        return Answer(digest, str(self), {f"search/{name}": value for name, value in figures.items()}, more)

    def _best(self) -> str:
        if self.best is not None:
            return self._shown(self.best, "is best")
        nearest = self._nearest
        return "no point can win" + ("" if nearest is None else f", {self._shown(nearest, 'is nearest')}")

    @property
    def _nearest(self) -> Trial | None:
        """That which misses its limits by the least; absent where none has figures."""
        measured = [(sum(_over(trial.judged)), trial) for trial in self.told if trial.judged and trial.judged.figures]
        return min(measured, key=lambda each: each[0])[1] if measured else None

    def _shown(self, trial: Trial, stands: str) -> str:
        words = "" if trial.judged is None else f": {figures(trial.judged)}"
        return f"{' '.join(self._words(trial.params))} {stands} (trial {trial.number + 1}{words})"

    def _tried(self) -> str:
        size = f" of {self.space.size:.0f}" if self.space.is_finite else ""
        lost = Counter(trial.judged.why for trial in self.told if trial.judged is not None and trial.judged.why)
        reasons = ", ".join(f"{count} x {why}" for why, count in lost.most_common())
        return f"{len(self.told)}{size} points tried{f', {lost.total()} cannot win: {reasons}' if lost else ''}"

    def _words(self, params: Params) -> list[str]:
        return list(map(shown_word, self.space.chosen(params)))


def best_of(aim: Aim, trials: Sequence[Trial]) -> Trial | None:
    """The first of the best among those that can win; absent without any."""
    able = [(trial.judged.value, trial) for trial in trials if trial.judged is not None and trial.judged.why is None]
    choose = max if aim.maximize else min
    return choose(able, key=lambda each: each[0])[1] if able else None


def figures(judged: Judged) -> str:
    """Of all metrics of the aim, and the verdict; why it cannot win, where it cannot."""
    words = [f"{name} {value:.4g}" for name, value in judged.figures.items()]
    words += [] if judged.verdict is None else [judged.verdict]
    return ", ".join([*words, *([] if judged.why is None else [f"cannot win: {judged.why}"])])


def _over(judged: Judged) -> Iterator[float]:
    return (share for share in judged.missed if share > 0)


def _judged(judged: Judged | None) -> dict[str, Any]:
    if judged is None:
        return {}
    return {"figures": dict(judged.figures), "verdict": judged.verdict, "cannot_win": judged.why}
