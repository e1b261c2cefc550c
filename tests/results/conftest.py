"""Sweeps that ended, for what shows them."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.records import BELIEVED
from tests.sweep.makers import CACHED, FAST, FEW, SLOW, a_failed_point, a_point
from thorexp.measure.verdict import Origin, Reason
from thorexp.results.summary import Point


@pytest.fixture
def points(tmp_path: Path) -> tuple[Point, ...]:
    """One that failed, one that is slow, one that is fast."""
    return (
        a_failed_point("model=b", "load=high", error="b does not fit on cpu.\n  try  another"),
        a_point(tmp_path, "model=a", "load=low", result=SLOW),
        a_point(tmp_path, "model=a", "load=high", result=FAST),
    )


@pytest.fixture
def doubted(tmp_path: Path) -> tuple[Point, ...]:
    """Two of too few requests for their P99, of which one is the lowest, two of enough, and one from the cache."""
    return (
        a_point(tmp_path, "load=a", result={"output_throughput": 40.0, "p99_ttft_ms": 5.0}, reasons=(FEW,)),
        a_point(tmp_path, "load=b", result={"output_throughput": 30.0, "p99_ttft_ms": 6.0}),
        a_point(tmp_path, "load=c", result={"output_throughput": 20.0, "p99_ttft_ms": 6.0}, reasons=(FEW,)),
        a_point(tmp_path, "load=d", result={"output_throughput": 10.0, "p99_ttft_ms": 7.0}),
        a_point(tmp_path, "load=e", result={"output_throughput": 99.0, "p99_ttft_ms": 1.0}, reasons=(CACHED,)),
    )


@pytest.fixture
def accepting(tmp_path: Path) -> tuple[Point, ...]:
    """Three that accept too few requests for their P99, of which two have it; one of them is from the cache too."""
    now = replace(BELIEVED, accept=["few_samples"])
    return tuple(
        a_point(tmp_path, f"load={name}", result={"output_throughput": rate, "p99_ttft_ms": 5.0}, reasons=of, now=now)
        for name, rate, of in (("a", 40.0, (FEW,)), ("b", 30.0, ()), ("c", 20.0, (CACHED, FEW)))
    )


@pytest.fixture
def foreign(tmp_path: Path) -> tuple[Point, ...]:
    """Of each origin one that is VALID and one that is not, and another that was measured; each is as fast to begin."""
    doubt = replace(FEW, metrics=("throughput",))
    found: tuple[tuple[str, Origin, float, tuple[Reason, ...]], ...] = (
        ("a", "simulated", 70.0, ()),
        ("b", "simulated", 60.0, (doubt,)),
        ("c", "measured", 50.0, ()),
        ("d", "measured", 40.0, ()),
        ("e", "imported", 30.0, (doubt,)),
        ("f", "imported", 20.0, ()),
    )
    return tuple(
        a_point(tmp_path, f"load={name}", result={**FAST, "output_throughput": rate}, reasons=reasons, origin=origin)
        for name, origin, rate, reasons in found
    )


@pytest.fixture
def simulated(tmp_path: Path) -> tuple[Point, ...]:
    """Two, of which the faster is SUSPECT, and one that failed."""
    doubt = replace(FEW, metrics=("ttft",))
    return (
        a_point(tmp_path, "load=a", result=FAST, reasons=(doubt,), origin="simulated"),
        a_point(tmp_path, "load=b", result=SLOW, origin="simulated"),
        a_failed_point("load=c"),
    )
