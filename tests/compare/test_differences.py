"""How two points differ, in words."""

import pytest

from thorexp.compare.differences import set_otherwise, unlike


def not_alike(name: str, one: set[str], other: set[str]) -> list[str]:
    """Of repeats that met these and those."""
    return [str(each) for each in unlike({name: frozenset(one)}, {name: frozenset(other)})]


@pytest.mark.parametrize(("one", "other"), [("abc", "ab"), ("ab", "abc"), ("ab", "ab")])
def test_repeats_met_the_same_plans_where_one_side_had_all_of_the_others(one: str, other: str) -> None:
    """Of three seeds the first two are those of the other's repeats."""
    assert [] == not_alike("load plan", set(one), set(other))


def test_repeats_of_which_each_side_had_a_plan_of_its_own_are_not_alike() -> None:
    """Both are named whole."""
    assert ["load plan a, b against b, c"] == not_alike("load plan", set("ab"), set("bc"))


@pytest.mark.parametrize("other", [{"not known"}, {"not known", "a"}])
def test_a_plan_that_nobody_knows_is_like_no_other(other: set[str]) -> None:
    """Not even like one more of the kind."""
    assert 1 == len(not_alike("load plan", {"not known"}, other))


def test_repeats_in_other_power_modes_are_not_alike() -> None:
    """Though one side had all that the other had."""
    assert ["power mode MAXN against 30W, MAXN"] == not_alike("power mode", {"MAXN"}, {"MAXN", "30W"})


def test_repeats_in_mixed_power_modes_are_not_alike() -> None:
    """Though both had the same: which repeat had which makes the difference."""
    assert ["power mode 30W, MAXN against 30W, MAXN"] == not_alike("power mode", {"MAXN", "30W"}, {"MAXN", "30W"})


def test_a_setting_that_differs_shows_no_secret() -> None:
    """That it differs is told."""
    first, second = ({"server.env.HF_TOKEN": token} for token in ("hf_a", "hf_b"))
    assert ["server.env.HF_TOKEN *** against ***"] == [str(each) for each in set_otherwise(first, second)]
