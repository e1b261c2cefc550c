"""Which points are held against which, and what is said of the two."""

from pathlib import Path
from typing import Any

import pytest

from tests.compare.makers import FASTER, RATE, SLOWER, TTFT, a_pair, a_point, faster, met, slower, some_requests
from tests.sweep.makers import CACHED, FEW
from thorexp.compare.pairs import Pair, against, named, pair
from thorexp.measure.ratios import Side
from thorexp.measure.records import RequestRecord
from thorexp.measure.verdict import Verdict, standing_of
from thorexp.rundir import RunDir

OURS = (RunDir(Path("outputs/a")),)


def effects(pair: Pair) -> dict[str, str]:
    return {ratio.key: pair.effect(ratio) for ratio in pair.ratios}


def unlike(pair: Pair) -> list[str]:
    return [str(each) for each in pair.unlike]


def test_points_of_one_name_need_no_base() -> None:
    """The same was measured twice."""
    pair = a_pair(a_point(), a_point())
    assert ("model=a load=high", None) == (pair.name, pair.base)


def test_a_pair_of_two_names_has_the_name_of_the_second_and_the_base_of_the_first() -> None:
    """By the words that it is asked for."""
    found = pair(a_point({"load": "low", "a.b": "1"}), a_point({"load": "high", "a.b": "2"}), ("load", "a.b"))
    assert ("load=high a.b=2", "load=low a.b=1") == (found.name, found.base)


def test_a_pair_of_two_names_is_one_against_the_other() -> None:
    """B first."""
    found = a_pair(a_point({"model": "a", "load": "low"}), a_point({"model": "b", "load": "low"}))
    assert "model=b load=low against model=a load=low" == against(found)


def test_a_pair_of_one_name_has_it() -> None:
    """Once."""
    assert "model=a load=high" == against(faster())


def test_a_point_without_the_words_that_tell_others_apart_has_its_model_and_load() -> None:
    """Nobody typed an engine argument for it."""
    assert "model=a load=high" == named({"load": "high", "model": "a"}, ("engine.dtype",))


def test_a_name_shows_no_secret() -> None:
    """As typed it would be in every issue."""
    assert "server.env.HF_TOKEN=***" == named({"server.env.HF_TOKEN": "hf_abc"}, ("server.env.HF_TOKEN",))


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
        ("clocks locked", "yes", "no"),
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
    assert "SUSPECT" == standing_of(None, TTFT)


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
