"""What must be alike for two points to be ranked, as their records tell it."""

from pathlib import Path
from typing import Any

import pytest

from tests.compare.makers import CLIENT, FINISHED, MAXN, a_run_dir
from thorexp.compare.conditions import PLAN, conditions_of
from thorexp.rundir import MACHINE, RESULT, RunDir


def conditions(*repeats: RunDir) -> dict[str, frozenset[str]]:
    return conditions_of(repeats, [run_dir.read_json(RESULT) for run_dir in repeats])


def of_one(folder: Path, **said: Any) -> dict[str, frozenset[str]]:
    return conditions(a_run_dir(folder / "run", **said))


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("origin", "origin", "simulated"),
        (PLAN, "plan_digest", "cafe"),
        ("endpoint", "endpoint", "chat"),
        ("cold cache", "cold_cache", "warm"),
    ],
)
def test_what_must_be_alike_is_as_the_result_says(tmp_path: Path, name: str, key: str, value: str) -> None:
    """Each by a name of its own."""
    assert {value} == of_one(tmp_path, ours={key: value})[name]


def test_what_must_be_alike_is_that_of_all_repeats(tmp_path: Path) -> None:
    """Each has a seed of its own, and so a plan."""
    repeats = [a_run_dir(tmp_path / digest, ours={"plan_digest": digest}) for digest in ("cafe", "c0ffee")]
    assert {"cafe", "c0ffee"} == conditions(*repeats)[PLAN]


def test_the_pace_of_a_simulation_must_be_alike(tmp_path: Path) -> None:
    """1 where nobody says."""
    fast, plain = a_run_dir(tmp_path / "fast", ours={"speedup": 10.0}), a_run_dir(tmp_path / "plain")
    assert [["10.0"], ["1.0"]] == [list(conditions(each)["speedup"]) for each in (fast, plain)]


def test_hardware_of_a_server_of_ours_is_also_what_it_really_was(tmp_path: Path) -> None:
    """By the machine that both ran on."""
    assert {"jetson_agx_thor (Jetson AGX Thor)"} == of_one(tmp_path)["hardware"]


def test_hardware_of_a_server_elsewhere_is_as_it_is_said_to_be(tmp_path: Path) -> None:
    """The machine of the client is another."""
    tags = FINISHED.tags | {"server": "attach"}
    assert {"jetson_agx_thor"} == of_one(tmp_path, tags=tags)["hardware"]


def test_a_power_mode_that_the_machine_does_not_tell_is_not_known(tmp_path: Path) -> None:
    """As on any machine that is no Jetson."""
    assert {"not known"} == of_one(tmp_path, before=None)["power mode"]


def changed(folder: Path, **machine: Any) -> dict[str, frozenset[str]]:
    """Of a job on this machine."""
    run_dir = a_run_dir(folder / "run")
    run_dir.write_json(MACHINE, machine)
    return conditions(run_dir)


def test_a_power_mode_that_changed_under_load_is_both(tmp_path: Path) -> None:
    """In the words of MLflow's tag."""
    told = changed(tmp_path, client=CLIENT, before=dict(MAXN), after={"power_mode": "70W"})
    assert {"MAXN, then 70W"} == told["power mode"]


@pytest.mark.parametrize(("locked", "expected"), [(True, "yes"), (False, "no"), (None, "not known")])
def test_clocks_are_locked_or_not_or_nobody_knows(tmp_path: Path, locked: bool | None, expected: str) -> None:
    """Before the load."""
    assert {expected} == of_one(tmp_path, before={"power_mode": "MAXN", "clocks_locked": locked})["clocks locked"]


@pytest.mark.parametrize("machine", [{}, {"client": None, "before": None}, {"client": {}, "before": {}}], ids=str)
def test_what_a_machine_does_not_tell_is_not_known(tmp_path: Path, machine: dict[str, Any]) -> None:
    """Older records have less."""
    told = changed(tmp_path, **machine)
    expected = {"hardware": {"jetson_agx_thor"}, "power mode": {"not known"}, "clocks locked": {"not known"}}
    assert expected == {name: set(told[name]) for name in expected}


def test_what_a_result_does_not_tell_is_not_known(tmp_path: Path) -> None:
    """It has none of our numbers."""
    run_dir = a_run_dir(tmp_path / "run")
    run_dir.write_json(RESULT, {"thorexp": None})
    told = conditions(run_dir)
    assert {"not known"} == told[PLAN] == told["endpoint"] == told["cold cache"]
