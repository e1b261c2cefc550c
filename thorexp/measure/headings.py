"""What a place in a Markdown page is about, by the headings that it stands under."""

import re
from collections.abc import Iterator, Sequence

HEADING = re.compile(r"(#{1,6})\s+(.+?)[\s#]*$")
# A model's name, and behind it an origin and what was typed, as thorexp itself heads reports.
MARKED = re.compile(r"(\S+) \((?:measured|simulated|imported)(?:, [^\s=]+=.*)?\)")
FENCE = re.compile(r"\s*(```|~~~)")


def names_over(text: str, places: Sequence[int]) -> Iterator[str | None]:
    """Of each of these places, in their order, the nearest heading of one word, as a model's name is, that it is under;
    absent without one.

    What thorexp puts behind a name in brackets does not count. A place is under a heading until the next of that level
    or above. Code has no headings: in a shell, # is a remark.
    """
    above: dict[int, str] = {}
    in_code, at = False, 0
    for place in places:
        for line in text[at:place].splitlines():
            if FENCE.match(line):
                in_code = not in_code
            elif not in_code and (heading := HEADING.match(line)) is not None:
                level = len(heading[1])
                marked = MARKED.fullmatch(heading[2])
                words = heading[2] if marked is None else marked[1]
                above = {upper: over for upper, over in above.items() if upper < level} | {level: words}
        at = place
        names = [words.strip("`*") for words in above.values() if len(words.split()) == 1]
        yield names[-1] if names else None
