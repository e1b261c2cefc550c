"""The load that a published result says it was measured under."""

from collections.abc import Iterator, Mapping
from math import inf, isfinite
from typing import Any

import yaml

from thorexp.conf_tree import conf_dir

LOADS = ("high", "low")  # of the published table


def load_words(values: Mapping[str, Any]) -> Iterator[str]:
    """As one would type it: the option with these numbers, else the numbers, by a name that says how many at once."""
    asked, at_once, per_s = prompts(values), number(values.get("max_concurrency")), rate(values)
    for option in LOADS:
        load = yaml.safe_load((conf_dir() / "load" / f"{option}.yaml").read_text(encoding="utf-8"))
        if (asked, at_once, per_s) == (load["num_prompts"], load["max_concurrency"], inf):
            yield f"load={option}"
            return
    yield f"load.name={'any' if at_once is None else f'c{at_once:g}'}"
    yield f"load.num_prompts={asked}"
    yield f"load.max_concurrency={'null' if at_once is None else int(at_once)}"
    yield f"load.request_rate={per_s}"


def prompts(values: Mapping[str, Any]) -> int:
    """As asked for, else as many as were answered or failed."""
    asked, *answered = (number(values.get(key)) or 0 for key in ("num_prompts", "completed", "failed"))
    return int(asked or sum(answered))


def rate(values: Mapping[str, Any]) -> float:
    """In requests/s; without end where a result does not say it: a closed loop."""
    return number(values.get("request_rate")) or inf


def number(value: Any) -> float | None:
    """Absent where it is no number or has no end, as vLLM's "inf"; the judge refuses what must be one."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if isfinite(number) else None
