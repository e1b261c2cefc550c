"""When it is asked."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import MS, S
from thorexp.errors import ConfigError
from thorexp.measure.arrivals import arrival_offsets_ns


def offsets(count: int, rate: float, burstiness: float, seed: int = 0) -> tuple[int, ...]:
    return arrival_offsets_ns(count, rate, burstiness, np.random.default_rng(seed))


def test_an_infinite_rate_is_due_at_once() -> None:
    """Without a rate every request is due at the start."""
    assert (0, 0, 0) == offsets(3, math.inf, 1.0)


def test_constant_gaps_are_the_inverse_of_the_rate() -> None:
    """Four requests a second are 250 ms apart, and the first waits its gap too."""
    assert (250 * MS, 500 * MS, 750 * MS, 1000 * MS) == offsets(4, 4.0, math.inf)


@given(
    count=st.integers(1, 500),
    rate=st.sampled_from([0.5, 4.0, 200.0]),
    burstiness=st.sampled_from([0.25, 1.0, 4.0, math.inf]),
    seed=st.integers(0, 2**32),
)
def test_the_last_request_is_due_when_the_rate_says(count: int, rate: float, burstiness: float, seed: int) -> None:
    """N requests end at N / rate to the nanosecond, whatever the draws were."""
    assert S * count // rate == offsets(count, rate, burstiness, seed)[-1]


@given(burstiness=st.floats(0.1, 10), seed=st.integers(0, 2**32))
def test_offsets_ascend(burstiness: float, seed: int) -> None:
    """No request is due before the one in front of it."""
    due = offsets(100, 4.0, burstiness, seed)
    assert sorted(due) == list(due)


@pytest.mark.parametrize(("burstiness", "spread"), [(0.25, 2.0), (1.0, 1.0), (4.0, 0.5)])
def test_gaps_spread_as_burstiness_says(burstiness: float, spread: float) -> None:
    """A gamma gap varies by 1/sqrt(shape) of its mean: Poisson by 1, burstier by more, smoother by less."""
    due = offsets(20_000, 4.0, burstiness)
    gaps = [b - a for a, b in zip((0, *due), due, strict=False)]
    assert pytest.approx(spread, rel=0.05) == statistics.pstdev(gaps) / statistics.fmean(gaps)


def test_one_seed_is_one_schedule() -> None:
    """Two generators of one seed give the same offsets, seed 0 too."""
    assert offsets(50, 4.0, 1.0, seed=0) == offsets(50, 4.0, 1.0, seed=0)


def test_two_seeds_are_two_schedules() -> None:
    """Another seed draws other gaps."""
    assert offsets(50, 4.0, 1.0, seed=0) != offsets(50, 4.0, 1.0, seed=1)


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    """The error names load.request_rate."""
    with pytest.raises(ConfigError, match=f"^load.request_rate={rate} is not above 0"):
        offsets(3, rate, 1.0)


@pytest.mark.parametrize("burstiness", [0.0, -1.0, math.nan])
def test_a_burstiness_that_is_none_is_refused(burstiness: float) -> None:
    """The error names load.burstiness."""
    with pytest.raises(ConfigError, match=f"^load.burstiness={burstiness} is not above 0"):
        offsets(3, 4.0, burstiness)
