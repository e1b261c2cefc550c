"""A sweep as Markdown, to paste into an issue or a blog: a compact table, then every report by model."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from thorexp.markdown_text import escaped, fenced, longest_ticks
from thorexp.results.files import BEST, cells, give_or_take, judged, named, remarks, with_best
from thorexp.results.page import piped
from thorexp.results.reports import Report, Section, sections
from thorexp.results.summary import Column, Row, columns_of
from thorexp.results.whence import whence
from thorexp.secret import masked, shown_command, shown_word
from thorexp.tracking.sweep_note import REPORTS


def markdown(table: Sequence[Row], title: str, command: str | None = None, found: Sequence[str] = ()) -> str:
    """Title, where it is from, the table, the best of each column in bold, and the remarks; then the reports.

    All that stands before the first heading, REPORTS, is short, and MLflow's description of a sweep; without any
    report there is no heading. Times in ms. Repeats are shown by their median ± half of the 95 % interval of their
    mean. `command`: what was typed behind `python -m thorexp`; `found`: what searches among the points came to. The
    reports are laid out as the published table is, so that `python -m thorexp.judge` reads them back.
    """
    told = sections(table)
    facts = [*(f"- found: {escaped(line)}" for line in found), *_whence(table, command)]
    parts = [[title], facts, _table(table), fenced(remarks(table))]
    if told:
        parts += [[REPORTS], *(part for section in told for part in _section(section))]
    return "\n\n".join("\n".join(part) for part in map(list, parts) if part) + "\n"


def _whence(table: Sequence[Row], command: str | None) -> Iterator[str]:
    if command is not None:
        yield f"- command: {_code(f'python -m thorexp {shown_command(command)}')}"
    yield from (f"- {word}: {escaped(fact)}" for word, fact in whence(table).lines())


def _table(table: Sequence[Row]) -> Iterator[str]:
    columns = columns_of(table)
    yield piped(("point", *(column.heading for column in columns), "verdict"))
    yield piped(("---", *("---:" for _ in columns), "---"))
    for row, best_of in with_best(table):
        standing = judged(row, lambda verdict: verdict.words)
        yield piped((escaped(named(row.name, row)), *_cells(row, best_of, columns), standing))


def _cells(row: Row, best_of: Mapping[str, float], columns: Sequence[Column]) -> Iterator[str]:
    for word, mark in cells(row, best_of, give_or_take, columns):
        yield f"**{word}**" if mark == BEST else f"{word}{mark}"


def _section(section: Section) -> Iterator[Iterable[str]]:
    """A heading that `thorexp.measure.headings` reads as the model's name, whatever is behind it in brackets."""
    marks = f" ({', '.join(map(shown_word, section.marks))})" if section.marks else ""
    yield [f"### {escaped(f'{section.model}{marks}')}"]
    for report in section.reports:
        yield [f"- {escaped(_headline(report))}"]
        yield fenced(report.text.splitlines())


def _headline(report: Report) -> str:
    which = f"; of {report.runs} runs the median by output throughput" if report.runs > 1 else ""
    return masked(f"{report.load}: {report.asked}{which}")


def _code(text: str) -> str:
    """In a line of prose."""
    ticks, words = "`" * (1 + longest_ticks(text)), " ".join(text.split())
    return f"{ticks} {words} {ticks}" if "`" in text else f"{ticks}{words}{ticks}"
