"""Ratios of two measurements, against hand arithmetic and samples whose truth is known."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.records import MS, S, a_failure, a_record
from thorexp.measure.ratios import Ratio, Side, ratios
from thorexp.measure.records import RequestRecord
from thorexp.measure.resampling import LEAST_BLOCKS

SPREAD = 0.05
TRIALS = 200
MEAN = "mean_ttft_ms"


def repeated(key: str, *values: float) -> Side:
    """One number, of so many repeats."""
    return Side(tuple({key: value} for value in values), tuple(() for _ in values), closed=True)


def published(**numbers: float) -> Side:
    """Of a result whose requests nobody kept."""
    return Side((numbers,), (), closed=True)


def single(key: str, value: float, requests: Sequence[RequestRecord], *, closed: bool = True) -> Side:
    """One run."""
    return Side(({key: value},), (tuple(requests),), closed)


def the(found: tuple[Ratio, ...]) -> Ratio:
    """The only one."""
    (ratio,) = found
    return ratio


def compared(first: Side, second: Side, *, paired: bool = False, spread: float = 0.0) -> Ratio:
    """Where two runs of the same are alike, so that the interval is that of their requests."""
    return the(ratios(first, second, paired=paired, spread=spread))


def interval(ratio: Ratio) -> tuple[float, float]:
    """Which is there."""
    assert ratio.interval is not None
    return ratio.interval


def width(ratio: Ratio) -> float:
    """Of its interval, relative to it."""
    low, high = interval(ratio)
    return (high - low) / ratio.ratio


def in_turn(ttfts_ms: Sequence[float], at_once: int = 1) -> tuple[RequestRecord, ...]:
    """Requests with these TTFTs, a second of each, of which so many are under way at any time."""
    sent = (i * S // at_once for i in range(len(ttfts_ms)))
    return tuple(
        a_record(index=i, sent_ns=ns, token_ns=(ns + round(ms * MS), ns + S), output_tokens=2)
        for i, (ns, ms) in enumerate(zip(sent, ttfts_ms, strict=True))
    )


def by_ttft(ttfts_ms: Sequence[float], at_once: int = 1) -> Side:
    """A run with nothing but its mean TTFT."""
    return single(MEAN, float(np.mean(ttfts_ms)), in_turn(ttfts_ms, at_once))


@pytest.mark.parametrize(
    "key",
    [
        "output_throughput",
        "request_throughput",
        "total_token_throughput",
        "request_goodput",
        "goodput_fraction",
        "tokens_per_s_per_w",
    ],
)
def test_more_work_is_better(key: str) -> None:
    """Twice as much, in two repeats that agree to a percent."""
    assert "better" == compared(repeated(key, 100, 101), repeated(key, 200, 202)).effect


@pytest.mark.parametrize(
    "key",
    [
        "mean_ttft_ms",
        "p99.9_tpot_ms",
        "median_itl_ms",
        "p99_e2el_ms",
        "energy_per_output_token_j",
        "energy_above_idle_per_request_j",
    ],
)
def test_more_time_or_energy_is_worse(key: str) -> None:
    """Twice as much, in two repeats that agree to a percent."""
    assert "worse" == compared(repeated(key, 100, 101), repeated(key, 200, 202)).effect


def test_less_time_is_better() -> None:
    """Half of it."""
    assert "better" == compared(repeated(MEAN, 200, 202), repeated(MEAN, 100, 101)).effect


@pytest.mark.parametrize(
    "key", ["std_ttft_ms", "std_itl_ms", "prefix_cache_hit_rate_percent", "mbu_percent", "duration", "completed"]
)
def test_what_has_no_direction_has_no_ratio(key: str) -> None:
    """A spread is neither good nor bad; neither is a hit rate."""
    assert () == ratios(repeated(key, 100, 101), repeated(key, 200, 202), paired=False, spread=SPREAD)


@pytest.mark.parametrize(
    ("first", "second", "ratio"),
    [((5, 5, 5), (0, 0, 5), 1 / 3), ((5,), (0,), 0.0), ((0,), (5,), math.inf), ((0,), (0,), 1.0)],
)
def test_zeros_count(first: tuple[float, ...], second: tuple[float, ...], ratio: float) -> None:
    """A goodput of 0 is a result as any other, of which no logarithm tells how sure it is."""
    found = compared(repeated("request_goodput", *first), repeated("request_goodput", *second))
    assert pytest.approx(ratio) == found.ratio
    assert (None, "no interval") == (found.interval, found.effect)


@pytest.mark.parametrize(("requests", "known"), [(LEAST_BLOCKS - 1, False), (LEAST_BLOCKS, True)])
def test_few_requests_tell_nothing_of_chance(requests: int, known: bool) -> None:
    """Resamples of two are each other's: intervals of two requests held 62 of 100 ratios."""
    assert known == (compared(by_ttft(CLOSE[:requests]), by_ttft(CLOSE[:requests])).interval is not None)


