"""The lines of a server's log, without what vLLM and torch put before them. Pure."""

import re
from collections.abc import Iterable

LONGEST = 300

# Of vLLM: (EngineCore pid=90) WARNING 11-24 14:20:05 [core.py:109]
# Of torch, behind vLLM's process: [rank0]:W1217 21:17:25.154000 41 torch/_inductor/utils.py:1558] [2/0]
PREFIX = re.compile(
    r"^\s*(?:\([\w.]+ ?pid=\d+\)\s*)?"
    r"(?:(?:DEBUG|INFO|WARNING|ERROR|CRITICAL) \d\d-\d\d [\d:]+ (?:\[[^\]]+\] ?)?|"
    r"(?:\[rank\d+\]:)?[VIWE]\d{4} [\d:.]+ \d+ \S+:\d+\] (?:\[[\d/_]+\] )?)?"
)


def stripped(lines: Iterable[str]) -> list[str]:
    """What each line says; nothing of a line that says nothing."""
    return [said for line in lines if (said := PREFIX.sub("", line).strip())]
