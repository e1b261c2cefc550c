"""Strict JSON of a user's file: every value with the line it is on, and every fault too."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from reprlib import repr as short
from typing import Any, TypeGuard

from thorexp.errors import ConfigError

SPACE = re.compile(r"[ \t\r\n]*")  # what JSON allows between values, and no more
AN_ARRAY = 'one array: [{"conversations": […]}, …]'


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, counted from 1."""

    where: str
    line: int

    def further(self, text: str, start: int, end: int) -> "Place":
        """The line of `end`, this being that of `start`."""
        return Place(self.where, self.line + text.count("\n", start, end))

    def refuses(self, what: str, found: str, remedy: str) -> ConfigError:
        """The error to raise: what is wrong here, the evidence, and what would be right."""
        return ConfigError(what, ("where", f"{self.where}:{self.line}"), ("found", found), ("try", remedy))


def json_lines(text: str, where: str) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The object of each line that is not blank. ConfigError for a line that is none."""
    # Not splitlines(): a text may hold U+2028 and its like, which end no line of JSON.
    for number, line in enumerate(text.split("\n"), 1):
        place = Place(where, number)
        if SPACE.fullmatch(line) is None:
            value = json_value(line, place)
            if not isinstance(value, dict):
                raise place.refuses("This line is no JSON object.", short(value), 'a line of {"…": …}')
            yield place, value


def json_value(text: str, place: Place) -> Any:
    """The one JSON value that a text is. ConfigError, by line and column, where it is not."""
    value, end = _json_at(text, _after_space(text, 0), place)
    end = _after_space(text, end)
    if end < len(text):
        found = f"{_glimpse(text, end)}, column {end + 1}"
        raise place.refuses("More follows where the JSON ends.", found, "one object")
    return value


def _json_at(text: str, start: int, place: Place) -> tuple[Any, int]:
    """A value that starts here, and where it ends; `place` is the line of the start."""
    try:
        return _JSON.raw_decode(text, start)
    except json.JSONDecodeError as error:
        wrong = place.further(text, start, error.pos)
        says = f"{error.msg}, column {error.colno}"
        raise wrong.refuses("This is not JSON.", says, "each prompt as json.dumps writes it") from None
    except ValueError as error:
        raise place.refuses("This is not JSON.", str(error), "numbers that are finite, or null") from None
    except RecursionError:
        raise place.refuses("This JSON is nested too deep.", _glimpse(text, start), "lists in lists no more") from None


def _finite(word: str) -> float:
    """Python's JSON reads NaN, Infinity and 1e999, none of which JSON can say again."""
    value = float(word)
    if not math.isfinite(value):
        raise ValueError(f"{word} is no number")
    return value


_JSON = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)


def _after_space(text: str, start: int) -> int:
    space = SPACE.match(text, start)
    return start if space is None else space.end()


def _glimpse(text: str, start: int) -> str:
    return short(text[start : start + 60])


def json_array(text: str, where: str) -> Iterator[tuple[Place, Any]]:
    """The items of a JSON array with the line that each starts on, in time linear in the text."""
    at = _after_space(text, 0)
    place = Place(where, 1).further(text, 0, at)
    if not text.startswith("[", at):
        raise place.refuses("This is no JSON array.", _glimpse(text, at), AN_ARRAY)
    place, start = place.further(text, at, _after_space(text, at + 1)), _after_space(text, at + 1)
    end = start
    while not text.startswith("]", end):
        item, end = _json_at(text, start, place)
        yield place, item
        end = _after_space(text, end)
        if text.startswith(",", end):
            place, start = place.further(text, start, _after_space(text, end + 1)), _after_space(text, end + 1)
        elif not text.startswith("]", end):
            raise place.further(text, start, end).refuses("The JSON array breaks off.", _glimpse(text, end), AN_ARRAY)
    rest = _after_space(text, end + 1)
    if rest < len(text):
        wrong = place.further(text, start, rest)
        raise wrong.refuses("More follows where the JSON array ends.", _glimpse(text, rest), AN_ARRAY)


def is_whole(value: object, *, least: int) -> TypeGuard[int]:
    """Whether this is an integer, which True is not, and so large."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
