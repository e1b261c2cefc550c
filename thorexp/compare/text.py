"""Pairs as text for a terminal, and as Markdown to paste."""

from collections.abc import Iterator, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from thorexp.compare.measured import Measured
from thorexp.compare.pairs import Difference, Pair, standing
from thorexp.measure.resampling import RESAMPLES
from thorexp.measure.verdict import MARKS
from thorexp.results.page import page, piped
from thorexp.results.summary import COLUMNS

HEADS = ("metric", "A", "B", "B / A", "95 % interval", "B is")
SIGNS: Mapping[str, str] = {"better": "+", "worse": "-", "within noise": "=", "no interval": "", "not ranked": ""}
LEGEND = "+ B is better, - worse, = within noise; without a sign not ranked, or no interval"
MARKED = "~ simulated, ? SUSPECT, ! INVALID"


def text(pairs: Sequence[Pair]) -> str:
    """One pair with every metric; of several a line each, with the ratios of a sweep's columns."""
    return _whole(pairs[0]) if len(pairs) == 1 else _overview(pairs)


def markdown(pairs: Sequence[Pair]) -> str:
    """Every metric of every pair."""
    return "\n".join(line for pair in pairs for line in _section(pair))


def rows(pair: Pair) -> Iterator[tuple[str, ...]]:
    """By HEADS: numbers with the marks of their standing, `~` first where simulated."""
    for ratio in pair.ratios:
        yield (
            ratio.key,
            f"{_number(ratio.first)}{_marks(pair.first, ratio.key)}",
            f"{_number(ratio.second)}{_marks(pair.second, ratio.key)}",
            f"{ratio.ratio:.3f}",
            "-" if ratio.interval is None else f"{ratio.interval[0]:.3f} to {ratio.interval[1]:.3f}",
            pair.effect(ratio),
        )


def overview_rows(pairs: Sequence[Pair]) -> Iterator[tuple[str, ...]]:
    """Each pair by name, and the ratios of a sweep's columns, each with the sign of its effect."""
    base = _base(pairs)
    for pair in pairs:
        yield (against(pair) if base is None else pair.name, *(_sign(pair, column.key) for column in COLUMNS))


def remarks(pairs: Sequence[Pair]) -> Iterator[str]:
    """Why pairs are not ranked, what differs, what speaks against numbers, and what the intervals are made of.

    Each once, with the pairs that it is about where these are not all.
    """
    told: dict[str, list[str]] = {}
    for pair in pairs:
        for remark in (*_differences(pair), *notes(pair)):
            told.setdefault(remark, []).append(pair.name)
    for remark, names in told.items():
        yield remark if len(names) == len(pairs) else f"{remark} ({', '.join(names)})"


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
    if set(effects) == {"within noise"}:
        return f"within noise: all {len(effects)} metrics"
    there = [f"{effect} in {effects.count(effect)}" for effect in SIGNS if effect in effects]
    return f"{', '.join(there)} of {len(effects)} metrics"


def against(pair: Pair) -> str:
    """Both by name."""
    return pair.name if pair.base is None else f"{pair.name} against {pair.base}"


def _whole(pair: Pair) -> str:
    grid = Table(padding=(0, 1, 0, 0), pad_edge=False)
    for head in HEADS:
        grid.add_column(head, justify="left" if head in (HEADS[0], HEADS[-1]) else "right", no_wrap=True)
    for row in rows(pair):
        grid.add_row(*map(Text, row))
    title = f"A  {pair.first.where}\nB  {pair.second.where}\n{against(pair)}: {summed_up(pair)}"
    return page(title, grid, remarks([pair]))


def _overview(pairs: Sequence[Pair]) -> str:
    base = _base(pairs)
    grid = Table(padding=(0, 1, 0, 0), pad_edge=False)
    grid.add_column("B", overflow="fold")
    for column in COLUMNS:
        grid.add_column(column.heading, justify="right", no_wrap=True)
    for row in overview_rows(pairs):
        grid.add_row(*map(Text, row))
    title = f"{len(pairs)} pairs, B / A" if base is None else f"{len(pairs)} pairs, B / A, where A is {base}"
    return page(title, grid, (LEGEND, *remarks(pairs)))


def _base(pairs: Sequence[Pair]) -> str | None:
    """What all are held against; absent where they are held against several."""
    bases = {pair.base for pair in pairs}
    return next(iter(bases)) if len(bases) == 1 else None


def _sign(pair: Pair, key: str) -> str:
    ratio = next((ratio for ratio in pair.ratios if ratio.key == key), None)
    return "-" if ratio is None else f"{ratio.ratio:.3f}{SIGNS[pair.effect(ratio)]}"


def _section(pair: Pair) -> Iterator[str]:
    yield from (f"### {against(pair)}", "", f"- A: {pair.first.where}", f"- B: {pair.second.where}")
    yield from (f"- {summed_up(pair)}", "", piped(HEADS), piped(("---", *("---:" for _ in HEADS[1:-1]), "---")))
    yield from map(piped, rows(pair))
    yield ""
    yield from (f"- {remark}" for remark in remarks([pair]))
    yield ""


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
    simulated = "~" if point.verdict is not None and point.verdict.origin == "simulated" else ""
    return f"{simulated}{MARKS[standing(point.verdict, key)]}"
