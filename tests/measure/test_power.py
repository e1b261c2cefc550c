"""Which signal is the power of a result."""

import math

import pytest

from thorexp.measure.power import Power, power_of
from thorexp.measure.signals import Series, Telemetry

S = 1_000_000_000
EVERY_S = (0, 1 * S, 2 * S)


def sampled(**watts: float) -> Telemetry:
    """Powers that stay as they are for two seconds; `__` in a name stands for its dot, `package_` for `package-`."""
    names = {name.replace("__", ".").replace("package_", "package-"): value for name, value in watts.items()}
    return Telemetry({f"{name}_w": Series(EVERY_S, (value,) * 3) for name, value in names.items()})


def of(telemetry: Telemetry, *gpus: int) -> Power:
    """The power that there is, of these GPUs or all."""
    found = power_of(telemetry, gpus or None)
    assert found is not None
    return found


THOR = {"VDD_GPU": 37.5, "VDD_CPU_SOC_MSS": 19.0, "VIN_SYS_5V0": 18.3, "VIN": 87.4}
ORIN = {"VDD_GPU_SOC": 20.0, "VDD_CPU_CV": 5.0, "VIN_SYS_5V0": 7.0}


def rails(source: str, watts: dict[str, float]) -> dict[str, float]:
    return {f"{source}__{rail}": value for rail, value in watts.items()}


def test_the_input_of_a_thor_is_all_of_it() -> None:
    """VIN holds the other rails, and they are not added to it."""
    power = of(sampled(**rails("hwmon", THOR), nvml__gpu0=37.5))
    assert Power("board", "hwmon.VIN_w", Series(EVERY_S, (87.4, 87.4, 87.4))) == power


@pytest.mark.parametrize(
    ("watts", "source"),
    [
        ({**rails("tegrastats", THOR), **rails("hwmon", THOR)}, "hwmon.VIN_w"),
        ({"tegrastats__VIN": 80.0, "hwmon__VDD_IN": 20.0}, "tegrastats.VIN_w"),
        ({"tegrastats__VDD_IN": 20.0, "hwmon__VDD_IN": 20.0}, "hwmon.VDD_IN_w"),
        ({**rails("hwmon", ORIN), "tegrastats__VDD_IN": 20.0}, "tegrastats.VDD_IN_w"),
        ({**rails("tegrastats", ORIN), "nvml__gpu0": 20.0}, "tegrastats.VDD_GPU_SOC_w"),
        ({"rapl__package_0": 30.0, "nvml__gpu0": 20.0}, "nvml.gpu0_w"),
    ],
)
def test_the_widest_signal_is_taken(watts: dict[str, float], source: str) -> None:
    """The kernel's own reading before that of tegrastats, a total before rails, these before one part."""
    assert source == of(sampled(**watts)).source.split(" + ")[0]


def test_the_rails_of_an_agx_orin_are_added() -> None:
    """That board measures no total."""
    power = of(sampled(**rails("hwmon", ORIN)))
    assert ("sum of rails", (20.0 + 5.0 + 7.0,) * 3) == (power.scope, power.series.values)


def test_rails_of_two_sources_are_not_added() -> None:
    """Two of one and the third of the other are no sum."""
    telemetry = sampled(hwmon__VDD_GPU_SOC=20.0, hwmon__VDD_CPU_CV=5.0, tegrastats__VIN_SYS_5V0=7.0)
    assert power_of(telemetry, None) is None


def test_gpus_are_added() -> None:
    """All of them, where none is named."""
    power = of(sampled(nvml__gpu0=100.0, nvml__gpu1=200.0))
    assert ("GPU", "nvml.gpu0_w + nvml.gpu1_w", (300.0,) * 3) == (power.scope, power.source, power.series.values)


def test_a_gpu_that_serves_nothing_is_left_out() -> None:
    """Those that are named are the result's."""
    assert (200.0,) * 3 == of(sampled(nvml__gpu0=100.0, nvml__gpu1=200.0), 1).series.values


