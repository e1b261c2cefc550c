"""Numbers and texts of a config that no job can have, refused by their full key.

What only means nothing beside another key, or has a remedy of its own, is refused where that is known.
"""

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from thorexp.errors import ConfigError

LONGEST_S = 1e9  # thirty years, which every clock and every timer holds
LARGEST = 2**63 - 1  # of an integer, in a record and in numpy
DEEPEST = 50  # lists in lists, which JSON and YAML are written of


class Range(NamedTuple):
    """What a number may be, ends included. `endless`: or infinite."""

    least: float
    most: float
    endless: bool = False


ANY = Range(-LARGEST, LARGEST)
ABOVE_0 = Range(1e-9, 1e15)
COUNT = Range(1, 1_000_000_000)
TIME_S = Range(0, LONGEST_S)
LIMIT = Range(-LARGEST, LARGEST, endless=True)  # what is too small is refused where its unit is known
RANGES: Mapping[str, Range] = {
    r"model\.architecture\.rope_theta": ABOVE_0,
    r"model\.architecture\.\w+": COUNT,
    r"model\.prompt_token_ids": Range(-LARGEST, 2**31),
    r"quantization\.bytes_per_weight": Range(1e-3, 64),
    r"hardware\.(memory_gb|memory_bandwidth_gb_s|peak_tflops\..*)": ABOVE_0,
    r"hardware\.devices": Range(-LARGEST, 1_000_000),
    r"server\.(ready|stop|memory)_timeout_s|server\.docker\.pull_timeout_s": TIME_S,
    r"sweep\.lock_wait_s": Range(0, LONGEST_S, endless=True),
    r"sweep\.cooldown(_timeout)?_s": TIME_S,
    r"sweep\.repeats": Range(-LARGEST, 10_000),
    r"sweep\.retries": Range(0, 1_000_000),
    r"sweep\.ray\.resources\..*": Range(0, LARGEST),
    r"telemetry\.gpus\[\d+\]": Range(0, 1_000_000),
    r"load(\.stages\[\d+\])?\.(request_rate(_end)?|burstiness)": LIMIT,
    r"load(\.stages\[\d+\])?\.duration_s|workload\.think_time_s": Range(-LARGEST, LONGEST_S, endless=True),
    r"load\.(time_scale|exclude_(first|last)_s)|workload\.timestamp_s|sim\.request_ms": LIMIT,
    r"server\.speedup": Range(-LARGEST, 1_000_000, endless=True),
    r"load\.search\.\w+|endpoint\.\w+_timeout_s|slo\.\w+|verdict\.\w+|telemetry\.\w+_s": LIMIT,
}
_RANGES = tuple((re.compile(pattern), each) for pattern, each in RANGES.items())


def check_ranges(config: object) -> None:
    """ConfigError for a number out of its range, NaN among them, and for a text with NUL or half a character."""
    for key, value in leaves(config):
        if isinstance(value, str):
            _check_text(key, value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            _check_number(key, value)


def leaves(value: object, key: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    """Each value by its dotted key; the keys of mappings, too, which are typed as well. ConfigError for what is
    nested without end.
    """
    if depth > DEEPEST:
        raise ConfigError(f"{key.split('.')[0]} is nested too deep.", ("try", f"{DEEPEST} lists or mappings at most"))
    for name, inner in _parts(value, key):
        yield from leaves(inner, name, depth + 1)
    if isinstance(value, Mapping):
        yield from ((key, name) for name in value if isinstance(name, str))
    elif not dataclasses.is_dataclass(value) and not isinstance(value, list | tuple):
        yield key, value


def _parts(value: Any, key: str) -> Iterator[tuple[str, object]]:
    if dataclasses.is_dataclass(value):
        dot = f"{key}." if key else ""
        yield from ((f"{dot}{field.name}", getattr(value, field.name)) for field in dataclasses.fields(value))
    elif isinstance(value, Mapping):
        yield from ((f"{key}.{name}", inner) for name, inner in value.items())
    elif isinstance(value, list | tuple):
        yield from ((f"{key}[{i}]", inner) for i, inner in enumerate(value))


def _check_number(key: str, value: float) -> None:
    allowed = next((each for pattern, each in _RANGES if pattern.fullmatch(key)), ANY)
    if allowed.least <= value <= allowed.most or (allowed.endless and value == math.inf):
        return
    if value != value:  # NaN; isnan() takes no integer of hundreds of digits
        raise ConfigError(f"{_typed(key)}=nan is no number.", ("try", f"{_typed(key)}=1, or another number"))
    least, most = f"{allowed.least:.10g}", f"{allowed.most:.10g}"
    inf = ", or inf" if allowed.endless else ""
    raise ConfigError(f"{_typed(key)}={_short(value)} is out of range.", ("try", f"{least} to {most}{inf}"))


def _check_text(key: str, value: str) -> None:
    if "\0" in value:
        raise ConfigError(
            f"{_typed(key)} has a NUL in it, which no file and no program takes.", ("found", f"{value!r:.80}")
        )
    try:
        value.encode()
    except UnicodeEncodeError:
        facts = (("found", f"{value!a:.80}"), ("try", "UTF-8, as in LANG=C.UTF-8"))
        raise ConfigError(f"{_typed(key)} has half a character in it.", *facts) from None


def _typed(key: str) -> str:
    """Without half characters, of which no terminal can make anything."""
    return key.encode("utf-8", "backslashreplace").decode().replace("\0", r"\0")


def _short(value: float) -> str:
    """A number that a line holds."""
    return f"1e{_power(value)}" if isinstance(value, int) and value.bit_length() > 100 else str(value)


def _power(value: int) -> int:
    """Of ten, of an integer that may be too large for any other."""
    return round((value.bit_length() - 1) * math.log10(2))
