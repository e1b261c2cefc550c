"""Which points are held against which, and what is said of the two."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.compare.makers import FASTER, RATE, SLOWER, TTFT, a_pair, a_point, faster, met, slower, some_requests
from tests.sweep.makers import CACHED, FEW
from thorexp.compare.measured import Measured
from thorexp.compare.pairs import Pair, pairs_of_sides, pairs_within, standing
from thorexp.errors import RecordError
from thorexp.measure.ratios import Side
from thorexp.measure.records import RequestRecord
from thorexp.measure.verdict import Verdict
from thorexp.rundir import RunDir

OURS = (RunDir(Path("outputs/a")),)


def a_sweep(where: str, *words: dict[str, str]) -> tuple[Measured, ...]:
    """A point for each."""
    return tuple(a_point({"model": "a", "load": "high"} | each, where=where) for each in words)


def matched(pairs: Sequence[Pair]) -> list[tuple[str, str]]:
    """Which of the first stands by which of the second, by their words of their own."""
    return [(pair.first.words["load"], pair.second.words["load"]) for pair in pairs]


def effects(pair: Pair) -> dict[str, str]:
    return {ratio.key: pair.effect(ratio) for ratio in pair.ratios}


def unlike(pair: Pair) -> list[str]:
    return [str(each) for each in pair.unlike]


def test_points_of_two_sweeps_belong_together_by_their_words() -> None:
    """In whatever order they were measured."""
    monday = a_sweep("monday", {"load": "high"}, {"load": "low"})
    tuesday = a_sweep("tuesday", {"load": "low"}, {"load": "high"})
    assert [("high", "high"), ("low", "low")] == matched(pairs_of_sides(monday, tuesday))


def test_a_point_that_only_one_sweep_has_is_left_out() -> None:
    """There is nothing to hold it against."""
    monday = a_sweep("monday", {"load": "high"}, {"load": "low"})
    tuesday = a_sweep("tuesday", {"load": "high"}, {"load": "c4"})
    assert [("high", "high")] == matched(pairs_of_sides(monday, tuesday))


def test_a_word_that_one_sweep_alone_has_does_not_part_them() -> None:
    """One tried four settings of what the other did not touch."""
    plain = a_sweep("plain", {"load": "high"}, {"load": "low"})
    tried = a_sweep("tried", *({"load": load, "engine.max_num_seqs": n} for load in ("high", "low") for n in "48"))
    pairs = pairs_of_sides(plain, tried)
    assert [("high", "high"), ("high", "high"), ("low", "low"), ("low", "low")] == matched(pairs)


def test_a_word_that_all_share_within_each_sweep_does_not_part_them() -> None:
    """It is what the two were made to compare."""
    eager = a_sweep("eager", *({"load": load, "engine.enforce_eager": "true"} for load in ("high", "low")))
    graphs = a_sweep("graphs", *({"load": load, "engine.enforce_eager": "false"} for load in ("high", "low")))
    assert [("high", "high"), ("low", "low")] == matched(pairs_of_sides(eager, graphs))


def test_a_single_point_is_held_against_all() -> None:
    """On either side."""
    one, all_of_them = a_sweep("one", {"load": "c4"}), a_sweep("all", {"load": "high"}, {"load": "low"})
    assert [("c4", "high"), ("c4", "low")] == matched(pairs_of_sides(one, all_of_them))
    assert [("high", "c4"), ("low", "c4")] == matched(pairs_of_sides(all_of_them, one))


def test_two_sweeps_that_share_no_point_are_an_error() -> None:
    """Which says by what words they were held against each other."""
    first = a_sweep("first", {"load": "high"}, {"load": "low"})
    second = a_sweep("second", {"load": "c4"}, {"load": "c16"})
    with pytest.raises(RecordError, match=r"^No point of one side is one of the other\.\n +by +load\n"):
        pairs_of_sides(first, second)


def test_points_of_one_sweep_are_held_against_the_first_that_was_measured_alike() -> None:
    """Two models at two loads, whose plans are two."""
    points = [
        a_point({"model": model, "load": load}, conditions=met(load_plan=load))
        for model in ("a", "b")
        for load in ("high", "low")
    ]
    pairs = pairs_within(points)
    assert [("model=b load=high", "model=a load=high"), ("model=b load=low", "model=a load=low")] == [
        (pair.name, pair.base) for pair in pairs
    ]


def test_a_third_point_is_held_against_the_first_too() -> None:
    """Not against the one before it."""
    pairs = pairs_within(a_sweep("one", *({"engine.max_num_seqs": n} for n in "248")))
    assert [("engine.max_num_seqs=4", "engine.max_num_seqs=2"), ("engine.max_num_seqs=8", "engine.max_num_seqs=2")] == [
        (pair.name, pair.base) for pair in pairs
    ]


@pytest.mark.parametrize("count", [1, 2])
def test_a_sweep_of_which_no_two_points_were_measured_alike_is_an_error(count: int) -> None:
    """One alone, or each of a plan of its own."""
    points = [a_point({"load": f"{i}"}, conditions=met(load_plan=f"{i}")) for i in range(count)]
    with pytest.raises(RecordError, match=rf"^No two points of it were measured alike\.\n +of +{count} points"):
        pairs_within(points)


def test_points_of_one_name_need_no_base() -> None:
    """The same was measured twice."""
    pair = a_pair(a_point(), a_point())
    assert ("model=a load=high", None) == (pair.name, pair.base)


def test_a_pair_of_two_names_has_the_name_of_the_second_and_the_base_of_the_first() -> None:
    """Model and load come first."""
    (pair,) = pairs_of_sides(a_sweep("", {"load": "low", "a.b": "1"}), a_sweep("", {"load": "high", "a.b": "2"}))
    assert ("load=high a.b=2", "load=low a.b=1") == (pair.name, pair.base)


def test_what_was_measured_alike_is_ranked() -> None:
    """By each of its numbers: 80 ms are fewer than 100, 60 tokens/s are more than 50."""
    assert ((), {TTFT: "better", RATE: "better"}) == (faster().unlike, effects(faster()))


@pytest.mark.parametrize(
    ("name", "there", "here"),
    [
        ("origin", "measured", "simulated"),
        ("load plan", "c0ffee", "cafe"),
        ("endpoint", "completions", "chat"),
        ("cold cache", "verified", "warm"),
        ("hardware", "jetson_agx_thor", "jetson_agx_orin"),
        ("power mode", "MAXN", "120W"),
        ("speedup", "1.0", "10.0"),
    ],
)
def test_what_was_not_measured_alike_is_named_and_not_ranked(name: str, there: str, here: str) -> None:
    """Each condition for itself."""
    pair = faster(conditions=met(**{name.replace(" ", "_"): here}))
    assert [f"{name} {there} against {here}"] == unlike(pair)
    assert {TTFT: "not ranked", RATE: "not ranked"} == effects(pair)


def test_ratios_are_told_of_what_is_not_ranked() -> None:
    """80 of 100 ms is a fact, and what it means is not."""
    pair = faster(conditions=met(hardware="jetson_agx_orin"))
    assert {TTFT: pytest.approx(80 / 100, rel=0.001), RATE: pytest.approx(60 / 50, rel=0.001)} == {
        ratio.key: ratio.ratio for ratio in pair.ratios
    }


def test_a_condition_that_one_side_does_not_know_of_is_none() -> None:
    """A published result has no endpoint."""
    told = {name: value for name, value in met().items() if name != "endpoint"}
    assert ((), ()) == (
        a_pair(a_point(conditions=told), a_point()).unlike,
        a_pair(a_point(), a_point(conditions=told)).unlike,
    )


def test_repeats_were_measured_alike_where_one_side_had_all_that_the_other_had() -> None:
    """Of three seeds the first two are those of the other's repeats."""
    three = met() | {"load plan": frozenset({"a", "b", "c"})}
    two = met() | {"load plan": frozenset({"a", "b"})}
    assert ((), ()) == (
        a_pair(a_point(conditions=three), a_point(conditions=two)).unlike,
        a_pair(a_point(conditions=two), a_point(conditions=three)).unlike,
    )


