"""What a sweep has found, for who has to choose: the answer first, then what it rests on."""

from collections.abc import Iterator, Sequence

from thorexp.html.blocks import Block, Figure, Section, Table, Words
from thorexp.measure.stats import Agreement
from thorexp.measure.verdict import Reason
from thorexp.results.choice import choice
from thorexp.results.entry import Entry
from thorexp.results.files import cells, give_or_take, judged, legend_of, named, with_best
from thorexp.results.frontier import frontier_figure
from thorexp.results.spent import energy_figure
from thorexp.results.summary import Row, columns_of, origin_compared, origins
from thorexp.results.whence import ORIGINS, whence
from thorexp.secret import masked

NO_POWER = "No point says what power was drawn, so energy is not compared."
RULE = Words(
    (
        "Below each limit, the point that serves most output tokens/s in all; by an SLO that was asked for, the one "
        "with most good requests/s, beside which others may have missed it. Limits that give the answer of a tighter "
        "one are left out; of those that no point keeps to, the loosest is named. Each workload, hardware and power "
        "mode has answers of its own; loads are rivals, for the load is yours to choose.",
    )
)


def decision_blocks(entries: Sequence[Entry], heading: str) -> tuple[Block, ...]:
    """Sections: what to choose, the frontier, energy, all points with what speaks against them, whence.

    `heading`: of their short names. A plot on which no point has a place is left out.
    """
    table = [each.row for each in entries]
    frontier, energy = frontier_figure(table, heading), energy_figure(entries, heading)
    words = (*_origin_words(table), *(() if energy else (NO_POWER,)))
    return (
        Section("What to choose", "choice", (Words(words), choice(entries, heading), RULE)),
        *_plotted("Throughput against speed", "frontier", frontier),
        *_plotted("Energy", "energy", energy),
        Section("All points", "points", (_points(entries, heading), *_remarks(table))),
        Section("Where the numbers are from", "origin", (_origin(table),)),
    )


def _origin_words(table: Sequence[Row]) -> Iterator[str]:
    """Where the numbers are from, and how many of them win nothing."""
    numbered = [row for row in table if row.values]
    for origin, words in ORIGINS.items():
        yield from _counted(words.capitalize(), sum(row.origin == origin for row in numbered), len(table))
    if len(origins(numbered)) > 1 and origin_compared(numbered) is None:
        yield "Points of several origins, none of them measured, are not held against each other."
    doubted = sum(row.verdict is None or row.verdict.standing != "VALID" for row in numbered)
    yield from _counted("SUSPECT or INVALID in some of their numbers, which win nothing", doubted, len(table))
    yield from _counted("Without numbers", len(table) - len(numbered), len(table))


def _counted(words: str, count: int, of: int) -> Iterator[str]:
    """Nothing of none."""
    if count:
        yield f"{words}: {'all' if count == of else f'{count} of'} {of} points."


def _plotted(title: str, anchor: str, figure: Figure | None) -> Iterator[Section]:
    if figure is not None:
        yield Section(title, anchor, (figure,))


def _points(entries: Sequence[Entry], heading: str) -> Table:
    """The same words and marks as on the terminal, with the interval of repeats."""
    table = [each.row for each in entries]
    columns = columns_of(table)
    rows = tuple(
        (named(row.short, row), *map("".join, cells(row, best_of, _shown, columns)), _judged(row))
        for row, best_of in with_best(table)
    )
    heads = (heading, *(column.heading for column in columns), "verdict")
    links = tuple(each.anchor for each in entries)
    return Table("All points, the most output first; times in ms, of repeats ± their 95 % interval", heads, rows, links)


def _origin(table: Sequence[Row]) -> Table:
    return Table("As the records say it", ("what", "is"), tuple(whence(table).lines()))


def _shown(value: Agreement) -> str:
    """Without an interval that is too small to be seen."""
    return give_or_take(value).removesuffix(" ± 0.00")


def _judged(row: Row) -> str:
    return judged(row, lambda verdict: verdict.words)


def _remarks(table: Sequence[Row]) -> Iterator[Block]:
    if any(row.values for row in table):
        yield Words((legend_of(table),))
    reasons = _against(table)
    if reasons:
        heads = ("reason", "standing", "evidence", "to try", "points")
        yield Table("What speaks against numbers", heads, tuple(_reason(*each) for each in reasons))


def _against(table: Sequence[Row]) -> list[tuple[Reason, str, list[str]]]:
    """Each reason with its standing, and the points that it speaks against; what is accepted last."""
    found: dict[tuple[str, Reason], list[str]] = {}
    for row in table:
        for reason in row.verdict.reasons if row.verdict else ():
            found.setdefault((reason.standing, reason), []).append(row.short)
    for row in table:
        for reason in row.verdict.accepted if row.verdict else ():
            found.setdefault(("accepted", reason), []).append(row.short)
    return [(reason, standing, names) for (standing, reason), names in found.items()]


def _reason(reason: Reason, standing: str, names: Sequence[str]) -> tuple[str, ...]:
    return reason.name, standing, masked(reason.evidence), reason.remedy, "; ".join(names)
