"""Which points are held against which."""

from collections.abc import Sequence

import pytest

from tests.compare.makers import a_point, met
from thorexp.compare.matching import Comparison, between, comparison, ending, told_apart, within
from thorexp.compare.measured import Measured
from thorexp.compare.pairs import Pair
from thorexp.compare.sides import Failure, Source
from thorexp.errors import RecordError


def a_sweep(where: str, *words: dict[str, str]) -> tuple[Measured, ...]:
    """A point for each."""
    return tuple(a_point({"model": "a", "load": "high"} | each, where=f"{where}/{i}") for i, each in enumerate(words))


def loads(*names: str, failed: Sequence[str] = ()) -> Source:
    """A sweep over loads, of which some failed."""
    return Source("sweep", a_sweep("sweep", *({"load": name} for name in names)), tuple(map(a_failure, failed)))


def a_failure(load: str, count: int = 1, repeats: int = 1) -> Failure:
    words = {"model": "a", "load": load}
    return Failure(words, words, count, repeats)


def of_sides(first: Sequence[Measured], second: Sequence[Measured], single: bool = False) -> tuple[Pair, ...]:
    """Of all of two sweeps; or of one measurement, named by itself, against a sweep."""
    return between(Source("first", tuple(first), single=single), Source("second", tuple(second))).pairs


def matched(pairs: Sequence[Pair]) -> list[tuple[str, str]]:
    """Which of the first stands by which of the second, by their words of their own."""
    return [(pair.first.words["load"], pair.second.words["load"]) for pair in pairs]


def test_points_of_two_sweeps_belong_together_by_their_words() -> None:
    """In whatever order they were measured."""
    monday = a_sweep("monday", {"load": "high"}, {"load": "low"})
    tuesday = a_sweep("tuesday", {"load": "low"}, {"load": "high"})
    assert [("high", "high"), ("low", "low")] == matched(of_sides(monday, tuesday))


def test_a_point_that_only_one_sweep_has_is_left_out() -> None:
    """There is nothing to hold it against."""
    monday = a_sweep("monday", {"load": "high"}, {"load": "low"})
    tuesday = a_sweep("tuesday", {"load": "high"}, {"load": "c4"})
    assert [("high", "high")] == matched(of_sides(monday, tuesday))


def test_a_word_that_one_sweep_alone_has_does_not_part_them() -> None:
    """One tried four settings of what the other did not touch."""
    plain = a_sweep("plain", {"load": "high"}, {"load": "low"})
    tried = a_sweep("tried", *({"load": load, "engine.max_num_seqs": n} for load in ("high", "low") for n in "48"))
    pairs = of_sides(plain, tried)
    assert [("high", "high"), ("high", "high"), ("low", "low"), ("low", "low")] == matched(pairs)


def test_a_word_that_all_share_within_each_sweep_does_not_part_them() -> None:
    """It is what the two were made to compare."""
    eager = a_sweep("eager", *({"load": load, "engine.enforce_eager": "true"} for load in ("high", "low")))
    graphs = a_sweep("graphs", *({"load": load, "engine.enforce_eager": "false"} for load in ("high", "low")))
    assert [("high", "high"), ("low", "low")] == matched(of_sides(eager, graphs))


def test_what_was_named_by_itself_is_held_against_all() -> None:
    """On either side."""
    one = Source("run", a_sweep("one", {"load": "c4"}), single=True)
    assert [("c4", "high"), ("c4", "low")] == matched(between(one, loads("high", "low")).pairs)
    assert [("high", "c4"), ("low", "c4")] == matched(between(loads("high", "low"), one).pairs)


def test_what_was_named_by_itself_leaves_no_gap() -> None:
    """Nobody asked for a partner to each."""
    assert () == between(Source("run", a_sweep("one", {"load": "c4"}), single=True), loads("high", "low")).gaps


def test_a_sweep_of_which_one_point_is_left_is_held_against_that_point_alone() -> None:
    """Not against all of the other."""
    assert [("low", "low")] == matched(between(loads("high", "low"), loads("low", failed=["high"])).pairs)


def test_points_that_are_left_of_two_sweeps_and_are_others_do_not_belong_together() -> None:
    """Of the same two loads each lacks the other."""
    with pytest.raises(RecordError, match=r"^No point of one side is one of the other\.\n +by +load\n"):
        between(loads("high", failed=["low"]), loads("low", failed=["high"]))


def test_what_failed_is_said_by_its_side() -> None:
    """And not that it is missing, too."""
    assert ("failed in B: load=low",) == between(loads("high", "low"), loads("high", failed=["low"])).gaps
    assert ("failed in A: load=low",) == between(loads("high", failed=["low"]), loads("high", "low")).gaps


def test_what_is_missing_is_said_by_its_side() -> None:
    """Where it was not even tried."""
    assert ("not in B: load=low", "not in A: load=c4") == between(loads("high", "low"), loads("high", "c4")).gaps