def test_repeats_of_which_each_side_had_one_of_its_own_were_not_measured_alike() -> None:
    """Both are named whole."""
    one, other = (met() | {"load plan": frozenset(plans)} for plans in ("ab", "bc"))
    assert ["load plan a, b against b, c"] == unlike(a_pair(a_point(conditions=one), a_point(conditions=other)))


def test_what_is_invalid_is_not_ranked() -> None:
    """Of its numbers those that its reason is about: the cache served TTFT and throughput."""
    assert {TTFT: "not ranked", RATE: "not ranked"} == effects(faster(verdict=Verdict((CACHED,))))


def test_what_is_invalid_on_the_other_side_is_not_ranked_either() -> None:
    """A ratio is of two numbers."""
    pair = a_pair(a_point(side=SLOWER, verdict=Verdict((CACHED,))), a_point(side=FASTER))
    assert {TTFT: "not ranked", RATE: "not ranked"} == effects(pair)


def test_what_is_suspect_is_ranked() -> None:
    """With its mark."""
    doubt = Verdict((FEW,))
    assert {TTFT: "worse", RATE: "worse"} == effects(slower(verdict=doubt))


def test_an_invalid_number_leaves_the_others_ranked() -> None:
    """The cache says nothing of TPOT."""
    first, second = (Side(({"median_tpot_ms": ms, TTFT: ms},) * 2, ((), ()), closed=True) for ms in (1.0, 2.0))
    pair = a_pair(a_point(side=first), a_point(side=second, verdict=Verdict((CACHED,))))
    assert {"median_tpot_ms": "worse", TTFT: "not ranked"} == effects(pair)


