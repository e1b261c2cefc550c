"""May a number be believed; if not, why, and what to do."""

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thorexp.measure.verdict import Origin, Reason, Standing, Verdict, from_json, verdict

STANDINGS: tuple[Standing, ...] = ("VALID", "SUSPECT", "INVALID")
ORIGINS: tuple[Origin, ...] = ("measured", "simulated", "imported")

reasons = st.builds(
    Reason,
    name=st.text(),
    standing=st.sampled_from(STANDINGS),
    metrics=st.lists(st.text()).map(tuple),
    evidence=st.text(),
    remedy=st.text(),
)


def a_reason(name: str = "drift", standing: Standing = "SUSPECT", *metrics: str) -> Reason:
    """A reason against these metrics, or against all."""
    return Reason(name, standing, metrics or ("all",), "10 ms, then 12 ms", "an idle machine")


def names(reasons: tuple[Reason, ...]) -> tuple[str, ...]:
    """In their order."""
    return tuple(reason.name for reason in reasons)


def test_a_result_that_nothing_speaks_against_is_valid() -> None:
    """Whole, and in each of its numbers."""
    found = verdict([])
    assert ("VALID", "VALID") == (found.standing, found.of("p99_ttft_ms"))


@pytest.mark.parametrize(
    ("standings", "worst"),
    [
        (("SUSPECT",), "SUSPECT"),
        (("INVALID",), "INVALID"),
        (("SUSPECT", "INVALID", "SUSPECT"), "INVALID"),
        (("VALID", "SUSPECT"), "SUSPECT"),
    ],
)
def test_a_result_stands_as_its_worst_reason(standings: tuple[Standing, ...], worst: Standing) -> None:
    """One INVALID among many makes it INVALID."""
    assert worst == verdict([a_reason(f"reason {i}", each) for i, each in enumerate(standings)]).standing


def test_reasons_stand_the_worst_first() -> None:
    """Those that are as bad stay in the order in which they were found."""
    found = [a_reason("a"), a_reason("b", "INVALID"), a_reason("c"), a_reason("d", "INVALID")]
    assert ("b", "d", "a", "c") == names(verdict(found).reasons)


@pytest.mark.parametrize(
    ("word", "touched", "others"),
    [
        (
            "ttft",
            ("mean_ttft_ms", "median_ttft_ms", "p99_ttft_ms", "p99.9_ttft_ms", "p99_ttft_from_schedule_ms", "ttft"),
            ("median_tpot_ms", "median_itl_ms", "median_e2el_ms", "request_throughput"),
        ),
        (
            "throughput",
            ("request_throughput", "output_throughput", "total_token_throughput"),
            ("request_goodput", "max_concurrent_requests", "median_ttft_ms"),
        ),
        ("itl", ("median_itl_ms", "p99_itl_ms"), ("median_tpot_ms", "p99_tpot_ms")),
        ("tpot", ("median_tpot_ms", "p99_tpot_ms"), ("median_itl_ms", "p99_itl_ms")),
        (
            "e2el",
            ("median_e2el_ms", "p99_e2el_including_client_queue_ms", "p99_e2el_from_schedule_ms"),
            ("median_itl_ms", "p99_client_queue_time_ms"),
        ),
        ("goodput", ("request_goodput", "goodput_fraction"), ("request_throughput",)),
        ("mfu", ("mfu",), ("mbu",)),
        ("mbu", ("mbu", "mbu_uniform"), ("mfu",)),
    ],
)
def test_a_word_touches_the_keys_that_it_is_a_word_of(
    word: str, touched: tuple[str, ...], others: tuple[str, ...]
) -> None:
    """Whole words between underscores, and no other metric's."""
    reason = a_reason("drift", "SUSPECT", word)
    assert touched == tuple(key for key in (*touched, *others) if reason.touches(key))


@pytest.mark.parametrize("key", ["median_itls_ms", "median_subitl_ms", "itls", "subitl"])
def test_a_part_of_a_word_touches_nothing(key: str) -> None:
    """Words end at an underscore, or with the key."""
    assert not a_reason("drift", "SUSPECT", "itl").touches(key)


def test_a_whole_key_touches_only_itself() -> None:
    """Neither the same percentile of another latency, nor another figure of the same."""
    keys = ("p99_ttft_ms", "p99_ttft_from_schedule_ms", "p99_tpot_ms", "p99.9_ttft_ms", "median_ttft_ms", "ttft")
    assert ["p99_ttft_ms"] == [key for key in keys if a_reason("few_samples", "SUSPECT", "p99_ttft_ms").touches(key)]


