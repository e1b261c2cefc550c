"""The fault matrix: python -m tests.faults [--real] runs the tests that it names, and prints what became of each fault.

`--real` runs those against a real vLLM instead, which THOREXP_VLLM names.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pytest
from rich.console import Console
from rich.table import Table

from tests.faults.matrix import FAULTS, Fault

COLORS = {"pass": "green", "fail": "red", "skip": "yellow", "not run": "red"}


@dataclass(eq=False)  # pytest looks plugins up by what they are
class Outcomes:
    """A plugin of pytest's that keeps what became of each test: worst phase, and seconds of all of them."""

    worst: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of one test; a failure stands."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.outcome == "failed" or self.worst.get(report.nodeid) != "failed":
            is_new = report.outcome != "passed" or report.nodeid not in self.worst
            self.worst[report.nodeid] = report.outcome if is_new else self.worst[report.nodeid]

    def of(self, ids: Iterable[str]) -> tuple[str, float]:
        """What became of a fault's tests together, and how long they took."""
        ran = [each for each in self.worst for asked in ids if each == asked or each.startswith(f"{asked}[")]
        took_s = sum(self.seconds[each] for each in ran)
        shown = all(any(each == asked or each.startswith(f"{asked}[") for each in ran) for asked in ids)
        if not shown:
            return "not run", took_s
        found = {self.worst[each] for each in ran}
        return ("fail" if "failed" in found else "skip" if "skipped" in found else "pass"), took_s


def table_of(rows: Sequence[tuple[Fault, str, float]]) -> Table:
    """A row for each fault."""
    table = Table(title="Faults", title_justify="left")
    for name in ("area", "fault", "what must happen"):
        table.add_column(name, overflow="fold")
    table.add_column("", no_wrap=True)
    table.add_column("s", justify="right", no_wrap=True)
    for fault, outcome, took_s in rows:
        shown = f"[{COLORS[outcome]}]{outcome}[/]"
        table.add_row(fault.area, fault.name.replace("[", r"\["), fault.must, shown, f"{took_s:.1f}")
    return table


def main(words: Sequence[str]) -> int:
    """1 when a fault is not shown to be survived."""
    if real := "--real" in words:
        os.environ["THOREXP_REAL_FAULTS"] = "1"
    asked = {fault: () if real and isinstance(fault.real, str) else tuple(fault.real if real else fault.shown_by)
             for fault in FAULTS}  # fmt: skip
    ids = list(dict.fromkeys(each for of_fault in asked.values() for each in of_fault))
    outcomes = Outcomes()
    pytest.main(["-q", "-p", "no:cacheprovider", *(word for word in words if word != "--real"), *ids], [outcomes])
    rows = [(fault, *outcomes.of(of_fault)) for fault, of_fault in asked.items() if of_fault]
    wide = Console(width=max(120, Console().width))
    wide.print(table_of(rows))
    passed = sum(outcome == "pass" for _, outcome, _ in rows)
    wide.print(f"{passed} of {len(rows)} faults pass, {len(outcomes.worst)} tests, "
               f"{sum(outcomes.seconds.values()):.0f} s")  # fmt: skip
    return 0 if passed == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
