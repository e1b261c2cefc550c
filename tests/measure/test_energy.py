"""What a load cost in energy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thorexp.measure.energy import Energy, energy_j, energy_of
from thorexp.measure.power import Power
from thorexp.measure.signals import Series

MS = 1_000_000
S = 1_000_000_000


def every_s(*watts: float) -> Series:
    """Read each second, from 0 on."""
    return Series(tuple(i * S for i in range(len(watts))), watts)


def without(series: Series, first: int, last: int) -> Series:
    """Its samples but those numbers."""
    return Series(series.ns[:first] + series.ns[last + 1 :], series.values[:first] + series.values[last + 1 :])


def spent(power: Power, start_s: float, end_s: float, idle: tuple[int, int] | None = None) -> Energy:
    """Of a load of 10 requests and 100 tokens."""
    found = energy_of(power, (int(start_s * S), int(end_s * S)), idle, 100, 10)
    assert found is not None
    return found


def board(series: Series, counter: Series | None = None) -> Power:
    return Power("board", "hwmon.VIN_w", series, counter)


def test_between_samples_power_is_linear() -> None:
    """From 10 W to 30 W and back to 20 W, a second each."""
    assert (10 + 30) / 2 + (30 + 20) / 2 == energy_j(every_s(10, 30, 20), 0, 2 * S)


def test_at_its_edges_a_window_is_interpolated() -> None:
    """From 0.5 s, at 20 W, to 1.5 s, at 25 W, over the samples at 1 s and 1.25 s."""
    power = Series((0, 1 * S, 5 * S // 4, 2 * S), (10, 30, 28, 22))
    expected = (20 + 30) / 2 * 0.5 + (30 + 28) / 2 * 0.25 + (28 + 26) / 2 * 0.25
    assert expected == energy_j(power, S // 2, 3 * S // 2)


@pytest.mark.parametrize("late", [False, True])
def test_a_missing_edge_holds_the_outermost_value(late: bool) -> None:
    """Two intervals before the first sample, and as many after the last."""
    series = every_s(10, 30, 20)
    window = (0, 4 * S) if late else (-2 * S, 2 * S)
    assert 20 + 25 + 2 * (20 if late else 10) == energy_j(series, *window)


@pytest.mark.parametrize("window", [(-2 * S - 1, 2 * S), (0, 4 * S + 1)])
def test_a_wider_missing_edge_leaves_no_energy(window: tuple[int, int]) -> None:
    """Nobody knows what was drawn then."""
    assert energy_j(every_s(10, 30, 20), *window) is None


@pytest.mark.parametrize("window", [(S, S), (S // 4, S // 2), (S // 2, 3 * S // 2)])
def test_a_window_of_fewer_than_two_samples_has_no_energy(window: tuple[int, int]) -> None:
    """What was drawn in it was hardly looked at."""
    assert energy_j(every_s(10, 30, 20), *window) is None


def test_a_single_sample_is_no_energy() -> None:
    """Nor none."""
    assert [None, None] == [energy_j(Series(ns, (9.0,) * len(ns)), 0, S) for ns in ((), (S // 2,))]


def test_a_long_hole_leaves_no_energy() -> None:
    """11 s of 100 s; before and after it power is as usual, and between nobody looked."""
    assert energy_j(without(every_s(*[50.0] * 101), 41, 50), 0, 100 * S) is None


def test_a_late_sampler_is_no_hole() -> None:
    """10 s of 100 s, no more than ten intervals, are bridged."""
    assert 50.0 * 100 == energy_j(without(every_s(*[50.0] * 101), 41, 49), 0, 100 * S)


def test_a_hole_that_hardly_counts_is_bridged() -> None:
    """12 s of 1,000 s are 1.2 %."""
    assert 50.0 * 1000 == energy_j(without(every_s(*[50.0] * 1001), 41, 51), 0, 1000 * S)


def test_a_hole_counts_as_far_as_it_is_in_the_window() -> None:
    """Of its 12 s, the last is in the window of 50 s."""
    assert 50.0 * 50 == energy_j(without(every_s(*[50.0] * 102), 41, 51), 51 * S, 101 * S)


@given(
    st.lists(st.integers(0, 500), min_size=4, max_size=40),
    st.integers(0, 999),
    st.integers(0, 999),
    st.integers(0, 2**53),
)
def test_the_integral_of_a_piecewise_linear_function_is_exact(
    watts: list[int], into_ms: int, short_ms: int, begin_ns: int
) -> None:
    """Summed ms by ms in whole numbers: of each its power in the middle, which is linear, so its mean."""
    start_ms, end_ms = into_ms, (len(watts) - 1) * 1000 - short_ms
    halves_of_mw = 0
    for second, ms in (divmod(each, 1000) for each in range(start_ms, end_ms)):
        halves_of_mw += 2000 * watts[second] + (watts[second + 1] - watts[second]) * (2 * ms + 1)
    series = Series(tuple(begin_ns + i * S for i in range(len(watts))), tuple(map(float, watts)))
    found = energy_j(series, begin_ns + start_ms * MS, begin_ns + end_ms * MS)
    assert pytest.approx(halves_of_mw / 2 / 1000 / 1000, rel=1e-9, abs=1e-9) == found


def test_energy_is_told_with_what_it_is_of() -> None:
    """Board and GPU do not compare."""
    energy = spent(board(every_s(40, 40, 40)), 0, 2)
    assert ("board", "hwmon.VIN_w") == (energy.scope, energy.source)


def test_mean_power_is_energy_over_time() -> None:
    """10 W to 30 W to 20 W, not alike in its samples' mean."""
    assert (20 + 25) / 2 == spent(board(every_s(10, 30, 20)), 0, 2).mean_power_w


