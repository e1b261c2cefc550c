"""When it is asked."""

import math
import statistics
from itertools import groupby, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import MS, S
from thorexp.errors import ConfigError
from thorexp.measure.arrivals import Ramp, Rate, arrival_offsets_ns, limit_steps

RATES = st.floats(0.01, 1000)
RAMPS = st.one_of(
    st.builds(Rate, RATES, RATES, st.sampled_from(Ramp)),
    st.builds(Rate, st.just(0.0), RATES),
    st.builds(Rate, RATES, st.just(0.0)),
)
BURSTINESSES = st.sampled_from([0.25, 1.0, 4.0, math.inf])
LIMITS = st.integers(1, 64)


def offsets(
    count: int, rate: float | Rate, burstiness: float = math.inf, burst_size: int = 1, seed: int = 0
) -> tuple[int, ...]:
    rate = rate if isinstance(rate, Rate) else Rate(rate, rate)
    rng = np.random.default_rng(seed)
    return arrival_offsets_ns(count, rate, burstiness=burstiness, burst_size=burst_size, rng=rng)


def rate_at(rate: Rate, share: float) -> float:
    """The curve as a user draws it: requests/s when that share of the stage is over."""
    if rate.ramp is Ramp.linear:
        return rate.start + (rate.end - rate.start) * share
    return rate.start * math.pow(rate.end / rate.start, share)


def held_ns(start: int, end: int, ramp: Ramp) -> dict[int, int]:
    """How long each limit holds in a minute."""
    steps = limit_steps(start, end, ramp, 60.0)
    return {limit: after - begin for (begin, limit), (after, _) in pairwise((*steps, (60 * S, 0)))}


# A rate


def test_a_steady_rate_is_due_its_rate_each_second() -> None:
    """At 200/s, 2000 are due in 10 s."""
    assert 200 * 10 == Rate(200.0, 200.0).count(10.0)


def test_a_linear_ramp_is_due_as_its_middle() -> None:
    """From 10/s to 30/s it is 20/s on average."""
    assert 20 * 10 == Rate(10.0, 30.0).count(10.0)


def test_an_exponential_ramp_is_due_the_area_under_its_curve() -> None:
    """From 1/s to 4/s over 10 s, ten thousand thin slices of the curve make up the count."""
    ramp = Rate(1.0, 4.0, Ramp.exponential)
    slices = [rate_at(ramp, (i + 0.5) / 10_000) * 10 / 10_000 for i in range(10_000)]
    assert pytest.approx(math.fsum(slices), rel=1e-6) == ramp.count(10.0)


@given(rate=RAMPS, duration_s=st.floats(0.001, 10_000))
def test_count_and_duration_undo_each_other(rate: Rate, duration_s: float) -> None:
    """As many as are due in a time take that time."""
    assert pytest.approx(duration_s, rel=1e-12) == rate.duration_s(rate.count(duration_s))


@given(rate=RATES)
def test_an_exponential_ramp_by_a_hair_is_steady(rate: float) -> None:
    """A ramp over the last bit of a float has the mean of a steady rate."""
    hair = Rate(rate, math.nextafter(rate, math.inf), Ramp.exponential)
    assert pytest.approx(rate, rel=1e-12) == hair.count(1.0)


def test_an_infinite_rate_takes_no_time() -> None:
    """A closed loop has all of its requests due within 0 s."""
    assert Rate(math.inf, math.inf).duration_s(100) == 0


@pytest.mark.parametrize(("rate", "finite"), [(4.0, True), (math.inf, False)])
def test_a_rate_knows_a_closed_loop(rate: float, finite: bool) -> None:
    """Only an infinite rate is not finite."""
    assert finite == Rate(rate, rate).is_finite


@pytest.mark.parametrize(("end", "steady"), [(4.0, True), (8.0, False)])
def test_a_rate_knows_a_ramp(end: float, steady: bool) -> None:
    """A rate that ends as it starts is steady."""
    assert steady == Rate(4.0, end).steady


# Offsets at a steady rate


def test_an_infinite_rate_is_due_at_once() -> None:
    """Without a rate every request is due at the start."""
    assert (0, 0, 0) == offsets(3, math.inf, 1.0)


def test_no_requests_have_no_offsets() -> None:
    """A stage too short for one request has an empty schedule."""
    assert () == offsets(0, 4.0, 1.0)


def test_constant_gaps_are_the_inverse_of_the_rate() -> None:
    """Four requests a second are 250 ms apart, and the first waits its gap too."""
    assert (250 * MS, 500 * MS, 750 * MS, 1000 * MS) == offsets(4, 4.0)


