"""A sweep that has ended, as rows: every point by what it measured, the best first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from thorexp.measure.stats import Agreement, agreement
from thorexp.rundir import RESULT, RunDir
from thorexp.sweep.jobs import apart, apart_in_columns

SPREAD = 0.05  # repeats that differ by more are no single number
State = Literal["finished", "failed", "not run"]


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


@dataclass(frozen=True, slots=True)
class Point:
    """One job of the sweep: `base` is that of its first repeat, `error` absent when it finished and is tracked.

    `directory` is absent for a job that was not run. One that finished may have an error: MLflow did not take it.
    """

    overrides: tuple[str, ...]
    base: str
    directory: Path | None
    state: State
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A point with its repeats. `values`: by the key of a column, absent where nothing was measured.

    `short`: its name where the keys stand in the heading of a table. `unsupported`: keys of percentiles that the
    sample of one of its repeats does not support.
    """

    name: str
    short: str
    state: State
    values: Mapping[str, Agreement]
    errors: tuple[str, ...]
    directories: tuple[Path, ...]
    unsupported: frozenset[str] = frozenset()

    @property
    def comparable(self) -> Mapping[str, Agreement]:
        """Its values but those of unsupported percentiles."""
        return {key: value for key, value in self.values.items() if key not in self.unsupported}


def rows(points: Sequence[Point]) -> tuple[str, tuple[Row, ...]]:
    """The heading of their names, and one row a point, repeats together.

    By falling output throughput, those without any last.
    """
    bases: dict[str, list[Point]] = {}
    for point in points:
        bases.setdefault(point.base, []).append(point)
    overrides = [repeats[0].overrides for repeats in bases.values()]
    heading, shorts = apart_in_columns(overrides)
    named = zip(apart(overrides), shorts, bases.values(), strict=True)
    return heading, tuple(sorted((_row(*each) for each in named), key=_rank))


def best(table: Sequence[Row]) -> dict[str, float]:
    """The best median of each column, by its key; nothing for a column that only one row has.

    A percentile of too few requests is no better than another.
    """
    found = {}
    for column in COLUMNS:
        medians = [row.comparable[column.key].median for row in table if column.key in row.comparable]
        if len(medians) > 1:
            found[column.key] = max(medians) if column.more_is_better else min(medians)
    return found


def disagreements(row: Row) -> tuple[str, ...]:
    """What is said of a row whose repeats spread more than 5 %."""
    return tuple(
        f"{column.heading} {100 * value.spread:.1f} %"
        for column in COLUMNS
        if (value := row.values.get(column.key)) is not None and value.spread is not None and value.spread > SPREAD
    )


def _row(name: str, short: str, repeats: Sequence[Point]) -> Row:
    results = [_result(p.directory) for p in repeats if p.state == "finished" and p.directory is not None]
    measured = {column.key: [r[column.key] for r in results if r.get(column.key) is not None] for column in COLUMNS}
    states = {point.state for point in repeats}
    return Row(
        name=name,
        short=short,
        state="failed" if "failed" in states else "not run" if "not run" in states else "finished",
        values={key: value for key, sample in measured.items() if (value := agreement(sample)) is not None},
        errors=tuple(dict.fromkeys(point.error for point in repeats if point.error is not None)),
        directories=tuple(point.directory for point in repeats if point.directory is not None),
        unsupported=frozenset(key for result in results for key in _unsupported(result)),
    )


def _result(directory: Path) -> dict[str, Any]:
    run_dir = RunDir(directory)
    return dict(run_dir.read_json(RESULT))


def _unsupported(result: Mapping[str, Any]) -> Sequence[str]:
    """Everything, of a load that was stopped. None in a result of before it was said."""
    ours = result.get("thorexp") or {}
    if ours.get("stopped"):
        return [column.key for column in COLUMNS]
    return ours.get("unsupported_percentiles") or ()


def _rank(row: Row) -> float:
    throughput = row.values.get("output_throughput")
    return float("inf") if throughput is None else -throughput.median
