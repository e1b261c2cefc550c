"""What MLflow takes as a key and a value; it refuses a longer key and cuts a longer value without a word."""

import re

KEY_CHARS, PARAM_CHARS, TAG_CHARS = 250, 6000, 8000


def key_of(name: str) -> str:
    """The name in the characters that MLflow takes, `_` for any other."""
    return re.sub(r"[^/\w.\- :]", "_", name)[:KEY_CHARS]


def cut(text: str, limit: int) -> str:
    """The text where it is short enough, else its beginning, so that one can see it. Without NUL, as logs have after a
    loss of power: PostgreSQL takes none.
    """
    text = text.replace("\0", "")
    return text if len(text) <= limit else text[: limit - 1] + "…"
