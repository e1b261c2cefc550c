"""Text of others inside Markdown, so that it stays text."""

import re
from collections.abc import Iterable


def escaped(text: str) -> str:
    """In one line, with what Markdown would read as a mark of its own as it is; a bar stays in its cell."""
    plain = re.sub(r"([\\`*<|])", r"\\\1", " ".join(text.split()))
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", plain)


def fenced(lines: Iterable[str]) -> list[str]:
    """As it is laid out, whatever is in it; nothing of nothing."""
    inside = list(lines)
    fence = "`" * max(3, 1 + longest_ticks("\n".join(inside)))
    return [f"{fence}text", *inside, fence] if inside else []


def longest_ticks(text: str) -> int:
    """How many backticks stand in a row."""
    return max((len(run) for run in re.findall("`+", text)), default=0)
