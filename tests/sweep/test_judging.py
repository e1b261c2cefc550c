"""How a probed point stands to the aim of a search."""

from pathlib import Path

import pytest

from tests.sweep.makers import CACHED, FEW, a_failed_point, a_point, an_unjudged_point
from thorexp.measure.verdict import Reason
from thorexp.rundir import RESULT
from thorexp.sweep.judging import FAR, Judged, judge
from thorexp.sweep.objective import Aim, Limit

AIM = Aim("output_throughput", True, (Limit("p99_ttft_ms", 2000.0, is_most=True),), valid=False)
STRICT = Aim("output_throughput", True, AIM.limits, valid=True)
GOOD = {"output_throughput": 30.0, "p99_ttft_ms": 1500.0}


def test_a_point_that_keeps_its_limits_can_win(tmp_path: Path) -> None:
    """By the medians of its repeats."""
    repeats = [a_point(tmp_path, result=GOOD | {"output_throughput": tok}) for tok in (29.0, 30.0, 40.0)]
    judged = judge(repeats, AIM)
    assert (30.0, None) == (judged.value, judged.why)
    assert {"output_throughput": 30.0, "p99_ttft_ms": 1500.0} == judged.figures
    assert ((1500 - 2000) / 2000, 0.0) == judged.missed


def test_a_point_that_misses_a_limit_cannot_win(tmp_path: Path) -> None:
    """It says by how much, and keeps its figures."""
    judged = judge([a_point(tmp_path, result=GOOD | {"p99_ttft_ms": 3000.0})], AIM)
    assert (30.0, "not p99_ttft_ms ≤ 2000") == (judged.value, judged.why)
    assert ((3000 - 2000) / 2000, 0.0) == judged.missed


@pytest.mark.parametrize(
    ("reason", "aim", "why"),
    [
        (CACHED, AIM, "INVALID: prefix_cache_hits"),
        (CACHED, STRICT, "INVALID: prefix_cache_hits"),
        (FEW, AIM, None),
        (FEW, STRICT, "SUSPECT: few_samples"),
    ],
)
def test_a_doubtful_point(tmp_path: Path, reason: Reason, aim: Aim, why: str | None) -> None:
    """An INVALID verdict never wins; a SUSPECT one does unless VALID was asked for."""
    judged = judge([a_point(tmp_path, result=GOOD, reasons=(reason,))], aim)
    assert (why, why is not None) == (judged.why, judged.missed[-1] > 0)


def test_what_nobody_judged_is_not_valid(tmp_path: Path) -> None:
    """It is SUSPECT."""
    point = an_unjudged_point(tmp_path, result=GOOD)
    assert (None, "SUSPECT: nobody judged") == (judge([point], AIM).why, judge([point], STRICT).why)


def test_a_simulated_point_says_so(tmp_path: Path) -> None:
    """In the words of its verdict."""
    assert "SIMULATED, VALID" == judge([a_point(tmp_path, result=GOOD, origin="simulated")], AIM).verdict


@pytest.mark.parametrize(("maximize", "value"), [(True, 0.0), (False, 1e12)])
def test_a_point_that_failed_is_as_bad_as_can_be(maximize: bool, value: float) -> None:
    """Finite, and far from every limit; why is the first line of its error."""
    failed = a_failed_point("a=1", error="vLLM exited with code 1.\n  last  out of memory")
    aim = Aim("output_throughput", maximize, AIM.limits, valid=False)
    assert Judged(value, (FAR, FAR), "vLLM exited with code 1.") == judge([failed], aim)


def test_a_point_that_failed_once_has_failed(tmp_path: Path) -> None:
    """Whatever its other repeats measured."""
    repeats = [a_point(tmp_path, result=GOOD), a_failed_point("a=1", error="It died.")]
    assert "It died." == judge(repeats, AIM).why


def test_a_point_without_the_metric_cannot_win(tmp_path: Path) -> None:
    """As without a power sensor there is no energy."""
    aim = Aim("energy_j", False, (), valid=False)
    assert "no energy_j in its result" == judge([a_point(tmp_path, result=GOOD)], aim).why


def test_our_own_metrics_go_by_their_names(tmp_path: Path) -> None:
    """With or without what MLflow puts before them."""
    point = a_point(tmp_path, result=GOOD | {"thorexp": {"energy_j": 12.5}})
    found = [judge([point], Aim(name, False, (), valid=False)).value for name in ("energy_j", "system/energy_j")]
    assert [12.5, 12.5] == found


def test_a_damaged_record_cannot_win(tmp_path: Path) -> None:
    """It says so."""
    point = a_point(tmp_path, result=GOOD)
    assert point.directory is not None
    (point.directory / RESULT).write_text("{")
    assert "A file of a run directory is damaged." == judge([point], AIM).why
