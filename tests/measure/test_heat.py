"""How hot a machine became, and what slowed it down."""

import pytest

from thorexp.measure.heat import Throttling, hottest, throttling
from thorexp.measure.signals import Series, Telemetry


def sampled(**values: tuple[float, ...]) -> Telemetry:
    """Signals with these values; `__` in a name stands for its dot."""
    return Telemetry({name.replace("__", "."): Series(tuple(range(len(v))), v) for name, v in values.items()})


def counts(signal: str) -> bool:
    """As the sensors here are named."""
    return signal == "throttle.oc1"


def test_the_hottest_is_the_highest_of_all_temperatures() -> None:
    """Whenever it was read, and whatever else is a higher number."""
    telemetry = sampled(thermal__tj_c=(40.0, 71.5, 60.0), nvml__gpu0_c=(50.0, 70.0), hwmon__VIN_w=(90.0,))
    assert ("thermal.tj_c", 71.5) == hottest(telemetry)


def test_where_no_temperature_is_read_nothing_is_hottest() -> None:
    """Absent, not zero."""
    assert hottest(sampled(hwmon__VIN_w=(90.0,), thermal__tj_c=())) is None


def a_load(start_ns: int, end_ns: int, **values: tuple[float, ...]) -> Throttling | None:
    """In [start, end], of signals that were read at 0, 10, 20, … ns."""
    signals = {
        f"throttle.{name}": Series(tuple(10 * i for i in range(len(read))), read) for name, read in values.items()
    }
    return throttling(Telemetry(signals), start_ns, end_ns, counts)


def test_a_counter_throttled_as_often_as_it_grew() -> None:
    """From the last value before the load, at 10 ns, to the first after it, at 40: what is outside is of another."""
    assert Throttling({"oc1": 9.0 - 7.0}, {}) == a_load(15, 35, oc1=(3.0, 7.0, 8.0, 8.0, 9.0, 20.0))


def test_a_counter_may_be_read_before_and_after_a_load_only() -> None:
    """A load of 6 ns between two looks: the event may have been in it."""
    assert Throttling({"oc1": 1.0}, {}) == a_load(12, 18, oc1=(7.0, 7.0, 8.0, 9.0))


def test_a_counter_that_was_read_as_a_load_began_and_ended_is_of_that_load() -> None:
    """At 10 and at 20 ns, to the ns."""
    assert Throttling({"oc1": 9.0 - 7.0}, {}) == a_load(10, 20, oc1=(0.0, 7.0, 9.0, 20.0))


@pytest.mark.parametrize(
    "read", [(7.0, 7.0, 9.0), (7.0, 7.0, 8.0, 9.0)], ids=["before and in it", "before and twice in it"]
)
def test_a_counter_that_was_not_read_after_a_load_counts_to_its_last_value(read: tuple[float, ...]) -> None:
    """From 10 ns on; sampling ended with the load."""
    assert Throttling({"oc1": 9.0 - 7.0}, {}) == a_load(15, 35, oc1=read)


@pytest.mark.parametrize("read", [(), (7.0,), (5.0, 7.0), (5.0, 6.0, 7.0)])
def test_of_a_counter_that_was_read_before_a_load_only_nobody_knows(read: tuple[float, ...]) -> None:
    """Its events are of another load."""
    assert a_load(25, 35, oc1=read) is None


def test_a_counter_that_stands_throttled_not() -> None:
    """It was of another load, and is known not to be of this."""
    assert Throttling({}, {}) == a_load(5, 25, oc1=(7.0, 7.0, 7.0, 7.0))


def test_a_state_throttled_for_its_share_of_the_samples() -> None:
    """Of those in the load, two of four and all: however high it was, and though it did not change."""
    held = a_load(10, 40, gpu0=(1.0, 0.0, 1.0, 3.0, 0.0, 1.0), cpu=(0.0, 2.0, 2.0, 2.0, 2.0, 0.0))
    assert Throttling({}, {"gpu0": 2 / 4, "cpu": 4 / 4}) == held


def test_a_state_that_was_above_zero_beside_a_load_throttled_not() -> None:
    """Before it and after it is another load."""
    assert Throttling({}, {}) == a_load(10, 20, gpu0=(1.0, 0.0, 0.0, 1.0))


def test_events_and_states_stand_apart() -> None:
    """An event counts however short it was, a state by how long."""
    assert Throttling({"oc1": 1.0}, {"gpu0": 1 / 2}) == a_load(0, 10, oc1=(7.0, 8.0), gpu0=(0.0, 1.0))


def test_what_did_not_throttle_is_not_named() -> None:
    """Nothing happened, as all of them say."""
    assert Throttling({}, {}) == a_load(0, 10, oc1=(7.0, 7.0), gpu0=(0.0, 0.0))


def test_one_signal_that_tells_is_enough() -> None:
    """A counter that was never read says nothing, and the state beside it that all was well."""
    assert Throttling({}, {}) == a_load(0, 10, oc1=(), gpu0=(0.0, 0.0))


def test_where_nothing_tells_of_throttling_nobody_knows() -> None:
    """Absent, which is not the same as none: no such signal, and a state without a sample in the load."""
    assert throttling(sampled(thermal__tj_c=(99.0,)), 0, 10, counts) is None
    assert a_load(25, 35, gpu0=(1.0, 1.0)) is None
