"""A point, as its run directories or a file of others tell it."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.compare.makers import CONFIGURED, FINISHED, RATE, TTFT, a_run_dir, some_requests
from tests.sweep.makers import FEW
from thorexp.baseline import baseline_results, shipped
from thorexp.compare.conditions import PLAN
from thorexp.compare.measured import SPREAD, Measured, measured, published, words_of
from thorexp.errors import LoadError, RecordError
from thorexp.rundir import ENGINE_ARGS, MACHINE, RESULT, SUMMARY, VERDICT
from thorexp.rundir import PLAN as PLAN_FILE


def a_measured(folder: Path, **said: Any) -> Measured:
    """Of one run directory."""
    return measured([a_run_dir(folder / "run", **said)])


def with_config(**groups: Any) -> dict[str, Any]:
    return {**CONFIGURED, **groups}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("load=low", {"load": "low"}),
        ("engine.max_num_seqs=8", {"engine.max_num_seqs": "8"}),
        ("+engine.dtype=half", {"engine.dtype": "half"}),
        ("++server.env.A='b=c'", {"server.env.A": "'b=c'"}),
        ("~slo.ttft_ms", {"slo.ttft_ms": ""}),
    ],
)
def test_a_word_is_told_by_its_key(override: str, words: dict[str, str]) -> None:
    """Added, changed or deleted."""
    assert words == words_of(replace(FINISHED, tags={}, overrides=(override,)))


def test_a_point_is_told_by_what_was_typed_for_it(tmp_path: Path) -> None:
    """And by its model and load where nobody typed these."""
    typed = ("load=high", "engine.max_num_seqs=8")
    assert {"model": "a", "load": "high", "engine.max_num_seqs": "8"} == a_measured(tmp_path, overrides=typed).words


def test_a_record_of_before_words_were_kept_is_told_by_model_and_load(tmp_path: Path) -> None:
    """It is as good as any."""
    assert {"model": "a", "load": "high"} == a_measured(tmp_path, overrides=None).words


def test_a_point_can_be_chosen_by_its_tags_and_its_power_mode(tmp_path: Path) -> None:
    """Which nobody typed."""
    chosen = a_measured(tmp_path).chosen
    assert ("jetson_agx_thor", "MAXN") == (chosen["hardware"], chosen["power_mode"])


def test_numbers_are_those_of_the_result_and_ours(tmp_path: Path) -> None:
    """Without what is no number."""
    numbers = {TTFT: 100, "absent": None, "words": "5", "truth": True, "ttfts": [1.0]}
    point = a_measured(tmp_path, numbers=numbers, ours={"mean_power_w": 42.5})
    assert ({TTFT: 100.0, "mean_power_w": 42.5},) == point.side.results


def test_an_endless_number_of_a_file_is_none(tmp_path: Path) -> None:
    """As vLLM's own JSON may have it."""
    run_dir = a_run_dir(tmp_path / "run")
    run_dir.write_text(RESULT, '{"median_ttft_ms": 100.0, "request_rate": Infinity, "mean_tpot_ms": NaN}')
    assert ({TTFT: 100.0},) == measured([run_dir]).side.results


def test_repeats_are_one_point_with_all_their_results(tmp_path: Path) -> None:
    """In their order."""
    repeats = [a_run_dir(tmp_path / f"{ms}", numbers={TTFT: ms}) for ms in (100.0, 110.0, 90.0)]
    assert [100.0, 110.0, 90.0] == [result[TTFT] for result in measured(repeats).side.results]


def test_a_point_is_where_its_first_repeat_is(tmp_path: Path) -> None:
    """With the directories of all."""
    repeats = [a_run_dir(tmp_path / name) for name in ("a", "b")]
    point = measured(repeats)
    assert (str(tmp_path / "a"), tuple(repeats)) == (point.where, point.run_dirs)


def test_a_point_has_the_requests_of_its_run(tmp_path: Path) -> None:
    """As they were recorded."""
    requests = some_requests(5)
    assert (requests,) == a_measured(tmp_path, requests=requests).side.requests


