from typing import Any

from thorexp.tracking.machine_tags import machine_tags

CLIENT: dict[str, Any] = {"board": "NVIDIA Jetson AGX Thor Developer Kit", "gpus": ["NVIDIA Thor"]}


def test_a_machine_is_told_by_mode_board_and_gpu() -> None:
    """So that what was measured at MAXN only is one filter."""
    expected = {"power_mode": "MAXN", "board": "NVIDIA Jetson AGX Thor Developer Kit", "gpu": "NVIDIA Thor"}
    assert expected == machine_tags(
        {"client": CLIENT, "before": {"power_mode": "MAXN"}, "after": {"power_mode": "MAXN"}}
    )


def test_a_mode_that_was_changed_is_both() -> None:
    """And so not found among those of one mode."""
    machine = {"client": CLIENT, "before": {"power_mode": "MAXN"}, "after": {"power_mode": "70W"}}
    assert "MAXN, then 70W" == machine_tags(machine)["power_mode"]


def test_what_the_machine_does_not_tell_has_no_tag() -> None:
    """A workstation has no power mode, and this one no GPU."""
    machine = {"client": {"board": None, "gpus": []}, "before": {"power_mode": None}, "after": None}
    assert {} == machine_tags(machine)


def test_a_machine_that_only_asked_is_not_tagged() -> None:
    """Nobody looked at the one that served, or none did."""
    assert {} == machine_tags({"client": CLIENT, "before": None, "after": None})
    assert {} == machine_tags({})
