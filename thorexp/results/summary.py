"""A sweep that has ended, as rows: every point by what it measured, the best first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any, Literal

from thorexp.errors import RecordError
from thorexp.measure.grounds.steadiness import lengths_differ, repeats_disagree
from thorexp.measure.stats import Agreement, agreement
from thorexp.measure.verdict import UNREAL, Origin, Standing, Thresholds, Verdict, joined, standing_of, verdict
from thorexp.results.apart import apart, apart_in_columns, unshared
from thorexp.rundir import RESULT, VERDICT, RunDir

State = Literal["finished", "failed", "not run", "damaged"]
WORST_FIRST: tuple[State, ...] = ("failed", "not run", "damaged", "finished")
Load = tuple[int, int | None, int]  # requests, and the tokens planned, in and out


@dataclass(frozen=True, slots=True)
class Column:
    """One metric of a result: its key in result.json, its heading, and whether more of it is better."""

    key: str
    heading: str
    more_is_better: bool = False


COLUMNS = (
    Column("output_throughput", "tok/s", more_is_better=True),
    Column("median_ttft_ms", "TTFT p50"),
    Column("p99_ttft_ms", "TTFT p99"),
    Column("median_tpot_ms", "TPOT p50"),
    Column("p99_tpot_ms", "TPOT p99"),
    Column("median_itl_ms", "ITL p50"),
    Column("p99_itl_ms", "ITL p99"),
)
GOODPUT = Column("goodput_percent", "goodput %", more_is_better=True)  # of requests, that kept every limit of the SLO


@dataclass(frozen=True, slots=True)
class Point:
    """One job of the sweep: `base` is that of its first repeat, `error` absent when it finished and is tracked.

    `directory` is absent for a job that was not run. One that finished may have an error: MLflow did not take it.
    `believed`: as of now, which what was judged before may have been judged without.
    """

    overrides: tuple[str, ...]
    base: str
    directory: Path | None
    state: State
    error: str | None = None
    believed: Thresholds | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A point with its repeats; damaged where the files of one cannot be read, which its errors say.

    `values`: by the key of a column, absent where nothing was measured. `short`: its name where the keys stand in the
    heading of a table. `verdict`: on its repeats, each and together; absent where nothing was measured. `accept`: names
    of reasons that do not count. `answers`: of each load that was answered to its last request the tokens of a mean
    answer. `words`: what was typed for it and not for all. `stopped`: why a load of its repeats was ended early.
    """

    name: str
    short: str
    state: State
    values: Mapping[str, Agreement]
    errors: tuple[str, ...]
    directories: tuple[Path, ...]
    verdict: Verdict | None = None
    accept: tuple[str, ...] = ()
    answers: tuple[tuple[Load, float], ...] = ()
    words: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()

    @property
    def origin(self) -> Origin:
        """Of its verdict; measured where nobody judged, for then there was nothing else."""
        return "measured" if self.verdict is None else self.verdict.origin

    @property
    def comparable(self) -> Mapping[str, Agreement]:
        """Its values that no reason speaks against."""
        return {key: value for key, value in self.values.items() if self.standing_of(key) == "VALID"}

    def standing_of(self, key: str) -> Standing:
        """Of one of its values; SUSPECT where nobody judged."""
        return standing_of(self.verdict, key)


def rows(points: Sequence[Point], beside: Sequence[Row] = ()) -> tuple[str, tuple[Row, ...]]:
    """The heading of their names, and one row a point, repeats together; among them those of `beside`.

    By falling output throughput, those where it is INVALID after the others, those without any last.
    """
    bases: dict[str, list[Point]] = {}
    for point in points:
        bases.setdefault(point.base, []).append(point)
    overrides = [repeats[0].overrides for repeats in bases.values()]
    heading, shorts = apart_in_columns(overrides)
    named = zip(unshared(overrides), apart(overrides), shorts, bases.values(), strict=True)
    return heading, tuple(sorted((*compared([_row(*each) for each in named]), *beside), key=_rank))


def columns_of(table: Iterable[Row]) -> tuple[Column, ...]:
    """COLUMNS, and behind the throughput that which an SLO lets through, where one was set."""
    throughput, *times = COLUMNS
    return (throughput, GOODPUT, *times) if any(GOODPUT.key in row.values for row in table) else COLUMNS


def origins(table: Iterable[Row]) -> frozenset[Origin]:
    """Of all rows that have numbers."""
    return frozenset(row.origin for row in table if row.values)


def unreal_alone(table: Iterable[Row], then: str) -> str:
    """The word before a title, if all that has numbers is simulated, or all rehearsed: nothing of it was measured."""
    found = origins(table)
    return next((f"{origin}{then}" for origin in UNREAL if found == {origin}), "")


def origin_compared(table: Sequence[Row]) -> Origin | None:
    """Of the rows that are held against each other: the measured ones, else all; absent where these are of several.
    What is rehearsed tells nothing of a model, and is held against nothing.
    """
    found = origins(table) - {"rehearsed"}
    return "measured" if "measured" in found else next(iter(found)) if len(found) == 1 else None


