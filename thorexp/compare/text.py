"""Pairs as text for a terminal, and as Markdown to paste."""

from collections.abc import Iterator, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from thorexp.compare.differences import Difference
from thorexp.compare.measured import Measured
from thorexp.compare.pairs import Pair, against
from thorexp.markdown_text import escaped, fenced
from thorexp.measure.resampling import RESAMPLES
from thorexp.measure.verdict import MARKS, UNREAL, standing_of
from thorexp.results.page import page, piped
from thorexp.results.summary import COLUMNS

HEADS = ("metric", "A", "B", "B / A", "95 % interval", "B is")
SIGNS: Mapping[str, str] = {"better": "+", "worse": "-", "within noise": "=", "no interval": "", "not ranked": ""}
LEGEND = "+ B is better, - worse, = within noise; without a sign not ranked, or no interval"
NAMED_PAIRS = 2  # which a line can still name
MARKED = "~ simulated, ^ rehearsed, ? SUSPECT, ! INVALID"


def text(pairs: Sequence[Pair], gaps: Sequence[str] = ()) -> str:
    """One pair with every metric; of several a line each, with the ratios of a sweep's columns. Then the gaps."""
    return _whole(pairs[0], gaps) if len(pairs) == 1 else _overview(pairs, gaps)


def markdown(pairs: Sequence[Pair], gaps: Sequence[str] = ()) -> str:
    """The gaps, then every metric of every pair. What others named or said stays text, whatever is in it."""
    lines = [*fenced(gaps), *([""] if gaps else []), *(line for pair in pairs for line in _section(pair))]
    return "\n".join(lines)


def rows(pair: Pair) -> Iterator[tuple[str, ...]]:
    """By HEADS: numbers with the marks of their standing, `~` first where simulated, `^` where rehearsed."""
    for ratio in pair.ratios:
        yield (
            ratio.key,
            f"{_number(ratio.first)}{_marks(pair.first, ratio.key)}",
            f"{_number(ratio.second)}{_marks(pair.second, ratio.key)}",
            f"{ratio.ratio:.3f}",
            "-" if ratio.interval is None else f"{ratio.interval[0]:.3f} to {ratio.interval[1]:.3f}",
            pair.effect(ratio),
        )


