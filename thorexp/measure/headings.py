"""What a place in a Markdown page is about, by the headings that it stands under."""

import re

HEADING = re.compile(r"(#{1,6})\s+(.+?)[\s#]*$")
# A model's name, and behind it an origin and what was typed, as thorexp itself heads reports.
MARKED = re.compile(r"(\S+) \((?:measured|simulated|imported)(?:, [^\s=]+=.*)?\)")
FENCE = re.compile(r"\s*(```|~~~)")


def name_over(text: str, at: int) -> str | None:
    """The nearest heading of one word, as a model's name is, that the place is under; absent without one.

    What thorexp puts behind a name in brackets does not count. A place is under a heading until the next of that level
    or above. Code has no headings: in a shell, # is a remark.
    """
    above: dict[int, str] = {}
    in_code = False
    for line in text[:at].splitlines():
        if FENCE.match(line):
            in_code = not in_code
        elif not in_code and (heading := HEADING.match(line)) is not None:
            level = len(heading[1])
            marked = MARKED.fullmatch(heading[2])
            words = heading[2] if marked is None else marked[1]
            above = {upper: over for upper, over in above.items() if upper < level} | {level: words}
    names = [words.strip("`*") for words in above.values() if len(words.split()) == 1]
    return names[-1] if names else None
