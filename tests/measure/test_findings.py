"""What was found of a result, judged on every ground."""

import inspect
from dataclasses import replace
from typing import Any

import pytest

from tests.records import BELIEVED, MS, S, a_failure, a_record, a_summary
from thorexp.measure.findings import NAMES, Findings, judge, unsupported
from thorexp.measure.grounds import answers, cache, client, limits, machine, server, steadiness
from thorexp.measure.grounds.answers import Lengths
from thorexp.measure.grounds.cache import CacheUse
from thorexp.measure.grounds.machine import MachineFound, PowerState
from thorexp.measure.grounds.server import OtherLoad, ServerWork
from thorexp.measure.grounds.steadiness import Halves, Rest, lengths_differ, repeats_disagree
from thorexp.measure.heat import Throttling
from thorexp.measure.limits import Against, Limit, Utilization
from thorexp.measure.metrics import Summary
from thorexp.measure.stats import Distribution
from thorexp.measure.verdict import Reason, Thresholds

# A hundred answers of five tokens, 200 ms to the first and 20 ms between them, one after another.
RECORDS = [
    a_record(
        index=i,
        scheduled_ns=i * S,
        released_ns=i * S,
        sent_ns=i * S,
        token_ns=tuple(i * S + (200 + 20 * k) * MS for k in range(5)),
        output_tokens=5,
    )
    for i in range(100)
]
SUMMARY = replace(
    a_summary(*RECORDS, end_ns=100 * S),
    loop_lag_ms=Distribution(9, 0.5, 0.5, 0.1, ()),
    first_token_lateness_ms=0.1,
    late_share=0.0,
    client_cpu_share=0.2,
)
MAXN = PowerState("MAXN", is_max=True, clocks_locked=True)
MACHINE = MachineFound("jetson_agx_thor", "NVIDIA Jetson, T5000", False, MAXN, MAXN, Throttling({}, {}))
# Everything is known, and nothing of it speaks against the result.
PLAIN = Findings(
    summary=SUMMARY,
    is_open=True,
    ttft=(Against("TTFT of request 0", 200.0, Limit(150.0, "work")),),
    tpot=(Against("TPOT of request 0", 20.0, Limit(15.0, "work")),),
    used=Utilization(mfu=0.5, mbu=0.75),
    lengths=Lengths(500, 500, 0),
    cache=CacheUse("verified", queries=1600, hits=0, reusable=0, asked=1600),
    server=ServerWork(preemptions=0, queue_ms=1.0, kv_cache=0.5),
    machine=MACHINE,
    halves=Halves(20.0, 20.1, 0.1),
    rest=Rest(19.0, 20.0, 21.0, 90.0),
    texts=4,
)


def a_mean(ms: float) -> Distribution:
    """A sample of which only the mean matters."""
    return Distribution(100, ms, ms, 0.0, ())


def with_summary(**changes: Any) -> Findings:
    """The same of a run that differs in this."""
    return replace(PLAIN, summary=replace(SUMMARY, **changes))


def names(found: Findings, believed: Thresholds = BELIEVED) -> list[str]:
    """What speaks against it."""
    return [reason.name for reason in judge(found, believed).reasons]


def test_an_unremarkable_result_is_valid() -> None:
    """All is known of it, and nothing speaks against it."""
    found = judge(PLAIN, BELIEVED)
    assert ("VALID", (), ()) == (found.standing, found.reasons, found.accepted)


def test_what_is_absent_accuses_nobody() -> None:
    """Of a summary alone, without a percentile that it could not support."""
    assert [] == names(Findings(summary=SUMMARY))


