"""Blocks as HTML; all that they say is text, and none of it becomes markup."""

import re
from collections.abc import Iterator, Sequence
from html import escape

from thorexp.html.blocks import Block, Excerpt, Figure, Section, Table, Words

NUMBER = re.compile(r"[-−+]?\.?\d")
WORD = re.compile(r"[^\W\d_]+")
SENTENCE = 3  # different words, from which on what begins as a number is none
MOST = 2 / 3
LOWEST = 6  # of HTML's headings


def markup(block: Block, level: int, numbers: Iterator[int]) -> str:
    """A block, its heading at `level` where it has one. `numbers`: what its figures are called by, in their order."""
    match block:
        case Words(paragraphs):
            return "\n".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
        case Excerpt(title, text):
            return _excerpt(title, text)
        case Table():
            return _table(block)
        case Figure():
            return _figure(block, next(numbers))
        case Section():
            return _section(block, level, numbers)


def figures(blocks: Sequence[Block]) -> Iterator[Figure]:
    """All figures, in the order in which `markup` numbers them."""
    for block in blocks:
        if isinstance(block, Figure):
            yield block
        elif isinstance(block, Section):
            yield from figures(block.blocks)


def _section(section: Section, level: int, numbers: Iterator[int]) -> str:
    anchor, title, rank = escape(section.anchor), escape(section.title), min(level, LOWEST)
    body = "\n".join(markup(block, level + 1, numbers) for block in section.blocks)
    if section.folded:
        return (
            f'<details class="section" id="{anchor}"><summary><h{rank}>{title}</h{rank}></summary>\n'
            f'<div class="body">\n{body}\n</div></details>'
        )
    heading = f'<h{rank} id="{anchor}-title">{title}</h{rank}>'
    return f'<section id="{anchor}" aria-labelledby="{anchor}-title">\n{heading}\n{body}\n</section>'


def _excerpt(title: str, text: str) -> str:
    """One that scrolls can be reached with Tab, so it has a name."""
    named = escape(title)
    pre = f'<pre role="group" tabindex="0" aria-label="{named}">{escape(text)}</pre>'
    return f'<figure class="excerpt"><figcaption>{named}</figcaption>\n{pre}</figure>'


def _figure(figure: Figure, number: int) -> str:
    """A place for the plot, which is empty until the page's script draws it there."""
    own = f"figure-{number}"
    caption = (
        f'<figcaption><strong id="{own}-title">{escape(figure.title)}</strong> '
        f"<span>{escape(figure.description)}</span></figcaption>"
    )
    plot = (
        f'<div class="plot" role="img" data-figure="{number}" style="height:{figure.height_px}px" '
        f'aria-labelledby="{own}-title"></div>'
    )
    return f"<figure>{caption}\n{plot}\n{'' if figure.table is None else _folded(figure.table)}</figure>"


def _folded(table: Table) -> str:
    return f'<details class="numbers"><summary>{escape(table.caption)}: table</summary>\n{_table(table)}</details>'


def _table(table: Table) -> str:
    """Without the end tags that HTML does not ask for: a page has thousands of cells."""
    words = [not _is_of_numbers([row[i] for row in table.rows]) for i in range(len(table.heads))]
    links = table.links or (None,) * len(table.rows)
    heads = "".join(
        _cell("th scope=col", escape(head), of_words) for head, of_words in zip(table.heads, words, strict=True)
    )
    rows = "\n".join(_row(row, words, link) for row, link in zip(table.rows, links, strict=True))
    caption = escape(table.caption)
    return (
        f'<div class="scroll" role="group" tabindex="0" aria-label="{caption}"><table><caption>{caption}</caption>\n'
        f"<thead><tr>{heads}</thead>\n<tbody>\n{rows}\n</table></div>"
    )


def _row(cells: Sequence[str], words: Sequence[bool], link: str | None) -> str:
    name = escape(cells[0]) if link is None else f'<a href="#{escape(link)}">{escape(cells[0])}</a>'
    rest = (_cell("td", escape(cell), of_words) for cell, of_words in zip(cells[1:], words[1:], strict=True))
    return f"<tr>{_cell('th scope=row', name, words[0])}{''.join(rest)}"


def _cell(tag: str, content: str, of_words: bool) -> str:
    return f"<{tag} class=words>{content}" if of_words else f"<{tag}>{content}"


def _is_of_numbers(column: Sequence[str]) -> bool:
    """Whether most of what is said in it are numbers; a column is set as one."""
    said = [cell for cell in column if cell not in ("", "-")]
    return sum(map(_is_number, said)) > MOST * len(said)


def _is_number(cell: str) -> bool:
    """With its unit and its interval, but not what is told of it: `96 of 128 prompt tokens`."""
    return NUMBER.match(cell) is not None and len(set(WORD.findall(cell))) < SENTENCE
