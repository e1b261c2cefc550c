"""What an engine has counted of its own work."""

import pytest

from thorexp.serve.engine_counters import EngineCounters, Spent, counters

# Of a real vLLM 0.32.0 on a CPU, shortened, with round numbers, and a second engine.
PAGE = """# HELP vllm:num_preemptions_total Cumulative number of preemption from the engine.
# TYPE vllm:num_preemptions_total counter
vllm:num_preemptions_total{engine="0",model_name="q"} 3.0
vllm:num_preemptions_total{engine="1",model_name="q"} 4.0
# TYPE vllm:num_preemptions_created gauge
vllm:num_preemptions_created{engine="0",model_name="q"} 1.795575289944822e+09
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0",model_name="q"} 8224.0
# TYPE vllm:prompt_tokens_by_source_total counter
vllm:prompt_tokens_by_source_total{engine="0",model_name="q",source="local_compute"} 8000.0
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{engine="0",model_name="q"} 389.0
# TYPE vllm:request_queue_time_seconds histogram
vllm:request_queue_time_seconds_bucket{engine="0",le="0.3",model_name="q"} 4.0
vllm:request_queue_time_seconds_bucket{engine="0",le="+Inf",model_name="q"} 5.0
vllm:request_queue_time_seconds_count{engine="0",model_name="q"} 5.0
vllm:request_queue_time_seconds_sum{engine="0",model_name="q"} 0.5
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_count{engine="0",model_name="q"} 5.0
vllm:time_to_first_token_seconds_sum{engine="0",model_name="q"} 2.0
# TYPE vllm:request_prefill_time_seconds histogram
vllm:request_prefill_time_seconds_count{engine="0",model_name="q"} 5.0
vllm:request_prefill_time_seconds_sum{engine="0",model_name="q"} 1.5
"""
DRAFTS = """# TYPE vllm:spec_decode_num_drafts_total counter
vllm:spec_decode_num_drafts_total{engine="0",model_name="q"} 10.0
# TYPE vllm:spec_decode_num_draft_tokens_total counter
vllm:spec_decode_num_draft_tokens_total{engine="0",model_name="q"} 50.0
# TYPE vllm:spec_decode_num_accepted_tokens_total counter
vllm:spec_decode_num_accepted_tokens_total{engine="0",model_name="q"} 20.0
# TYPE vllm:spec_decode_num_accepted_tokens_per_pos_total counter
vllm:spec_decode_num_accepted_tokens_per_pos_total{engine="0",model_name="q",position="0"} 9.0
"""
CONFIG = """# TYPE vllm:cache_config_info gauge
vllm:cache_config_info{block_size="16",engine="0",num_gpu_blocks="7"} 1.0
"""


def test_the_counters_of_a_page() -> None:
    """Summed over engines; what vLLM splits by source, or says of when a counter began, is not counted again."""
    expected = EngineCounters(
        preemptions=3 + 4,
        queue=Spent(0.5, 5),
        prefill=Spent(1.5, 5),
        ttft=Spent(2.0, 5),
        prompt_tokens=8224,
        generation_tokens=389,
    )
    assert expected == counters(PAGE)


def test_drafts_are_counted_where_the_server_speculates() -> None:
    """Accepted tokens in all, not by their position in a draft."""
    assert EngineCounters(drafts=10, draft_tokens=50, accepted_tokens=20) == counters(DRAFTS)


@pytest.mark.parametrize("page", ["# TYPE process_cpu gauge\nprocess_cpu 1\n", CONFIG, "<html>", ""])
def test_a_page_without_any_of_them_has_no_counters(page: str) -> None:
    """Absent, not zeros."""
    assert counters(page) is None


def test_counters_of_a_load_are_differences() -> None:
    """After minus before, each."""
    before = EngineCounters(1, Spent(0.5, 2), Spent(1.0, 2), Spent(2.0, 2), 100, 10, 1, 5, 3)
    after = EngineCounters(4, Spent(2.0, 4), Spent(3.0, 5), Spent(6.0, 6), 300, 50, 8, 40, 23)
    expected = EngineCounters(
        4 - 1, Spent(2.0 - 0.5, 4 - 2), Spent(3.0 - 1.0, 5 - 2), Spent(6.0 - 2.0, 6 - 2), 200, 40, 7, 35, 20
    )
    assert expected == after - before


def test_what_one_page_lacks_is_absent_from_the_difference() -> None:
    """Nothing stands for zero."""
    page = counters(PAGE)
    assert page is not None
    assert EngineCounters(preemptions=7 - 2) == page - EngineCounters(preemptions=2)


def test_the_mean_time_in_the_servers_queue() -> None:
    """Three seconds of four requests are 750 ms each."""
    assert 3000 / 4 == EngineCounters(queue=Spent(3.0, 4)).mean_queue_ms


@pytest.mark.parametrize("queue", [None, Spent(0.0, 0)])
def test_without_a_request_there_is_no_mean(queue: Spent | None) -> None:
    """Neither where it is not counted nor where nothing went through it."""
    assert EngineCounters(queue=queue).mean_queue_ms is None


SIMULATED = "thorexp_sim_busy_seconds_total 8.0\nthorexp_sim_late_seconds_total 2.0\n"


def test_a_simulation_counts_its_own_time() -> None:
    """Seconds of its steps, and by how much they were late."""
    assert EngineCounters(busy_s=8.0, late_s=2.0) == counters(SIMULATED)


def test_the_time_of_a_simulated_load_is_a_difference() -> None:
    """8 - 3 s of steps, 2 - 1 s late."""
    page = counters(SIMULATED)
    assert page is not None
    assert EngineCounters(busy_s=8.0 - 3.0, late_s=2.0 - 1.0) == page - EngineCounters(busy_s=3.0, late_s=1.0)


def test_how_late_a_simulation_was_is_a_share_of_its_steps() -> None:
    """Two seconds of eight."""
    assert 2 / 8 == EngineCounters(busy_s=8.0, late_s=2.0).late_share


@pytest.mark.parametrize(
    "counted",
    [EngineCounters(), EngineCounters(busy_s=0.0, late_s=0.0), EngineCounters(busy_s=8.0), EngineCounters(late_s=2.0)],
    ids=["no simulation", "no step", "lateness not counted", "steps not counted"],
)
def test_what_had_no_step_was_not_late(counted: EngineCounters) -> None:
    """Absent, not zero."""
    assert counted.late_share is None


def test_a_simulation_that_was_in_time_is_late_by_nothing() -> None:
    """Zero is a share."""
    assert 0.0 == EngineCounters(busy_s=8.0, late_s=0.0).late_share


def test_requests_that_have_ended_are_summed_over_their_ends() -> None:
    """vLLM counts them by why they ended: 3 for their length, 1 given up."""
    name = 'vllm:request_success_total{engine="0",finished_reason="%s"} %d.0\n'
    assert EngineCounters(requests=3 + 1) == counters(name % ("length", 3) + name % ("abort", 1))
