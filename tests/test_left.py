"""What a load that was played has left behind."""

from collections.abc import Mapping

import pytest

from tests.records import MS, a_failure, a_left, a_record, a_run
from thorexp.cold import Metrics
from thorexp.left import BLOCK
from thorexp.measure.heat import Throttling
from thorexp.measure.signals import Series, Telemetry
from thorexp.serve.engine_counters import EngineCounters, Spent
from thorexp.serve.prefix_cache import PrefixCache
from thorexp.watching import Watched

PAGE = 'vllm:cache_config_info{block_size="32",num_gpu_blocks="100"} 1.0\n'
SILENT = Metrics("", None)


def cached(queries: int, hits: int) -> Metrics:
    """A page of a server that counts what its prefix cache finds."""
    return Metrics("", PrefixCache(queries, hits))


def preempted(count: int, waited_s: float, requests: int) -> Metrics:
    """A page of a server that has put back so many requests, and let so many wait so long."""
    queue = "vllm:request_queue_time_seconds"
    page = f"vllm:num_preemptions_total {count}.0\n{queue}_sum {waited_s}\n{queue}_count {requests}.0\n"
    return Metrics(page, None)


def watched(signals: Mapping[str, Series], cpu_share: float | None = None) -> Watched:
    return Watched(Telemetry(signals, cpu_share=cpu_share))


def at(*readings: tuple[int, float]) -> Series:
    """A signal at these moments, in ms."""
    return Series(tuple(ms * MS for ms, _ in readings), tuple(value for _, value in readings))


def test_lookups_and_hits_are_those_of_the_load() -> None:
    """1200 - 1000 tokens looked up, 150 - 100 found."""
    assert PrefixCache(200, 50) == a_left(before=cached(1000, 100), after=cached(1200, 150)).cache


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, None), (None, cached(1, 0)), (cached(1, 0), None), (SILENT, cached(1, 0)), (cached(1, 0), SILENT)],
    ids=["no page", "none before", "none after", "not counted before", "not counted after"],
)
def test_a_cache_that_was_not_counted_twice_is_absent(before: Metrics | None, after: Metrics | None) -> None:
    """One count says nothing of the load alone."""
    assert a_left(before=before, after=after).cache is None


def test_what_the_server_did_is_that_of_the_load() -> None:
    """5 - 3 preemptions, and (2 - 1) s of waiting of 30 - 20 requests; what it does not count is absent."""
    found = a_left(before=preempted(3, 1.0, 20), after=preempted(5, 2.0, 30)).counted
    assert EngineCounters(preemptions=5 - 3, queue=Spent(2.0 - 1.0, 30 - 20)) == found


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, preempted(5, 2.0, 30)), (preempted(5, 2.0, 30), None), (SILENT, preempted(5, 2.0, 30))],
    ids=["no page before", "no page after", "no counter before"],
)
def test_what_the_server_did_before_the_load_is_not_the_loads(before: Metrics | None, after: Metrics | None) -> None:
    """Nothing stands for zero."""
    assert EngineCounters() == a_left(before=before, after=after).counted


@pytest.mark.parametrize(("after", "block"), [(Metrics(PAGE, None), 32), (SILENT, BLOCK), (None, BLOCK)])
def test_a_block_of_the_cache_is_as_large_as_the_server_says(after: Metrics | None, block: int) -> None:
    """Or as vLLM's own, of 16 tokens, where it does not."""
    assert block == a_left(after=after).block


def test_what_was_sent_is_known_by_its_index() -> None:
    """A failure was sent too, unless it never got that far."""
    requests = (a_record(index=0), a_failure(index=1), a_failure(index=2, sent_ns=None), a_record(index=7))
    assert {0, 1, 7} == a_left(*requests).sent


def test_what_was_sampled_is_cut_to_the_load() -> None:
    """From its begin to its end, both counted; a signal that only spoke before it is left out."""
    signals = {"tj_c": at((-1, 70.0), (0, 60.0), (500, 61.0), (1000, 62.0), (1001, 80.0)), "old_c": at((-1, 90.0))}
    during = a_left(watched=watched(signals, cpu_share=0.02)).during
    assert {"tj_c": at((0, 60.0), (500, 61.0), (1000, 62.0))} == during.signals
    assert 0.02 == during.cpu_share


def test_without_telemetry_nothing_was_sampled() -> None:
    """Neither a signal nor what slowed the machine down."""
    left = a_left()
    assert ({}, None) == (left.during.signals, left.throttling)


def test_events_are_counted_from_before_the_load_to_after_it() -> None:
    """One came in the second between a look before it and the first in it, two after the last in it: 10 - 7."""
    oc1 = at((-900, 7.0), (100, 8.0), (900, 8.0), (1100, 10.0), (2100, 99.0))
    assert Throttling({"oc1": 10.0 - 7.0}, {}) == a_left(watched=watched({"throttle.oc1": oc1})).throttling


def test_a_state_is_told_by_its_share_of_the_load() -> None:
    """It held at one of four looks in it; what it was before does not count."""
    alert = at((-100, 1.0), (0, 0.0), (300, 1.0), (600, 0.0), (900, 0.0))
    found = a_left(watched=watched({"throttle.cpu-throttle-alert": alert})).throttling
    assert Throttling({}, {"cpu-throttle-alert": 1 / 4}) == found


def test_a_state_that_is_1_all_the_time_is_no_event() -> None:
    """What counts is told by the name: 1, 1, 1 of a counter is an event of before."""
    ones = at((0, 1.0), (500, 1.0), (1000, 1.0))
    found = a_left(watched=watched({"throttle.gpu0": ones, "throttle.oc1": ones})).throttling
    assert Throttling({}, {"gpu0": 1.0}) == found


def test_a_machine_that_tells_nothing_of_throttling_has_none() -> None:
    """Absent, which is not that it did not throttle."""
    assert a_left(watched=watched({"thermal.tj_c": at((0, 60.0))})).throttling is None
    assert Throttling({}, {}) == a_left(watched=watched({"throttle.oc1": at((0, 7.0), (900, 7.0))})).throttling


def test_a_load_is_what_was_played_though_less_of_it_counts() -> None:
    """A sensor is read, and a request sent, for the whole of it."""
    first, second = a_record(index=0), a_record(index=1)
    whole = a_left(first, second, watched=watched({"tj_c": at((100, 61.0), (900, 60.0))}))
    part = a_left(first, second, counting=a_run(second), watched=whole.watched)
    assert (whole.sent, whole.during) == (part.sent, part.during)


def test_a_load_is_measured_unless_it_is_said_not_to_be() -> None:
    """Nobody else plays one."""
    assert ("measured", "simulated") == (a_left().origin, a_left(origin="simulated").origin)


def test_how_late_a_simulation_was_is_that_of_the_load() -> None:
    """(2 - 1) s of (8 - 4) s."""
    before, after = (
        Metrics(f"thorexp_sim_busy_seconds_total {busy}\nthorexp_sim_late_seconds_total {late}\n", None)
        for busy, late in ((4.0, 1.0), (8.0, 2.0))
    )
    assert (2 - 1) / (8 - 4) == a_left(before=before, after=after).counted.late_share
