"""A sweep's rows as text for a terminal, as CSV, as Markdown and as a plot."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from thorexp.measure.stats import Agreement, frontier
from thorexp.measure.verdict import MARKS, Origin, Reason, Standing, Verdict
from thorexp.sweep.page import page, piped
from thorexp.sweep.summary import COLUMNS, Column, Row, best, origin_compared, origins

ABSENT = "-"
BEST, SIMULATED = "*", "~"  # behind a number, as the marks of a standing
SHORT: Mapping[Origin, str] = {"measured": "", "simulated": "sim ", "imported": "imp "}
REMARKS: Mapping[Origin, str] = {
    "simulated": "sim: simulated, nothing was measured",
    "imported": "imp: imported, measured by others",
}
SYMBOLS: Mapping[Origin, Mapping[Standing, str]] = {
    "measured": {"VALID": "circle", "SUSPECT": "circle-open", "INVALID": "x"},
    "simulated": {"VALID": "diamond", "SUSPECT": "diamond-open", "INVALID": "diamond-x-open"},
    "imported": {"VALID": "square", "SUSPECT": "square-open", "INVALID": "square-x-open"},
}
OF_SWEEPS = ("repeats_disagree", "output_lengths_differ")  # which no single report knows
LEGEND = "* best of several numbers without a mark, ? SUSPECT, ! INVALID: why, and what to try, is in each report"
LEGEND_OF_SIMULATED = (
    "~ simulated, * best of several (of measured ones, if there are any) without ? or !, "
    "? SUSPECT, ! INVALID: why, and what to try, is in each report"
)


def text(table: Sequence[Row], heading: str, title: str) -> str:
    """One line a point, the best of each column marked with *, what is SUSPECT with ?, what is INVALID with !.

    What is simulated with ~, before any of these. Then what was not measured, the reasons, and why points failed.
    """
    grid = Table(padding=(0, 0), pad_edge=False)
    grid.add_column(Text(heading), overflow="fold")
    for column in COLUMNS:
        grid.add_column(column.heading, justify="right", no_wrap=True)
    grid.add_column("verdict", no_wrap=True)
    for row, best_of in _with_best(table):
        grid.add_row(Text(_named(row.short, row)), *_in_text(row, best_of), _judged(row, _shortly))
    there = origins(table)
    remarks = (remark for origin, remark in REMARKS.items() if origin in there)
    return page(title, grid, (*remarks, *_remarks(table, _legend(table))))


def markdown(table: Sequence[Row], title: str) -> str:
    """The same to paste; the best of each column in bold. Times in ms.

    Repeats are shown by their median ± half of the 95 % interval of their mean.
    """
    heads = ("point", *(column.heading for column in COLUMNS), "verdict")
    lines = [title, "", piped(heads), piped(("---", *("---:" for _ in COLUMNS), "---"))]
    for row, best_of in _with_best(table):
        standing = _judged(row, lambda verdict: verdict.words)
        lines.append(piped((_named(row.name, row).replace("|", "\\|"), *_in_markdown(row, best_of), standing)))
    remarks = list(_remarks(table, _legend(table)))
    return "\n".join([*lines, *(["", "```", *remarks, "```"] if remarks else []), ""])


def as_csv(table: Sequence[Row]) -> str:
    """One line a point under vLLM's metric names, full precision; empty where absent.

    `_spread` is (largest − smallest) / median over repeats, `_low` and `_high` the 95 % interval of the mean.
    """
    text = io.StringIO()
    keys = [f"{column.key}{suffix}" for column in COLUMNS for suffix in ("", "_spread", "_low", "_high")]
    fields = ["point", "state", "repeats", "verdict", "origin", "reasons", "accepted", *keys, "error", "directories"]
    writer = csv.DictWriter(text, fields, lineterminator="\n")
    writer.writeheader()
    for row in table:
        values = {key: value for column in COLUMNS for key, value in _numbers(column, row.values)}
        reasons = ";".join(reason.name for reason in row.verdict.reasons) if row.verdict else None
        rest = {
            "verdict": _judged(row, lambda verdict: verdict.standing) or None,
            "origin": row.origin if row.values else None,
            "reasons": reasons,
            "accepted": ";".join(reason.name for reason in row.verdict.accepted) if row.verdict else None,
            "error": "\n".join(row.errors),
            "directories": ";".join(map(str, row.directories)),
        }
        writer.writerow({"point": row.name, "state": row.state, "repeats": _repeats(row), **values, **rest})
    return text.getvalue()


def frontier_html(table: Sequence[Row], title: str) -> str | None:
    """Output tokens/s of the system against tokens/s per user (1000 / median TPOT in ms), in one HTML file.

    The line joins the points that no other beats in both, of those that are not INVALID and of the origin compared.
    Circles are measured, diamonds simulated, squares imported; a hollow mark is SUSPECT, a cross INVALID. Absent when
    no point has both numbers.
    """
    from plotly import graph_objects

    shown = [(row, place) for row in table if (place := _place(row)) is not None]
    if not shown:
        return None
    placed = [row for row, _ in shown]
    compared = origin_compared(placed)
    believed = [at for row, at in shown if row.origin == compared and _standing_on_plot(row) != "INVALID"]
    kept = frontier(believed)
    line = {"x": [believed[i][0] for i in kept], "y": [believed[i][1] for i in kept]}
    plot = graph_objects.Figure(
        [
            graph_objects.Scatter(**line, mode="lines", name="frontier", hoverinfo="skip"),
            *(
                graph_objects.Scatter(**_points(origin, shown), mode="markers+text", textposition="top center")
                for origin in SYMBOLS
                if origin in origins(placed)
            ),
        ]
    )
    plot.update_traces(cliponaxis=False)
    plot.update_xaxes(rangemode="tozero")
    plot.update_yaxes(rangemode="tozero")
    plot.update_layout(
        title=f"simulated: {title}" if origins(placed) == {"simulated"} else title,
        xaxis_title="tokens/s per user (1000 / median TPOT ms)",
        yaxis_title="output tokens/s of the system",
    )
    return str(plot.to_html(include_plotlyjs=True, full_html=True))


def _points(origin: Origin, shown: Sequence[tuple[Row, tuple[float, float]]]) -> dict[str, Any]:
    """Of one origin, which the plot's legend names."""
    own = [(row, place) for row, place in shown if row.origin == origin]
    return {
        "x": [user for _, (user, _) in own],
        "y": [system for _, (_, system) in own],
        "text": [row.short for row, _ in own],
        "hovertext": [_hovered(row) for row, _ in own],
        "marker_symbol": [SYMBOLS[origin][_standing_on_plot(row)] for row, _ in own],
        "name": origin,
        "showlegend": True,
    }