def test_what_the_load_leaves_out_does_not_count(tmp_path: Path) -> None:
    """Two at the begin and one at the end, as in its result."""
    requests = some_requests(6)
    load = {"name": "high", "exclude_first": 2, "exclude_last": 1}
    point = a_measured(tmp_path, requests=requests, config=with_config(load=load))
    assert (requests[2:-1],) == point.side.requests


def test_a_load_of_which_nothing_is_left_is_an_error(tmp_path: Path) -> None:
    """Its result could not be of these requests."""
    config = with_config(load={"name": "high", "exclude_first": 6})
    with pytest.raises(LoadError, match="Nothing of the load is left"):
        a_measured(tmp_path, requests=some_requests(6), config=config)


@pytest.mark.parametrize(
    ("closed", "limits", "expected"),
    [(True, ((0, 8),), True), (True, (), False), (False, ((0, 8),), False), (False, (), False)],
)
def test_the_server_makes_the_throughput_of_a_closed_loop_with_a_limit(
    tmp_path: Path, closed: bool, limits: tuple[tuple[int, int], ...], expected: bool
) -> None:
    """Of all other loads the plan does, or the number of requests."""
    assert expected == a_measured(tmp_path, closed=closed, limits=limits).side.closed


def test_of_a_load_that_nobody_planned_nothing_is_known(tmp_path: Path) -> None:
    """An imported one has no plan."""
    run_dir = a_run_dir(tmp_path / "run")
    (run_dir.path / PLAN_FILE).unlink()
    assert not measured([run_dir]).side.closed


def test_repeats_may_differ_by_as_much_as_their_config_says(tmp_path: Path) -> None:
    """`verdict.spread`."""
    assert 0.08 == a_measured(tmp_path).spread


def test_repeats_of_a_record_that_does_not_say_may_differ_as_usual(tmp_path: Path) -> None:
    """Older ones have no verdict."""
    assert SPREAD == a_measured(tmp_path, config={"model": {"name": "a"}}).spread


def test_a_point_has_the_verdict_of_its_repeats(tmp_path: Path) -> None:
    """What speaks against one of them speaks against all."""
    repeats = [a_run_dir(tmp_path / "a"), a_run_dir(tmp_path / "b", reasons=(FEW,))]
    verdict = measured(repeats).verdict
    assert verdict is not None
    assert (FEW,) == verdict.reasons


def test_repeats_that_disagree_are_told(tmp_path: Path) -> None:
    """50 and 100 tokens/s are no two runs of the same."""
    repeats = [a_run_dir(tmp_path / f"{rate}", numbers={TTFT: 100.0, RATE: rate}) for rate in (50.0, 100.0)]
    verdict = measured(repeats).verdict
    assert verdict is not None
    assert ["repeats_disagree"] == [reason.name for reason in verdict.reasons]


def test_a_point_that_nobody_judged_has_no_verdict(tmp_path: Path) -> None:
    """It was kept by a thorexp that knew none."""
    run_dir = a_run_dir(tmp_path / "run")
    (run_dir.path / VERDICT).unlink()
    assert measured([run_dir]).verdict is None


def test_a_run_directory_without_a_result_is_an_error(tmp_path: Path) -> None:
    """Which says what it lacks."""
    run_dir = a_run_dir(tmp_path / "run")
    (run_dir.path / RESULT).unlink()
    with pytest.raises(RecordError, match=r"lacks +result\.json"):
        measured([run_dir])


@pytest.mark.parametrize("verdict", [{}, None, {"spread": None}], ids=str)
def test_a_config_whose_verdict_says_no_spread_has_the_usual_one(tmp_path: Path, verdict: Any) -> None:
    """As a record of another version may be."""
    assert SPREAD == a_measured(tmp_path, config=with_config(verdict=verdict)).spread


@pytest.mark.parametrize("plan", [{"digest": "c0ffee"}, {"stages": None}, {"stages": [{"limits": [[0, 8]]}]}], ids=str)
def test_a_load_whose_plan_does_not_say_it_is_closed_is_not(tmp_path: Path, plan: dict[str, Any]) -> None:
    """Older ones have no such word."""
    run_dir = a_run_dir(tmp_path / "run")
    run_dir.write_json(PLAN_FILE, plan)
    assert not measured([run_dir]).side.closed


