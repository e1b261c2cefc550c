import pytest

from thorexp.measure.signals import Series, Telemetry
from thorexp.tracking.metrics import Point, metrics_of, points_of


def test_numbers_of_vllm_have_vllms_names() -> None:
    """They are what MLflow calls model metrics."""
    assert {"p99_ttft_ms": 990.5} == metrics_of({"p99_ttft_ms": 990.5}, {})


def test_what_machine_server_and_client_did_are_system_metrics() -> None:
    """MLflow draws them last, behind the results."""
    result = {"thorexp": {"energy_j": 1200.0, "prefix_cache_hits_tokens": 0}}
    assert {"system/energy_j": 1200.0, "system/prefix_cache_hits_tokens": 0.0} == metrics_of(result, {})


def test_what_a_user_meets_is_a_result() -> None:
    """As vLLM's numbers are."""
    ours = {"goodput_percent": 90.0, "p99_ttft_from_schedule_ms": 7.5}
    assert ours == metrics_of({"thorexp": ours}, {})


def test_each_stage_has_its_numbers() -> None:
    """A section of charts for each, whatever is in its name."""
    result = {"thorexp": {"stages": {"warm/up": {"median_ttft_ms": 3.0}}}}
    assert {"stages/warm_up/median_ttft_ms": 3.0} == metrics_of(result, {})


def test_typed_numbers_are_metrics_too() -> None:
    """MLflow compares params as strings only; words stay params."""
    asked = {"engine.max_num_seqs": 8, "engine.kv_cache_dtype": "fp8"}
    assert {"system/config.engine.max_num_seqs": 8.0} == metrics_of({}, asked)


@pytest.mark.parametrize(
    ("verdict", "doubt"), [("VALID", 0.0), ("SIMULATED, SUSPECT", 1.0), ("IMPORTED, INVALID", 2.0)]
)
def test_a_verdict_can_be_sorted_by(verdict: str, doubt: float) -> None:
    """The less doubt the first."""
    assert {"system/doubt": doubt} == metrics_of({"thorexp": {"verdict": verdict}}, {})


def test_what_is_no_number_has_no_metric() -> None:
    """Absent values, infinities, NaN and truth values are left out: MLflow would store some as a number."""
    result = {"a": None, "b": float("inf"), "c": float("nan"), "d": True, "e": "inf", "f": 0}
    assert {"f": 0.0} == metrics_of(result, {})


def test_a_long_signal_is_thinned_to_means() -> None:
    """1,000 samples, one a ms, become 200 of five, the last of them of 995 to 999, at their middle."""
    series = Series(tuple(i * 1_000_000 for i in range(1000)), tuple(float(i) for i in range(1000)))
    points = points_of(Telemetry({"hwmon.VIN_w": series}), unix_s=0.0, monotonic_ns=0)
    assert (200, Point("system/hwmon.VIN_w", (995 + 996 + 997 + 998 + 999) / 5, 997, 997)) == (
        len(points),
        points[-1],
    )


def test_samples_that_are_no_number_are_left_out() -> None:
    """MLflow would store NaN as 0."""
    series = Series((0, 1_000_000), (float("nan"), 3.0))
    points = points_of(Telemetry({"a[0]": series}), unix_s=1.0, monotonic_ns=0)
    assert (Point("system/a_0_", 3.0, 1001, 1),) == points
