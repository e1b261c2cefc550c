"""A machine that is another one than the config says, or was not itself."""

from dataclasses import dataclass, field

from thorexp.measure.heat import Throttling
from thorexp.measure.verdict import ALL, Reason


@dataclass(frozen=True, slots=True)
class PowerState:
    """How fast a board may run, at one moment. `mode` in its own words; `is_max`: whether that is its fastest.

    Each absent where the board does not say, or has no such thing.
    """

    mode: str | None = None
    is_max: bool | None = None
    clocks_locked: bool | None = None


@dataclass(frozen=True, slots=True)
class MachineFound:
    """What the server ran on. `is_other`: whether the config says another; absent where that cannot be told.

    `before` and `after` the load. `throttling`: during the load; absent where nothing tells.
    """

    hardware: str
    description: str
    is_other: bool | None = None
    before: PowerState = field(default_factory=PowerState)
    after: PowerState = field(default_factory=PowerState)
    throttling: Throttling | None = None


def other_machine(found: MachineFound) -> Reason | None:
    """A result by the name of hardware that it was not measured on."""
    if not found.is_other:
        return None
    return Reason(
        "other_machine",
        "SUSPECT",
        (ALL,),
        f"hardware={found.hardware}, this machine is: {found.description}",
        "hardware=auto, or a config with `match:` for this machine",
    )


def power_mode(found: MachineFound) -> Reason | None:
    """A mode that changed during the load, or that is not the board's fastest."""
    before, after = found.before, found.after
    if before.mode != after.mode and before.mode is not None and after.mode is not None:
        evidence = f"the power mode changed from {before.mode} to {after.mode} during the load"
    elif False in (before.is_max, after.is_max):
        evidence = f"the power mode is {before.mode or after.mode}, which is not the fastest"
    else:
        return None
    return Reason(
        "power_mode",
        "SUSPECT",
        (ALL,),
        evidence,
        "hardware.prepare.power_mode=MAXN (a Jetson), nvidia-smi -pl (a GPU); "
        "or verdict.accept=[power_mode] where that mode is what shall be measured",
    )


def clocks(found: MachineFound) -> Reason | None:
    """Clocks that are free to fall between requests, or did not stay as they were."""
    before, after = found.before.clocks_locked, found.after.clocks_locked
    if before is not None and after is not None and before != after:
        evidence = f"clocks were {_locked(before)} before the load and {_locked(after)} after it"
    elif False in (before, after):
        evidence = "clocks are not locked at their maximum"
    else:
        return None
    return Reason(
        "clocks",
        "SUSPECT",
        (ALL,),
        evidence,
        "hardware.prepare.lock_clocks=true; by hand sudo jetson_clocks (a Jetson), nvidia-smi -rac or -lgc (a GPU); "
        "or verdict.accept=[clocks] where they shall be free",
    )


def throttling(found: MachineFound, limit: float) -> Reason | None:
    """A machine that slowed itself down, for heat or for power: any event that was counted, or a state that held for
    more than that share of the load.
    """
    if found.throttling is None:
        return None
    events = [f"{name} {count:g} times" for name, count in found.throttling.events.items()]
    states = [
        f"{name} {100 * share:.0f} % of the time" for name, share in found.throttling.shares.items() if share > limit
    ]
    if not events and not states:
        return None
    return Reason(
        "throttling",
        "SUSPECT",
        (ALL,),
        f"throttled during the load: {', '.join((*events, *states))}",
        "cooling, a pause between jobs (sweep.cooldown_s, sweep.cooldown_below_c), or a lower power mode",
    )


def _locked(is_locked: bool) -> str:
    return "locked" if is_locked else "free"