@given(
    count=st.integers(1, 500),
    rate=st.sampled_from([0.5, 4.0, 200.0]),
    burstiness=BURSTINESSES,
    burst_size=st.integers(1, 9),
    seed=st.integers(0, 2**32),
)
def test_the_last_request_is_due_when_the_rate_says(
    count: int, rate: float, burstiness: float, burst_size: int, seed: int
) -> None:
    """N requests end at N / rate to the nanosecond, whatever the draws were and however they are bundled."""
    assert S * count // rate == offsets(count, rate, burstiness, burst_size, seed)[-1]


@pytest.mark.parametrize("burstiness", [1.0, math.inf])
def test_a_schedule_holds_its_rate(burstiness: float) -> None:
    """200/s for 10 s is 199.9/s to 200.1/s over the whole schedule, at random and at constant gaps."""
    due = offsets(2000, 200.0, burstiness)
    assert 199.9 <= len(due) / (due[-1] / S) <= 200.1


@pytest.mark.parametrize(("burstiness", "spread"), [(0.25, 2.0), (1.0, 1.0), (4.0, 0.5)])
def test_gaps_spread_as_burstiness_says(burstiness: float, spread: float) -> None:
    """A gamma gap varies by 1/sqrt(shape) of its mean: Poisson by 1, burstier by more, smoother by less."""
    gaps = [b - a for a, b in pairwise((0, *offsets(20_000, 4.0, burstiness)))]
    assert pytest.approx(spread, rel=0.05) == statistics.pstdev(gaps) / statistics.fmean(gaps)


def test_one_seed_is_one_schedule() -> None:
    """Two generators of one seed give the same offsets, seed 0 too."""
    assert offsets(50, 4.0, 1.0, seed=0) == offsets(50, 4.0, 1.0, seed=0)


def test_two_seeds_are_two_schedules() -> None:
    """Another seed draws other gaps."""
    assert offsets(50, 4.0, 1.0, seed=0) != offsets(50, 4.0, 1.0, seed=1)


def test_a_seed_keeps_its_schedule_from_version_to_version() -> None:
    """Seed 0 gives at 4/s what it gave before there were ramps and bursts."""
    assert (374_090_837, 935_061_621, 945_959_023, 947_207_581, 1_250_000_000) == offsets(5, 4.0, 1.0, seed=0)


@given(rate=RATES, ramp=st.sampled_from(Ramp), seed=st.integers(0, 2**32))
def test_a_ramp_to_where_it_is_leaves_the_schedule(rate: float, ramp: Ramp, seed: int) -> None:
    """With equal ends either ramp is the steady rate."""
    assert offsets(50, rate, 1.0, seed=seed) == offsets(50, Rate(rate, rate, ramp), 1.0, seed=seed)


# Offsets along a ramp


@given(
    count=st.integers(1, 200),
    rate=RAMPS,
    burstiness=BURSTINESSES,
    burst_size=st.integers(1, 9),
    seed=st.integers(0, 2**32),
)
def test_offsets_ascend(count: int, rate: Rate, burstiness: float, burst_size: int, seed: int) -> None:
    """No request is due before the one in front of it."""
    due = offsets(count, rate, burstiness, burst_size, seed)
    assert sorted(due) == list(due)


@given(
    count=st.integers(1, 200),
    rate=RAMPS,
    burstiness=BURSTINESSES,
    burst_size=st.integers(1, 9),
    seed=st.integers(0, 2**32),
)
def test_a_ramp_ends_with_its_last_request(
    count: int, rate: Rate, burstiness: float, burst_size: int, seed: int
) -> None:
    """The last request is due when the stage that the rate needs is over."""
    last_ns = offsets(count, rate, burstiness, burst_size, seed)[-1]
    assert pytest.approx(rate.duration_s(count) * S, abs=1) == last_ns


def test_a_linear_ramp_from_0_has_a_quarter_in_its_first_half() -> None:
    """From 0/s to 20/s over 10 s the halves run at 5/s and 15/s on average."""
    due = offsets(100, Rate(0.0, 20.0))
    assert (5 * 5, 15 * 5) == (sum(ns <= 5 * S for ns in due), sum(ns > 5 * S for ns in due))


def test_a_linear_ramp_to_0_has_a_quarter_in_its_second_half() -> None:
    """From 20/s to 0/s over 10 s the halves run at 15/s and 5/s on average."""
    due = offsets(100, Rate(20.0, 0.0))
    assert (15 * 5, 5 * 5) == (sum(ns <= 5 * S for ns in due), sum(ns > 5 * S for ns in due))


def test_an_exponential_ramp_by_four_has_two_thirds_in_its_second_half() -> None:
    """From 1/s to 4/s the second half has twice the rate of the first, and twice the requests."""
    ramp = Rate(1.0, 4.0, Ramp.exponential)
    assert pytest.approx(ramp.duration_s(300) / 2) == offsets(300, ramp)[100 - 1] / S