def test_what_is_above_idle_is_what_the_load_added() -> None:
    """20 W idle for 2 s, then 60 W for 3 s."""
    power = board(Series(tuple(i * S for i in (0, 1, 2, 3, 4, 5, 6)), (20, 20, 20, 60, 60, 60, 60)))
    energy = spent(power, 3, 6, (0, 2 * S))
    assert (20.0, 3 * 60.0, 3 * (60.0 - 20.0)) == (energy.idle_power_w, energy.energy_j, energy.energy_above_idle_j)


def test_energy_is_shared_by_tokens_and_by_requests() -> None:
    """180 J, 120 J of them above idle, for 100 tokens of 10 requests."""
    power = board(Series(tuple(i * S for i in range(7)), (20, 20, 20, 60, 60, 60, 60)))
    energy = spent(power, 3, 6, (0, 2 * S))
    gross = (energy.energy_per_output_token_j, energy.energy_per_request_j)
    above = (energy.energy_above_idle_per_output_token_j, energy.energy_above_idle_per_request_j)
    assert ((180 / 100, 180 / 10), (120 / 100, 120 / 10)) == (gross, above)


def test_tokens_per_s_per_w_are_tokens_per_joule() -> None:
    """100 tokens in 2 s are 50 tokens/s, at 40 W."""
    assert 50 / 40 == spent(board(every_s(40, 40, 40)), 0, 2).tokens_per_s_per_w


@pytest.mark.parametrize("idle", [None, (-90 * S, -80 * S)], ids=["not asked for", "not sampled"])
def test_without_an_idle_machine_nothing_is_above_idle(idle: tuple[int, int] | None) -> None:
    """Absent, not all of it."""
    energy = spent(board(every_s(40, 40, 40)), 0, 2, idle)
    assert (None, None, None) == (
        energy.idle_power_w,
        energy.energy_above_idle_j,
        energy.energy_above_idle_per_request_j,
    )


def test_a_load_without_a_success_has_no_energy_per_token() -> None:
    """Energy it had."""
    energy = energy_of(board(every_s(40, 40, 40)), (0, 2 * S), None, 0, 0)
    assert energy is not None
    assert (80.0, None, None, None) == (
        energy.energy_j,
        energy.energy_per_output_token_j,
        energy.energy_per_request_j,
        energy.tokens_per_s_per_w,
    )


def test_a_gpu_that_draws_nothing_has_no_tokens_per_joule() -> None:
    """Nothing is divided by zero."""
    assert spent(Power("GPU", "nvml.gpu0_w", every_s(0, 0, 0)), 0, 2).tokens_per_s_per_w is None


def test_without_samples_of_the_load_there_is_no_energy() -> None:
    """Absent, not zero."""
    assert energy_of(board(every_s(40, 40, 40)), (90 * S, 92 * S), None, 100, 10) is None


def test_energy_that_the_hardware_counted_is_taken() -> None:
    """From 0.5 s, at 1,050 J, to 2 s, at 1,310 J; the power it tells is of the last second."""
    counter = every_s(1000, 1100, 1310)
    assert 1310 - 1050 == spent(board(every_s(90, 90, 90), counter), 0.5, 2).energy_j


@pytest.mark.parametrize("counted", [(1000.0, 1100.0), (1000.0, 3.0, 60.0)], ids=["too short", "set back"])
def test_a_counter_that_does_not_tell_gives_way_to_the_integral(counted: tuple[float, ...]) -> None:
    """It ended before the load did, or its driver began anew."""
    assert 2 * 90.0 == spent(board(every_s(90, 90, 90), every_s(*counted)), 0, 2).energy_j