def overview(pairs: Sequence[Pair]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heads and rows: the names of each pair, of B alone where A is one or has its name; and the ratios of a sweep's
    columns, each with the marks of both numbers and the sign of its effect.
    """
    heading, names = _in_columns([pair.name for pair in pairs])
    heads, columns = [f"B: {heading}" if heading else "B"], [names]
    if len({pair.base for pair in pairs}) > 1:
        of_bases, bases = _in_columns([pair.base or pair.name for pair in pairs])
        heads, columns = [*heads, f"A: {of_bases}" if of_bases else "A"], [*columns, bases]
    signs = (tuple(_sign(pair, column.key) for column in COLUMNS) for pair in pairs)
    rows = [(*named, *ratios) for *named, ratios in zip(*columns, signs, strict=True)]
    return (*heads, *(column.heading for column in COLUMNS)), rows


def remarks(pairs: Sequence[Pair]) -> Iterator[str]:
    """Why pairs are not ranked, what differs, what speaks against numbers, and what the intervals are made of.

    Each once, with the pairs that it is about where these are not all; of many how many.
    """
    told: dict[str, list[str]] = {}
    for pair in pairs:
        for remark in (*_differences(pair), *notes(pair)):
            told.setdefault(remark, []).append(_name(pair, pairs))
    for remark, names in told.items():
        of = ", ".join(names) if len(names) <= NAMED_PAIRS else f"{len(names)} of {len(pairs)} pairs"
        yield remark if len(names) == len(pairs) else f"{remark} ({of})"


def notes(pair: Pair) -> Iterator[str]:
    """What speaks against its numbers, and what the intervals are made of."""
    for word, point in (("A", pair.first), ("B", pair.second)):
        for reason in point.verdict.reasons if point.verdict else ():
            yield f"{MARKS[reason.standing]} {word}: {reason.name}: {reason.evidence}"
    if any(_marks(point, ratio.key) for point in (pair.first, pair.second) for ratio in pair.ratios):
        yield MARKED
    yield from _of_intervals(pair)


def summed_up(pair: Pair) -> str:
    """How many numbers are better, worse or within noise."""
    effects = [pair.effect(ratio) for ratio in pair.ratios]
    if not effects:
        return "no metric in common"
    if set(effects) == {"within noise"}:
        return f"within noise: all {len(effects)} metrics"
    there = [f"{effect} in {effects.count(effect)}" for effect in SIGNS if effect in effects]
    return f"{', '.join(there)} of {len(effects)} metrics"


def _whole(pair: Pair, gaps: Sequence[str]) -> str:
    grid = Table(padding=(0, 1, 0, 0), pad_edge=False)
    for head in HEADS:
        grid.add_column(head, justify="left" if head in (HEADS[0], HEADS[-1]) else "right", no_wrap=True)
    for row in rows(pair):
        grid.add_row(*map(Text, row))
    title = f"A  {pair.first.where}\nB  {pair.second.where}\n{against(pair)}: {summed_up(pair)}"
    return page(title, grid, (*gaps, *remarks([pair])))


def _overview(pairs: Sequence[Pair], gaps: Sequence[str]) -> str:
    base, (heads, rows) = _base(pairs), overview(pairs)
    grid = Table(padding=(0, 0), pad_edge=False)
    for head in heads[: -len(COLUMNS)]:
        grid.add_column(Text(head), overflow="fold")
    for head in heads[-len(COLUMNS) :]:
        grid.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        grid.add_row(*map(Text, row))
    title = f"{len(pairs)} pairs, B / A" if base is None else f"{len(pairs)} pairs, B / A, where A is {base}"
    return page(title, grid, (LEGEND, *gaps, *remarks(pairs)))


def _base(pairs: Sequence[Pair]) -> str | None:
    """What all are held against; absent where they are held against several."""
    bases = {pair.base for pair in pairs}
    return next(iter(bases)) if len(bases) == 1 else None


def _name(pair: Pair, pairs: Sequence[Pair]) -> str:
    """Among these."""
    return against(pair) if _base(pairs) is None else pair.name


def _sign(pair: Pair, key: str) -> str:
    ratio = next((ratio for ratio in pair.ratios if ratio.key == key), None)
    if ratio is None:
        return "-"
    marks = {*_marks(pair.first, key), *_marks(pair.second, key)}
    return f"{ratio.ratio:.3f}{''.join(mark for mark in '~^?!' if mark in marks)}{SIGNS[pair.effect(ratio)]}"


def _in_columns(names: Sequence[str]) -> tuple[str, list[str]]:
    """Keys and values of names of `key=value`; no keys where they have different ones."""
    words = [[word.partition("=") for word in name.split(" ")] for name in names]
    keys = {tuple(key for key, _, _ in each) for each in words}
    if len(keys) != 1 or not all(sign for each in words for _, sign, _ in each):
        return "", list(names)
    return " ".join(keys.pop()), [" ".join(value for _, _, value in each) for each in words]


def _section(pair: Pair) -> Iterator[str]:
    yield from (f"### {escaped(against(pair))}", "")
    yield from (f"- {escaped(said)}" for said in (f"A: {pair.first.where}", f"B: {pair.second.where}", summed_up(pair)))
    yield from ("", piped(HEADS), piped(("---", *("---:" for _ in HEADS[1:-1]), "---")))
    yield from (piped(map(escaped, row)) for row in rows(pair))
    yield from ("", *fenced(remarks([pair])), "")


def _differences(pair: Pair) -> Iterator[str]:
    yield from (f"not ranked, since not measured alike: {each}" for each in pair.unlike)
    yield from (f"differs: {each}" for each in pair.settings if not _is_named(pair, each))


def _is_named(pair: Pair, difference: Difference) -> bool:
    """Whether both names tell it already."""
    return pair.base is not None and f"{difference.name}={difference.second}" in pair.name.split(" ")


def _of_intervals(pair: Pair) -> Iterator[str]:
    kinds = {ratio.of for ratio in pair.ratios if ratio.of is not None}
    if "repeats" in kinds:
        counts = " and ".join(str(len(point.side.results)) for point in (pair.first, pair.second))
        yield f"intervals: 95 %, from {counts} repeats, whose geometric means are shown, {_starts(pair)}"
    if "requests" in kinds:
        yield f"intervals: 95 %, from the requests of single runs, drawn again {RESAMPLES} times, {_starts(pair)}"


def _starts(pair: Pair) -> str:
    spread = 100 * max(pair.first.spread, pair.second.spread)
    return f"and from what two starts may differ by (verdict.spread, or --spread, of {spread:g} %)"


def _number(value: float) -> str:
    """Five digits."""
    return f"{value:.5g}" if value < 10_000 else f"{value:.0f}"


def _marks(point: Measured, key: str) -> str:
    unreal = "" if point.verdict is None else UNREAL.get(point.verdict.origin, "")
    return f"{unreal}{MARKS[standing_of(point.verdict, key)]}"
