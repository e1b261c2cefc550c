"""Whether a text is what a broken model says: nothing, one thing over and over, or no text at all.

A kernel that computes nothing answers "!!!!" at any speed (vLLM issue 27364: FP8 on Jetson Thor), so a text is
looked at before a timing is believed. The thresholds are ours, and lean towards silence: a list, a table or a
short answer is not to be suspected, a model that merely repeats itself once or twice neither.
"""

import re
import unicodedata

SHORT_PERIOD = 8  # characters; a longer cycle is a phrase, and tells sooner
REPEATS = 4
PHRASE_REPEATS = 3
TAIL = 16  # characters that a cycle must fill if something else stands before it
LOOKED_AT = 2000  # characters
WINDOW = 100  # words, the last ones: long ordinary texts repeat more and more of their words
MIN_WORDS = 20
DISTINCT = 0.1  # of the words
SHOWN = 30


def degenerate(text: str) -> str | None:
    """Why, in a few words with the evidence; absent for an ordinary text. Of a long one its end is looked at."""
    end = text[-LOOKED_AT:]
    return _blank(end) or _no_text(end.strip()) or _cycle(end.strip()) or _few_words(end)


def _blank(text: str) -> str | None:
    said = len(text.rstrip())
    blank = len(text) - said
    if not said:
        return f"nothing but white space, {blank} characters" if blank else "empty"
    return f"white space to the end, {blank} characters" if blank >= max(TAIL, said) else None


def _no_text(said: str) -> str | None:
    """A single character that was cut off at the end of an answer is no ground."""
    strange = sum(map(_is_strange, said))
    return f"{strange} of {len(said)} characters are no text" if 2 * strange > len(said) else None


def _is_strange(character: str) -> bool:
    """What stands for bytes that are no UTF-8, controls, surrogates, and code points without a character."""
    return character == "\ufffd" or (not character.isspace() and unicodedata.category(character) in ("Cc", "Cs", "Cn"))


def _cycle(said: str) -> str | None:
    """The shortest piece that fills the text, or the later half of it and more, over and over to the end."""
    for period in range(1, len(said) // (PHRASE_REPEATS - 1) + 1):
        filled = _filled(said, period)
        if filled == len(said) or filled >= max(TAIL, len(said) / 2):
            unit = said[-filled:][:period]
            # The last one may have lost its white space with the end of the text.
            times = (filled + len(unit) - len(unit.rstrip())) // period
            if times >= (REPEATS if period < SHORT_PERIOD else PHRASE_REPEATS):
                return f"{unit[:SHOWN]!r} {times} times to the end"
    return None


def _filled(said: str, period: int) -> int:
    """Characters at the end that each equal the one a period before, and the period that they repeat."""
    later = len(said) - 1
    while later >= period and said[later] == said[later - period]:
        later -= 1
    return len(said) - 1 - later + period


def _few_words(text: str) -> str | None:
    words = re.findall(r"\w+", text.lower())[-WINDOW:]
    distinct = len(set(words))
    few = len(words) >= MIN_WORDS and distinct < DISTINCT * len(words)
    return f"{distinct} different among the last {len(words)} words" if few else None
