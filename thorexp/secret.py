"""What is not shown of a config, an override, a command or a text that quotes one."""

import re
import shlex
from collections.abc import Mapping

HIDDEN = "***"
_PLAIN = ("", "null", "true", "false")  # values that hide nothing

# Of variables and headers what may be a secret is taken for one; of other keys, what ends as one does: neither
# `max_num_batched_tokens` nor `tokenizer`.
_VARIABLE = re.compile(
    r"(^|\.)(env|headers)\..*(authoriz|auth(?!or)|cookie|credential|key|passw|secret|token(?!iz))", re.IGNORECASE
)
_KEY = re.compile(
    r"(^|[._-])(auth|authorization|cookie|credentials?|(api)?keys?|passw(or)?d|passphrase|secret|token)(\.|$)",
    re.IGNORECASE,
)

_URL = re.compile(r"(\w\\?:\\?/\\?/)[^/\s\"']+@")  # Hydra writes it with backslashes
_GROUPED = r"""\[[^\]]*\]|\{[^}]*\}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'"""
_FLAG = re.compile(rf"""(?P<name>(?<![\w-])--(?P<key>[\w.-]+)[= ])(?P<value>{_GROUPED}|[^\s"']+)""")
_QUOTED = re.compile(rf"""(?P<name>(["'])(?P<key>[\w.-]+)\2\s*:\s*)(?P<value>{_GROUPED}|[^\s,{{}}\[\]]+)""")
_ASSIGNED = re.compile(
    rf"""(?P<name>(?<![\w.-])(?P<key>[\w.-]+)=)(?P<value>{_GROUPED}|[^\s,{{}}\[\]"']+(?:,[^\s,{{}}\[\]"']+)*)"""
)
_PAIR = re.compile(rf"""(?P<name>(?P<key>[\w.-]+)\s*:\s*)(?P<value>{_GROUPED}|[^,{{}}\[\]]+)""")


def is_secret(key: str) -> bool:
    """Whether what this dotted key holds is for nobody to see."""
    return bool(_VARIABLE.search(key) or _KEY.search(key))


def shown(key: str, value: str) -> str:
    """A value as typed: of a secret HIDDEN in its place, else without the secrets in it."""
    if is_secret(key):
        return value if value.lower() in _PLAIN else HIDDEN
    return masked(_without(_PAIR, value, f"{key}.") if "{" in value else value)


def shown_word(word: str) -> str:
    """An override, `+server.env.HF_TOKEN=***`."""
    key, equals, value = word.partition("=")
    return f"{key}{equals}{shown(key.lstrip('+~'), value)}" if equals else masked(word)


def shown_command(command: str) -> str:
    """A command line, quoted for a shell but for what is HIDDEN."""
    return " ".join(_quoted(shown_word(word)) for word in shlex.split(command))


def shown_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """Values as typed, by their dotted keys."""
    return {key: shown(key, value) for key, value in settings.items()}


def masked(text: str) -> str:
    """Any text, without the user and password of a URL, and without what stands behind `--api-key `, `api_key=` and
    `"api_key": `.
    """
    for pattern in (_FLAG, _QUOTED, _ASSIGNED):
        text = _without(pattern, text)
    return _URL.sub(rf"\1{HIDDEN}@", text)


def _without(pattern: re.Pattern[str], text: str, prefix: str = "") -> str:
    """Of a pair that is none, those inside of it."""

    def replaced(found: re.Match[str]) -> str:
        key, value = f"{prefix}{found['key']}", found["value"]
        is_hidden = is_secret(key) and value.lower() not in _PLAIN
        return f"{found['name']}{HIDDEN if is_hidden else _without(pattern, value, f'{key}.')}"

    return pattern.sub(replaced, text)


def _quoted(word: str) -> str:
    rest = word.replace(HIDDEN, "")
    return word if rest == shlex.quote(rest) else shlex.quote(word)