def _legend(table: Sequence[Row]) -> str:
    return LEGEND_OF_SIMULATED if "simulated" in origins(table) else LEGEND


def _named(name: str, row: Row) -> str:
    """With a word on repeats that have no number in the row, where others have."""
    return f"{name} ({row.state} in part)" if row.values and row.state != "finished" else name


def _with_best(table: Sequence[Row]) -> Iterator[tuple[Row, Mapping[str, float]]]:
    """Each row, and what is best among those that it is compared with; nothing where it is with none."""
    best_of, compared = best(table), origin_compared(table)
    for row in table:
        yield row, best_of if row.origin == compared else {}


def _cells(row: Row, best_of: Mapping[str, float], shown: Callable[[Agreement], str]) -> Iterator[tuple[str, str]]:
    """What stands in each column, and its mark: that of its standing, or BEST."""
    for column in COLUMNS:
        value = row.values.get(column.key)
        if value is None:
            yield row.state if column is COLUMNS[0] else ABSENT, ""
        else:
            star = BEST if best_of.get(column.key) == value.median else ""
            simulated = SIMULATED if row.origin == "simulated" else ""
            yield f"{shown(value)}{simulated}", MARKS[row.standing_of(column.key)] or star


def _in_text(row: Row, best_of: Mapping[str, float]) -> Iterator[str]:
    for word, mark in _cells(row, best_of, _median):
        yield f"{word}{mark}"


def _in_markdown(row: Row, best_of: Mapping[str, float]) -> Iterator[str]:
    for word, mark in _cells(row, best_of, _give_or_take):
        yield f"**{word}**" if mark == BEST else f"{word}{mark}"


def _judged(row: Row, said: Callable[[Verdict], str]) -> str:
    """Nothing where there is no number to judge; `-` where nobody did."""
    return (ABSENT if row.verdict is None else said(row.verdict)) if row.values else ""


def _shortly(verdict: Verdict) -> str:
    return f"{SHORT[verdict.origin]}{verdict.standing}"


def _standing_on_plot(row: Row) -> Standing:
    """The worse of the two numbers that make its place."""
    standings = {row.standing_of("median_tpot_ms"), row.standing_of("output_throughput")}
    return next(standing for standing in ("INVALID", "SUSPECT", "VALID") if standing in standings)


def _hovered(row: Row) -> str:
    """The standing of its place, behind an origin that is not our own measuring."""
    standing = _standing_on_plot(row)
    return standing if row.origin == "measured" else f"{row.origin} {standing}"


def _median(value: Agreement) -> str:
    return f"{value.median:.2f}"


def _give_or_take(value: Agreement) -> str:
    if value.interval is None:
        return _median(value)
    low, high = value.interval
    return f"{_median(value)} ± {(high - low) / 2:.2f}"


def _remarks(table: Sequence[Row], legend: str) -> Iterator[str]:
    if any(row.values for row in table):
        yield legend
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
