"""One point of a search: probe after probe until it is known which load keeps the SLO, and which does not."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace

from thorexp.config import JobConfig
from thorexp.config_load import SearchConfig, SloConfig
from thorexp.errors import RecordError
from thorexp.measure.bracket import Bracket
from thorexp.measure.metrics import Slo, is_good
from thorexp.measure.records import RunRecord
from thorexp.measure.share import Share, share_of
from thorexp.measure.verdict import Reason
from thorexp.measure.window import Exclusion, steady
from thorexp.results.summary import Point, together
from thorexp.rundir import SUMMARY, RunDir
from thorexp.secret import masked
from thorexp.sweep.failing import had_server
from thorexp.sweep.slo_found import Found, Tried
from thorexp.sweep.slo_probe import AGAIN, bracket_of, words_of

# That requests fail is what an SLO is missed by; all else that makes a result INVALID says nothing of the load.
OF_THE_LOAD = ("failed_requests",)

log = logging.getLogger(__name__)

Play = Callable[[Sequence[str]], Sequence[Point]]  # the words of a probe, to its repeats as they have ended


class UnjudgedError(Exception):
    """A probe after which the search cannot go on; its words say why."""


@dataclass(frozen=True, slots=True)
class SearchedPoint:
    """One point of the grid: its name among the others, its words, and what they are composed to."""

    name: str
    words: tuple[str, ...]
    config: JobConfig
    search: SearchConfig

    def searched(self, play: Play) -> Found:
        """The answer, or how near one came and why no nearer. Repeats of a probe count together."""
        bracket, tried = bracket_of(self.search), list[Tried]()
        found = Found(self.name, self.search.over.value, self.search.keep, (), words=self.words)
        while (value := bracket.proposed()) is not None and _spent(tried) < self.search.max_probes:
            try:
                told = self._try(value, play, self._may_again(bracket, _spent(tried)))
            except UnjudgedError as why:
                return replace(found, tried=tuple(tried), unfinished=f"ended at {value:g}: {why}", broken=True)
            tried.append(told)
            bracket = bracket.told(value, told.holds)
            log.info("%s=%g %s the SLO: %s", self.search.over.value, value, "keeps" if told.holds else "misses", told)
        return replace(found, tried=tuple(tried), unfinished=_unfinished(bracket, self.search))

    def first_words(self) -> tuple[str, ...]:
        """Of the first probe."""
        start = bracket_of(self.search).proposed()
        assert start is not None, "nothing was tried yet"
        return (*self.words, *words_of(self.config, self.search, start))

    def plan(self) -> str:
        """What will be done, in a line."""
        search, start = self.search, bracket_of(self.search).proposed() or 0.0
        return (
            f"{self.name}: a search over load.{search.over.value}, {start:g} first, then others until the highest "
            f"that keeps the SLO is known to {100 * search.within:g} %: {search.max_probes} probes at most"
        )

    def _may_again(self, bracket: Bracket, spent: int) -> bool:
        """Only with what the other values leave over, of which there may be one more than is known."""
        return spent + 1 + bracket.left + 1 <= self.search.max_probes

    def _try(self, value: float, play: Play, may_again: bool) -> Tried:
        told = self._judged(value, play((*self.words, *words_of(self.config, self.search, value))))
        if not told.undecided or not may_again:
            return told
        again = self._judged(value, play((*self.words, *words_of(self.config, self.search, value, AGAIN))))
        return self._joined(told, again)

    def _joined(self, told: Tried, again: Tried) -> Tried:
        """Both together; a second one that has failed or was given up decides alone."""
        both = replace(
            again,
            doubts=tuple(dict.fromkeys((*told.doubts, *again.doubts))),
            probes=told.probes + again.probes,
            directories=(*told.directories, *again.directories),
        )
        if again.why is not None or told.share is None or again.share is None:
            return both
        share = told.share + again.share
        return replace(
            both, share=share, holds=share.value >= self.search.keep, undecided=not share.is_decided(self.search.keep)
        )

    def _judged(self, value: float, repeats: Sequence[Point]) -> Tried:
        directories = tuple(str(point.directory) for point in repeats if point.directory is not None)
        for point in repeats:
            if point.state != "finished" and not had_server(point):
                raise UnjudgedError(_headline(point))
            if point.state != "finished":
                return Tried(value, holds=False, why=f"failed: {_headline(point)}", directories=directories)
        try:
            return self._measured(value, repeats, directories)
        except RecordError as damaged:
            raise UnjudgedError(damaged.headline) from None

    def _measured(self, value: float, repeats: Sequence[Point], directories: tuple[str, ...]) -> Tried:
        run_dirs = [RunDir(point.directory) for point in repeats if point.directory is not None]
        summaries = [run_dir.read_mapping(SUMMARY)["summary"] for run_dir in run_dirs]
        judged = together(run_dirs, {}, repeats[0].believed)
        reasons = () if judged is None else judged.reasons
        for reason in _invalid(reasons):
            raise UnjudgedError(f"INVALID, {reason.name}: {reason.evidence}; try: {reason.remedy}")
        told = Tried(value, holds=False, doubts=_doubts(reasons), directories=directories)
        for stopped in (each["stopped"] for each in summaries if each["stopped"]):
            return replace(told, why=f"given up: {stopped.partition(', load.')[0]}")
        share = sum((_share(run_dir, self.config.slo) for run_dir in run_dirs), start=Share(0, 0, 0.0))
        is_valid = all(each.standing != "INVALID" for each in reasons)
        return replace(
            told,
            holds=is_valid and share.value >= self.search.keep,
            share=share,
            why=None if is_valid else "INVALID",
            undecided=is_valid and not share.is_decided(self.search.keep),
        )


def _spent(tried: Sequence[Tried]) -> int:
    return sum(each.probes for each in tried)


def _unfinished(bracket: Bracket, search: SearchConfig) -> str | None:
    if bracket.proposed() is None:
        return None
    return f"not known to {100 * search.within:g} %: load.search.max_probes={search.max_probes} are used up"


def _headline(point: Point) -> str:
    return masked(next(iter((point.error or point.state).splitlines()), point.state))


def _share(run_dir: RunDir, slo: SloConfig) -> Share:
    """That kept the SLO, of all requests that count; the failed ones did not."""
    start_ns, end_ns = run_dir.read_mapping(SUMMARY)["load_ns"]
    load, limits = run_dir.config()["load"], Slo(**asdict(slo))
    left_out = Exclusion(*(load[f"exclude_{each.name}"] for each in fields(Exclusion)))
    counted = steady(RunRecord(start_ns, end_ns, tuple(run_dir.requests())), left_out).requests
    in_order = sorted(counted, key=lambda record: record.released_ns if record.sent_ns is None else record.sent_ns)
    return share_of([record.ok and is_good(record, limits) for record in in_order])


def _invalid(reasons: Sequence[Reason]) -> Iterator[Reason]:
    yield from (each for each in reasons if each.standing == "INVALID" and each.name not in OF_THE_LOAD)


def _doubts(reasons: Sequence[Reason]) -> tuple[str, ...]:
    """By their names; that a percentile has few values, or a load was given up, is no doubt about the share."""
    return tuple(each.name for each in reasons if each.name not in ("few_samples", "stopped_load", *OF_THE_LOAD))
