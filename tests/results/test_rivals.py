"""Which points may be ranked against each other."""

from typing import Any

from thorexp.results.entry import Entry
from thorexp.results.rivals import rivals_of
from thorexp.results.summary import Row

LONG = {"name": "random", "kind": "random", "input_len": 2048, "seed": 0}
SHORT = LONG | {"input_len": 128}
CHAT = {"name": "sharegpt", "kind": "sharegpt", "input_len": None, "seed": 0}


def an_entry(name: str, power_mode: str | None = None, **config: Any) -> Entry:
    return Entry(Row(name, name, "finished", {}, (), ()), config=config, power_mode=power_mode)


def told(*entries: Entry) -> dict[str, list[str]]:
    return {each.setting: [entry.row.name for entry in each.entries] for each in rivals_of(entries)}


def test_points_of_one_setting_are_rivals() -> None:
    """Which has no words where there is no other."""
    assert {"": ["a", "b"]} == told(an_entry("a", workload=LONG), an_entry("b", workload=LONG))


def test_loads_and_seeds_are_rivals() -> None:
    """One chooses a load, and another seed draws the same workload again."""
    one = an_entry("a", workload=LONG, load={"name": "high"})
    assert {"": ["a", "b"]} == told(one, an_entry("b", workload=LONG | {"seed": 7}, load={"name": "low"}))


def test_workloads_are_no_rivals() -> None:
    """They are told by what was typed."""
    long, short, chat = (an_entry(n, workload=w) for n, w in (("a", LONG), ("b", SHORT), ("c", CHAT)))
    assert {"workload.input_len=2048": ["a"], "workload.input_len=128": ["b"]} == told(long, short)
    assert {"random": ["a"], "sharegpt": ["c"]} == {
        setting.split(",")[0]: names for setting, names in told(long, chat).items()
    }


def test_boards_and_power_modes_are_no_rivals() -> None:
    """Whatever else a config says of the board goes with its name."""
    thor, orin = ({"name": name, "memory_gb": gb} for name, gb in (("thor", 128), ("orin", 64)))
    assert {"thor": ["a"], "orin": ["b"]} == told(an_entry("a", hardware=thor), an_entry("b", hardware=orin))
    modes = (an_entry("a", "MAXN"), an_entry("b", "120W"), an_entry("c", "MAXN"))
    assert {"MAXN": ["a", "c"], "120W": ["b"]} == told(*modes)


def test_a_setting_that_nobody_knows_is_one_of_its_own() -> None:
    """It may be any of them."""
    assert {"MAXN": ["a"], "not known": ["b"]} == told(an_entry("a", "MAXN"), an_entry("b"))
