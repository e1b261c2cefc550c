"""Answers that did not come, came short, came in bundles, or say nothing."""

import pytest

from thorexp.measure.grounds.answers import (
    Lengths,
    answer_lengths,
    degenerate_text,
    failed_requests,
    few_samples,
    stopped_load,
    tokens_in_one_read,
)


@pytest.mark.parametrize(("failed", "standing"), [(1, "SUSPECT"), (10, "SUSPECT"), (11, "INVALID"), (100, "INVALID")])
def test_a_failed_request_is_suspect_and_many_are_invalid(failed: int, standing: str) -> None:
    """Of 100 requests, 10 are what is still taken for a result."""
    reason = failed_requests(100 - failed, failed, 0.1)
    assert reason is not None
    assert ("failed_requests", standing, ("all",)) == (reason.name, reason.standing, reason.metrics)
    assert f"{failed} of 100 requests failed" == reason.evidence
    assert "server.log" in reason.remedy


def test_without_a_failure_requests_are_believed() -> None:
    """Even where none at all may fail."""
    assert failed_requests(100, 0, 0.0) is None


def test_a_load_that_was_given_up_is_suspect() -> None:
    """In the words that say why."""
    reason = stopped_load("40 % of requests failed")
    assert reason is not None
    assert ("stopped_load", "SUSPECT", ("all",)) == (reason.name, reason.standing, reason.metrics)
    assert "the load was given up: 40 % of requests failed" == reason.evidence


def test_a_load_that_was_played_to_its_end_is_believed() -> None:
    """Nobody ended it."""
    assert stopped_load(None) is None


def test_answers_shorter_than_asked_are_suspect() -> None:
    """12,421 of 12,800 tokens: what counts whole answers is of less work."""
    reason = answer_lengths(Lengths(asked=12_800, served=12_421, short=3))
    assert reason is not None
    assert ("answer_lengths", "SUSPECT") == (reason.name, reason.standing)
    assert ("e2el", "throughput", "goodput", "tokens_per_s", "energy") == reason.metrics
    assert "12421 of 12800 output tokens, 3 answers ended early" == reason.evidence
    assert "ignore_eos" in reason.remedy


def test_how_many_answers_were_short_is_not_said_where_it_is_not_known() -> None:
    """A published report has the sum alone."""
    reason = answer_lengths(Lengths(asked=12_800, served=12_421))
    assert reason is not None
    assert "12421 of 12800 output tokens" == reason.evidence


def test_answers_longer_than_asked_are_suspect() -> None:
    """Another load than the one that was asked for, if with more work in it."""
    reason = answer_lengths(Lengths(asked=12_800, served=12_801, short=0))
    assert reason is not None
    assert "12801 of 12800 output tokens, 0 answers ended early" == reason.evidence


def test_a_short_answer_is_told_though_another_makes_up_for_it() -> None:
    """The sum is the one that was asked for, and one of the answers is not."""
    reason = answer_lengths(Lengths(asked=12_800, served=12_800, short=1))
    assert reason is not None
    assert "12800 of 12800 output tokens, 1 answers ended early" == reason.evidence


@pytest.mark.parametrize(
    ("key", "is_touched"),
    [
        ("output_throughput", True),
        ("request_goodput", True),
        ("max_output_tokens_per_s", True),
        ("tokens_per_s_per_w", True),
        ("energy_per_output_token_j", True),
        ("median_e2el_ms", True),
        ("median_ttft_ms", False),
        ("p99_tpot_ms", False),
        ("mean_power_w", False),
        ("tokens_per_chunk", False),
    ],
)
def test_work_that_was_not_done_is_in_all_that_divides_it(key: str, is_touched: bool) -> None:
    """By time or by energy; not in the times of single tokens, nor in what the board drew."""
    reason = answer_lengths(Lengths(asked=12_800, served=12_421))
    assert reason is not None
    assert is_touched == reason.touches(key)


@pytest.mark.parametrize("lengths", [Lengths(12_800, 12_800, 0), Lengths(12_800, 12_800), None])
def test_answers_as_long_as_asked_are_believed(lengths: Lengths | None) -> None:
    """Also where only the sum is known, and those that may end when they like."""
    assert answer_lengths(lengths) is None


