"""What a search for the highest load that keeps an SLO has found, probe by probe and in a line."""

import hashlib
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from thorexp.answers import Answer
from thorexp.measure.share import Share


@dataclass(frozen=True, slots=True)
class Tried:
    """One value. `share`: of the requests of all its runs, absent where nothing was measured; `holds`: whether it keeps
    the SLO; `undecided`: whether that is by the share alone, for its interval says neither.

    `why`: what else made it miss: a failed run, or a load that was given up. `doubts`: reasons of its verdict.
    `probes`: how many times it was played, repeats not counted. `directories`: of its runs.
    """

    value: float
    holds: bool
    share: Share | None = None
    undecided: bool = False
    why: str | None = None
    doubts: tuple[str, ...] = ()
    probes: int = 1
    directories: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Why it keeps or misses."""
        said = [] if self.share is None else [str(self.share)]
        said += [] if self.why is None else [self.why]
        said += ["undecided, by the share alone"] if self.undecided else []
        said += ["no probe was left to play it again"] if self.undecided and self.probes == 1 else []
        said += [f"SUSPECT: {', '.join(self.doubts)}"] if self.doubts else []
        return "; ".join(said)


@dataclass(frozen=True, slots=True)
class Found:
    """Of one point of the grid. `point`: what sets it apart from those that were searched with it; `words`: all that
    was typed for it. `over`: the key of the load; `keep`: the share that shall keep the SLO.

    `unfinished`: why the search ended before both ends were near enough; `broken`: whether that is a failure.
    """

    point: str
    over: str
    keep: float
    tried: tuple[Tried, ...]
    unfinished: str | None = None
    broken: bool = False
    words: tuple[str, ...] = ()

    @property
    def probes(self) -> int:
        """How many there were."""
        return sum(each.probes for each in self.tried)

    @property
    def digest(self) -> str:
        """The same for the same point, whatever it was searched with: of its words in any order."""
        return hashlib.sha256("\0".join(sorted(self.words or (self.point,))).encode()).hexdigest()[:12]

    @property
    def best(self) -> Tried | None:
        """The highest that holds."""
        return max((each for each in self.tried if each.holds), key=lambda each: each.value, default=None)

    @property
    def miss(self) -> Tried | None:
        """The lowest that does not."""
        return min((each for each in self.tried if not each.holds), key=lambda each: each.value, default=None)

    def __str__(self) -> str:
        """`model=a: max_concurrency 34 keeps the SLO (99.3 % [97.4, 99.8] of 272 requests), 36 does not (…); 9 probes`,
        in one line.
        """
        probes = f"{self.probes} probe{'' if self.probes == 1 else 's'}"
        parts = [self._answer(), *self._crossing(), *([self.unfinished] if self.unfinished else []), probes]
        return f"{self.point}: {'; '.join(parts)}"

    @property
    def answer(self) -> Answer:
        """To be kept: all of it, and what holds as a metric."""
        best, miss = self.best, self.miss
        more = {
            "point": self.point,
            "over": self.over,
            "keeps": None if best is None else best.value,
            "misses": None if miss is None else miss.value,
            "keep": self.keep,
            "probes": self.probes,
            "unfinished": self.unfinished,
            "tried": [asdict(each) | _of_share(each.share) for each in self.tried],
        }
        metrics = {} if best is None else {f"max_under_slo/{self.point}": best.value}
        return Answer(self.digest, str(self), metrics, more)

    def _answer(self) -> str:
        best, miss = self.best, self.miss
        if best is not None and miss is not None:
            return f"{self.over} {best.value:g} keeps the SLO ({best}), {miss.value:g} does not ({miss})"
        if best is not None:
            return f"{self.over} {best.value:g}, the highest that was tried, keeps the SLO ({best})"
        if miss is not None:
            return f"not even {self.over} {miss.value:g} keeps the SLO ({miss})"
        return f"no {self.over} was found"

    def _crossing(self) -> list[str]:
        """That more load kept the SLO better, where the intervals leave no doubt: then there may be other answers."""
        known = sorted((each for each in self.tried if each.share and not each.why), key=lambda each: each.value)
        for low, high in combinations(known, 2):
            if low.share and high.share and low.share.interval[1] < high.share.interval[0]:
                return [f"{low.value:g} keeps it less than {high.value:g}, so there may be other answers"]
        return []


def _of_share(share: Share | None) -> dict[str, Any]:
    return {} if share is None else {"share_value": share.value, "interval": share.interval}