def test_of_failed_repeats_it_is_said_how_many() -> None:
    """The others are held against what they belong to."""
    second = Source("sweep", loads("high", "low").points, (a_failure("low", count=1, repeats=3),))
    found = between(loads("high", "low"), second)
    assert (2, ("failed in B: load=low (1 of 3 repeats)",)) == (len(found.pairs), found.gaps)


def test_two_whole_sweeps_leave_no_gap() -> None:
    """All of it is held against all of it."""
    assert () == between(loads("high", "low"), loads("low", "high")).gaps


def test_gaps_of_several_say_whose_they_are() -> None:
    """Each by the word that was typed for it, and those of the first once."""
    first, whole = loads("high", "low", failed=["c4"]), loads("high", "low")
    found = comparison([first, Source("tuesday", whole.points[:1]), Source("today", whole.points)])
    assert ("failed in A: load=c4", "not in B (tuesday): load=low") == found.gaps


def test_what_failed_in_one_alone_is_said() -> None:
    """There is no side to name."""
    assert ("failed: load=c4",) == comparison([loads("high", "low", failed=["c4"])]).gaps


def test_what_was_measured_like_no_other_of_one_is_said() -> None:
    """Two of three met the same plan."""
    points = (*loads("high", "low").points, a_point({"load": "c4"}, conditions=met(load_plan="cafe")))
    assert ("measured like no other: load=c4",) == within(Source("one", points)).gaps


def named(found: Comparison) -> list[tuple[str, str | None]]:
    return [(pair.name, pair.base) for pair in found.pairs]


def a_run(where: str) -> Source:
    """A single one, always of the same words."""
    return Source(where, (a_point(where=where),), single=True)


def test_runs_of_one_name_are_told_apart_by_their_directories() -> None:
    """Three single runs of one model and load are two pairs."""
    found = comparison([a_run("outputs/a"), a_run("outputs/b"), a_run("outputs/c")])
    assert [("model=a load=high (b)", None), ("model=a load=high (c)", None)] == named(found)


def test_pairs_of_one_name_against_several_are_told_apart_by_these() -> None:
    """Two runs of A against one of B."""
    first = Source("outputs", (a_point(where="outputs/a"), a_point(where="outputs/b")))
    found = comparison([first, a_run("outputs/c")])
    expected = [("model=a load=high", "model=a load=high (a)"), ("model=a load=high", "model=a load=high (b)")]
    assert expected == named(found)


def test_names_that_do_not_repeat_stay_as_they_are() -> None:
    """Two words more would tell nothing."""
    assert ["load=high", "load=low"] == [
        pair.name for pair in told_apart(between(loads("high", "low"), loads("high", "low")).pairs)
    ]


@pytest.mark.parametrize(
    ("place", "expected"),
    [("outputs/monday/run", "monday/run"), ("outputs/tuesday/run", "tuesday/run"), ("outputs/tuesday/walk", "walk")],
)
def test_a_place_is_told_by_as_much_of_its_end_as_it_needs(place: str, expected: str) -> None:
    """Of three directories two have one name."""
    assert expected == ending(place, {"outputs/monday/run", "outputs/tuesday/run", "outputs/tuesday/walk"})


def test_two_sweeps_that_share_no_point_are_an_error() -> None:
    """Which says by what words they were held against each other."""
    first = a_sweep("first", {"load": "high"}, {"load": "low"})
    second = a_sweep("second", {"load": "c4"}, {"load": "c16"})
    with pytest.raises(RecordError, match=r"^No point of one side is one of the other\.\n +by +load\n"):
        of_sides(first, second)


def test_points_of_one_sweep_are_held_against_the_first_that_was_measured_alike() -> None:
    """Two models at two loads, whose plans are two."""
    points = [
        a_point({"model": model, "load": load}, conditions=met(load_plan=load))
        for model in ("a", "b")
        for load in ("high", "low")
    ]
    pairs = within(Source("one", tuple(points))).pairs
    assert [("model=b load=high", "model=a load=high"), ("model=b load=low", "model=a load=low")] == [
        (pair.name, pair.base) for pair in pairs
    ]


def test_a_third_point_is_held_against_the_first_too() -> None:
    """Not against the one before it."""
    pairs = within(Source("one", a_sweep("one", *({"engine.max_num_seqs": n} for n in "248")))).pairs
    assert [("engine.max_num_seqs=4", "engine.max_num_seqs=2"), ("engine.max_num_seqs=8", "engine.max_num_seqs=2")] == [
        (pair.name, pair.base) for pair in pairs
    ]


@pytest.mark.parametrize("count", [1, 2])
def test_a_sweep_of_which_no_two_points_were_measured_alike_is_an_error(count: int) -> None:
    """One alone, or each of a plan of its own."""
    points = [a_point({"load": f"{i}"}, conditions=met(load_plan=f"{i}")) for i in range(count)]
    with pytest.raises(RecordError, match=rf"^No two points of it were measured alike\.\n +of +{count} points"):
        within(Source("one", tuple(points)))
