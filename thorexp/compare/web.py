"""Pairs as one HTML page."""

from collections.abc import Iterator, Sequence

from thorexp.compare.forest import forest
from thorexp.compare.measured import Measured
from thorexp.compare.pairs import Pair, against
from thorexp.compare.text import HEADS, LEGEND, notes, overview, remarks, rows, summed_up
from thorexp.html.blocks import Block, Section, Table, Words
from thorexp.html.document import document
from thorexp.html.latencies import latencies_beside
from thorexp.html.point import point_section
from thorexp.measure.records import RunRecord


def html(pairs: Sequence[Pair], gaps: Sequence[str] = ()) -> str:
    """What came of it, and the gaps, then each pair, then all that is known of each point; RecordError where a record
    is damaged.
    """
    what = against(pairs[0]) if len(pairs) == 1 else f"{len(pairs)} pairs"
    return document(f"Compared: {what}", (*_lead(pairs), *gaps), tuple(_blocks(pairs)))


def _lead(pairs: Sequence[Pair]) -> Iterator[str]:
    yield f"{against(pairs[0])}: {summed_up(pairs[0])}." if len(pairs) == 1 else "Ratios B / A of every metric."
    unlike = sum(bool(pair.unlike) for pair in pairs)
    if unlike:
        yield f"{unlike} of {len(pairs)} not ranked, since not measured alike." if len(pairs) > 1 else "Not ranked."


def _blocks(pairs: Sequence[Pair]) -> Iterator[Block]:
    anchors = [f"pair-{i}" for i in range(1, len(pairs) + 1)]
    if len(pairs) == 1:
        yield from _of_pair(pairs[0])
    else:
        heads, cells = overview(pairs)
        yield Table("B / A", heads, tuple(cells), tuple(anchors))
        yield Words((LEGEND, *remarks(pairs)))
        both = zip(pairs, anchors, strict=True)
        folded = (Section(against(pair), anchor, tuple(_of_pair(pair)), folded=True) for pair, anchor in both)
        yield Section("Pair by pair", "pairs", tuple(folded))
    yield Section("Point by point", "points", tuple(_points(pairs)))


def _of_pair(pair: Pair) -> Iterator[Block]:
    figure = forest(pair, summed_up(pair))
    if figure is not None:
        yield figure
    yield Table(f"{against(pair)}: {summed_up(pair)}", HEADS, tuple(rows(pair)))
    beside = latencies_beside(dict(_runs(pair)))
    if beside is not None:
        yield beside
    for caption, found in (("Not measured alike", pair.unlike), ("Set otherwise", pair.settings)):
        if found:
            cells = tuple((each.name, each.first, each.second) for each in found)
            yield Table(caption, ("name", "A", "B"), cells)
    yield Words(tuple(notes(pair)))


def _runs(pair: Pair) -> Iterator[tuple[str, RunRecord]]:
    """The first of each side's repeats; none of a result of others."""
    for word, point in (("A", pair.first), ("B", pair.second)):
        if point.side.requests:
            yield word, RunRecord(0, 0, point.side.requests[0])


def _points(pairs: Sequence[Pair]) -> Iterator[Block]:
    """Each point once, by its first run directory; a result of others has none."""
    points: dict[str, tuple[str, Measured]] = {}
    for pair in pairs:
        points.setdefault(pair.first.where, (pair.base or pair.name, pair.first))
        points.setdefault(pair.second.where, (pair.name, pair.second))
    for i, (where, (name, point)) in enumerate(points.items(), 1):
        if point.run_dirs:
            yield point_section(point.run_dirs[0], f"{name}: {where}", f"point-{i}", {})
