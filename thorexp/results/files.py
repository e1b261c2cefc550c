"""A sweep's rows as text for a terminal and as CSV."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from thorexp.measure.stats import Agreement
from thorexp.measure.verdict import MARKS, UNREAL, Origin, Reason, Verdict
from thorexp.results.page import page
from thorexp.results.summary import COLUMNS, GOODPUT, Column, Row, best, columns_of, origin_compared, origins
from thorexp.results.whence import several_images
from thorexp.secret import masked

ABSENT = "-"
BEST = "*"  # behind a number, as the marks of a standing
SHORT: Mapping[Origin, str] = {"measured": "", "simulated": "sim ", "imported": "imp ", "rehearsed": "reh "}
REMARKS: Mapping[Origin, str] = {
    "simulated": "sim: simulated, nothing was measured",
    "imported": "imp: imported, measured by others",
    "rehearsed": "reh: rehearsed by a tiny model of random weights, no figure is of the model or the board",
}
GIVES_WAY = "median_itl_ms"  # to the goodput, in 100 columns
FIGURES, WHOLE = 6, 9  # of a number in a table, with its point; of one that has none
STOPPED = "stopped_load"  # a reason that the table tells in words of its own
OF_SWEEPS = ("repeats_disagree", "output_lengths_differ")  # which no single report knows
LEGEND = "* best of several numbers without a mark, ? SUSPECT, ! INVALID: why, and what to try, is in each report"
LEGEND_OF_UNREAL = (
    ", * best of several (of measured ones, if there are any) without ? or !, "
    "? SUSPECT, ! INVALID: why, and what to try, is in each report"
)


def text(table: Sequence[Row], heading: str, title: str) -> str:
    """One line a point, the best of each column marked with *, what is SUSPECT with ?, what is INVALID with !.

    What is simulated with ~, what is rehearsed with ^, before any of these. Then what was not measured, the reasons,
    and why points failed.
    Numbers have five digits, or all before the point; names are folded, so that it fits 100 columns.
    """
    grid = Table(padding=(0, 0), pad_edge=False)
    grid.add_column(Text(heading), overflow="fold")
    columns = _columns_in_text(table)
    for column in columns:
        grid.add_column(column.heading, justify="right", no_wrap=True)
    grid.add_column("verdict", no_wrap=True)
    for row, best_of in with_best(table):
        grid.add_row(Text(named(row.short, row)), *_in_text(row, best_of, columns), judged(row, _shortly))
    there = origins(table)
    origin_remarks = (remark for origin, remark in REMARKS.items() if origin in there)
    return page(title, grid, (*origin_remarks, *remarks(table)))


def as_csv(table: Sequence[Row]) -> str:
    """One line a point under vLLM's metric names, full precision; empty where absent.

    `_spread` is (largest − smallest) / median over repeats, `_low` and `_high` the 95 % interval of the mean.
    """
    text, columns = io.StringIO(), columns_of(table)
    keys = [f"{column.key}{suffix}" for column in columns for suffix in ("", "_spread", "_low", "_high")]
    fields = ["point", "state", "repeats", "verdict", "origin", "reasons", "accepted", *keys, "error", "directories"]
    writer = csv.DictWriter(text, fields, lineterminator="\n")
    writer.writeheader()
    for row in table:
        values = {key: value for column in columns for key, value in _numbers(column, row.values)}
        reasons = ";".join(reason.name for reason in row.verdict.reasons) if row.verdict else None
        rest = {
            "verdict": judged(row, lambda verdict: verdict.standing) or None,
            "origin": row.origin if row.values else None,
            "reasons": reasons,
            "accepted": ";".join(reason.name for reason in row.verdict.accepted) if row.verdict else None,
            "error": masked("\n".join(row.errors)),
            "directories": ";".join(map(str, row.directories)),
        }
        writer.writerow({"point": row.name, "state": row.state, "repeats": _repeats(row), **values, **rest})
    return text.getvalue()


def legend_of(table: Sequence[Row]) -> str:
    """What its marks mean."""
    there = origins(table)
    unreal = [f"{mark} {origin}" for origin, mark in UNREAL.items() if origin in there]
    return f"{', '.join(unreal)}{LEGEND_OF_UNREAL}" if unreal else LEGEND


def named(name: str, row: Row) -> str:
    """With a word on repeats that have no number in the row, where others have, and on loads that were ended early."""
    in_part = [f"{row.state} in part"] if row.values and row.state != "finished" else []
    words = [*in_part, *(["stopped"] if row.stopped else [])]
    return f"{name} ({', '.join(words)})" if words else name


def with_best(table: Sequence[Row]) -> Iterator[tuple[Row, Mapping[str, float]]]:
    """Each row, and what is best among those that it is compared with; nothing where it is with none."""
    best_of, compared = best(table), origin_compared(table)
    for row in table:
        yield row, best_of if row.origin == compared else {}


def cells(
    row: Row,
    best_of: Mapping[str, float],
    shown: Callable[[Agreement], str],
    columns: Sequence[Column] = COLUMNS,
) -> Iterator[tuple[str, str]]:
    """What stands in each column, and its mark: that of its standing, or BEST."""
    for column in columns:
        value = row.values.get(column.key)
        if value is None:
            yield row.state if column is COLUMNS[0] else ABSENT, ""
        else:
            star = BEST if best_of.get(column.key) == value.median else ""
            yield f"{shown(value)}{UNREAL.get(row.origin, '')}", MARKS[row.standing_of(column.key)] or star


def _columns_in_text(table: Sequence[Row]) -> tuple[Column, ...]:
    columns = columns_of(table)
    return tuple(each for each in columns if each.key != GIVES_WAY) if GOODPUT in columns else columns


def _in_text(row: Row, best_of: Mapping[str, float], columns: Sequence[Column]) -> Iterator[str]:
    for word, mark in cells(row, best_of, _in_short, columns):
        yield f"{word}{mark}"


def judged(row: Row, said: Callable[[Verdict], str]) -> str:
    """Nothing where there is no number to judge; `-` where nobody did."""
    return (ABSENT if row.verdict is None else said(row.verdict)) if row.values else ""


def _shortly(verdict: Verdict) -> str:
    return f"{SHORT[verdict.origin]}{verdict.standing}"


def _in_short(value: Agreement) -> str:
    """To two places, or as many as FIGURES leave; whole numbers to 9 digits, beyond them the power of ten."""
    words = [f"{value.median:.{places}f}" for places in (2, 1, 0)]
    fits = next((word for word in words if len(word) <= FIGURES), words[-1])
    return fits if len(fits) <= WHOLE else f"{value.median:.2e}"


def _median(value: Agreement) -> str:
    return f"{value.median:.2f}"


def give_or_take(value: Agreement) -> str:
    """The median; of repeats ± half of the 95 % interval of their mean."""
    if value.interval is None:
        return _median(value)
    low, high = value.interval
    return f"{_median(value)} ± {(high - low) / 2:.2f}"


def remarks(table: Sequence[Row]) -> Iterator[str]:
    """What its marks mean, what speaks against which point, which load was ended early, and why points failed."""
    if any(row.values for row in table):
        yield legend_of(table)
    yield from _reasons(table)
    yield from _stopped(table)
    yield from several_images(table)
    for row in table:
        for error in row.errors:
            yield f"{row.name}\n{masked(error)}"


def _reasons(table: Sequence[Row]) -> Iterator[str]:
    """Each once, with the points that it speaks against."""
    against: dict[Reason, list[str]] = {}
    for row in table:
        for reason in row.verdict.reasons if row.verdict else ():
            against.setdefault(reason, []).append(row.name)
    for name, points in _accepted(table).items():
        yield f"  accepted {name}: {', '.join(points)}"
    for reason, names in ((each, names) for each, names in against.items() if each.name != STOPPED):
        tried = f"; try: {reason.remedy}" if reason.name in OF_SWEEPS else ""
        yield f"{MARKS[reason.standing]} {reason.name}: {', '.join(names)}: {masked(reason.evidence)}{tried}"


def _stopped(table: Sequence[Row]) -> Iterator[str]:
    """With the mark of what that makes of its numbers; none where it is accepted."""
    for row in table:
        doubts = row.verdict.reasons if row.verdict else ()
        mark = next((f"{MARKS[reason.standing]} " for reason in doubts if reason.name == STOPPED), "")
        yield from (f"{mark}stopped: {row.name}: {why}" for why in row.stopped)


def _accepted(table: Sequence[Row]) -> dict[str, list[str]]:
    """The points that would have it against them, by the name of the reason."""
    names: dict[str, list[str]] = {}
    for row in table:
        for reason in row.verdict.accepted if row.verdict else ():
            names.setdefault(reason.name, []).append(row.name)
    return names


def _numbers(column: Column, values: Mapping[str, Agreement]) -> Iterator[tuple[str, float | None]]:
    value = values.get(column.key)
    if value is not None:
        yield column.key, value.median
        yield f"{column.key}_spread", value.spread
        low, high = value.interval or (None, None)
        yield f"{column.key}_low", low
        yield f"{column.key}_high", high


def _repeats(row: Row) -> int:
    return max((value.count for value in row.values.values()), default=0)