def test_an_exponential_ramp_down_has_two_thirds_in_its_first_half() -> None:
    """From 4/s to 1/s the first half has twice the rate of the second, and twice the requests."""
    ramp = Rate(4.0, 1.0, Ramp.exponential)
    assert pytest.approx(ramp.duration_s(300) / 2) == offsets(300, ramp)[200 - 1] / S


@given(rate=RAMPS, count=st.integers(1, 200))
def test_every_gap_is_that_of_the_curve_around_it(rate: Rate, count: int) -> None:
    """At constant gaps the rate between two requests lies between the curve's values where they are due."""
    due = (0, *offsets(count, rate))
    for before, after in pairwise(due):
        bounds = [rate_at(rate, ns / due[-1]) for ns in (before, after)]
        rounded = 1e-9 + 2 / (after - before)
        assert min(bounds) * (1 - rounded) <= S / (after - before) <= max(bounds) * (1 + rounded)


def test_random_gaps_follow_the_curve_too() -> None:
    """Poisson requests from 0/s to 200/s over 100 s: a quarter in the first half, give or take the draws."""
    due = offsets(10_000, Rate(0.0, 200.0), 1.0)
    assert pytest.approx(2500, rel=0.1) == sum(ns <= 50 * S for ns in due)


def test_a_first_gap_of_nothing_is_due_at_once_even_where_the_rate_is_0() -> None:
    """Draws so bursty that the first gap is 0 begin a ramp from 0/s at its begin, and still end it at its end."""
    due = offsets(100, Rate(0.0, 20.0), burstiness=0.001, seed=2)  # whose first gap is 0.0
    assert (0, 10 * S) == (due[0], due[-1])


def test_a_fall_by_more_than_the_digits_of_a_float_ends_in_its_time() -> None:
    """From 1000/s to 1e-17 of that, the last request is due when the stage is over."""
    fall = Rate(1000.0, 1e-14, Ramp.exponential)
    assert pytest.approx(fall.duration_s(100)) == offsets(100, fall)[-1] / S


@pytest.mark.parametrize("ramp", Ramp)
def test_offsets_ascend_where_a_float_is_coarser_than_a_nanosecond(ramp: Ramp) -> None:
    """In a stage of years, with gaps of next to nothing, rounding puts none before the one in front of it."""
    due = offsets(3000, Rate(1e-5, 2e-5, ramp), burstiness=0.01)
    assert sorted(due) == list(due)


# Bursts


def test_a_burst_is_due_at_one_moment() -> None:
    """Four requests a second in pairs are two every 500 ms."""
    assert (500 * MS, 500 * MS, 1000 * MS, 1000 * MS) == offsets(4, 4.0, burst_size=2)


def test_a_smaller_last_burst_waits_a_smaller_gap() -> None:
    """Ten at 4/s by fours: two bursts wait 1 s each, the two left over 500 ms."""
    assert (1000 * MS,) * 4 + (2000 * MS,) * 4 + (2500 * MS,) * 2 == offsets(10, 4.0, burst_size=4)


def test_a_burst_larger_than_the_load_is_all_of_it() -> None:
    """Three requests by tens at 4/s come together, when three are due."""
    assert (750 * MS,) * 3 == offsets(3, 4.0, burst_size=10)


@given(count=st.integers(1, 100), burst_size=st.integers(1, 9), burstiness=BURSTINESSES)
def test_bursts_are_full_but_for_the_last(count: int, burst_size: int, burstiness: float) -> None:
    """No burst brings more than its size, and only the last brings less."""
    sizes = [len(list(burst)) for _, burst in groupby(offsets(count, 0.001, burstiness, burst_size))]
    full, left = divmod(count, burst_size)
    assert [burst_size] * full + [left] * (left > 0) == sizes


# Limits


def test_a_linear_ramp_of_limits_gives_each_the_same_time() -> None:
    """From 1 to 8 over 8 s each limit holds for one second."""
    assert tuple((i * S, 1 + i) for i in range(8)) == limit_steps(1, 8, Ramp.linear, 8.0)


def test_a_linear_ramp_of_limits_goes_down() -> None:
    """From 8 to 1 over 8 s each limit holds for one second."""
    assert tuple((i * S, 8 - i) for i in range(8)) == limit_steps(8, 1, Ramp.linear, 8.0)


def test_an_exponential_ramp_of_limits_doubles_in_equal_times() -> None:
    """From 1 to 7, with 8 reached when its 3 s are over, the limit doubles every second."""
    begins = {limit: ns for ns, limit in limit_steps(1, 7, Ramp.exponential, 3.0)}
    assert (0, 1 * S, 2 * S) == (begins[1], begins[2], begins[4])


