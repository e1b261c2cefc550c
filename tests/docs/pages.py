"""The project's pages, as a reader of Markdown has them: their commands, links and the files that they show."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
)
# What a line of a block is a command by: words of its environment, then its first word.
PROGRAMS = "python|pip|mlflow|ray|sbatch|docker|sudo|apt-get|runuser|thorexp|export|git|curl|bash|sh"
COMMAND = re.compile(rf"(?:\w+=\S* )*\S*\b(?:{PROGRAMS})(?: |$)")
MENTIONED = re.compile(r"(?:\w+=\S* )*(?:python -m|pip|mlflow) \S")  # in a sentence
FILE = re.compile(r"# (mine/\S+\.yaml)")


@dataclass(frozen=True, slots=True)
class Command:
    """One of a chain of commands, without the comment behind it, and the page that it is first on."""

    text: str
    page: str


@cache
def commands() -> tuple[Command, ...]:
    """Each once, in the order of the pages."""
    found: dict[str, Command] = {}
    for page in PAGES:
        for line in _lines(page):
            for part in re.sub(r"\s{2,}# .*$", "", line).split(" && "):
                found.setdefault(part, Command(part, page.relative_to(ROOT).as_posix()))
    return tuple(found.values())


def files() -> Iterator[tuple[str, str]]:
    """The path below a reader's folder, and the content, of each that a page shows."""
    for page in PAGES:
        for token in _tokens(page):
            if token.type in ("code_block", "fence"):
                parts = re.split(rf"^{FILE.pattern}\n", token.content, flags=re.MULTILINE)
                yield from zip(parts[1::2], (_without_commands(part) for part in parts[2::2]), strict=True)


def links(page: Path) -> Iterator[str]:
    """Targets of links and images."""
    for token in _tokens(page):
        for child in token.children or ():
            target = child.attrs.get("href", child.attrs.get("src"))
            if target is not None:
                yield str(target)


def headings(page: Path, level: int | None = None) -> tuple[str, ...]:
    """Their words, of one level or of all."""
    tokens = _tokens(page)
    return tuple(
        after.content
        for token, after in pairwise(tokens)
        if token.type == "heading_open" and level in (None, int(token.tag[1:]))
    )


def _lines(page: Path) -> Iterator[str]:
    for token in _tokens(page):
        if token.type in ("code_block", "fence"):
            yield from (line for line in token.content.splitlines() if COMMAND.match(line))
        for child in token.children or ():
            if child.type == "code_inline" and MENTIONED.match(child.content):
                yield child.content


def _without_commands(content: str) -> str:
    """A block may end with the command that tries its file."""
    return "".join(line for line in content.splitlines(keepends=True) if not COMMAND.match(line))


@cache
def _tokens(page: Path) -> tuple[Token, ...]:
    return tuple(MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")))