@pytest.mark.parametrize("others", [{}, {"p99_ttft_ms": 5.0}])
def test_what_one_side_lacks_has_no_ratio(others: dict[str, float]) -> None:
    """There is nothing to hold it against."""
    there, lacking = published(mean_ttft_ms=5.0), published(**others)
    assert () == ratios(there, lacking, paired=False, spread=SPREAD)
    assert () == ratios(lacking, there, paired=False, spread=SPREAD)


def test_ratios_are_in_the_order_of_the_first() -> None:
    """As its report has them."""
    first, second = published(p99_ttft_ms=1.0, output_throughput=1.0), published(output_throughput=2.0, p99_ttft_ms=3.0)
    found = ratios(first, second, paired=False, spread=SPREAD)
    assert ["p99_ttft_ms", "output_throughput"] == [each.key for each in found]


def test_repeats_are_held_against_each_other_by_their_geometric_means() -> None:
    """100 and 400 are 200, so that twice and half as much even out."""
    found = compared(repeated(MEAN, 100, 400), repeated(MEAN, 50, 50))
    assert pytest.approx((math.sqrt(100 * 400), 50, 50 / 200)) == (found.first, found.second, found.ratio)


def test_the_interval_of_repeats_is_by_students_t() -> None:
    """ln: 0 and 0.2 against 1 and 1.2. s² = (4 · 0.1²) / 2, of 2 degrees of freedom, whose t is 4.303."""
    found = compared(repeated(MEAN, 1, math.exp(0.2)), repeated(MEAN, math.e, math.exp(1.2)))
    half = 4.303 * math.sqrt(4 * 0.1**2 / 2 * (1 / 2 + 1 / 2))
    assert pytest.approx((math.exp(1 - half), math.exp(1 + half))) == interval(found)


def test_one_run_against_repeats_has_an_interval_by_what_repeats_differ() -> None:
    """ln: 0 against 1, 1.1 and 1.2. s² = 2 · 0.1² / 2, of 2 degrees of freedom."""
    found = compared(repeated(MEAN, 1), repeated(MEAN, math.e, math.exp(1.1), math.exp(1.2)))
    half = 4.303 * math.sqrt(2 * 0.1**2 / 2 * (1 / 1 + 1 / 3))
    assert pytest.approx((math.exp(1.1 - half), math.exp(1.1 + half))) == interval(found)


def test_repeats_that_differ_more_than_the_sides_are_within_noise() -> None:
    """80 and 125 against 100 and 130: nobody can tell."""
    assert "within noise" == compared(repeated(MEAN, 80, 125), repeated(MEAN, 100, 130)).effect


def test_an_interval_says_what_it_is_made_of() -> None:
    """Repeats tell of more than requests do."""
    of_repeats = compared(repeated(MEAN, 100, 101), repeated(MEAN, 100, 101))
    of_requests = compared(by_ttft(CLOSE), by_ttft(CLOSE))
    of_nothing = compared(published(mean_ttft_ms=100), published(mean_ttft_ms=101))
    assert ("repeats", "requests", None) == (of_repeats.of, of_requests.of, of_nothing.of)


def test_a_published_result_has_no_interval() -> None:
    """Nothing tells of chance."""
    found = compared(published(mean_ttft_ms=100), published(mean_ttft_ms=200))
    assert (None, "no interval") == (found.interval, found.effect)


def test_a_measurement_against_a_published_result_has_no_interval() -> None:
    """Of one side alone chance is known."""
    assert compared(published(mean_ttft_ms=100), by_ttft([200, 201, 202])).interval is None


def test_a_single_request_has_no_interval() -> None:
    """Drawn again it is always itself, which would be certainty of one value."""
    found = compared(by_ttft([100]), by_ttft([200]), paired=True)
    assert (None, "no interval") == (found.interval, found.effect)


def test_a_run_without_a_success_has_no_interval() -> None:
    """Whatever its result says."""
    failed = single(MEAN, 100, [a_failure(index=i) for i in range(20)])
    assert compared(failed, by_ttft([100] * 20)).interval is None


