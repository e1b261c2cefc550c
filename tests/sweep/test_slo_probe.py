"""The words of a probe, and what cannot be searched."""

from dataclasses import replace
from functools import cache

import pytest

from tests.sweep.makers import a_tree
from thorexp.compose import composed
from thorexp.config import JobConfig
from thorexp.config_load import SearchConfig
from thorexp.errors import ConfigError
from thorexp.prepare import prepare
from thorexp.sweep.slo_probe import bracket_of, check_search, without_search, words_of

SEARCH = ("load=max_under_slo", "load.num_prompts=null", "slo.tpot_ms=100")
RATE = "load.search.over=request_rate"


@cache
def asked(*words: str) -> tuple[JobConfig, SearchConfig]:
    """What a point of a sweep is composed to."""
    config, _ = composed(a_tree(*SEARCH, *words))
    assert config.load.search is not None
    return config, config.load.search


@pytest.mark.parametrize(("streams", "requests"), [(1, 100 + 1), (8, 100 + 8), (34, 8 * 34 + 34)], ids=["1", "8", "34"])
def test_a_closed_loop_counts_enough_behind_its_first_burst(streams: int, requests: int) -> None:
    """100 requests, or 8 for each stream, behind the first of each stream."""
    words = words_of(*asked(), streams)
    assert (
        f"load.max_concurrency={streams}",
        f"load.num_prompts={requests}",
        f"load.exclude_first={streams}",
    ) == words[:3]


@pytest.mark.parametrize(("rate", "counted"), [(0.1, 100), (0.5, 150), (2, 600)], ids=str)
def test_a_rate_counts_long_enough_behind_its_beginning(rate: float, counted: int) -> None:
    """100 requests, or those of 300 s, behind a quarter as many."""
    words = words_of(*asked(RATE), rate)
    assert (
        f"load.request_rate={rate:g}",
        f"load.num_prompts={counted + counted // 4}",
        f"load.exclude_first={counted // 4}",
    ) == words[:3]


def test_a_probe_is_given_up_when_what_counts_must_miss() -> None:
    """8 of 9 requests count at least: 0.95 · 8/9 = 0.8444. At a rate 4 of 5: 0.95 · 4/5 = 0.76."""
    stops = [words_of(*asked(*words), 8)[4] for words in ((), (RATE,))]
    assert ["load.stop_when.goodput=0.8444", "load.stop_when.goodput=0.76"] == stops


def test_what_is_played_again_is_not_given_up() -> None:
    """Those of the first time count too, so that it does not decide alone."""
    assert "load.stop_when.goodput=null" in words_of(*asked(), 8, 2)


def test_what_is_tried_again_is_longer_and_another() -> None:
    """Twice the requests that count, of another seed."""
    first, again = (words_of(*asked("workload.seed=7"), 8, times) for times in (1, 2))
    assert ("load.num_prompts=108", "workload.seed=7") == (first[1], first[3])
    assert ("load.num_prompts=208", "workload.seed=507") == (again[1], again[3])


def test_a_probe_is_a_job_like_any_other() -> None:
    """It can be prepared, while the search that it belongs to cannot; nothing of the search is in its digest."""
    config, search = asked()
    with pytest.raises(ConfigError, match="load=max_under_slo is a search over many runs"):
        prepare(config, typed=frozenset())
    one, other = (
        prepare(composed(a_tree(*without_search((*SEARCH, *words)), *words_of(config, search, 8)))[0], frozenset())
        for words in ((), ("load.search.within=0.2",))
    )
    assert (108, one.point) == (len(one.plan.requests), other.point)


def test_a_load_without_a_search_is_the_point_it_was() -> None:
    """Records from before there were searches are found again: no digest knows of them."""
    config, _ = composed(a_tree("load=high"))
    job = prepare(config, frozenset())
    searchable = replace(job, config=replace(config, load=replace(config.load, search=asked()[1])))
    assert job.point == searchable.point


@pytest.mark.parametrize(("words", "first"), [((), 8), ((RATE,), 0.5), (("load.search.start=3",), 3)], ids=str)
def test_a_search_begins_low(words: tuple[str, ...], first: float) -> None:
    """At 8 at once or 0.5 requests/s, unless it is told where."""
    assert first == bracket_of(asked(*words)[1]).proposed()


@pytest.mark.parametrize(
    ("words", "headline"),
    [
        (("slo=none", "slo.tpot_ms=null"), "load=max_under_slo looks for the highest load that keeps an SLO"),
        (("load.request_rate=2",), "load.request_rate means nothing"),
        ((RATE, "load.max_concurrency=8"), "load.max_concurrency means nothing"),
        (("load.max_concurrency_end=8",), "load.max_concurrency_end means nothing"),
        ((RATE, "load.request_rate_end=8"), "load.request_rate_end means nothing"),
        (("load.stages=[{request_rate: 4}]",), "load.stages means nothing"),
        (("load.arrivals=trace",), "load.arrivals means nothing"),
        (("load.search.start=0.5",), "load.search.start=0.5 makes no search"),
        (("load.search.most=4",), "load.search.most=4"),
        (("load.search.keep=1",), "load.search.keep=1"),
        (("load.search.within=0",), "load.search.within=0"),
        (("load.search.max_probes=0",), "load.search.max_probes=0"),
        (("load.search.min_prompts=0",), "load.search.min_prompts=0"),
        (("load.search.prompts_per_stream=0",), "load.search.prompts_per_stream=0"),
        (("load.search.min_duration_s=-1",), "load.search.min_duration_s=-1"),
        (("sweep.executor=ray",), "sweep.executor=ray would load the model anew"),
    ],
    ids=str,
)
def test_what_makes_no_search_is_refused_by_its_key(words: tuple[str, ...], headline: str) -> None:
    """With what to type instead."""
    with pytest.raises(ConfigError) as refused:
        check_search(*asked(*words))
    assert refused.value.headline.startswith(headline)
    assert "try" in [fact.label for fact in refused.value.facts]
