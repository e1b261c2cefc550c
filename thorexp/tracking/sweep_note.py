"""What MLflow shows as the description of a sweep's run, in Markdown: its table, its plots, where it is from."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from thorexp.tracking.limits import TAG_CHARS, cut
from thorexp.tracking.notes import HOW, looked_at

REPORTS = "## Reports of the benchmark"  # the one heading of summary.md; several words, for one below may be a model
RUN_ID = "{run_id}".ljust(32, "_")  # as long as the id that takes its place
_LOOKED_AT = ("report.html", "summary.md", "summary.csv")
_REMARK_CHARS = 1000


@dataclass(slots=True)
class _Summary:
    """The lines of summary.md before REPORTS, by what they are; two lines of heads are the table's first."""

    title: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    table: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def note_of_sweep(summary: str, command: str, files: Sequence[str]) -> str:
    """The table of summary.md comes first, for MLflow folds all but some lines; the plots are those among `files`.

    Within MLflow's limit: of a long table the first rows, which are the best, and of the remarks what is left room for.
    `command`: what was typed behind `python -m thorexp`, for a summary that does not say it.
    """
    read = _read(summary)
    if command and not any(fact.startswith("- command") for fact in read.facts):
        read.facts.insert(0, f"- command: `python -m thorexp {command}`")
    title, plots, facts = "\n".join(read.title), list(_plots(files)), "\n".join(map(_folding, read.facts))
    end = [cut(facts, TAG_CHARS // 2), looked_at([name for name in _LOOKED_AT if name in files]), HOW]
    spent = len(_joined([title, *plots, *end])) + _REMARK_CHARS
    table = "\n".join(_shortened(read.table, TAG_CHARS - spent))
    left = TAG_CHARS - len(_joined([title, table, *plots, *end])) - 2
    return _joined([title, table, *plots, cut("\n".join(map(_remark, read.remarks)), max(left, 0)), *end])


def _read(summary: str) -> _Summary:
    """Of a fenced part what is in it; it may be too wide for MLflow's page as it is."""
    read, fence = _Summary(), None
    for line in summary.strip().splitlines():
        if fence is not None:
            fence = None if line == fence else fence
            read.remarks += [] if fence is None else [line]
        elif line == REPORTS:
            break
        elif found := re.match("```+", line):
            fence = found.group()
        else:
            kind = {"|": read.table, "-": read.facts}.get(line[:1], read.title)
            kind += [line] if line else []
    return read


def _plots(files: Iterable[str]) -> Iterator[str]:
    """By the address that MLflow's server has for an artifact."""
    for name in files:
        if name.endswith(".png"):
            yield f"![{name}](get-artifact?path={name}&run_uuid={RUN_ID})"


def _folding(fact: str) -> str:
    """Word by word in code, since MLflow's page does not break a line within."""
    return re.sub(r"(?<!`)`([^`]+)`(?!`)", lambda code: " ".join(f"`{word}`" for word in code[1].split()), fact)


def _remark(line: str) -> str:
    return "- " + re.sub(r"([*<`])", r"\\\1", line.strip()) if line.strip() else ""


def _shortened(table: Sequence[str], limit: int) -> list[str]:
    """As many rows as there is room for; how many are left out is said."""
    kept = len(table)
    while kept > 2 and len("\n".join(_rows(table, kept))) > limit:
        kept -= 1
    return _rows(table, kept)


def _rows(table: Sequence[str], kept: int) -> list[str]:
    left = len(table) - kept
    return [*table[:kept], *(["", f"… {left} more rows: summary.md"] if left else [])]


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part)