def test_an_interval_that_reaches_down_to_0_is_none() -> None:
    """As of a median of gaps that are 0 in about every other sample, where most tokens came in one read."""
    halves = [0.0, 40.0] * 10
    found = compared(
        single("median_ttft_ms", 40.0, in_turn([40.0] * 20)), single("median_ttft_ms", 20.0, in_turn(halves))
    )
    assert (None, "no interval") == (found.interval, found.effect)


CLOSE = [100 + 0.01 * i for i in range(50)]  # 0.5 % from the first to the last


def times(factor: float, values: Sequence[float] = CLOSE) -> list[float]:
    return [factor * value for value in values]


@pytest.mark.parametrize("factor", [1.08, 0.93])
def test_single_runs_that_differ_by_what_two_runs_may_are_within_noise(factor: float) -> None:
    """Repeats that spread over 5 % have σ = 5 % / 1.693, and two of them differ by 1.96 · √2 · σ = 8.2 %: in logarithms
    1.96 · √2 / 1.693 · log 1.05 = 0.0799, the logarithm of 1.083 and of 0.923.
    """
    found = compared(by_ttft(CLOSE), by_ttft(times(factor)), spread=SPREAD)
    low, high = interval(found)
    assert "within noise" == found.effect
    assert pytest.approx((factor / 1.083, factor * 1.083), rel=0.002) == (low, high)


@pytest.mark.parametrize(("factor", "effect"), [(1.09, "worse"), (0.92, "better")])
def test_single_runs_that_differ_by_more_are_ranked(factor: float, effect: str) -> None:
    """Their requests leave no doubt: they differ by 0.5 %."""
    assert effect == compared(by_ttft(CLOSE), by_ttft(times(factor)), spread=SPREAD).effect


@pytest.mark.parametrize(("spread", "effect"), [(0.0, "worse"), (SPREAD, "within noise")])
def test_repeats_on_one_start_do_not_show_what_two_starts_differ_by(spread: float, effect: str) -> None:
    """4 % is worse where repeats differ by a tenth of one and all starts are alike, and noise where they are not."""
    assert effect == compared(repeated(MEAN, 100, 100.1), repeated(MEAN, 104, 104.1), spread=spread).effect


def test_single_runs_whose_interval_has_1_are_within_noise() -> None:
    """Even if they differ by more than two runs may: 20 % of means, of values that go from 10 to 1000."""
    wide = np.geomspace(10, 1_000, 50).tolist()
    found = compared(by_ttft(wide), by_ttft(times(1.2, wide)))
    assert ("within noise", True) == (found.effect, found.ratio > 1 + SPREAD)


# From 10 to 500 ms: as prompts of very different lengths have.
UNEQUAL = np.linspace(10, 500, 50).tolist()


def noisy(values: Sequence[float], seed: int, factor: float = 1.0) -> list[float]:
    """Each with a noise of 1 % of its own."""
    noise = np.random.default_rng(seed).normal(1, 0.01, len(values))
    return [factor * value * one for value, one in zip(values, noise, strict=True)]


def test_the_same_requests_are_held_against_themselves() -> None:
    """10 % is told of 50 requests, though they differ by a factor of 50."""
    found = compared(by_ttft(noisy(UNEQUAL, 1)), by_ttft(noisy(UNEQUAL, 2, 1.1)), paired=True)
    low, high = interval(found)
    assert ("worse", True) == (found.effect, low <= 1.1 <= high)


def test_pairing_takes_the_differences_between_requests_out_of_the_interval() -> None:
    """Unpaired they are most of it."""
    first, second = by_ttft(noisy(UNEQUAL, 1)), by_ttft(noisy(UNEQUAL, 2, 1.1))
    assert width(compared(first, second, paired=True)) < width(compared(first, second)) / 10


def test_pairs_are_made_whatever_the_order_of_their_sending() -> None:
    """The second run met them the other way round, each 1.1 times as slow."""
    backwards = in_turn(times(1.1, UNEQUAL[::-1]))
    second = tuple(replace(each, index=len(UNEQUAL) - 1 - each.index) for each in backwards)
    sides = [single(MEAN, mean, each) for mean, each in ((255.0, in_turn(UNEQUAL)), (280.5, second))]
    assert pytest.approx((1.1, 1.1), rel=1e-6) == interval(compared(*sides, paired=True))


def test_no_pairs_are_made_where_other_requests_succeeded() -> None:
    """The mean of one run would be of others than the pairs, and might lie outside of their interval."""
    half = tuple(a_failure(index=each.index) if each.index % 2 else each for each in in_turn(UNEQUAL))
    sides = by_ttft(UNEQUAL), single(MEAN, float(np.mean(UNEQUAL[::2])), half)
    assert interval(compared(*sides)) == interval(compared(*sides, paired=True))


