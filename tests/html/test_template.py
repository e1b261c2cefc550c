"""The palette of all plots."""

from thorexp.html.panels import LINES, TOTAL
from thorexp.html.template import COLOURS

LEAST = 3.0  # WCAG 2.2, 1.4.11: of what is drawn, to its ground


def contrast_to_white(colour: str) -> float:
    """By WCAG 2.2: (L white + 0.05) / (L colour + 0.05)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def test_colours_that_white_swallows_come_last() -> None:
    """Orange and sky blue."""
    seen = [contrast_to_white(colour) >= LEAST for colour in COLOURS]
    assert [True, True, True, True, False, False] == seen


def test_no_line_has_the_colour_of_a_total() -> None:
    """All others of the palette serve."""
    assert {*COLOURS} - {TOTAL} == {*LINES}
