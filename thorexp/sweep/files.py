"""A sweep's rows as text for a terminal, as CSV, as Markdown and as a plot."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from thorexp.measure.stats import Agreement, frontier
from thorexp.measure.verdict import MARKS, Reason, Standing
from thorexp.sweep.page import page, piped
from thorexp.sweep.summary import COLUMNS, Column, Row, best

ABSENT = "-"
SYMBOLS: Mapping[Standing, str] = {"VALID": "circle", "SUSPECT": "circle-open", "INVALID": "x"}
OF_SWEEPS = ("repeats_disagree", "output_lengths_differ")  # which no single report knows
LEGEND = "* best of several numbers without a mark, ? SUSPECT, ! INVALID: why, and what to try, is in each report"


def text(table: Sequence[Row], heading: str, title: str) -> str:
    """One line a point, the best of each column marked with *, what is SUSPECT with ?, what is INVALID with !.

    Then the reasons, and why points failed.
    """
    grid = Table(padding=(0, 0), pad_edge=False)
    grid.add_column(Text(heading), overflow="fold")
    for column in COLUMNS:
        grid.add_column(column.heading, justify="right", no_wrap=True)
    grid.add_column("verdict", no_wrap=True)
    for row in table:
        grid.add_row(Text(_named(row.short, row)), *_cells(row, best(table), "{}*", "{} "), _standing(row))
    return page(title, grid, _remarks(table))


def markdown(table: Sequence[Row], title: str) -> str:
    """The same to paste; the best of each column in bold. Times in ms.

    Repeats are shown by their median ± half of the 95 % interval of their mean.
    """
    heads = ("point", *(column.heading for column in COLUMNS), "verdict")
    lines = [title, "", piped(heads), piped(("---", *("---:" for _ in COLUMNS), "---"))]
    for row in table:
        cells = _cells(row, best(table), "**{}**", "{}", _give_or_take)
        lines.append(piped((_named(row.name, row).replace("|", "\\|"), *cells, _standing(row))))
    remarks = list(_remarks(table))
    return "\n".join([*lines, *(["", "```", *remarks, "```"] if remarks else []), ""])


def as_csv(table: Sequence[Row]) -> str:
    """One line a point under vLLM's metric names, full precision; empty where absent.

    `_spread` is (largest − smallest) / median over repeats, `_low` and `_high` the 95 % interval of the mean.
    """
    text = io.StringIO()
    keys = [f"{column.key}{suffix}" for column in COLUMNS for suffix in ("", "_spread", "_low", "_high")]
    fields = ["point", "state", "repeats", "verdict", "reasons", "accepted", *keys, "error", "directories"]
    writer = csv.DictWriter(text, fields, lineterminator="\n")
    writer.writeheader()
    for row in table:
        values = {key: value for column in COLUMNS for key, value in _numbers(column, row.values)}
        reasons = ";".join(reason.name for reason in row.verdict.reasons) if row.verdict else None
        rest = {
            "verdict": _standing(row) or None,
            "reasons": reasons,
            "accepted": ";".join(reason.name for reason in row.verdict.accepted) if row.verdict else None,
            "error": "\n".join(row.errors),
            "directories": ";".join(map(str, row.directories)),
        }
        writer.writerow({"point": row.name, "state": row.state, "repeats": _repeats(row), **values, **rest})
    return text.getvalue()


def frontier_html(table: Sequence[Row], title: str) -> str | None:
    """Output tokens/s of the system against tokens/s per user (1000 / median TPOT in ms), in one HTML file.

    The line joins the points that no other beats in both, of those that are not INVALID. A hollow mark is SUSPECT,
    a cross INVALID. Absent when no point has both numbers.
    """
    from plotly import graph_objects

    shown = [(row.short, *place, _standing_on_plot(row)) for row in table if (place := _place(row)) is not None]
    if not shown:
        return None
    names, users, systems, standings = zip(*shown, strict=True)
    believed = [(user, system) for _, user, system, standing in shown if standing != "INVALID"]
    kept = frontier(believed)
    line = {"x": [believed[i][0] for i in kept], "y": [believed[i][1] for i in kept]}
    plot = graph_objects.Figure(
        [
            graph_objects.Scatter(**line, mode="lines", name="frontier", hoverinfo="skip"),
            graph_objects.Scatter(
                x=users,
                y=systems,
                text=names,
                hovertext=standings,
                marker_symbol=[SYMBOLS[standing] for standing in standings],
                mode="markers+text",
                textposition="top center",
                cliponaxis=False,
                name="points",
            ),
        ]
    )
    plot.update_xaxes(rangemode="tozero")
    plot.update_yaxes(rangemode="tozero")
    plot.update_layout(
        title=title,
        xaxis_title="tokens/s per user (1000 / median TPOT ms)",
        yaxis_title="output tokens/s of the system",
    )
    return str(plot.to_html(include_plotlyjs=True, full_html=True))


def _named(name: str, row: Row) -> str:
    """With a word on repeats that have no number in the row, where others have."""
    return f"{name} ({row.state} in part)" if row.values and row.state != "finished" else name


def _cells(
    row: Row,
    best_of: Mapping[str, float],
    marked: str,
    unmarked: str,
    shown: Callable[[Agreement], str] = lambda value: f"{value.median:.2f}",
) -> Iterator[str]:
    for column in COLUMNS:
        value = row.values.get(column.key)
        if value is None:
            yield unmarked.format(row.state if column is COLUMNS[0] else ABSENT)
        elif mark := MARKS[row.standing_of(column.key)]:
            yield f"{shown(value)}{mark}"
        else:
            yield (marked if best_of.get(column.key) == value.median else unmarked).format(shown(value))


def _standing(row: Row) -> str:
    """Nothing where there is no number to judge; `-` where nobody did."""
    return (ABSENT if row.verdict is None else row.verdict.standing) if row.values else ""


def _standing_on_plot(row: Row) -> Standing:
    """The worse of the two numbers that make its place."""
    standings = {row.standing_of("median_tpot_ms"), row.standing_of("output_throughput")}
    return next(standing for standing in ("INVALID", "SUSPECT", "VALID") if standing in standings)


def _give_or_take(value: Agreement) -> str:
    if value.interval is None:
        return f"{value.median:.2f}"
    low, high = value.interval
    return f"{value.median:.2f} ± {(high - low) / 2:.2f}"


def _remarks(table: Sequence[Row]) -> Iterator[str]:
    if any(row.values for row in table):
        yield LEGEND
    yield from _reasons(table)
    for row in table:
        for error in row.errors:
            yield f"{row.name}\n{error}"


def _reasons(table: Sequence[Row]) -> Iterator[str]:
    """Each once, with the points that it speaks against."""
    against: dict[Reason, list[str]] = {}
    for row in table:
        for reason in row.verdict.reasons if row.verdict else ():
            against.setdefault(reason, []).append(row.name)
    for name, points in _accepted(table).items():
        yield f"  accepted {name}: {', '.join(points)}"
    for reason, names in against.items():
        tried = f"; try: {reason.remedy}" if reason.name in OF_SWEEPS else ""
        yield f"{MARKS[reason.standing]} {reason.name}: {', '.join(names)}: {reason.evidence}{tried}"


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


def _place(row: Row) -> tuple[float, float] | None:
    """Tokens/s per user, and of the system."""
    tpot, throughput = row.values.get("median_tpot_ms"), row.values.get("output_throughput")
    return None if tpot is None or throughput is None or not tpot.median else (1000 / tpot.median, throughput.median)
