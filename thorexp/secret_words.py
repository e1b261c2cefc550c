"""Where secrets stand in words, texts and trees: behind keys that say so, in URLs, in the shape of a token.

Whatever is found is given to `hide`, and what that returns stands in its place.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

Hide = Callable[[str], str]

DEEPEST = 50  # levels of keys within values, below which all is hidden: Python could not go down any number of them
_PLAIN = ("", "null", "none", "true", "false")  # values that hide nothing

# Of variables and headers what may be a secret is taken for one; of other keys, what ends as one does: neither
# `max_num_batched_tokens` nor `tokenizer`.
_VARIABLE = re.compile(
    r"(^|\.)(env|headers)\..*(authoriz|auth(?!or)|cookie|credential|key|passw|secret|token(?!iz))", re.IGNORECASE
)
_KEY = re.compile(
    r"(^|[._-])(auth|authorization|cookie|credentials?|(api)?keys?|passw(or)?d|passphrase|secret|token)(\.|$)",
    re.IGNORECASE,
)

_URL = re.compile(r"(\w\\?:\\?/\\?/)([^/\s\"']+)@")  # Hydra writes it with backslashes
# Of Hugging Face, OpenAI, GitHub and AWS, whatever stands before them.
_TOKEN = re.compile(
    r"(?<![\w-])(?:hf_\w{20,}|sk-[\w-]{20,}|gh[opsu]_\w{20,}|github_pat_\w{20,}|AKIA[0-9A-Z]{16}(?!\w))"
)
_GROUPED = r"""\[[^\]]*\]|\{[^}]*\}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'"""
_FLAG = re.compile(rf"""(?P<name>(?<![\w-])--(?P<key>[\w.-]+)[= ])(?P<value>{_GROUPED}|[^\s"']+)""")
_QUOTED = re.compile(rf"""(?P<name>(["'])(?P<key>[\w.-]+)\2\s*:\s*)(?P<value>{_GROUPED}|[^\s,{{}}\[\]]+)""")
_ASSIGNED = re.compile(
    rf"""(?P<name>(?<![\w.-])(?P<key>[\w.-]+)=)(?P<value>{_GROUPED}|[^\s,{{}}\[\]"']+(?:,[^\s,{{}}\[\]"']+)*)"""
)
_PAIR = re.compile(rf"""(?P<name>(?<![\w.-])(?P<key>[\w.-]+)\s*:\s*)(?P<value>{_GROUPED}|[^,{{}}\[\]]+)""")
# Of the words of a command those that set a variable: `env NAME=value`, `-e NAME=value`, `--env=NAME=value`.
_COMMAND = re.compile(r"(^|\.)server\.(command|docker\.args)$")
_SET = re.compile(
    rf"""(?P<name>(?<![\w.-])(?:-e|--env=)?(?P<key>[A-Za-z_]\w*)=)"""
    rf"""(?P<value>{_GROUPED}|[^\s,{{}}\[\]"']+(?:,[^\s,{{}}\[\]"']+)*)"""
)


def is_secret(key: str) -> bool:
    """Whether what this dotted key holds is for nobody to see."""
    return bool(_VARIABLE.search(key) or _KEY.search(key))


def in_value(key: str, value: str, hide: Hide) -> str:
    """A value as typed behind this key."""
    if is_secret(key):
        return value if value.lower() in _PLAIN else hide(value)
    return _by_key(key, _behind_keys(_PAIR, value, hide, f"{key}.") if "{" in value else value, hide)


def in_word(word: str, hide: Hide) -> str:
    """An override, `+server.env.HF_TOKEN=…`."""
    key, equals, value = word.partition("=")
    return f"{key}{equals}{in_value(key.lstrip('+~'), value, hide)}" if equals else in_text(word, hide)


def in_text(text: str, hide: Hide) -> str:
    """Any text: the user and password of a URL, and what stands behind `--api-key `, `api_key=` and `"api_key": `."""
    for pattern in (_FLAG, _QUOTED, _ASSIGNED):
        text = _behind_keys(pattern, text, hide)
    return by_shape(text, hide)


def by_shape(text: str, hide: Hide) -> str:
    """Prose, where `Inter-token Latency` is none: the user and password of a URL, and what looks like a token."""
    text = _URL.sub(lambda found: f"{found[1]}{hide(found[2])}@", text)
    return _TOKEN.sub(lambda found: hide(found[0]), text)


def in_tree(value: Any, hide: Hide, key: str = "") -> Any:
    """A copy of plain data, whose keys are dotted below this one."""
    if isinstance(value, Mapping):
        return {name: in_tree(inner, hide, f"{key}.{name}" if key else str(name)) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [in_tree(inner, hide, key) for inner in value]
    if is_secret(key) and str(value).lower() not in _PLAIN:
        return hide(str(value))
    return _by_key(key, value, hide) if isinstance(value, str) else value


def _by_key(key: str, text: str, hide: Hide) -> str:
    """A text that stands behind this key."""
    return in_text(_behind_keys(_SET, text, hide, "env.") if _COMMAND.search(key) else text, hide)


def _behind_keys(pattern: re.Pattern[str], text: str, hide: Hide, prefix: str = "", level: int = 0) -> str:
    """Of a pair that is none, those inside of it."""
    if level > DEEPEST:
        return hide(text)

    def replaced(found: re.Match[str]) -> str:
        key, value = f"{prefix}{found['key']}", found["value"]
        is_hidden = is_secret(key) and value.lower() not in _PLAIN
        inner = hide(value) if is_hidden else _behind_keys(pattern, value, hide, f"{key}.", level + 1)
        return f"{found['name']}{inner}"

    return pattern.sub(replaced, text)
