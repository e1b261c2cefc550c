"""What a page is made of; no HTML in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Words:
    """Plain paragraphs."""

    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines as somebody else wrote them: of a log, a report, a config."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Each row has as many cells as there are heads; the first names it, and columns of numbers are set right.

    `links`: where the name of each row leads, an anchor of the same page; empty where no name leads anywhere.
    """

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    links: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot as plotly's JavaScript draws it: traces and a layout without colours of text, paper and grid.

    `description`: in words what it shows, for who cannot see it. `table`: the same in numbers, absent where a table
    beside it has them.
    """

    title: str
    description: str
    data: tuple[Mapping[str, Any], ...]
    layout: Mapping[str, Any]
    height_px: int
    table: Table | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under a heading; `folded` ones open when asked for, and their plots are drawn only then."""

    title: str
    anchor: str
    blocks: "tuple[Block, ...]"
    folded: bool = False


Block: TypeAlias = Words | Excerpt | Table | Figure | Section
