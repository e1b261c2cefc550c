"""The part of a load that its figures are made of."""

from collections.abc import Mapping
from typing import Any

from thorexp.measure.records import RunRecord
from thorexp.measure.window import Exclusion, steady


def counted(played: RunRecord, config: Mapping[str, Any]) -> RunRecord:
    """Without what `load.exclude_*` of a job's config leaves out at either end."""
    load = config.get("load", {})
    ends = {end: load.get(f"exclude_{end}", 0) for end in ("first", "first_s", "last", "last_s")}
    return steady(played, Exclusion(**ends))