def test_where_nobody_knows_which_requests_count_there_are_none(tmp_path: Path) -> None:
    """The summary does not say when the load was."""
    run_dir = a_run_dir(tmp_path / "run", requests=some_requests(5))
    run_dir.write_json(SUMMARY, {})
    assert ((),) == measured([run_dir]).side.requests


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (RESULT, []),
        (RESULT, {"thorexp": [1]}),
        (PLAN_FILE, []),
        (PLAN_FILE, {"stages": [1]}),
        (MACHINE, ["MAXN"]),
        (MACHINE, {"before": {"clocks_locked": "perhaps"}}),
        (SUMMARY, {"load_ns": 5}),
        (ENGINE_ARGS, [{"value": 8}]),
        (VERDICT, {"standing": "VALID"}),
    ],
    ids=str,
)
def test_a_damaged_file_is_an_error_of_its_record(tmp_path: Path, name: str, content: Any) -> None:
    """Which says where it is."""
    run_dir = a_run_dir(tmp_path / "run", requests=some_requests(5))
    run_dir.write_json(name, content)
    with pytest.raises(RecordError, match=rf"damaged\.\n +where +{re.escape(str(tmp_path))}/run"):
        measured([run_dir])


def test_repeats_in_several_power_modes_are_chosen_by_none_of_them(tmp_path: Path) -> None:
    """Whoever asks for MAXN gets what was measured in MAXN alone."""
    repeats = [a_run_dir(tmp_path / mode, before={"power_mode": mode}) for mode in ("MAXN", "30W")]
    assert "30W; MAXN" == measured(repeats).chosen["power_mode"]


@pytest.fixture(scope="module")
def table() -> dict[tuple[str, str], Measured]:
    """The published one, by model and load."""
    points = [published(each, "the table") for each in baseline_results(shipped("thor_blog_2025_10"))]
    assert 14 == len(points)
    return {(point.words["model"], point.words["load"]): point for point in points}


def test_a_published_point_has_the_numbers_of_its_report(table: dict[tuple[str, str], Measured]) -> None:
    """By vLLM's keys, as printed; its rate is its tokens over its duration."""
    (result,) = table["qwen3_32b_awq", "high"].side.results
    printed = {
        "output_throughput": pytest.approx(12421 / 459.09),
        "request_throughput": pytest.approx(100 / 459.09),
        "mean_ttft_ms": 6799.32,
        "median_ttft_ms": 6419.03,
        "p99_ttft_ms": 19086.70,
        "mean_tpot_ms": 240.60,
        "median_itl_ms": 92.45,
        "p99_itl_ms": 3155.36,
    }
    assert printed == {key: result[key] for key in printed}


def test_a_published_point_has_no_number_that_its_report_lacks(table: dict[tuple[str, str], Measured]) -> None:
    """It has no E2EL, no P90 and no goodput."""
    (result,) = table["qwen3_32b_awq", "high"].side.results
    assert set() == {key for key in result if "e2el" in key or "p90" in key or "goodput" in key or "std" in key}


def test_a_published_point_has_no_requests(table: dict[tuple[str, str], Measured]) -> None:
    """Nobody kept them."""
    point = table["qwen3_32b_awq", "high"]
    assert ((), ()) == (point.side.requests, point.run_dirs)


def test_a_published_point_was_measured_by_others(table: dict[tuple[str, str], Measured]) -> None:
    """On its board, in a power mode that it does not tell."""
    told = table["qwen3_32b_awq", "high"].conditions
    expected = {"origin": {"imported"}, "hardware": {"jetson_agx_thor"}, "power mode": {"not known"}}
    assert expected == {name: set(told[name]) for name in expected}


def test_published_points_of_one_load_were_measured_alike(table: dict[tuple[str, str], Measured]) -> None:
    """Whatever their models."""
    assert table["qwen3_32b_awq", "high"].conditions == table["qwen3_30b_a3b", "high"].conditions


def test_published_points_of_two_loads_were_not_measured_alike(table: dict[tuple[str, str], Measured]) -> None:
    """10 requests, one at once, are no 100, eight at once."""
    high, low = (table["qwen3_32b_awq", load].conditions for load in ("high", "low"))
    assert [PLAN] == [name for name in high if high[name] != low[name]]
