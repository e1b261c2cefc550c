"""What must be alike for two points to be ranked."""

from collections.abc import Mapping, Sequence
from typing import Any

from thorexp.rundir import MACHINE, RunDir
from thorexp.tracking.machine_tags import machine_tags

UNKNOWN = "not known"
PLAN = "load plan"
POWER_MODE = "power mode"
LOCKED: Mapping[bool | None, str] = {True: "yes", False: "no", None: UNKNOWN}


def conditions_of(repeats: Sequence[RunDir], results: Sequence[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """By name, of each all that the repeats met."""
    machines = [machine_of(run_dir) for run_dir in repeats]
    ours = [result.get("thorexp") or {} for result in results]
    found = {
        "origin": [each.get("origin", "measured") for each in ours],
        PLAN: [_told(each, "plan_digest") for each in ours],
        "endpoint": [_told(each, "endpoint") for each in ours],
        "cold cache": [_told(each, "cold_cache") for each in ours],
        "hardware": [_hardware(*of_one) for of_one in zip(repeats, ours, machines, strict=True)],
        POWER_MODE: [machine_tags(machine).get("power_mode", UNKNOWN) for machine in machines],
        "clocks locked": [LOCKED[(machine.get("before") or {}).get("clocks_locked")] for machine in machines],
        "speedup": [str(each.get("speedup", 1.0)) for each in ours],
    }
    return {name: frozenset(values) for name, values in found.items()}


def machine_of(run_dir: RunDir) -> Mapping[str, Any]:
    """What a job was measured on; empty where nobody wrote it down."""
    return (run_dir.read_json(MACHINE) if run_dir.has(MACHINE) else None) or {}


def _told(ours: Mapping[str, Any], key: str) -> str:
    return str(ours.get(key) or UNKNOWN)


def _hardware(run_dir: RunDir, ours: Mapping[str, Any], machine: Mapping[str, Any]) -> str:
    """By its name in the config; of a server of ours also what it really was."""
    name, really = _told(ours, "hardware"), (machine.get("client") or {}).get("description")
    return name if run_dir.record().tags.get("server") != "vllm" or really is None else f"{name} ({really})"
