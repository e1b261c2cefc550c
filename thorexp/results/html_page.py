"""A sweep as one HTML page: what it has found, then each of its points."""

import time
from collections.abc import Iterator, Sequence

from thorexp.errors import RecordError
from thorexp.html.blocks import Block, Excerpt, Section, Words
from thorexp.html.document import document
from thorexp.html.point import point_section
from thorexp.html.varied import differences, varied
from thorexp.results.decision import decision_blocks
from thorexp.results.entry import Entry, entries
from thorexp.results.files import judged, named
from thorexp.results.summary import Row
from thorexp.secret import masked, shown_command
from thorexp.sweepdir import SweepRecord


def html_page(record: SweepRecord, table: Sequence[Row], heading: str, title: str, found: Sequence[str] = ()) -> str:
    """The whole page. A point with repeats shows the first that finished; one whose files are damaged says so.

    `found`: what searches among the points came to.
    """
    shown = entries(table)
    keys = varied([each.config for each in shown if each.config])
    points = tuple(_section(each, each.anchor, keys) for each in shown if each.anchor is not None)
    one_by_one = Section("Point by point", "point-by-point", points)
    began = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(record.started_at))
    lead = (title, *map(masked, found), f"Begun {began} by: python -m thorexp {shown_command(record.command)}")
    return document(f"Sweep {record.id}", lead, (*decision_blocks(shown, heading), one_by_one))


def _section(entry: Entry, anchor: str, keys: Sequence[str]) -> Section:
    blocks = (*_before(entry), *_first(entry, anchor, keys))
    return Section(_headline(entry.row), anchor, blocks, folded=True)


def _headline(row: Row) -> str:
    """Its name, then what is known of it in a few words."""
    throughput = row.values.get("output_throughput")
    known = row.state if throughput is None else f"{throughput.median:.2f} tokens/s"
    return " · ".join(word for word in (named(row.name, row), known, judged(row, lambda v: v.words)) if word)


def _before(entry: Entry) -> Iterator[Block]:
    repeats = len(entry.finished)
    if repeats > 1:
        yield Words((f"{repeats} repeats finished; this is the first of them.",))
    for path in [run_dir.path for run_dir in entry.finished[:1]] or entry.row.directories[:1]:
        yield Words((f"Its files: {path}",))
    for error in entry.row.errors:
        yield Excerpt("Error", masked(error))


def _first(entry: Entry, anchor: str, keys: Sequence[str]) -> tuple[Block, ...]:
    if not entry.finished:
        return ()
    try:
        return point_section(entry.finished[0], entry.row.name, anchor, differences(entry.config, keys)).blocks
    except RecordError as damaged:
        return (Excerpt("Error", masked(str(damaged))),)
