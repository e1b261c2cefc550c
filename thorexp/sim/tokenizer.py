"""A crude tokenizer: four characters are a token, and what was made of tokens becomes the same tokens. Pure."""

import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

OWN = r" t([0-9]+)(?![0-9A-Za-z_])"
PIECE = re.compile(rf"{OWN}|(?:(?!{OWN}).){{1,4}}", re.DOTALL)
WORDS, FIRST = 30_000, 2000
CLOSING = ("<|end|>", "\n")


def tokenized(text: str) -> list[int]:
    """123 for ` t123`; each four other characters, or fewer before such a piece, are a number that is always the
    same, of 2000 to 31,999.
    """
    return [int(piece[1]) if piece[1] else _number(piece[0]) for piece in PIECE.finditer(text)]


def detokenized(tokens: Iterable[int]) -> str:
    """A text of exactly these tokens."""
    return "".join(f" t{token}" for token in tokens)


def chat_tokens(messages: Iterable[Mapping[str, Any]]) -> list[int]:
    """What each message says, and then its role and its end: so a chat begins with the chat before and its answer."""
    tokens = []
    for message in messages:
        tokens += tokenized(content_text(message))
        tokens += [_number(piece) for piece in (f"<|{message.get('role')}|>", *CLOSING)]
    return tokens


def content_text(message: Mapping[str, Any]) -> str:
    """In one piece or in parts, of which those that are no text say nothing."""
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _number(piece: str) -> int:
    return zlib.crc32(piece.encode("utf-8", "surrogatepass")) % WORDS + FIRST
