"""Which point is best, by question."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.sweep.makers import CACHED, FEW, a_failed_point, a_point
from thorexp.measure.verdict import Origin, Reason
from thorexp.results.choice import MIXED, choice
from thorexp.results.entry import entries
from thorexp.results.summary import Point, rows
from thorexp.rundir import CONFIG, RunDir

SLO = {"slo": {"ttft_ms": 500.0, "tpot_ms": 50.0, "itl_p99_ms": None, "e2el_ms": None}}
LOAD = {"load": {"name": "high", "num_prompts": 100, "max_concurrency": 8, "request_rate": float("inf")}}


def told(*points: Point) -> list[tuple[str, ...]]:
    heading, table = rows(points)
    return list(choice(entries(table), heading).rows)


def served(
    folder: Path,
    name: str,
    result: Mapping[str, Any],
    config: Mapping[str, Any] = LOAD,
    reasons: tuple[Reason, ...] = (),
    origin: Origin = "measured",
) -> Point:
    point = a_point(folder, f"model={name}", result=result, reasons=reasons, origin=origin)
    assert point.directory is not None
    RunDir(point.directory).write_text(CONFIG, yaml.safe_dump(dict(config)))
    return point


def numbers(tokens_per_s: float, ttft_ms: float, **more: Any) -> dict[str, Any]:
    return {"output_throughput": tokens_per_s, "p99_ttft_ms": ttft_ms, **more}


def test_each_limit_that_changes_the_answer_has_a_row(tmp_path: Path) -> None:
    """With what the best serves, what it keeps to and under which load; of P99 TPOT nobody has a number."""
    small = served(tmp_path, "small", numbers(100.0, 300.0))
    large = served(tmp_path, "large", numbers(400.0, 1500.0))
    load = "high: 100 requests, 8 at once"
    expected = [
        ("P99 TTFT 200 ms", "no point keeps it", "-", "-", "-"),
        ("P99 TTFT 500 ms", "small", "100.00", "P99 TTFT 300 ms", load),
        ("P99 TTFT 2 s", "large", "400.00", "P99 TTFT 1.5 s", load),
        ("P99 TPOT 200 ms", "no point with VALID numbers", "-", "-", "-"),
    ]
    assert expected == told(small, large)


def test_the_slo_that_was_asked_for_comes_first(tmp_path: Path) -> None:
    """Most good requests/s win it, not most tokens."""
    good = served(tmp_path, "good", numbers(100.0, 300.0, request_goodput=2.0), LOAD | SLO)
    more = {"request_goodput": 1.5, "thorexp": {"goodput_percent": 50.0}}
    fast = served(tmp_path, "fast", numbers(400.0, 900.0, **more), LOAD | SLO)
    first, *_ = told(fast, good)
    assert ("TTFT ≤ 500 ms, TPOT ≤ 50 ms", "good", "100.00", "2 good requests/s") == first[:4]


def test_the_share_of_good_requests_is_told(tmp_path: Path) -> None:
    """Where the result has it."""
    more = {"request_goodput": 1.5, "thorexp": {"goodput_percent": 50.0}}
    first, *_ = told(served(tmp_path, "fast", numbers(400.0, 900.0, **more), LOAD | SLO))
    assert "1.5 good requests/s, 50 % of all" == first[3]


@pytest.mark.parametrize("reason", [FEW, CACHED], ids=["SUSPECT", "INVALID"])
def test_what_is_not_valid_wins_nothing(tmp_path: Path, reason: Reason) -> None:
    """Were it the only one."""
    point = served(tmp_path, "a", numbers(100.0, 300.0), reasons=(reason,))
    assert {"no point with VALID numbers"} == {row[1] for row in told(point)}


def test_what_is_simulated_does_not_beat_what_was_measured(tmp_path: Path) -> None:
    """They are not held against each other."""
    measured = served(tmp_path, "measured", numbers(100.0, 300.0))
    simulated = served(tmp_path, "simulated", numbers(900.0, 100.0), origin="simulated")
    assert ("P99 TTFT 500 ms", "measured") == told(measured, simulated)[1][:2]


def test_the_heading_says_what_the_names_are_of(tmp_path: Path) -> None:
    """As in the table of all points."""
    points = [served(tmp_path, name, numbers(100.0, 300.0)) for name in ("a", "b")]
    heading, table = rows(points)
    assert "best point: model" == choice(entries(table), heading).heads[1]
    assert "best point" == choice(entries(table), "point").heads[1]


def test_each_workload_has_answers_of_its_own(tmp_path: Path) -> None:
    """Short prompts are no better than long ones; which they are is told."""
    long, short = (
        served(tmp_path, f"{length}", numbers(1000.0 / length, 300.0), LOAD | {"workload": {"input_len": length}})
        for length in (10, 1)
    )
    rows_ = told(long, short)
    expected = [("workload.input_len=1", "1"), ("workload.input_len=10", "10")]
    assert expected == [row[1:3] for row in rows_ if row[0] == "P99 TTFT 500 ms"]
    assert {6} == {len(row) for row in rows_}


def test_loads_are_rivals(tmp_path: Path) -> None:
    """The best load is what one asks for."""
    low = served(tmp_path, "low", numbers(100.0, 300.0), {"load": {"name": "low", "num_prompts": 10}})
    high = served(tmp_path, "high", numbers(400.0, 300.0))
    assert ["high"] == [row[1] for row in told(low, high) if row[0] == "P99 TTFT 500 ms"]


def test_a_sweep_without_numbers_says_so() -> None:
    """Where the answers would be."""
    (row,) = told(a_failed_point("model=a", error="does not fit"))
    assert ("any limit", MIXED) == row[:2]