def best(table: Sequence[Row]) -> dict[str, float]:
    """The best median of each column, by its key, of the origin compared; nothing for a column that one row has.

    A number that is not VALID is no better than another.
    """
    found, compared_origin = {}, origin_compared(table)
    rivals = [row.comparable for row in table if row.origin == compared_origin]
    for column in columns_of(table):
        medians = [values[column.key].median for values in rivals if column.key in values]
        if len(medians) > 1:
            found[column.key] = max(medians) if column.more_is_better else min(medians)
    return found


def compared(table: Sequence[Row]) -> Iterator[Row]:
    """The rows, those of one load told where not all of them served answers of the same length.

    Of loads that were answered to the last request: else other lengths may be those of what is missing.
    """
    loads: dict[Load, dict[str, float]] = {}
    for row in table:
        for load, length in row.answers if row.state == "finished" else ():
            loads.setdefault(load, {})[row.name] = length
    told = {name: lengths_differ(served) for served in loads.values() for name in served}
    for row in table:
        reason = told.get(row.name)
        if row.verdict is None or reason is None or reason.name in row.accept:
            yield row
        else:
            yield replace(row, verdict=row.verdict.with_reason(reason))


def _answers(results: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Load, float]]:
    """The load of each result that was answered to its last request, and tokens an answer."""
    for result in results:
        asked, ours = result.get("num_prompts"), result.get("thorexp") or {}
        inputs, outputs = ours.get("planned_input_tokens"), ours.get("planned_output_tokens")
        answered = result.get("total_output_tokens")
        if asked and result.get("completed") == asked and outputs is not None and answered is not None:
            yield (asked, inputs, outputs), answered / asked


def _figures(result: Mapping[str, Any]) -> dict[str, Any]:
    """By vLLM's keys and ours."""
    return {**(result.get("thorexp") or {}), **result}


def _row(words: Sequence[str], name: str, short: str, repeats: Sequence[Point]) -> Row:
    finished = [RunDir(p.directory) for p in repeats if p.state == "finished" and p.directory is not None]
    damage = {run_dir: _damage(run_dir) for run_dir in finished}
    read = [run_dir for run_dir, found in damage.items() if found is None]
    unread = [str(found) for found in damage.values() if found is not None]
    results = [run_dir.read_mapping(RESULT) for run_dir in read]
    figures = [_figures(result) for result in results]
    keys = [column.key for column in (*COLUMNS, GOODPUT)]
    measured = {key: [each[key] for each in figures if each.get(key) is not None] for key in keys}
    values = {key: value for key, sample in measured.items() if (value := agreement(sample)) is not None}
    states = {point.state for point in repeats}
    believed = next((point.believed for point in repeats if point.believed is not None), None)
    return Row(
        name=name,
        short=short,
        state=next(state for state in WORST_FIRST if state in states or (state == "damaged" and unread)),
        values=values,
        errors=tuple(dict.fromkeys([*(point.error for point in repeats if point.error is not None), *unread])),
        directories=tuple(point.directory for point in repeats if point.directory is not None),
        verdict=together(read, values, believed),
        accept=() if believed is None else tuple(believed.accept),
        answers=tuple(_answers(results)),
        words=tuple(words),
        stopped=tuple(dict.fromkeys(each["stopped"] for each in figures if each.get("stopped"))),
    )


def _damage(run_dir: RunDir) -> RecordError | None:
    """Why a result or its verdict cannot be read; absent where they can."""
    try:
        run_dir.read_mapping(RESULT)
        run_dir.verdict()
    except RecordError as found:
        return found
    return None


def together(repeats: Sequence[RunDir], values: Mapping[str, Agreement], believed: Thresholds | None) -> Verdict | None:
    """On repeats: what speaks against any of them, each kind at its worst, and that they disagree.

    A kind touches what it touches in any of them. What is accepted and how far repeats may differ is as `believed` now,
    else as it was then; any, where an older verdict does not say how far. A simulated one makes all simulated. Absent
    without one, and where one has not been judged.
    """
    found = [judged for run_dir in repeats if (judged := run_dir.verdict()) is not None]
    if not repeats or len(found) < len(repeats):
        return None
    then = repeats[0].read_json(VERDICT).get("thresholds") or {}
    spread, accept = (
        (then.get("spread", inf), then.get("accept", ())) if believed is None else (believed.spread, believed.accept)
    )
    disagree = repeats_disagree({key: value.spread for key, value in values.items()}, spread)
    reasons = [reason for each in found for reason in (*each.reasons, *each.accepted)]
    origin: Origin = next((each.origin for each in found if each.origin != "measured"), "measured")
    return verdict(joined([*reasons, *(() if disagree is None else (disagree,))]), accept, origin)


def _rank(row: Row) -> tuple[bool, float]:
    throughput = row.values.get("output_throughput")
    is_invalid = row.standing_of("output_throughput") == "INVALID"
    return (is_invalid, -throughput.median) if throughput is not None else (True, float("inf"))
