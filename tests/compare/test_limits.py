"""What a comparison fails on."""

import math
from dataclasses import replace

import pytest

from tests.compare.makers import FASTER, RATE, TTFT, a_pair, a_point, faster, met, slower
from thorexp.compare.limits import Finding, Limit, findings, limit
from thorexp.compare.pairs import Pair
from thorexp.errors import ConfigError
from thorexp.measure.ratios import Side


def the_finding(text: str, pair: Pair) -> Finding:
    """Of one condition and one pair."""
    (found,) = findings([limit(text)], [pair])
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p99_ttft_ms>+5%", Limit("p99_ttft_ms", ">", 5)),
        ("p99_ttft_ms>5%", Limit("p99_ttft_ms", ">", 5)),
        ("p99.9_ttft_ms > 2.5 %", Limit("p99.9_ttft_ms", ">", 2.5)),
        ("output_throughput<-3%", Limit("output_throughput", "<", -3)),
        (" output_throughput < 0% ", Limit("output_throughput", "<", 0)),
        ("median_tpot_ms>-10%", Limit("median_tpot_ms", ">", -10)),
        ("p99_ttft_ms>.5%", Limit("p99_ttft_ms", ">", 0.5)),
        ("p99_ttft_ms>=+5%", Limit("p99_ttft_ms", ">=", 5)),
        ("output_throughput<=-.5%", Limit("output_throughput", "<=", -0.5)),
    ],
)
def test_a_condition_is_a_number_a_sign_and_percent(text: str, expected: Limit) -> None:
    """With blanks where one likes them."""
    assert expected == limit(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "p99_ttft_ms",
        "p99_ttft_ms>5",
        "p99_ttft_ms=5%",
        "p99_ttft_ms=>5%",
        "p99_ttft_ms<>5%",
        ">5%",
        "p99_ttft_ms>five%",
        "p99_ttft_ms>.%",
        "p99_ttft_ms>5%%",
        "p99 ttft>5%",
        "a>5% b>5%",
    ],
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    """With one that is."""
    with pytest.raises(ConfigError) as refused:
        limit(text)
    assert f"--fail-if '{text}' is no condition." == str(refused.value).splitlines()[0]
    assert "'p99_ttft_ms>+5%'" in str(refused.value)


@pytest.mark.parametrize("text", ["p99_ttft_ms>+5%", "output_throughput<=-3%", "p99.9_itl_ms>+2.5%"])
def test_a_condition_is_shown_as_it_is_typed(text: str) -> None:
    """With its sign."""
    assert text == str(limit(text))


@pytest.mark.parametrize(
    ("text", "ratio", "is_met"),
    [
        ("k>+5%", 1.06, True),
        ("k>+5%", 1.04, False),
        ("k>+5%", 0.5, False),
        ("k<-5%", 0.94, True),
        ("k<-5%", 0.96, False),
        ("k<-5%", 1.5, False),
        ("k>-5%", 0.96, True),
        ("k>-5%", 0.94, False),
        ("k>+5%", 1.05, False),
        ("k>=+5%", 1.05, True),
        ("k<-5%", 0.95, False),
        ("k<=-5%", 0.95, True),
    ],
)
def test_a_change_is_met_beyond_its_limit(text: str, ratio: float, is_met: bool) -> None:
    """In its direction."""
    assert is_met == limit(text).is_met(ratio)


def test_a_change_that_noise_does_not_explain_breaks_its_limit() -> None:
    """100 and 101 ms against 80 and 80.8: a fourth more."""
    assert "broken" == the_finding(f"{TTFT}>+5%", slower()).outcome


def test_throughput_that_fell_breaks_its_limit() -> None:
    """50 of 60 tokens/s are a sixth less."""
    assert "broken" == the_finding(f"{RATE}<-5%", slower()).outcome


def test_a_change_below_its_limit_holds() -> None:
    """A fourth more is not a half more."""
    assert "holds" == the_finding(f"{TTFT}>+50%", slower()).outcome


def test_a_change_the_other_way_holds() -> None:
    """A fifth less is not more."""
    assert "holds" == the_finding(f"{TTFT}>+5%", faster()).outcome


def test_a_change_within_noise_holds() -> None:
    """25 % more of repeats that differ by a half; and it is said what would tell."""
    one, other = (Side(({TTFT: ms}, {TTFT: 1.5 * ms}), ((), ()), closed=True) for ms in (80, 100))
    found = the_finding(f"{TTFT}>+5%", a_pair(a_point(side=one), a_point(side=other)))
    assert ("holds", True) == (found.outcome, "within noise" in found.words and "sweep.repeats" in found.words)


def test_nobody_can_tell_of_a_change_without_an_interval() -> None:
    """A fourth more of a number of which nothing tells the noise."""
    one, other = (Side(({TTFT: ms},), (), closed=True) for ms in (80.0, 100.0))
    found = the_finding(f"{TTFT}>+5%", a_pair(a_point(side=one), a_point(side=other)))
    assert ("unanswered", True) == (found.outcome, "sweep.repeats=3" in found.words)


