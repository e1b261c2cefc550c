"""What a comparison shall fail on: `--fail-if 'p99_ttft_ms>+5%'`."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from thorexp.compare.pairs import Pair
from thorexp.errors import ConfigError
from thorexp.measure.ratios import Ratio

GRAMMAR = re.compile(r"\s*([\w.]+)\s*([<>])\s*([+-]?\d+(?:\.\d+)?)\s*%\s*")


@dataclass(frozen=True, slots=True)
class Limit:
    """A change that is not wanted: of the number `key`, above or below so many percent of what it was."""

    key: str
    sign: Literal["<", ">"]
    percent: float

    def __str__(self) -> str:
        return f"{self.key}{self.sign}{self.percent:+g}%"

    def is_met(self, ratio: float) -> bool:
        """Whether the change is there."""
        change = round(100 * (ratio - 1), 9)  # 1.05 − 1 is a float above 0.05
        return change > self.percent if self.sign == ">" else change < self.percent


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a limit for one pair: it holds, it is broken, or nobody can tell; in words."""

    outcome: Literal["holds", "broken", "unanswered"]
    words: str


def limit(text: str) -> Limit:
    """As typed; ConfigError for what is none."""
    match = GRAMMAR.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"--fail-if '{text}' is no condition.",
            ("try", "'p99_ttft_ms>+5%' (it fails when it grew by more), or 'output_throughput<-3%'"),
        )
    sign: Literal["<", ">"] = "<" if match[2] == "<" else ">"
    return Limit(match[1], sign, float(match[3]))


def findings(limits: Sequence[Limit], pairs: Sequence[Pair]) -> Iterator[Finding]:
    """Of each limit and pair. Nobody can tell of a number that is not there, or is not ranked."""
    for each in limits:
        for pair in pairs:
            yield _finding(each, pair)


def _finding(limit: Limit, pair: Pair) -> Finding:
    ratio = next((ratio for ratio in pair.ratios if ratio.key == limit.key), None)
    if ratio is None:
        have = ", ".join(ratio.key for ratio in pair.ratios)
        return Finding("unanswered", f"{limit}: {pair.name}: not in both, which have {have}")
    effect = pair.effect(ratio)
    words = f"{limit}: {pair.name}: {100 * (ratio.ratio - 1):+.1f} %{_interval(ratio)}"
    if effect == "not ranked":
        return Finding("unanswered", f"{words}, not ranked")
    if not limit.is_met(ratio.ratio):
        return Finding("holds", words)
    if effect == "within noise":
        return Finding("holds", f"{words}, within noise: more requests or sweep.repeats would tell")
    if effect == "no interval":
        return Finding("unanswered", f"{words}, and nothing tells how much of it is noise: sweep.repeats=3")
    return Finding("broken", words)


def _interval(ratio: Ratio) -> str:
    if ratio.interval is None:
        return ""
    low, high = (100 * (end - 1) for end in ratio.interval)
    return f" ({low:+.1f} to {high:+.1f} %)"
