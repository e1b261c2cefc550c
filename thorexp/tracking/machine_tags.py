"""What a job was measured on, as tags to filter by."""

from collections.abc import Mapping
from typing import Any


def machine_tags(machine: Mapping[str, Any]) -> dict[str, str]:
    """`power_mode`, `board` and `gpu`, as far as they are known of the machine that the server ran on.

    A mode that was changed during the load is both: `MAXN, then 70W`. Nothing where no server ran here: the machine
    that simulated, or that asked a server elsewhere, is not the one measured.
    """
    client, states = machine.get("client") or {}, [machine.get(when) for when in ("before", "after")]
    looked_at = [state for state in states if state is not None]
    if not looked_at:
        return {}
    modes = dict.fromkeys(state["power_mode"] for state in looked_at if state.get("power_mode"))
    cards = dict.fromkeys(client.get("gpus") or ())
    found = {"power_mode": ", then ".join(modes), "board": client.get("board"), "gpu": ", ".join(cards)}
    return {name: value for name, value in found.items() if value}