def test_a_change_below_its_limit_holds_without_an_interval() -> None:
    """What is not there needs no explanation."""
    one, other = (Side(({TTFT: ms},), (), closed=True) for ms in (80.0, 100.0))
    assert "holds" == the_finding(f"{TTFT}>+50%", a_pair(a_point(side=one), a_point(side=other))).outcome


@pytest.mark.parametrize(
    ("text", "expected"),
    [("k>+5%", False), ("k>-5%", True), ("k<-5%", False), ("k<+5%", True), ("k>0%", False), ("k>=0%", True)],
)
def test_a_condition_that_no_change_meets_demands_one(text: str, expected: bool) -> None:
    """Else it forbids one."""
    assert expected == limit(text).is_demand


def unchanged() -> Pair:
    """Two repeats of each, the same."""
    return a_pair(a_point(side=FASTER), a_point(side=FASTER))


@pytest.mark.parametrize("text", [f"{TTFT}>-5%", f"{RATE}<+5%"])
def test_a_demand_is_kept_by_a_change_that_is_wholly_beyond_it(text: str) -> None:
    """A fifth less TTFT, and a fifth more tokens/s: 9 % of it may be noise."""
    assert "holds" == the_finding(text, faster()).outcome


@pytest.mark.parametrize("text", [f"{TTFT}>-5%", f"{RATE}<+5%"])
def test_a_demand_is_broken_where_nothing_changed(text: str) -> None:
    """Whatever it was, it had to be better."""
    assert "broken" == the_finding(text, unchanged()).outcome


def test_a_demand_is_broken_by_a_change_that_may_be_noise() -> None:
    """A fifth less was measured, 13 % less may be true, and 15 % are asked for."""
    found = the_finding(f"{TTFT}>-15%", faster())
    assert ("broken", True) == (found.outcome, "may be noise" in found.words)


def test_nobody_can_tell_of_a_demand_without_an_interval() -> None:
    """A fifth less of a number of which nothing tells the noise."""
    one, other = (Side(({TTFT: ms},), (), closed=True) for ms in (100.0, 80.0))
    assert "unanswered" == the_finding(f"{TTFT}>-5%", a_pair(a_point(side=one), a_point(side=other))).outcome


@pytest.mark.parametrize("percent", [5, 50])
def test_nobody_can_tell_of_what_is_not_ranked(percent: int) -> None:
    """Whether the change is there or not: another board was measured."""
    found = the_finding(f"{TTFT}>+{percent}%", slower(conditions=met(hardware="another")))
    assert ("unanswered", True) == (found.outcome, found.words.endswith("not ranked"))


def test_nobody_can_tell_of_a_number_that_is_not_there() -> None:
    """And those that are there are named."""
    found = the_finding("p99_ttft_ms>+5%", slower())
    assert ("unanswered", True) == (found.outcome, f"{TTFT}, {RATE}" in found.words)


def test_a_finding_says_condition_pair_change_and_interval() -> None:
    """In percent: ln 1.25 ± t · s, of 2 degrees of freedom, where each side differs by ln 1.01 within itself; and what
    two starts differ by where three spread over 5 %.
    """
    repeats, starts = 4.303 * math.sqrt(2 * (math.log(1.01) ** 2 / 2) / 2), 1.96 * math.sqrt(2) / 1.693 * math.log(1.05)
    half = math.sqrt(repeats**2 + starts**2)
    low, high = (100 * (1.25 * math.exp(sign * half) - 1) for sign in (-1, 1))
    assert (
        f"{TTFT}>+5%: model=a load=high: +25.0 % ({low:+.1f} to {high:+.1f} %)"
        == the_finding(f"{TTFT}>+5%", slower()).words
    )


def test_a_finding_names_both_sides() -> None:
    """Where they have two names."""
    found = the_finding(f"{TTFT}>+5%", replace(slower(), name="load=low", base="load=high"))
    assert found.words.startswith(f"{TTFT}>+5%: load=low against load=high: ")


def test_a_gap_is_a_condition_that_nobody_can_answer() -> None:
    """Once, however many conditions there are."""
    limits = [limit(f"{TTFT}>+50%"), limit(f"{RATE}<-50%")]
    outcomes = [found.outcome for found in findings(limits, [slower()], ["failed in B: load=low"])]
    assert ["holds", "holds", "unanswered"] == outcomes


def test_a_gap_without_a_condition_is_none() -> None:
    """Nothing was asked."""
    assert [] == list(findings([], [slower()], ["failed in B: load=low"]))


def test_points_without_a_metric_in_common_leave_a_condition_unanswered() -> None:
    """And it is said."""
    pair = a_pair(a_point(side=Side(({TTFT: 1.0},), (), True)), a_point(side=Side(({RATE: 1.0},), (), True)))
    found = the_finding(f"{TTFT}>+5%", pair)
    assert ("unanswered", True) == (found.outcome, found.words.endswith("no metric in common"))


def test_each_condition_is_asked_of_each_pair() -> None:
    """In their order."""
    limits = [limit(f"{TTFT}>+5%"), limit(f"{RATE}<-5%")]
    outcomes = [found.outcome for found in findings(limits, [slower(), faster()])]
    assert ["broken", "holds", "broken", "holds"] == outcomes


def test_without_a_condition_nothing_is_found() -> None:
    """And so nothing fails."""
    assert [] == list(findings([], [slower()]))