def test_what_nobody_judged_is_suspect() -> None:
    """Whatever its number."""
    assert "SUSPECT" == standing(None, TTFT)


def test_requests_of_one_plan_are_held_against_themselves() -> None:
    """From 10 to 500 ms, and each a tenth slower: then the ratio of the means is 1.1 in every resample."""
    first, second = (
        Side(({"mean_ttft_ms": mean},), (requests,), closed=True)
        for mean, requests in ((255.0, unequal(1.0)), (280.5, unequal(1.1)))
    )
    points = (a_point(side=side, spread=0.0) for side in (first, second))
    (interval,) = (ratio.interval for ratio in a_pair(*points).ratios)
    assert pytest.approx((1.1, 1.1), rel=1e-6) == interval


def test_requests_of_two_plans_are_not() -> None:
    """Whichever came together differ by more than the plans do."""
    first, second = (
        Side(({"mean_ttft_ms": mean},), (requests,), closed=True)
        for mean, requests in ((255.0, unequal(1.0)), (280.5, unequal(1.1)))
    )
    pair = a_pair(a_point(side=first), a_point(side=second, conditions=met(load_plan="cafe")))
    ((low, high),) = (ratio.interval for ratio in pair.ratios if ratio.interval is not None)
    assert low < 1 < 1.1 < high


def unequal(factor: float) -> tuple[RequestRecord, ...]:
    """Fifty requests, from 10 to 500 ms."""
    return tuple(some_requests(50, factor * (10 + 10 * i))[i] for i in range(50))


def test_the_larger_spread_of_the_two_counts() -> None:
    """10 % are within noise where repeats of either may spread over 12 %."""
    first, second = (Side(({TTFT: ms},), (some_requests(50, ms),), True) for ms in (100.0, 110.0))
    patient, strict = a_point(side=first, spread=0.12), a_point(side=second, spread=0.05)
    assert {TTFT: "within noise"} == effects(a_pair(patient, strict)) == effects(a_pair(strict, patient))


def differing(first: dict[str, str], second: dict[str, str], **changes: Any) -> list[str]:
    """Settings of two of our own runs, in words."""
    pair = a_pair(a_point(settings=first, run_dirs=OURS), a_point(settings=second, run_dirs=OURS, **changes))
    return [str(each) for each in pair.settings]


def test_settings_are_told_only_where_they_differ() -> None:
    """What both have explains nothing."""
    first = {"slo.ttft_ms": "null", "engine.max_num_seqs": "4", "vllm_version": "0.33.0"}
    assert ["engine.max_num_seqs 4 against 8"] == differing(first, {**first, "engine.max_num_seqs": "8"})


def test_a_setting_that_one_of_ours_lacks_is_not_set() -> None:
    """On either side."""
    assert ["engine.dtype not set against half"] == differing({}, {"engine.dtype": "half"})
    assert ["engine.dtype half against not set"] == differing({"engine.dtype": "half"}, {})


def test_of_a_group_that_is_another_one_its_name_is_told() -> None:
    """All that the other one sets goes without saying."""
    awq = {"quantization.name": "awq", "quantization.bytes_per_weight": "0.56", "quantization.group": "128"}
    fp8 = {"quantization.name": "fp8", "quantization.bytes_per_weight": "1.0"}
    assert ["quantization awq against fp8"] == differing(awq, fp8)


def test_of_a_group_of_one_name_each_setting_is_told() -> None:
    """Somebody changed it by hand."""
    first = {"load.name": "high", "load.num_prompts": "100"}
    assert ["load.num_prompts 100 against 50"] == differing(first, {**first, "load.num_prompts": "50"})


def test_a_group_and_a_setting_of_another_are_both_told() -> None:
    """In the order of the first."""
    first = {"model.name": "a", "model.layers": "1", "engine.dtype": "half"}
    second = {"model.name": "b", "model.layers": "2", "engine.dtype": "float"}
    assert ["model a against b", "engine.dtype half against float"] == differing(first, second)


def test_what_a_published_result_does_not_tell_is_no_difference() -> None:
    """Of what it tells that is one which both have and which differs."""
    theirs, ours = {"model.name": "a"}, {"model.name": "b", "engine.max_num_seqs": "8"}
    assert ["model a against b"] == [
        str(each) for each in a_pair(a_point(settings=theirs), a_point(settings=ours, run_dirs=OURS)).settings
    ]