BELOW = Limit(300.0, "work")
SLOW = replace(MAXN, mode="120W", is_max=False)
GROUNDS = {
    "prefix_cache_hits": replace(PLAIN, cache=CacheUse("verified", queries=1600, hits=800, reusable=0)),
    "cold_cache_not_verified": replace(PLAIN, cache=CacheUse("warm")),
    "ttft_below_prefill_limit": replace(PLAIN, ttft=(Against("TTFT of request 0", 200.0, BELOW),)),
    "tpot_below_decode_limit": replace(PLAIN, tpot=(Against("TPOT of request 0", 20.0, BELOW),)),
    "batch_above_bandwidth": replace(PLAIN, used=Utilization(mbu=1.4)),
    "degenerate_text": replace(PLAIN, degenerate=("to 'Name a river.': no character",)),
    "failed_requests": with_summary(failed=1),
    "stopped_load": with_summary(stopped="time was up"),
    "answer_lengths": replace(PLAIN, lengths=Lengths(500, 499, 1)),
    "tokens_in_one_read": with_summary(one_read_share=0.5),
    "client_lag": with_summary(first_token_lateness_ms=50.0),
    "schedule_lag": with_summary(schedule_lag_ms=a_mean(100.0)),
    "client_saturated": with_summary(client_cpu_share=0.99),
    "preemptions": replace(PLAIN, server=ServerWork(preemptions=3)),
    "kv_cache_full": replace(PLAIN, server=ServerWork(kv_cache=1.0)),
    "server_queue": replace(PLAIN, server=ServerWork(queue_ms=150.0)),
    "slow_kernels": replace(PLAIN, server=ServerWork(slow_kernels=(("falls back to Marlin", "a newer vLLM"),))),
    "known_problem": replace(PLAIN, server=ServerWork(known_problems=(("FP8 before 0.20", "a newer vLLM"),))),
    "simulation_late": replace(PLAIN, server=ServerWork(simulation_late=0.2)),
    "other_load": replace(PLAIN, server=ServerWork(others=OtherLoad(before=1))),
    "other_model": replace(PLAIN, server=ServerWork(other_model="model=a is a/a, the server serves b")),
    "other_machine": replace(PLAIN, machine=replace(MACHINE, is_other=True)),
    "power_mode": replace(PLAIN, machine=replace(MACHINE, before=SLOW, after=SLOW)),
    "clocks": replace(PLAIN, machine=replace(MACHINE, before=PowerState(clocks_locked=False))),
    "throttling": replace(PLAIN, machine=replace(MACHINE, throttling=Throttling({}, {"gpu0": 0.5}))),
    "drift": replace(PLAIN, halves=Halves(20.0, 30.0, 0.1)),
    "unsteady_rest": replace(PLAIN, rest=Rest(19.0, 30.0, 60.0, 90.0)),
    "few_samples": with_summary(ttft_ms=Distribution(10, 200.0, 200.0, 0.0, ((99.0, 200.0),))),
}


@pytest.mark.parametrize("name", GROUNDS)
def test_each_ground_reaches_the_verdict(name: str) -> None:
    """Alone, where nothing else is remarkable."""
    assert [name] == names(GROUNDS[name])


OF_POINTS = {
    "repeats_disagree": repeats_disagree({"output_throughput": 0.2}, 0.05),
    "output_lengths_differ": lengths_differ({"a": 128.0, "b": 64.0}),
}


@pytest.mark.parametrize("name", OF_POINTS)
def test_points_beside_each_other_have_grounds_of_their_own(name: str) -> None:
    """By the name that stands for it here."""
    reason = OF_POINTS[name]
    assert reason is not None
    assert name == reason.name


def test_every_name_is_one_that_a_ground_gives() -> None:
    """Each has a case above, and each case a name, once."""
    assert sorted((*GROUNDS, *OF_POINTS)) == sorted(NAMES)


def test_there_are_as_many_grounds_as_names() -> None:
    """So that none, each of which has a case above, gives a reason that is not named."""
    grounds = [
        ground
        for module in (answers, cache, client, limits, machine, server, steadiness)
        for _, ground in inspect.getmembers(module, inspect.isfunction)
        if inspect.signature(ground).return_annotation == Reason | None
    ]
    assert len(NAMES) == len(grounds)


@pytest.mark.parametrize(
    ("changes", "name", "found"),
    [
        ({"below_limit": 0.5}, "ttft_below_prefill_limit", GROUNDS["ttft_below_prefill_limit"]),
        ({"below_limit": 0.95}, "tpot_below_decode_limit", GROUNDS["tpot_below_decode_limit"]),
        ({"below_limit": 0.5}, "batch_above_bandwidth", GROUNDS["batch_above_bandwidth"]),
        ({"cache_hits": 0.5}, "prefix_cache_hits", GROUNDS["prefix_cache_hits"]),
        ({"client_lag": 1.0}, "client_lag", GROUNDS["client_lag"]),
        ({"client_lag": 0.5}, "schedule_lag", GROUNDS["schedule_lag"]),
        ({"client_cpu": 1.0}, "client_saturated", GROUNDS["client_saturated"]),
        ({"one_read": 0.5}, "tokens_in_one_read", GROUNDS["tokens_in_one_read"]),
        ({"client_lag": 0.5}, "simulation_late", GROUNDS["simulation_late"]),
        ({"server_queue": 0.75}, "server_queue", GROUNDS["server_queue"]),
        ({"kv_cache": 1.0}, "kv_cache_full", GROUNDS["kv_cache_full"]),
        ({"throttled": 0.5}, "throttling", GROUNDS["throttling"]),
        ({"drift": 0.5}, "drift", GROUNDS["drift"]),
    ],
)
def test_a_threshold_is_that_of_its_own_ground(changes: dict[str, float], name: str, found: Findings) -> None:
    """At a wider one the same result is believed."""
    assert ([name], []) == (names(found), names(found, replace(BELIEVED, **changes)))  # type: ignore[arg-type]


def test_a_batch_is_not_accused_of_what_its_sequences_are() -> None:
    """Tokens that came faster than one sequence allows are so of a batch as well: one reason, and the graver one."""
    both = replace(GROUNDS["tpot_below_decode_limit"], used=Utilization(mbu=1.4))
    assert ["tpot_below_decode_limit"] == names(both)