@given(start=LIMITS, end=LIMITS, ramp=st.sampled_from(Ramp))
def test_a_ramp_of_limits_down_is_the_ramp_up_played_backwards(start: int, end: int, ramp: Ramp) -> None:
    """Each limit holds as long on the way down as on the way up."""
    up, down = held_ns(start, end, ramp), held_ns(end, start, ramp)
    assert pytest.approx(up, abs=2) == down


def test_limits_that_end_as_they_start_are_one() -> None:
    """From 3 to 3 is 3 from the beginning."""
    assert ((0, 3),) == limit_steps(3, 3, Ramp.exponential, 8.0)


@given(start=LIMITS, end=LIMITS, ramp=st.sampled_from(Ramp))
def test_limits_go_from_start_to_end_one_by_one(start: int, end: int, ramp: Ramp) -> None:
    """Both ends are reached, every limit between them has its turn, and none beyond."""
    limits = [limit for _, limit in limit_steps(start, end, ramp, 60.0)]
    assert (start, end) == (limits[0], limits[-1])
    assert abs(end - start) == sum(abs(b - a) == 1 for a, b in pairwise(limits)) == len(limits) - 1


@given(start=LIMITS, end=LIMITS, ramp=st.sampled_from(Ramp))
def test_limits_begin_at_0_and_ascend_within_their_time(start: int, end: int, ramp: Ramp) -> None:
    """The first limit holds from the start, and the last begins before the time is over."""
    begins = [ns for ns, _ in limit_steps(start, end, ramp, 60.0)]
    assert begins[0] == 0
    assert all(a < b for a, b in pairwise((*begins, 60 * S)))


# Refusals


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, -math.inf])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    """The error names load.request_rate."""
    with pytest.raises(ConfigError, match=f"^load.request_rate={rate} is not above 0"):
        Rate(rate, rate)


@pytest.mark.parametrize("end", [-1.0, math.nan, -math.inf])
def test_a_ramp_to_no_rate_is_refused(end: float) -> None:
    """The error names load.request_rate_end."""
    with pytest.raises(ConfigError, match=f"^load.request_rate_end={end} is not above 0"):
        Rate(4.0, end)


def test_an_exponential_ramp_from_0_is_refused() -> None:
    """No factor leads away from 0."""
    with pytest.raises(ConfigError, match=r"^load.request_rate=0.0 is not above 0"):
        Rate(0.0, 4.0, Ramp.exponential)


def test_an_exponential_ramp_to_0_is_refused() -> None:
    """No factor leads to 0."""
    with pytest.raises(ConfigError, match=r"^load.request_rate_end=0.0 is not above 0"):
        Rate(4.0, 0.0, Ramp.exponential)


@pytest.mark.parametrize(("start", "end"), [(4.0, math.inf), (math.inf, 4.0), (0.0, math.inf), (math.inf, 0.0)])
def test_a_ramp_between_finite_and_infinite_is_refused(start: float, end: float) -> None:
    """The error names both ends."""
    with pytest.raises(ConfigError, match=f"^load.request_rate_end={end} .* load.request_rate={start}"):
        Rate(start, end)


@pytest.mark.parametrize("rate", [4.0, math.inf])
@pytest.mark.parametrize("burstiness", [0.0, -1.0, math.nan])
def test_a_burstiness_that_is_none_is_refused(burstiness: float, rate: float) -> None:
    """The error names load.burstiness, in a closed loop too."""
    with pytest.raises(ConfigError, match=f"^load.burstiness={burstiness} is not above 0"):
        offsets(3, rate, burstiness)


@pytest.mark.parametrize("rate", [4.0, math.inf])
@pytest.mark.parametrize("burst_size", [0, -1])
def test_a_burst_of_none_is_refused(burst_size: int, rate: float) -> None:
    """The error names load.burst_size, in a closed loop too."""
    with pytest.raises(ConfigError, match=f"^load.burst_size={burst_size} is below 1"):
        offsets(3, rate, burst_size=burst_size)


@pytest.mark.parametrize("limit", [0, -1])
def test_limits_from_none_are_refused(limit: int) -> None:
    """The error names load.max_concurrency."""
    with pytest.raises(ConfigError, match=f"^load.max_concurrency={limit} "):
        limit_steps(limit, 8, Ramp.linear, 8.0)


@pytest.mark.parametrize("limit", [0, -1])
def test_limits_to_none_are_refused(limit: int) -> None:
    """The error names load.max_concurrency_end."""
    with pytest.raises(ConfigError, match=f"^load.max_concurrency_end={limit} "):
        limit_steps(8, limit, Ramp.linear, 8.0)


@pytest.mark.parametrize("duration_s", [0.0, -1.0, math.nan, math.inf])
def test_limits_over_no_time_are_refused(duration_s: float) -> None:
    """The error names load.duration_s."""
    with pytest.raises(ConfigError, match=f"^load.duration_s={duration_s} is not above 0"):
        limit_steps(1, 8, Ramp.linear, duration_s)
