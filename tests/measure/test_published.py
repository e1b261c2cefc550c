"""A published report as a summary."""

from dataclasses import fields
from typing import Any

import pytest

from thorexp.measure.metrics import Summary
from thorexp.measure.published import summary_of
from thorexp.measure.stats import Distribution

# What cannot be left out: four answers, 20 tokens in all, in 8 s.
LEAST: dict[str, Any] = {"completed": 4.0, "duration": 8.0, "total_output_tokens": 20.0}
TTFT = {"mean_ttft_ms": 12.0, "median_ttft_ms": 11.0, "p99_ttft_ms": 20.0}


def of(sample: Distribution | None) -> Distribution:
    """A distribution that must be there."""
    assert sample is not None
    return sample


def test_counts_are_as_the_report_says() -> None:
    """A text has them as 4.00, a count is whole."""
    said = summary_of({**LEAST, "failed": 2.0, "total_input_tokens": 400.0})
    assert (4, 2, 400, 20, 8.0) == (
        said.completed,
        said.failed,
        said.total_input_tokens,
        said.total_output_tokens,
        said.duration_s,
    )


def test_rates_are_made_of_counts_and_duration() -> None:
    """To more digits than a report prints, 0.50 and 2.50 and 52.50 a second."""
    said = summary_of({**LEAST, "total_input_tokens": 400, "request_throughput": 0.49, "output_throughput": 2.4})
    assert (4 / 8, 20 / 8, 420 / 8) == (said.request_throughput, said.output_throughput, said.total_token_throughput)


def test_a_report_without_failures_has_none() -> None:
    """Reports of 2025 have no line for them."""
    assert (0, 4) == (summary_of(LEAST).failed, summary_of(LEAST).completed)


@pytest.mark.parametrize(
    ("said", "failed"),
    [
        ({"num_prompts": 10}, 10 - 4),
        ({"num_prompts": 10, "failed": 2}, 10 - 4),
        ({"num_prompts": 10, "failed": 7}, 7),
        ({"num_prompts": 4}, 0),
        ({"num_prompts": 3}, 0),
        ({"num_prompts": None, "failed": None}, 0),
    ],
    ids=["missing", "more missing than told", "more told than missing", "none missing", "more than asked", "null"],
)
def test_prompts_without_an_answer_are_failures(said: dict[str, Any], failed: int) -> None:
    """Four answers to ten prompts are six failures, though a file of 2025 has no key for them."""
    assert failed == summary_of({**LEAST, **said}).failed


def test_of_our_own_files_what_is_told_is_whole() -> None:
    """Six of ten prompts were left out of the measurement or never sent, which is no failure."""
    assert 1 == summary_of({**LEAST, "num_prompts": 10, "failed": 1, "thorexp": {}}).failed


@pytest.mark.parametrize("key", ["completed", "duration", "total_output_tokens"])
def test_without_the_least_there_is_no_result(key: str) -> None:
    """The error is the key that is lacking."""
    with pytest.raises(KeyError, match=f"^'{key}'$"):
        summary_of({name: value for name, value in LEAST.items() if name != key})


@pytest.mark.parametrize("key", ["completed", "duration", "total_output_tokens"])
@pytest.mark.parametrize("value", [0, -4.0, float("nan"), float("inf")])
def test_of_nothing_there_is_no_result(key: str, value: float) -> None:
    """Without an answer, a time or a token there is no rate; the error has key and value."""
    with pytest.raises(ValueError, match=f"^{key} {value}$"):
        summary_of({**LEAST, key: value})


@pytest.mark.parametrize(
    "key",
    [
        "failed",
        "num_prompts",
        "total_input_tokens",
        "request_goodput",
        "max_output_tokens_per_s",
        "mean_ttft_ms",
        "median_ttft_ms",
        "std_ttft_ms",
        "p99_ttft_ms",
    ],
)
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_number_that_counts_nothing_is_refused(key: str, value: float) -> None:
    """Whatever it is of, nothing is below 0 or without end; the error has key and value."""
    with pytest.raises(ValueError, match=f"^{key} {value}$"):
        summary_of({**LEAST, **TTFT, key: value})