@pytest.mark.parametrize(("failed", "standing"), [(0.1, "INVALID"), (0.5, "SUSPECT")])
def test_the_share_of_failures_decides_how_bad_they_are(failed: float, standing: str) -> None:
    """20 of 120 requests are more than a tenth, and less than half."""
    assert standing == judge(with_summary(failed=20), replace(BELIEVED, failed=failed)).standing


def test_a_load_that_was_stopped_has_no_failures_of_its_own() -> None:
    """Those that were given up are no fault of the server's, however many they are."""
    assert ["stopped_load"] == names(with_summary(failed=80, stopped="time was up"))


@pytest.mark.parametrize(("texts", "standing"), [(1, "INVALID"), (2, "INVALID"), (3, "SUSPECT")])
def test_how_many_texts_were_asked_decides_how_bad_one_is(texts: int, standing: str) -> None:
    """One of one and one of two are half of them at least, one of three is not."""
    assert standing == judge(replace(PLAIN, degenerate=("no text",), texts=texts), BELIEVED).standing


def test_a_schedule_lag_of_a_closed_loop_is_its_shape() -> None:
    """Only an open loop has requests due at times of their own."""
    assert [] == names(replace(GROUNDS["schedule_lag"], is_open=False))


def test_what_the_user_accepts_does_not_count() -> None:
    """It is told beside the reasons that are left."""
    both = replace(GROUNDS["power_mode"], degenerate=("to 'Count.': no character",))
    found = judge(both, replace(BELIEVED, accept=["power_mode"]))
    assert (["degenerate_text"], ["power_mode"]) == ([r.name for r in found.reasons], [r.name for r in found.accepted])


def test_the_worst_reason_stands_first() -> None:
    """A text that is none before a drift, though it was looked for later than a warm cache."""
    found = replace(PLAIN, cache=CacheUse("warm"), halves=Halves(20.0, 30.0, 0.1), degenerate=("no text",) * 2)
    assert ["degenerate_text", "cold_cache_not_verified", "drift"] == names(found)


def test_a_load_of_which_all_requests_failed_is_invalid() -> None:
    """There is no latency to judge, and that is no error."""
    assert ["failed_requests"] == names(Findings(summary=a_summary(a_failure(), a_failure())))


FOUR = ("p99_ttft_ms", "p99_tpot_ms", "p99_itl_ms", "p99_e2el_ms")


def ten(*percentiles: float) -> Summary:
    """Ten of the hundred answers, which have forty gaps."""
    return a_summary(*RECORDS[:10], percentiles=percentiles, end_ns=10 * S)


def test_percentiles_that_their_samples_do_not_support_are_named_by_key() -> None:
    """With their counts: ten requests, and forty gaps between tokens."""
    assert dict.fromkeys(FOUR, (10, 99.0)) | {"p99_itl_ms": (40, 99.0)} == unsupported(ten(99.0), is_open=False)


def test_only_what_is_unsupported_is_named() -> None:
    """Ten values support P90 and no P95, forty gaps both; the key is as vLLM writes it."""
    named = unsupported(ten(90.0, 95.0, 99.9), is_open=False)
    assert {"p95_ttft_ms", "p95_tpot_ms", "p95_e2el_ms"} == {key for key in named if key.startswith("p95_")}
    assert {"p99.9_ttft_ms", "p99.9_tpot_ms", "p99.9_itl_ms", "p99.9_e2el_ms"} == set(named) - {
        "p95_ttft_ms",
        "p95_tpot_ms",
        "p95_e2el_ms",
    }


def test_an_open_loop_shows_more_percentiles() -> None:
    """Those that count from the schedule: nothing is told of the wait in the client but its mean."""
    more = {"p99_ttft_from_schedule_ms", "p99_e2el_from_schedule_ms"}
    assert {*FOUR} | more == set(unsupported(ten(99.0), is_open=True))


def test_a_hundred_requests_support_p99() -> None:
    """Nothing is unsupported, in an open loop or a closed one."""
    assert ({}, {}) == (unsupported(SUMMARY, is_open=True), unsupported(SUMMARY, is_open=False))
    assert SUMMARY.ttft_ms is not None
    assert (99.0,) == tuple(p for p, _ in SUMMARY.ttft_ms.percentiles)


def test_a_latency_without_a_sample_has_no_percentile() -> None:
    """Absent, not unsupported: answers of one token have no TPOT and no gap."""
    one_each = a_summary(*(replace(r, token_ns=r.token_ns[:1], output_tokens=1) for r in RECORDS[:10]))
    assert {"p99_ttft_ms", "p99_e2el_ms"} == set(unsupported(one_each, is_open=False))


def test_only_the_percentile_is_touched() -> None:
    """The median of ten values is as good as any median."""
    found = judge(GROUNDS["few_samples"], BELIEVED)
    keys = ("p99_ttft_ms", "median_ttft_ms", "p99_tpot_ms")
    assert ("SUSPECT", "VALID", "VALID") == tuple(map(found.of, keys))
