"""The /metrics page, as thorexp reads that of a vLLM."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.sim.makers import SPEC, a_request
from tests.sim.serving import Client, with_server
from thorexp.machine.server_metrics import server_signals
from thorexp.serve.engine_counters import Spent, counters
from thorexp.serve.prefix_cache import PrefixCache, block_size, prefix_cache
from thorexp.sim.driver import Pace
from thorexp.sim.engine import Engine
from thorexp.sim.ledger import Ledger
from thorexp.sim.metrics_page import MetricsPage

S = 1_000_000_000
HALF = replace(SPEC.limits, num_blocks=8)


class Played:
    """An engine whose steps take a second of a clock that is set, and its page."""

    def __init__(self, speedup: float = 1.0) -> None:
        self.now_ns = 0
        self.page = MetricsPage("tiny")
        self.engine = Engine(HALF, lambda parts: float(len(list(parts))))
        self.ledger = Ledger(lambda: self.now_ns, self.page.observe, speedup=speedup)
        self.page.count(self.engine, self.ledger, Pace(busy_s=3.0, late_s=0.25))

    def submit(self, prompt: Sequence[int] | int, max_tokens: int) -> None:
        """Now; it takes half a second to the scheduler."""
        self.ledger.arrived(request := a_request(prompt, max_tokens))
        self.now_ns += S // 2
        self.engine.add(request)

    def steps(self, count: int) -> str:
        """So many, and the page after them."""
        for _ in range(count):
            self.engine.begin_step()
            self.ledger.step_began(self.engine.waiting)
            self.now_ns += S
            for request in self.engine.end_step():
                self.ledger.told(request)
        return self.page.text().decode()


def test_tokens_and_lookups_are_counted() -> None:
    """A prompt of 40 and its answer of 3."""
    played = Played()
    played.submit(40, 3)
    page = played.steps(3)
    counted = counters(page)
    assert counted is not None
    assert (40, 3, 0) == (counted.prompt_tokens, counted.generation_tokens, counted.preemptions)
    assert PrefixCache(queries=40, hits=0) == prefix_cache(page)


@pytest.mark.parametrize("speedup", [1.0, 25.0])
def test_phases_are_told_in_seconds_of_the_simulation(speedup: float) -> None:
    """Half a second on the way and one for the prefill, sped up; no time in the queue."""
    played = Played(speedup)
    played.submit(40, 3)
    counted = counters(played.steps(3))
    assert counted is not None
    assert (Spent(0.0, 1), Spent(speedup, 1)) == (counted.queue, counted.prefill)
    assert Spent(1.5 * speedup, 1) == counted.ttft


def test_who_waits_is_in_the_queue() -> None:
    """The second of two that need all 8 blocks: from the first step on, for its three steps, not on its way."""
    played = Played()
    played.submit(120, 3)
    played.submit(120, 3)
    counted = counters(played.steps(6))
    assert counted is not None
    assert Spent(0.0 + 3.0, 2) == counted.queue


def test_ttft_is_told_at_the_first_token_and_the_rest_at_the_last() -> None:
    """As vLLM does."""
    played = Played()
    played.submit(40, 3)
    counted = counters(played.steps(1))
    assert counted is not None
    assert counted.ttft is not None
    assert counted.queue is not None
    assert (1, 0) == (counted.ttft.count, counted.queue.count)


def test_who_goes_away_is_no_finished_request() -> None:
    """Nothing of it is told but the tokens it got."""
    played = Played()
    played.ledger.arrived(request := a_request(40, 3))
    played.engine.add(request)
    played.steps(1)
    played.ledger.dropped(request)
    played.engine.remove(request)
    counted = counters(played.steps(0))
    assert counted is not None
    assert (1, Spent(0.0, 0)) == (counted.generation_tokens, counted.queue)


def test_the_sampler_reads_the_page() -> None:
    """One that runs with 3 of 8 blocks, and one that waits for 6 of its own."""
    played = Played()
    played.submit(40, 3)
    played.submit(range(1000, 1090), 3)
    signals = server_signals(played.steps(1))
    assert {
        "server.running": 1,
        "server.waiting": 1,
        "server.kv_cache_percent": 100 * 3 / 8,
        "server.preemptions": 0,
        "server.generation_tokens": 1,
    } == signals


def test_the_page_says_how_large_a_block_is() -> None:
    """16 tokens."""
    assert 16 == block_size(Played().steps(0))


def test_every_sample_of_vllms_is_labelled_with_its_engine() -> None:
    """And with the model's name, but for the configuration of the cache."""
    page = Played().steps(0)
    families = [family for family in text_string_to_metric_families(page) if family.name != "vllm:cache_config_info"]
    assert {("0", "tiny")} == {
        (sample.labels["engine"], sample.labels["model_name"]) for family in families for sample in family.samples
    }


def test_requests_are_counted_by_how_they_ended() -> None:
    """One, at the length that it asked for."""
    played = Played()
    played.submit(40, 3)
    assert 'vllm:request_success_total{engine="0",finished_reason="length",model_name="tiny"} 1.0' in played.steps(3)


def test_the_page_tells_whether_the_simulation_kept_its_pace() -> None:
    """By the clock, not in seconds of the simulation."""

    async def scene(client: Client) -> float:
        await client.post("/v1/completions", {"prompt": [1, 2, 3], "max_tokens": 10})
        return (await client.metrics())["thorexp_sim_busy_seconds_total"]

    assert pytest.approx(10 * 0.001 / 2, rel=0.01) == with_server(scene, replace(SPEC, speedup=2.0))
    assert "thorexp_sim_late_seconds_total" in Played().steps(0)