def test_what_a_report_does_not_say_is_absent() -> None:
    """Of the least that makes a result, nothing else is known: neither 0 nor guessed."""
    said = summary_of(LEAST)
    known = {field.name for field in fields(Summary) if getattr(said, field.name) is not None}
    assert {
        "duration_s",
        "completed",
        "failed",
        "unsent",
        "errors",
        "total_output_tokens",
        "request_throughput",
        "output_throughput",
    } == known


def test_what_a_report_says_of_goodput_and_peak_is_kept() -> None:
    """They cannot be made of anything else that it says."""
    said = summary_of({**LEAST, "request_goodput": 0.25, "max_output_tokens_per_s": 9.0})
    assert (0.25, 9.0) == (said.request_goodput, said.max_output_tokens_per_s)


@pytest.mark.parametrize("name", ["ttft", "tpot", "e2el"])
def test_a_latency_has_as_many_values_as_there_are_successes(name: str) -> None:
    """Four; its figures are those that are printed."""
    values = {f"{word}_{name}_ms": value for word, value in (("mean", 12.0), ("median", 11.0), ("p99", 20.0))}
    said = summary_of({**LEAST, **values})
    assert Distribution(4, 12.0, 11.0, None, ((99, 20.0),)) == getattr(said, f"{name}_ms")


def test_gaps_are_as_many_as_tokens_after_the_first() -> None:
    """20 tokens of four answers have 16 gaps."""
    said = summary_of({**LEAST, "mean_itl_ms": 12.0, "median_itl_ms": 11.0})
    assert Distribution(20 - 4, 12.0, 11.0, None, ()) == said.itl_ms


def test_percentiles_are_those_that_are_asked_for_and_there() -> None:
    """In the order asked, by the names that vLLM gives them; null is not there."""
    values = {**LEAST, **TTFT, "p99.9_ttft_ms": 30.0, "p50_ttft_ms": 11.0, "p90_ttft_ms": None}
    assert ((99.9, 30.0), (99, 20.0)) == of(summary_of(values, (99.9, 95, 90, 99)).ttft_ms).percentiles


def test_a_standard_deviation_is_kept_where_there_is_one() -> None:
    """In what vLLM saves, and not in what it prints."""
    assert 3.0 == of(summary_of({**LEAST, **TTFT, "std_ttft_ms": 3.0}).ttft_ms).std
    assert of(summary_of({**LEAST, **TTFT}).ttft_ms).std is None


@pytest.mark.parametrize("lacking", ["mean_ttft_ms", "median_ttft_ms"])
def test_a_latency_without_its_middle_is_absent(lacking: str) -> None:
    """A percentile alone is no distribution."""
    assert summary_of({**LEAST, **TTFT, lacking: None}).ttft_ms is None
    assert summary_of({**LEAST, **TTFT}).ttft_ms is not None


def test_a_mean_of_zero_was_not_measured() -> None:
    """vLLM writes 0 for the TPOT of answers of one token; nothing takes no time at all."""
    zero = {"mean_tpot_ms": 0.0, "median_tpot_ms": 0.0, "p99_tpot_ms": 0.0}
    said = summary_of({**LEAST, **TTFT, **zero})
    assert said.tpot_ms is None
    assert said.ttft_ms is not None


@pytest.mark.parametrize("name", ["ttft", "tpot", "e2el"])
def test_a_median_of_zero_was_not_measured(name: str) -> None:
    """Half of the requests did not take no time at all."""
    said = summary_of({**LEAST, f"mean_{name}_ms": 12.0, f"median_{name}_ms": 0.0})
    assert getattr(said, f"{name}_ms") is None


def test_a_median_gap_of_zero_was_measured() -> None:
    """Where most tokens come in one read with the token before, while their mean is not 0."""
    assert 0.0 == of(summary_of({**LEAST, "mean_itl_ms": 12.0, "median_itl_ms": 0.0}).itl_ms).median