def test_percentiles_of_too_few_values_are_suspect_by_their_own_keys() -> None:
    """No other percentile, no mean and no median of the same latency is touched."""
    reason = few_samples({"p99_ttft_ms": (10, 99.0), "p99_tpot_ms": (10, 99.0)})
    assert reason is not None
    assert ("few_samples", "SUSPECT", ("p99_ttft_ms", "p99_tpot_ms")) == (reason.name, reason.standing, reason.metrics)
    assert "P99 of 10 values: p99_ttft_ms, p99_tpot_ms" == reason.evidence


def test_each_percentile_and_count_is_told_once() -> None:
    """Two latencies of ten values, one of fifty."""
    reason = few_samples({"p99_ttft_ms": (10, 99.0), "p99_e2el_ms": (10, 99.0), "p99.9_itl_ms": (50, 99.9)})
    assert reason is not None
    assert "P99 of 10, P99.9 of 50 values: p99_ttft_ms, p99_e2el_ms, p99.9_itl_ms" == reason.evidence


@pytest.mark.parametrize(("p", "needed"), [(99.0, 100), (99.9, 1000), (95.0, 20), (90.0, 10), (1.0, 100)])
def test_the_remedy_is_as_many_requests_as_the_percentile_needs(p: float, needed: int) -> None:
    """P99.9 needs 1000 values, so that one is expected beyond it."""
    reason = few_samples({"a key": (1, p)})
    assert reason is not None
    assert reason.remedy.startswith(f"load.num_prompts={needed},")


def test_the_remedy_is_for_the_most_demanding_percentile() -> None:
    """1000 requests support P99 too."""
    reason = few_samples({"p99_ttft_ms": (10, 99.0), "p99.9_ttft_ms": (10, 99.9)})
    assert reason is not None
    assert reason.remedy.startswith("load.num_prompts=1000,")


@pytest.mark.parametrize(
    "unsupported",
    [{"p99.9_itl_ms": (50, 99.9)}, {"p100_ttft_ms": (10, 100.0)}, {"p0_ttft_ms": (10, 0.0)}],
    ids=["gaps between tokens", "P100", "P0"],
)
def test_the_remedy_has_no_number_where_requests_are_not_what_is_counted(
    unsupported: dict[str, tuple[int, float]],
) -> None:
    """A request has many gaps, nobody knows how many; beyond P0 and P100 there is nothing, whatever the number."""
    reason = few_samples(unsupported)
    assert reason is not None
    assert "another percentile in metrics.percentiles" == reason.remedy


@pytest.mark.parametrize("other", [{"p99.9_itl_ms": (50, 99.9)}, {"p100_ttft_ms": (10, 100.0)}])
def test_the_remedy_counts_the_requests_of_those_percentiles_that_have_a_number(
    other: dict[str, tuple[int, float]],
) -> None:
    """100 for P99 of TTFT, and no 1000 for P99.9 of the gaps beside it."""
    reason = few_samples({"p99_ttft_ms": (10, 99.0), **other})
    assert reason is not None
    assert reason.remedy.startswith("load.num_prompts=100,")


def test_percentiles_that_are_supported_are_believed() -> None:
    """None is unsupported."""
    assert few_samples({}) is None


def test_tokens_in_one_read_are_suspect() -> None:
    """The gaps between tokens and what is made of them; nothing of the first token or the last."""
    reason = tokens_in_one_read(0.21, 0.2)
    assert reason is not None
    assert ("tokens_in_one_read", "SUSPECT") == (reason.name, reason.standing)
    assert ("tpot", "itl", "mbu") == reason.metrics
    assert "21 % of tokens came in one read with the token before" == reason.evidence


@pytest.mark.parametrize("share", [0.2, 0.19, 0.0, None])
def test_tokens_that_came_one_by_one_are_believed(share: float | None) -> None:
    """Up to a fifth, and where there was no gap."""
    assert tokens_in_one_read(share, 0.2) is None


@pytest.mark.parametrize(("asked", "standing"), [(2, "INVALID"), (4, "INVALID"), (5, "SUSPECT")])
def test_text_that_is_none_is_suspect_and_half_of_all_invalid(asked: int, standing: str) -> None:
    """Two answers, of two to five: every number, for a kernel that computes nothing is fast."""
    reason = degenerate_text(["to 'Name a river.': one character, 64 times", "to 'Count.': no character"], asked)
    assert reason is not None
    assert ("degenerate_text", standing, ("all",)) == (reason.name, reason.standing, reason.metrics)
    assert "to 'Name a river.': one character, 64 times; to 'Count.': no character" == reason.evidence
    assert "another quantization" in reason.remedy


def test_text_is_believed_to_be_text() -> None:
    """Without a sample that is none."""
    assert degenerate_text([], 4) is None
