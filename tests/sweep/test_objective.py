"""What a search may be asked for."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.records import a_record, a_result, a_summary
from thorexp.errors import ConfigError
from thorexp.report import as_json
from thorexp.sweep.objective import Aim, Limit, aim_of, metric_names


def an_aim(
    maximize: str | None = None,
    minimize: str | None = None,
    at_most: Mapping[str, object] | None = None,
    at_least: Mapping[str, object] | None = None,
) -> Aim:
    """Of results with P99s."""
    return aim_of(maximize, minimize, at_most or {}, at_least or {}, valid=False, percentiles=[99.0])


def test_output_throughput_is_what_one_is_after() -> None:
    """Where nothing else is said."""
    assert Aim("output_throughput", True, (), False) == an_aim()


def test_what_is_minimized_is_the_objective() -> None:
    """In place of the throughput."""
    assert Aim("energy_per_output_token_j", False, (), False) == an_aim(minimize="energy_per_output_token_j")


def test_limits_are_kept_up_to_their_bound() -> None:
    """And missed by a share of it beyond."""
    most, least = an_aim(at_most={"p99_ttft_ms": 2000}, at_least={"goodput_percent": 80.0}).limits
    assert (0.0, (2500 - 2000) / 2000) == (most.missed(2000), most.missed(2500))
    assert (0.0, (80 - 60) / 80) == (least.missed(80), least.missed(60))


def test_a_limit_of_nothing_is_missed_by_anything() -> None:
    """A bound of 0 has no share."""
    assert 3.0 == Limit("preemptions", 0.0, is_most=True).missed(3.0)


def test_an_aim_is_said_in_a_line() -> None:
    """What is wanted, and on which conditions."""
    aim = Aim("output_throughput", True, (Limit("p99_ttft_ms", 2000.0, True), Limit("x", 1.0, False)), valid=True)
    assert "most output_throughput with p99_ttft_ms ≤ 2000, x ≥ 1, verdict VALID" == str(aim)


def test_every_number_that_was_measured_may_be_asked_for() -> None:
    """Names of a result's numbers are known: all but what the user chose himself."""
    result = as_json(a_result(a_summary(a_record(token_ns=(100, 200), output_tokens=2), a_record(sent_ns=50))))
    chosen = {"num_prompts", "burstiness", "thorexp", "max_concurrency"}
    numbers = {key for key, value in result.items() if isinstance(value, int | float)} - chosen
    assert len(numbers) > 20
    assert set() == numbers - set(metric_names([99.0]))


@pytest.mark.parametrize("name", ["system/energy_j", "stages/peak/p99_ttft_ms", "mean_e2el_from_schedule_ms"])
def test_a_metric_goes_by_its_name_in_mlflow_too(name: str) -> None:
    """Of machine and server under `system/`, of a stage under its name."""
    assert name == an_aim(maximize=name).metric


@pytest.mark.parametrize(
    ("asked", "tries"),
    [
        ({"maximize": "output_througput"}, "output_throughput"),
        ({"at_most": {"ttft_p99_ms": 1}}, "ttft_ms"),
        ({"at_most": {"p95_ttft_ms": 1}}, "metrics.percentiles"),
        ({"at_least": {"goodput_percent": "much"}}, "goodput_percent:2000"),
        ({"at_least": {"goodput_percent": True}}, "goodput_percent:2000"),
        ({"maximize": "output_throughput", "minimize": "mean_ttft_ms"}, "at_most"),
    ],
)
def test_what_no_result_has_is_refused_with_what_is_near(asked: dict[str, Any], tries: str) -> None:
    """By the key, before anything is started."""
    with pytest.raises(ConfigError) as refused:
        an_aim(**asked)
    assert "hydra.sweeper." in str(refused.value)
    assert tries in refused.value.facts[-1].text
