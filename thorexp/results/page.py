"""A table as text: 100 columns wide whatever it is read on, or as Markdown."""

import io
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

WIDTH = 100


def page(title: str, table: Table, remarks: Iterable[str]) -> str:
    """The title in one line, the table, and the remarks as they are; no colours, no markup."""
    text = io.StringIO()
    console = Console(file=text, width=WIDTH, force_terminal=False)
    console.print(title, markup=False, highlight=False, soft_wrap=True)
    console.print(table)
    for remark in remarks:
        console.print(remark, markup=False, highlight=False, soft_wrap=True)
    return text.getvalue()


def piped(cells: Iterable[str]) -> str:
    """A row of a table in Markdown."""
    return f"| {' | '.join(cells)} |"