def answered(e2els_s: Sequence[float], at_once: int, *, tokens: int = 100) -> tuple[RequestRecord, ...]:
    """Of so many tokens each; under way together, so many at a time."""
    ends = np.cumsum(e2els_s) / at_once
    return tuple(
        a_record(index=i, sent_ns=round((end - s) * S), token_ns=(round(end * S),), output_tokens=tokens)
        for i, (end, s) in enumerate(zip(ends.tolist(), e2els_s, strict=True))
    )


ABOUT_1_S = np.random.default_rng(0).uniform(0.9, 1.1, 60).tolist()
RATE = "output_throughput"


def test_throughput_of_a_closed_loop_has_an_interval() -> None:
    """The server makes it: 100 tokens in about a second, against half a second."""
    first = single(RATE, 100, answered(ABOUT_1_S, 1))
    second = single(RATE, 200, answered(times(0.5, ABOUT_1_S), 1))
    low, high = interval(compared(first, second))
    assert 1.9 < low < 2 < high < 2.1


def test_throughput_of_loads_with_other_limits_has_an_interval_around_its_ratio() -> None:
    """Eight at once make eight times as many tokens of requests that take as long."""
    first, second = single(RATE, 100, answered(ABOUT_1_S, 1)), single(RATE, 800, answered(ABOUT_1_S, 8))
    low, high = interval(compared(first, second))
    assert 7.6 < low < 8 < high < 8.4


@pytest.mark.parametrize("open_side", [0, 1])
def test_throughput_of_an_open_loop_has_no_interval(open_side: int) -> None:
    """Its plan makes it."""
    sides = [single(RATE, 100, answered(ABOUT_1_S, 1), closed=side != open_side) for side in (0, 1)]
    assert compared(*sides).interval is None


def test_latency_of_an_open_loop_has_an_interval() -> None:
    """That is still the server's."""
    first, second = (single(MEAN, 100, in_turn(CLOSE), closed=False) for _ in range(2))
    assert compared(first, second).interval is not None


def test_a_number_of_the_whole_run_has_no_interval_in_single_runs() -> None:
    """No request tells the energy."""
    first, second = (single("energy_per_output_token_j", joules, in_turn(CLOSE)) for joules in (50, 60))
    assert compared(first, second).interval is None


def test_the_same_comparison_says_the_same_again() -> None:
    """To the last digit."""
    first, second = by_ttft(noisy(UNEQUAL, 1)), by_ttft(noisy(UNEQUAL, 2))
    assert compared(first, second) == compared(first, second)


def covered(samples: Iterator[tuple[Side, Side]]) -> float:
    """The share of comparisons of the same with the same whose interval has 1."""
    intervals = [interval(compared(first, second)) for first, second in samples]
    assert TRIALS == len(intervals)
    return sum(low <= 1 <= high for low, high in intervals) / len(intervals)


def unrelated() -> Iterator[tuple[Side, Side]]:
    """TTFTs with a long tail, 60 a run."""
    for seed in range(TRIALS):
        rng = np.random.default_rng(seed)
        first, second = (rng.lognormal(5, 0.5, 60).tolist() for _ in range(2))
        yield by_ttft(first), by_ttft(second)


def related(at_once: int) -> Iterator[tuple[Side, Side]]:
    """Each half like the one before it, and half its own, 320 a run; said to be so many under way together."""
    for seed in range(TRIALS):
        rng = np.random.default_rng(seed)
        first, second = (_after_one_another(rng.normal(0, 1, 320)) for _ in range(2))
        yield by_ttft(first, at_once), by_ttft(second, at_once)


def _after_one_another(own: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> list[float]:
    values = [float(own[0])]
    for each in own[1:]:
        values.append(0.5 * values[-1] + float(each))
    return [100 + 5 * value for value in values]


def test_19_of_20_intervals_of_the_same_have_1() -> None:
    """Of 200 pairs of runs, drawn from one distribution."""
    assert 0.88 <= covered(unrelated()) <= 0.99


def test_19_of_20_intervals_have_1_where_neighbours_are_alike() -> None:
    """Those that are under way together are drawn together."""
    assert 0.88 <= covered(related(at_once=8)) <= 0.99


def test_neighbours_that_were_drawn_alone_would_make_intervals_too_narrow() -> None:
    """A fifth of them lacks 1 at the least: this is what blocks are for."""
    assert covered(related(at_once=1)) < 0.8
