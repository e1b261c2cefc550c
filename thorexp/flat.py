"""A config's tree under dotted keys, in the words that a user types."""

import json
from collections.abc import Iterator, Mapping
from typing import Any


def flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each leaf by its dotted key, in the tree's order; an empty mapping is a leaf."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def typed(value: object) -> str:
    """A value as one types it behind `key=`: a string as it is, `null`, `true`, lists as JSON, `inf`."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, float) else json.dumps(value, default=str)
