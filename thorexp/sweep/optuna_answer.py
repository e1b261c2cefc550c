"""What a search has found: the best point, why others cannot win, and where all of it is kept."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from thorexp.places import shown
from thorexp.rundir import RunDir
from thorexp.secret import shown_word
from thorexp.sweep.judging import Judged
from thorexp.sweep.objective import Aim
from thorexp.sweep.search_space import Params, Space
from thorexp.sweep.study import Trial

SEARCH_TXT, SEARCH_JSON = "search.txt", "search.json"


@dataclass(frozen=True, slots=True)
class Answer:
    """Of all trials that were told. `study`: the file that Optuna keeps them in."""

    aim: Aim
    space: Space
    told: tuple[Trial, ...]
    study: Path

    @property
    def best(self) -> Trial | None:
        """The first of the best among those that can win; absent without any."""
        return best_of(self.aim, self.told)

    def text(self, here: Path) -> str:
        """Some lines for below the table of the sweep; paths below `here` are relative to it."""
        lines = [f"search   {self.aim}", *self._best_lines(), f"tried    {self._tried()}"]
        lines += [f"         {count} x {why}" for why, count in self._lost().most_common()]
        return "\n".join([*lines, f"study    {shown(self.study, here)}", ""])

    def as_json(self) -> dict[str, Any]:
        """All trials in their order, as JSON takes it."""
        best = self.best
        return {
            "aim": asdict(self.aim),
            "best": None if best is None else best.number + 1,
            "trials": [
                {"number": t.number + 1, "words": self._words(t.params), **_judged(t.judged)} for t in self.told
            ],
            "study": str(self.study),
        }

    def keep(self, directory: Path) -> None:
        """Beside the summary of its sweep."""
        RunDir(directory).write_text(SEARCH_TXT, self.text(directory))
        RunDir(directory).write_json(SEARCH_JSON, self.as_json())

    def _best_lines(self) -> Iterator[str]:
        yield from self._shown("best", self.best) if self.best is not None else ("best     none: no point can win",)
        if self.best is None and self._nearest is not None:
            yield from self._shown("nearest", self._nearest)

    @property
    def _nearest(self) -> Trial | None:
        """That which misses its limits by the least; absent where none has figures."""
        measured = [(sum(_over(trial.judged)), trial) for trial in self.told if trial.judged and trial.judged.figures]
        return min(measured, key=lambda each: each[0])[1] if measured else None

    def _shown(self, word: str, trial: Trial) -> Iterator[str]:
        yield f"{word:<8} {' '.join(self._words(trial.params))} (trial {trial.number + 1})"
        if trial.judged is not None:
            yield f"         {figures(trial.judged)}"

    def _tried(self) -> str:
        size = f" of {self.space.size:.0f}" if self.space.is_finite else ""
        lost = sum(self._lost().values())
        return f"{len(self.told)}{size} points{f', {lost} cannot win:' if lost else ''}"

    def _lost(self) -> Counter[str]:
        return Counter(trial.judged.why for trial in self.told if trial.judged is not None and trial.judged.why)

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
