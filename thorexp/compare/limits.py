"""What a comparison shall fail on: `--fail-if 'p99_ttft_ms>+5%'`.

A condition that is not met by what did not change, such as `p99_ttft_ms>+5%`, forbids: it is broken when the measured
change meets it and the interval excludes no change. One that is met by what did not change, such as
`p99_ttft_ms>-5%`, demands: it is broken unless the whole interval is free of it. Without an interval nobody can tell
whether a demand is kept, nor whether a forbidden change that was measured is more than noise.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Literal

from thorexp.compare.pairs import Pair, against
from thorexp.errors import ConfigError
from thorexp.measure.ratios import Ratio

GRAMMAR = re.compile(r"\s*([\w.]+)\s*([<>]=?)\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*%\s*")
SIGNS: Mapping[str, Callable[[float, float], bool]] = {">": gt, ">=": ge, "<": lt, "<=": le}


@dataclass(frozen=True, slots=True)
class Limit:
    """A change that is not wanted: of the number `key`, above or below so many percent of what it was."""

    key: str
    sign: str
    percent: float

    def __str__(self) -> str:
        return f"{self.key}{self.sign}{self.percent:+g}%"

    def is_met(self, ratio: float) -> bool:
        """Whether the change is there."""
        return SIGNS[self.sign](round(100 * (ratio - 1), 9), self.percent)  # 1.05 − 1 is a float above 0.05

    @property
    def is_demand(self) -> bool:
        """Whether what did not change meets it."""
        return self.is_met(1.0)


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a limit for one pair: it holds, it is broken, or nobody can tell; in words."""

    outcome: Literal["holds", "broken", "unanswered"]
    words: str

    def __str__(self) -> str:
        return f"{self.outcome}: {self.words}"


def limit(text: str) -> Limit:
    """As typed; ConfigError for what is none."""
    match = GRAMMAR.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"--fail-if '{text}' is no condition.",
            ("try", "'p99_ttft_ms>+5%' (it fails when it grew by more), or 'output_throughput<-3%'"),
        )
    return Limit(match[1], match[2], float(match[3]))


def findings(limits: Sequence[Limit], pairs: Sequence[Pair], gaps: Sequence[str] = ()) -> Iterator[Finding]:
    """Of each limit and pair. Nobody can tell of a number that is not there, or is not ranked, nor of a gap."""
    yield from (_finding(each, pair) for each in limits for pair in pairs)
    if limits:
        yield from (Finding("unanswered", gap) for gap in gaps)


def _finding(limit: Limit, pair: Pair) -> Finding:
    ratio = next((ratio for ratio in pair.ratios if ratio.key == limit.key), None)
    if ratio is None:
        have = ", ".join(ratio.key for ratio in pair.ratios) or "no metric in common"
        return Finding("unanswered", f"{limit}: {against(pair)}: not in both, which have {have}")
    words = f"{limit}: {against(pair)}: {100 * (ratio.ratio - 1):+.1f} %{_interval(ratio)}"
    if pair.effect(ratio) == "not ranked":
        return Finding("unanswered", f"{words}, not ranked")
    return (_demanded if limit.is_demand else _forbidden)(limit, ratio, words)


def _forbidden(limit: Limit, ratio: Ratio, words: str) -> Finding:
    if not limit.is_met(ratio.ratio):
        return Finding("holds", words)
    if ratio.interval is None:
        return Finding("unanswered", f"{words}, and nothing tells how much of it is noise: sweep.repeats=3")
    if ratio.interval[0] <= 1 <= ratio.interval[1]:
        return Finding("holds", f"{words}, within noise: more requests or sweep.repeats would tell")
    return Finding("broken", words)


def _demanded(limit: Limit, ratio: Ratio, words: str) -> Finding:
    if ratio.interval is None:
        return Finding("unanswered", f"{words}, and nothing tells how much of it is noise: sweep.repeats=3")
    if limit.is_met(ratio.ratio):
        return Finding("broken", words)
    if any(map(limit.is_met, ratio.interval)):
        return Finding("broken", f"{words}, which may be noise: more requests or sweep.repeats would tell")
    return Finding("holds", words)


def _interval(ratio: Ratio) -> str:
    if ratio.interval is None:
        return ""
    low, high = (100 * (end - 1) for end in ratio.interval)
    return f" ({low:+.1f} to {high:+.1f} %)"
