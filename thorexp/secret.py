"""What is shown of a config, an override, a command or a text: all of it but its secrets, and those of this process."""

import html
import json
import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from thorexp import secret_words

HIDDEN = "***"
SHORTEST = 8  # characters of a secret that is told from other words wherever it stands
_PARTS = re.compile(r"""[\s,;\[\]{}"']+""")
# What a word may stand behind, besides what is no letter: a line's end in JSON, a colour, a character in a URL or JSON.
_BEFORE = r"(?:(?<!\w)|(?<=\\[abfnrtv])|(?<=[\d\[]m)|(?<=%[\dA-Fa-f]{2})|(?<=\\x[\dA-Fa-f]{2})|(?<=\\u[\dA-Fa-f]{4}))"


class Secrets:
    """Values that are hidden wherever they are quoted.

    Not those of a few characters or of digits alone, which may stand for anything else in a text, nor the paths of
    files: SSH_AUTH_SOCK. One of letters alone is hidden as a word: `postgres`, but not in `postgresql`.
    """

    def __init__(self, values: Iterable[str], words: Mapping[str, str] | None = None) -> None:
        """`words`: as typed, and what is shown of each; a short secret is known by its word."""
        self._words = {word: shown for word, shown in (words or {}).items() if word != shown}
        self._quoted: tuple[str, ...] = ()
        self.learn(values)

    def learn(self, values: Iterable[str]) -> None:
        """Hide these too, from now on: each as a whole, and what a list or a URL is made of."""
        parts = {part for value in values for part in _parts(value) if _is_known_by_sight(part)}
        written = {form for part in parts for form in _forms(part)}
        self._quoted = tuple(sorted({*self._quoted, *written}, key=len, reverse=True))

    def hidden(self, text: str) -> str:
        """The text without them, whatever it is: JSON, YAML and HTML stay what they are."""
        for word, shown_for_it in self._words.items():
            text = text.replace(word, shown_for_it)
        for value in self._quoted:
            if value in text:
                text = _as_word(value).sub(HIDDEN, text) if value.isalpha() else text.replace(value, HIDDEN)
        return text


@cache
def known() -> Secrets:
    """Those of this process: of its environment, of its command line, and of the configs that it has composed since."""
    typed = sys.argv[1:]
    values = (*_of_environment(os.environ), *(value for word in typed for value in secrets_in(word)))
    return Secrets(values, {word: secret_words.in_word(word, _hidden) for word in typed})


def secrets_in(word: str) -> tuple[str, ...]:
    """The values in an override for which HIDDEN is shown."""
    found: list[str] = []
    secret_words.in_word(word, _kept_in(found))
    return tuple(found)


def secrets_in_tree(value: Any, key: str = "") -> tuple[str, ...]:
    """The values in plain data for which HIDDEN is shown, whose keys are dotted below this one."""
    found: list[str] = []
    secret_words.in_tree(value, _kept_in(found), key)
    return tuple(found)


def learn_config(values: Mapping[str, Any]) -> None:
    """What is secret in it, wherever that was written, is hidden by this process from now on."""
    known().learn(secrets_in_tree(values))


def shown(key: str, value: str) -> str:
    """A value as typed: of a secret HIDDEN in its place, else without the secrets in it."""
    return known().hidden(secret_words.in_value(key, value, _hidden))


def shown_word(word: str) -> str:
    """An override, `+server.env.HF_TOKEN=***`."""
    return known().hidden(secret_words.in_word(word, _hidden))


def shown_command(command: str) -> str:
    """A command line, quoted for a shell but for what is HIDDEN."""
    return " ".join(_quoted(shown_word(word)) for word in shlex.split(command))


def shown_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """Values as typed, by their dotted keys."""
    return {key: shown(key, value) for key, value in settings.items()}


def shown_tree(value: Any, key: str = "") -> Any:
    """A copy of plain data, whose keys are dotted below this one."""
    return secret_words.in_tree(value, _hidden, key)


def shown_words(value: Any) -> Any:
    """A copy of plain data, each of whose texts may be an override, or several."""
    if isinstance(value, Mapping):
        return {key: shown_words(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shown_words(inner) for inner in value]
    return shown_word(value) if isinstance(value, str) else value


def masked(text: str) -> str:
    """Any text, without the user and password of a URL, without what stands behind `--api-key `, `api_key=` and
    `"api_key": `, and without what this process knows.
    """
    return known().hidden(secret_words.in_text(text, _hidden))


def printable(text: str) -> str:
    """What is printed, or written by others: without what this process knows, and what looks like a secret."""
    return known().hidden(secret_words.by_shape(text, _hidden))


def _hidden(_value: str) -> str:
    return HIDDEN


def _kept_in(found: list[str]) -> secret_words.Hide:
    def keep(value: str) -> str:
        found.append(value)
        return HIDDEN

    return keep


def _of_environment(variables: Mapping[str, str]) -> Iterator[str]:
    """Of variables whose names say so, and of URLs in others."""
    return (value for name, text in variables.items() for value in secrets_in(f"env.{name}={text}"))


def _parts(value: str) -> Iterator[str]:
    """It, the items of a list, and the password behind a user's name."""
    yield value
    yield from _PARTS.split(value)
    _, colon, password = value.replace("\\", "").partition(":")
    if colon:
        yield password


def _is_known_by_sight(value: str) -> bool:
    is_path = value.startswith("/") and len(value) < 256 and Path(value).exists()
    return len(value) >= SHORTEST and not value.isdigit() and not is_path


@cache
def _as_word(value: str) -> re.Pattern[str]:
    return re.compile(rf"{_BEFORE}{value}(?!\w)")


def _forms(value: str) -> Iterator[str]:
    """As it is quoted in JSON, Python, HTML and URLs."""
    yield value
    yield from (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1])
    yield from (html.escape(value), quote(value, safe=""))


def _quoted(word: str) -> str:
    rest = word.replace(HIDDEN, "")
    return word if rest == shlex.quote(rest) else shlex.quote(word)