@pytest.mark.parametrize("key", ["p99_ttft_ms", "output_throughput", "energy_per_request_j", "mfu"])
def test_all_is_every_number(key: str) -> None:
    """What speaks against the machine speaks against whatever was measured on it."""
    assert a_reason("throttling", "SUSPECT", "all").touches(key)


def test_each_of_several_words_touches() -> None:
    """TTFT and throughput are touched, TPOT is not."""
    reason = a_reason("server_queue", "SUSPECT", "ttft", "throughput")
    keys = ("median_ttft_ms", "output_throughput", "median_tpot_ms")
    assert (True, True, False) == tuple(map(reason.touches, keys))


@pytest.mark.parametrize(
    ("key", "standing"),
    [("median_ttft_ms", "INVALID"), ("median_itl_ms", "SUSPECT"), ("median_tpot_ms", "VALID")],
)
def test_a_number_stands_as_the_worst_of_what_touches_it(key: str, standing: Standing) -> None:
    """TTFT has two reasons against it, ITL one, TPOT none, in one and the same result."""
    found = verdict([a_reason("a", "SUSPECT", "ttft", "itl"), a_reason("b", "INVALID", "ttft")])
    assert standing == found.of(key)


def test_what_is_accepted_does_not_count() -> None:
    """Neither for the whole nor for a number, and it is still told."""
    found = verdict([a_reason("power_mode"), a_reason("clocks", "INVALID")], ["clocks", "power_mode"])
    assert ("VALID", "VALID") == (found.standing, found.of("median_ttft_ms"))
    assert ((), ("clocks", "power_mode")) == (names(found.reasons), names(found.accepted))


def test_only_what_is_accepted_by_its_name_is() -> None:
    """Another reason stays, and a name that nothing has does no harm."""
    found = verdict([a_reason("power_mode"), a_reason("clocks")], ["power_mode", "kv_cache_full"])
    assert (("clocks",), ("power_mode",)) == (names(found.reasons), names(found.accepted))


def test_json_says_the_standing() -> None:
    """So that a reader of the file need not weigh the reasons."""
    assert "INVALID" == verdict([a_reason(), a_reason("b", "INVALID")]).as_json()["standing"]


@pytest.mark.parametrize(
    ("origin", "words"),
    [("measured", "INVALID"), ("simulated", "SIMULATED, INVALID"), ("imported", "IMPORTED, INVALID")],
)
def test_the_words_say_an_origin_that_is_not_our_measuring(origin: Origin, words: str) -> None:
    """Before the standing, which stays bare."""
    found = verdict([a_reason("a", "INVALID")], origin=origin)
    assert (words, "INVALID") == (found.words, found.standing)


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_reason_more_leaves_the_origin(origin: Origin) -> None:
    """What is simulated stays so, whatever speaks against it."""
    assert origin == verdict([], origin=origin).with_reason(a_reason()).origin


def test_a_verdict_without_an_origin_is_on_a_measured_result() -> None:
    """Nothing else was there when such records were written."""
    assert "measured" == from_json({"standing": "VALID", "reasons": [], "accepted": []}).origin


@given(st.lists(reasons), st.lists(reasons), st.sampled_from(ORIGINS))
def test_json_gives_a_verdict_back(reasons: list[Reason], accepted: list[Reason], origin: Origin) -> None:
    """Through text, whatever its words are."""
    said = Verdict(tuple(reasons), tuple(accepted), origin)
    assert said == from_json(json.loads(json.dumps(said.as_json())))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"reasons": []},
        {"reasons": None, "accepted": []},
        {"reasons": [{"name": "drift"}], "accepted": []},
        {"reasons": ["drift"], "accepted": []},
        {"reasons": [{"metrics": [], "name": "drift"}], "accepted": []},
        {"reasons": [{**asdict(a_reason()), "more": 1}], "accepted": []},
        {"reasons": [], "accepted": [], "origin": "guessed"},
        {"reasons": [], "accepted": [], "origin": None},
    ],
)
def test_what_is_no_verdict_is_refused(values: dict[str, Any]) -> None:
    """A file that somebody else wrote is not taken for one."""
    with pytest.raises((KeyError, TypeError)):
        from_json(values)