def test_a_gpu_that_is_not_there_leaves_no_sum() -> None:
    """The power of half of what serves is not the result's."""
    assert power_of(sampled(nvml__gpu0=100.0), (0, 1)) is None


def test_packages_are_added_without_what_is_within_or_around_them() -> None:
    """Two sockets; core is in the package, psys around it, and dram of another scope."""
    watts = {"rapl__package_0": 60.0, "rapl__package_1": 50.0, "rapl__psys": 200.0, "rapl__dram": 9.0}
    power = of(sampled(**watts, **{"rapl__package_0-core": 40.0, "rapl__package_0-dram": 9.0}))
    assert ("CPU package", (60.0 + 50.0,) * 3) == (power.scope, power.series.values)


def test_a_sum_is_interpolated_where_both_are_known() -> None:
    """Read in turn: the second, 100 W a second from 0.5 s on, is at 50 W when the first is read at 1 s."""
    telemetry = Telemetry(
        {
            "nvml.gpu0_w": Series((0, 1 * S, 2 * S), (10.0, 20.0, 30.0)),
            "nvml.gpu1_w": Series((S // 2, 3 * S // 2, 5 * S // 2), (0.0, 100.0, 200.0)),
        }
    )
    assert Series((1 * S, 2 * S), (20.0 + 50.0, 30.0 + 150.0)) == of(telemetry).series


def test_a_sum_keeps_the_hole_of_one_of_its_parts() -> None:
    """It has no sample where one of them was not read."""
    whole = Series(tuple(i * S for i in range(10)), (1.0,) * 10)
    holed = Series((0, 1 * S, 8 * S, 9 * S), (1.0,) * 4)
    assert holed.ns == of(Telemetry({"nvml.gpu0_w": whole, "nvml.gpu1_w": holed})).series.ns


def test_parts_that_were_never_read_together_have_no_sum() -> None:
    """Nothing is known of one while the other is."""
    telemetry = Telemetry({"nvml.gpu0_w": Series((0, 1), (1.0, 1.0)), "nvml.gpu1_w": Series((2, 3), (1.0, 1.0))})
    assert power_of(telemetry, None) is None


def test_a_running_board_that_draws_nothing_was_misread() -> None:
    """Samples of 0, of less and of no number are left out."""
    telemetry = Telemetry({"hwmon.VIN_w": Series((0, 1, 2, 3, 4), (20.0, 0.0, -0.4, math.nan, 30.0))})
    assert Series((0, 4), (20.0, 30.0)) == of(telemetry).series


def test_a_board_that_only_draws_nothing_gives_way() -> None:
    """A sensor that is there and does not measure does not hide one that does."""
    assert "tegrastats.VIN_w" == of(sampled(hwmon__VIN=0.0, tegrastats__VIN=80.0)).source


def test_a_rail_below_zero_counts_in_a_sum() -> None:
    """At idle an offset of -0.4 W, which the other rails exceed."""
    assert (-0.4 + 5.0 + 7.0,) * 3 == of(sampled(**rails("hwmon", ORIN | {"VDD_GPU_SOC": -0.4}))).series.values


def test_a_gpu_may_draw_nothing() -> None:
    """One that is gated reads 0."""
    assert (0.0,) * 3 == of(sampled(nvml__gpu0=0.0)).series.values


def test_energy_that_gpus_count_comes_with_their_power() -> None:
    """Of the same GPUs, added."""
    counters = {f"nvml.gpu{i}_j": Series(EVERY_S, (0.0, 100.0 * i, 200.0 * i)) for i in (1, 2)}
    power = of(Telemetry({**sampled(nvml__gpu1=100.0, nvml__gpu2=200.0).signals, **counters}))
    assert Series(EVERY_S, (0.0, 100.0 + 200.0, 200.0 + 400.0)) == power.counter


def test_where_nothing_is_read_there_is_no_power() -> None:
    """Absent, not zero."""
    assert power_of(Telemetry({"hwmon.tj_c": Series((0,), (40.0,))}), None) is None
