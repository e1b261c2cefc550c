"""Which points of a sweep may be ranked against each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from thorexp.html.varied import differences, varied
from thorexp.results.entry import Entry

SEED = "seed"  # of a workload: another draw of the same
UNKNOWN = "not known"
NAMES = ("workload.name", "hardware.name", "power_mode")  # which need no key before them


@dataclass(frozen=True, slots=True)
class Rivals:
    """Points of one workload, on one hardware, in one power mode, of whatever load.

    `setting`: which, in words, as far as another of the same sweep differs; empty where there is no other.
    """

    setting: str
    entries: tuple[Entry, ...]


def rivals_of(entries: Sequence[Entry]) -> tuple[Rivals, ...]:
    """In the order of the first of each. Those of which nobody knows it are rivals of each other."""
    settings = [_setting(each) for each in entries]
    keys = varied(settings)
    found: dict[str, list[Entry]] = {}
    for entry, setting in zip(entries, settings, strict=True):
        found.setdefault(_words(differences(setting, keys)), []).append(entry)
    several = len(found) > 1
    return tuple(Rivals((words or UNKNOWN) if several else "", tuple(own)) for words, own in found.items())


def _setting(entry: Entry) -> dict[str, Any]:
    """As a config has it, but for the power mode, which the machine says."""
    workload, hardware = (entry.config.get(key) or {} for key in ("workload", "hardware"))
    found: dict[str, Any] = {
        "workload": {key: value for key, value in workload.items() if key != SEED},
        "hardware": {"name": hardware["name"]} if "name" in hardware else {},
    }
    return found | ({} if entry.power_mode is None else {"power_mode": entry.power_mode})


def _words(said: Mapping[str, str]) -> str:
    """`random`, `workload.input_len=1024`, `MAXN`."""
    return ", ".join(value if key in NAMES else f"{key}={value}" for key, value in said.items())
