"""A machine that is another one than the config says, or was not itself."""

import pytest

from thorexp.measure.grounds.machine import MachineFound, PowerState, clocks, other_machine, power_mode, throttling
from thorexp.measure.heat import Throttling

MAXN = PowerState("MAXN", is_max=True, clocks_locked=True)
AT_120_W = PowerState("120W", is_max=False, clocks_locked=True)
FIVE_PERCENT = 0.05


def found(
    before: PowerState = MAXN,
    after: PowerState | None = None,
    *,
    is_other: bool | None = False,
    slowed: Throttling | None = None,
) -> MachineFound:
    """A Thor, the same after the load as before it but for what a test says."""
    return MachineFound(
        "jetson_agx_thor", "NVIDIA Jetson, T5000", is_other, before, before if after is None else after, slowed
    )


def test_another_machine_is_suspect() -> None:
    """All of its numbers, which are of another hardware than the config names."""
    reason = other_machine(found(is_other=True))
    assert reason is not None
    assert ("other_machine", "SUSPECT", ("all",)) == (reason.name, reason.standing, reason.metrics)
    assert "hardware=jetson_agx_thor, this machine is: NVIDIA Jetson, T5000" == reason.evidence
    assert "hardware=auto" in reason.remedy


@pytest.mark.parametrize("is_other", [False, None])
def test_the_machine_of_the_config_is_believed(is_other: bool | None) -> None:
    """And one that cannot be told."""
    assert other_machine(found(is_other=is_other)) is None


def test_a_mode_that_is_not_the_fastest_is_suspect() -> None:
    """All of its numbers, and the remedy says how it is accepted."""
    reason = power_mode(found(AT_120_W))
    assert reason is not None
    assert ("power_mode", "SUSPECT", ("all",)) == (reason.name, reason.standing, reason.metrics)
    assert "the power mode is 120W, which is not the fastest" == reason.evidence
    assert "verdict.accept=[power_mode]" in reason.remedy


@pytest.mark.parametrize(("before", "after"), [(AT_120_W, PowerState()), (PowerState(), AT_120_W)])
def test_a_mode_that_is_known_of_one_moment_only_is_suspect(before: PowerState, after: PowerState) -> None:
    """Before the load or after it: as a power limit that somebody has set meanwhile."""
    reason = power_mode(found(before, after))
    assert reason is not None
    assert "the power mode is 120W, which is not the fastest" == reason.evidence


@pytest.mark.parametrize(("before", "after"), [(MAXN, AT_120_W), (AT_120_W, MAXN)])
def test_a_mode_that_changed_is_suspect(before: PowerState, after: PowerState) -> None:
    """Whichever way: the evidence names both."""
    reason = power_mode(found(before, after))
    assert reason is not None
    assert f"the power mode changed from {before.mode} to {after.mode} during the load" == reason.evidence


@pytest.mark.parametrize(
    ("before", "after"),
    [(MAXN, MAXN), (PowerState(), PowerState()), (MAXN, PowerState()), (PowerState(), MAXN)],
)
def test_a_board_at_its_fastest_is_believed(before: PowerState, after: PowerState) -> None:
    """And one that does not say, of one of the two moments or of both."""
    assert power_mode(found(before, after)) is None


def test_free_clocks_are_suspect() -> None:
    """They may fall between requests."""
    reason = clocks(found(PowerState(clocks_locked=False)))
    assert reason is not None
    assert ("clocks", "SUSPECT", ("all",)) == (reason.name, reason.standing, reason.metrics)
    assert "clocks are not locked at their maximum" == reason.evidence
    assert "sudo jetson_clocks" in reason.remedy


@pytest.mark.parametrize(("was", "became"), [(False, None), (None, False), (False, False)])
def test_clocks_that_were_free_at_one_moment_are_suspect(was: bool | None, became: bool | None) -> None:
    """Before the load or after it, though nobody knows of the other."""
    reason = clocks(found(PowerState(clocks_locked=was), PowerState(clocks_locked=became)))
    assert reason is not None
    assert "clocks are not locked at their maximum" == reason.evidence


@pytest.mark.parametrize(("was", "evidence"), [(True, "locked before the load and free"), (False, "free before the")])
def test_clocks_that_changed_are_suspect(was: bool, evidence: str) -> None:
    """Whichever way."""
    reason = clocks(found(PowerState(clocks_locked=was), PowerState(clocks_locked=not was)))
    assert reason is not None
    assert evidence in reason.evidence


@pytest.mark.parametrize(("was", "became"), [(True, True), (None, None), (True, None), (None, True)])
def test_locked_clocks_are_believed(was: bool | None, became: bool | None) -> None:
    """And those of a board that does not say, of one of the two moments or of both."""
    assert clocks(found(PowerState(clocks_locked=was), PowerState(clocks_locked=became))) is None


def test_a_machine_that_slowed_itself_down_is_suspect() -> None:
    """Each cause with how often it came, or how long it held."""
    slowed = Throttling({"oc1": 3.0, "oc2": 1.0}, {"gpu0": 0.5, "cpu": 0.051})
    reason = throttling(found(slowed=slowed), FIVE_PERCENT)
    assert reason is not None
    assert ("throttling", "SUSPECT", ("all",)) == (reason.name, reason.standing, reason.metrics)
    said = "throttled during the load: oc1 3 times, oc2 1 times, gpu0 50 % of the time, cpu 5 % of the time"
    assert said == reason.evidence
    assert "sweep.cooldown_s" in reason.remedy


def test_a_single_event_is_suspect() -> None:
    """Of events none is believed, whatever share of the load a state may hold."""
    reason = throttling(found(slowed=Throttling({"oc1": 1.0}, {})), 1.0)
    assert reason is not None
    assert "throttled during the load: oc1 1 times" == reason.evidence


def test_a_state_that_held_longer_than_is_believed_is_suspect() -> None:
    """A tenth of the load, beside one that held for a fiftieth and is not told."""
    reason = throttling(found(slowed=Throttling({}, {"gpu0": 0.1, "cpu": 0.02})), FIVE_PERCENT)
    assert reason is not None
    assert "throttled during the load: gpu0 10 % of the time" == reason.evidence


@pytest.mark.parametrize("slowed", [Throttling({}, {}), Throttling({}, {"gpu0": 0.05, "cpu": 0.01}), None])
def test_a_machine_that_did_not_slow_down_is_believed(slowed: Throttling | None) -> None:
    """And one that did so for a twentieth of the load, or where nothing tells."""
    assert throttling(found(slowed=slowed), FIVE_PERCENT) is None
