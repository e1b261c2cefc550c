"""Which point of a sweep is best, by question."""

from collections.abc import Iterator, Sequence

from thorexp.html.blocks import Table
from thorexp.results.entry import GOOD_REQUESTS, Entry
from thorexp.results.ladder import ladder
from thorexp.results.rivals import rivals_of
from thorexp.results.summary import origin_compared

REST = ("output tokens/s", "what it keeps to", "load")
# In ms; from what a person does not notice to what nobody waits for, and from a fast reader to a slow one.
LADDERS = (
    ("P99 TTFT", "p99_ttft_ms", (200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0, 20_000.0)),
    ("P99 TPOT", "p99_tpot_ms", (20.0, 50.0, 100.0, 200.0)),
)


MISSED, DOUBTED = "no point keeps it", "no point with VALID numbers"
MIXED = "no points that compare: without numbers, rehearsed, or of several origins"


def choice(entries: Sequence[Entry], heading: str) -> Table:
    """A row for the SLO that the sweep itself asked for, then one for each limit that changes the answer.

    Numbers that are not VALID win nothing, and only points of the origin compared are rivals. Where they are of several
    workloads, hardwares or power modes, which do not compare, each of these has rows of its own.
    """
    compared = origin_compared([each.row for each in entries])
    settings = rivals_of([each for each in entries if each.row.origin == compared and each.row.values])
    several = len(settings) > 1
    best = "best point" if heading == "point" else f"best point: {heading}"
    rows = tuple(
        (row[0], *([each.setting] if several else []), *row[1:]) for each in settings for row in _rows(each.entries)
    )
    if not rows:
        return Table("Most output under an SLO", ("under", best, *REST), (("any limit", MIXED, "-", "-", "-"),))
    return Table("Most output under an SLO", ("under", *(["of"] if several else []), best, *REST), rows)


def _rows(rivals: Sequence[Entry]) -> Iterator[tuple[str, ...]]:
    yield from _asked(rivals)
    yield from _under_limits(rivals)


def _asked(rivals: Sequence[Entry]) -> Iterator[tuple[str, ...]]:
    """The most good requests/s, by each SLO that was asked for."""
    good = [each for each in rivals if GOOD_REQUESTS in each.values]
    for slo in dict.fromkeys(each.slo for each in good if each.slo):
        valid = [each for each in good if each.slo == slo and each.row.standing_of(GOOD_REQUESTS) == "VALID"]
        winner = max(valid, key=lambda each: each.values[GOOD_REQUESTS].median, default=None)
        yield _answer(slo, winner, "" if winner is None else _good(winner), DOUBTED)


def _good(entry: Entry) -> str:
    good = [f"{entry.values[GOOD_REQUESTS].median:.3g} good requests/s"]
    if (percent := entry.row.values.get("goodput_percent")) is not None:
        good.append(f"{percent.median:.3g} % of all")
    return ", ".join(good)


def _under_limits(rivals: Sequence[Entry]) -> Iterator[tuple[str, ...]]:
    for word, key, limits in LADDERS:
        for rung in ladder([each.row for each in rivals], key, limits):
            winner = next((each for each in rivals if each.row is rung.winner), None)
            lost = MISSED if any(key in each.row.comparable for each in rivals) else DOUBTED
            keeps = "" if winner is None else f"{word} {_time(winner.row.values[key].median)}"
            yield _answer(f"{word} {_time(rung.limit_ms)}", winner, keeps, lost)


def _answer(question: str, winner: Entry | None, keeps: str, lost: str) -> tuple[str, ...]:
    """`lost`: what is said where nothing won."""
    if winner is None:
        return question, lost, "-", "-", "-"
    served = winner.row.values.get("output_throughput")
    return question, winner.row.short, "-" if served is None else f"{served.median:.2f}", keeps, winner.load or "-"


def _time(ms: float) -> str:
    """In s from 1 s on, as one says it."""
    return f"{ms / 1000:.3g} s" if ms >= 1000 else f"{ms:.3g} ms"
