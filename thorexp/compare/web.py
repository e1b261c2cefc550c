"""Pairs as one HTML page."""

from collections.abc import Iterator, Sequence

from thorexp.compare.forest import forest
from thorexp.compare.measured import Measured
from thorexp.compare.pairs import Pair
from thorexp.compare.text import HEADS, LEGEND, against, notes, overview_rows, remarks, rows, summed_up
from thorexp.html.blocks import Block, Section, Table, Words
from thorexp.html.document import document
from thorexp.html.latencies import latencies_beside
from thorexp.html.point import point_section
from thorexp.measure.records import RunRecord
from thorexp.results.summary import COLUMNS


def html(pairs: Sequence[Pair]) -> str:
    """What came of it, then each pair, then all that is known of each point; RecordError where a record is damaged."""
    what = against(pairs[0]) if len(pairs) == 1 else f"{len(pairs)} pairs"
    return document(f"Compared: {what}", tuple(_lead(pairs)), tuple(_blocks(pairs)))


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
        yield Table(
            "B / A",
            ("B against A", *(column.heading for column in COLUMNS)),
            tuple(overview_rows(pairs)),
            tuple(anchors),
        )
        yield Words((LEGEND, *remarks(pairs)))
        for pair, anchor in zip(pairs, anchors, strict=True):
            yield Section(against(pair), anchor, tuple(_of_pair(pair)), folded=True)
    yield from _points(pairs)


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
    points = {point.where: point for pair in pairs for point in (pair.first, pair.second) if point.run_dirs}
    for i, (where, point) in enumerate(points.items(), 1):
        yield point_section(point.run_dirs[0], f"{_named(point)}: {where}", f"point-{i}", {})


def _named(point: Measured) -> str:
    return " ".join(f"{key}={point.words[key]}" for key in ("model", "load") if key in point.words)
