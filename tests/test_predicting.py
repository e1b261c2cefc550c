"""A load played in virtual time."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests.records import S
from tests.test_capacity import KV_OF_A_TOKEN, prepared
from thorexp.errors import ConfigError
from thorexp.measure.metrics import Slo, itl_ns, summarize, tpot_ns, ttft_ns
from thorexp.measure.records import RequestRecord, RunRecord
from thorexp.predicting import predict
from thorexp.sim.engine import Engine

OPEN = ("load=constant", "load.num_prompts=4")
BLOCKS = (2048 + 128) // 16  # of one request, when its answer is whole


def predicted(*overrides: str) -> tuple[RunRecord, Engine]:
    """Two requests of 2,048 + 128 tokens to Qwen3-32B-AWQ on a Thor, but for what is typed."""
    job = prepared("predict=true", *overrides)
    assert job.sim is not None
    return predict(job, job.sim)


def run_of(*overrides: str) -> RunRecord:
    """All of whose requests succeed."""
    run, _ = predicted(*overrides)
    assert {None} == {record.error for record in run.requests}
    return run


def longest_gap_ns(run: RunRecord) -> float:
    """Between two tokens of an answer."""
    return max(max(itl_ns(record)) for record in run.requests)


def spans(run: RunRecord) -> list[tuple[int, int]]:
    """From the first token of an answer to its last, in their order."""
    return sorted((record.token_ns[0], record.token_ns[-1]) for record in run.requests)


def sent(record: RequestRecord) -> int:
    assert record.sent_ns is not None
    return record.sent_ns


def ttft(record: RequestRecord) -> int:
    found = ttft_ns(record)
    assert found is not None
    return found


def test_a_prediction_begins_at_zero_and_ends_with_the_last_token() -> None:
    """In the time of what is simulated."""
    run = run_of()
    assert (0, max(record.token_ns[-1] for record in run.requests)) == (run.start_ns, run.end_ns)


def test_answers_are_as_long_as_was_asked_for() -> None:
    """With as many tokens in the record as there are moments."""
    run = run_of()
    assert 2 * [(2048, 128, 128, "length")] == [
        (record.input_tokens, record.output_tokens, len(record.token_ns), record.finish_reason)
        for record in run.requests
    ]


@pytest.mark.parametrize("words", [(), ("load=poisson", "load.num_prompts=4"), ("workload=conversation",)], ids=str)
def test_the_same_job_has_the_same_prediction(words: tuple[str, ...]) -> None:
    """To the nanosecond."""
    assert run_of(*words) == run_of(*words)


def test_another_seed_has_another_prediction() -> None:
    """Where lengths are drawn from it."""
    first, second = (run_of("workload.range_ratio=0.5", f"workload.seed={seed}").end_ns for seed in (0, 1))
    assert first != second


def test_one_at_once_is_asked_when_the_one_before_is_answered() -> None:
    """No time passes between them."""
    run = run_of("load.max_concurrency=1", "load.num_prompts=3")
    assert [before.token_ns[-1] for before in run.requests[:-1]] == [sent(after) for after in run.requests[1:]]


def test_the_way_to_the_scheduler_is_part_of_a_ttft() -> None:
    """A second of it."""
    fast, slow = (ttft(run_of(f"sim.request_ms={ms}", "load.num_prompts=1").requests[0]) for ms in (0, 1000))
    assert fast + 1 * S == slow


def test_the_first_token_takes_what_the_prompt_takes_at_the_share_of_the_peak() -> None:
    """2 · 31.2 G linear weights · 2,048 tokens at 16.12 % of 258.5 TFLOP/s; attention adds up to a twentieth."""
    (record,) = run_of("load.num_prompts=1", "sim.request_ms=0").requests
    linear_s = 2 * 31.2e9 * 2048 / (0.1612 * 258.5e12)
    assert 1.0 < ttft(record) / S / linear_s < 1.05


def test_a_token_takes_what_the_weights_take_to_read_at_the_share_of_the_bandwidth() -> None:
    """17.8 GB a step, and the KV cache of 2,048 + 64 tokens in the middle of the answer, at 87.52 % of 273 GB/s."""
    (record,) = run_of("load.num_prompts=1").requests
    step_s = (17.77e9 + (2048 + 64) * KV_OF_A_TOKEN) / (0.8752 * 273e9)
    assert step_s * S == pytest.approx(tpot_ns(record), rel=5e-3)


def test_kv_of_fp8_shortens_a_token_by_half_of_what_its_cache_took_to_read() -> None:
    """On average that of the prompt and half of the answer: steps compute from one token of it to 127."""
    wide, narrow = (
        tpot_ns(run_of("load.num_prompts=1", f"engine.kv_cache_dtype={dtype}").requests[0]) for dtype in ("auto", "fp8")
    )
    assert wide is not None
    assert narrow is not None
    read_s = (2048 + (1 + 127) / 2) * KV_OF_A_TOKEN / (0.8752 * 273e9)
    assert read_s / 2 * S == pytest.approx(wide - narrow, rel=1e-6)


def test_a_smaller_step_shortens_the_longest_gap_between_tokens() -> None:
    """A prompt that comes in between stalls who decodes: whole for 3 s, in quarters for a quarter of that."""
    whole, cut = (
        longest_gap_ns(run_of(*OPEN, f"engine.max_num_batched_tokens={tokens}")) for tokens in (2048 + 64, 512)
    )
    assert 3.5 < whole / cut < 5.0


def test_one_sequence_at_a_time_serialises() -> None:
    """No answer begins before the one before it is whole, though all are asked at once: 1 ns after each other."""
    run = run_of("load.num_prompts=3", "engine.max_num_seqs=1")
    assert [0, 1, 2] == [sent(record) for record in run.requests]
    assert all(end < begin for (_, end), (begin, _) in pairwise(spans(run)))


def test_sequences_together_overlap() -> None:
    """Where they may."""
    (_, end), (begin, _) = spans(run_of("engine.max_num_seqs=2"))
    assert begin < end


@pytest.mark.parametrize(("blocks", "preemptions"), [(2 * BLOCKS, 0), (2 * BLOCKS - 1, 1)])
def test_a_block_too_few_preempts(blocks: int, preemptions: int) -> None:
    """Two prompts fit, and not two whole answers: the second gives way once, and begins anew."""
    run, engine = predicted(f"engine.num_gpu_blocks_override={blocks + 1}", "engine.max_model_len=2176")
    assert (preemptions, True) == (engine.counted.preemptions, all(record.ok for record in run.requests))


def test_a_small_share_of_the_memory_makes_a_load_longer() -> None:
    """16 % of 131.88 GB leave 1.8 GB beside 19.3 GB of weights: three requests of 0.57 GB and not four."""
    words = ("load.num_prompts=4", "load.max_concurrency=4")
    small, large = (run_of(*words, f"engine.gpu_memory_utilization={share}").end_ns for share in (0.16, 0.8))
    assert small > large


SHARED = ("load=low", "load.num_prompts=2", "workload.prefix_len=1024", "workload.input_len=1024")


def test_a_prefix_that_was_seen_is_found() -> None:
    """1,024 tokens of the second prompt, and half of its first token's time with them."""
    run, engine = predicted(*SHARED)
    cold, warm = map(ttft, run.requests)
    assert 1024 == engine.counted.hits
    assert warm < 0.6 * cold


def test_without_a_prefix_cache_nothing_is_found() -> None:
    """Both prompts take as long."""
    run, engine = predicted(*SHARED, "engine.enable_prefix_caching=false")
    cold, warm = map(ttft, run.requests)
    assert (0, cold) == (engine.counted.hits, warm)


@pytest.mark.parametrize(
    "words",
    [
        ("load=constant", "load.request_rate=3", "load.num_prompts=10"),
        ("load=poisson", "load.num_prompts=10"),
        ("load=bursts", "load.num_prompts=10"),
        ("load=ramp", "load.num_prompts=null", "load.duration_s=10"),
    ],
    ids=lambda words: words[0],
)
def test_an_open_loop_asks_at_its_own_times(words: tuple[str, ...]) -> None:
    """Whatever the server manages: each offset of the plan is kept, and those of one moment are 1 ns apart.

    Times of which float seconds are no whole nanoseconds may come out one later.
    """
    job = prepared("predict=true", *words)
    assert job.sim is not None
    run, _ = predict(job, job.sim)
    assert [request.due_ns for request in job.plan.requests] == [record.scheduled_ns for record in run.requests]
    due_ns = [record.scheduled_ns for record in run.requests]
    before = [due_ns[:i].count(due) for i, due in enumerate(due_ns)]
    late_ns = [sent(record) - record.scheduled_ns for record in run.requests]
    assert {0, 1} >= {late - place for late, place in zip(late_ns, before, strict=True)}
    assert len(run.requests) > 2


def test_a_burst_is_sent_one_after_the_other() -> None:
    """Eight are due at one moment, and no two have the same; each is sent a nanosecond after the one before."""
    sent_ns = [sent(record) for record in run_of("load=bursts", "load.num_prompts=16").requests]
    assert [*range(8)] * 2 == [at - sent_ns[i // 8 * 8] for i, at in enumerate(sent_ns)]


def test_stages_that_do_not_drain_begin_at_their_times() -> None:
    """A minute, then ten seconds, whatever is left of it."""
    run = run_of("load=spike", "load.num_prompts=null")
    expected = [("calm", 0), ("spike", 60 * S), ("after", 70 * S)]
    assert expected == [(stage.name, stage.start_ns) for stage in run.stages]


def test_stages_that_drain_follow_each_other() -> None:
    """The second begins when the first is answered."""
    first, second = run_of("load.stages=[{num_prompts: 2},{num_prompts: 1}]").stages
    assert first.end_ns == second.start_ns


def test_a_turn_is_asked_after_the_answer_and_its_thought() -> None:
    """Exactly as long after it as was drawn."""
    job = prepared("predict=true", "workload=conversation")
    assert job.sim is not None
    run, _ = predict(job, job.sim)
    ends = {record.index: record.token_ns[-1] for record in run.requests}
    turns = [request for request in job.plan.requests if request.follows is not None]
    assert [ends[turn.follows] + turn.due_ns for turn in turns if turn.follows is not None] == [
        run.requests[turn.index].scheduled_ns for turn in turns
    ]
    assert 2 * 3 == len(turns)


def test_a_turn_finds_what_was_said_before() -> None:
    """The second turn's prompt is all of the first and 128 tokens more; its first token is sooner there."""
    run = run_of("workload=conversation", "load.num_prompts=1")
    first, second = run.requests[:2]
    assert (1024, 1024 + 128 + 128) == (first.input_tokens, second.input_tokens)
    assert ttft(second) < ttft(first) / 2


def test_a_timed_load_begins_no_request_after_its_time() -> None:
    """One more user every few seconds, for twenty."""
    run = run_of("load=users", "load.duration_s=20", "load.num_prompts=50")
    assert max(sent(record) for record in run.requests) < 20 * S < run.end_ns
    assert 1 < len(run.requests) < 50


def test_a_load_that_cannot_keep_its_slo_is_given_up() -> None:
    """As it would be against a server."""
    run, _ = predicted("load.num_prompts=50", "slo.ttft_ms=1", "load.stop_when.goodput=0.9")
    assert run.stopped is not None
    assert "load.stop_when.goodput=0.9" in run.stopped


def test_an_answer_in_one_piece_has_one_moment() -> None:
    """That of its last token."""
    whole, streamed = (run_of(f"endpoint.stream={word}") for word in ("false", "true"))
    assert [record.token_ns[-1:] for record in streamed.requests] == [record.token_ns for record in whole.requests]
    assert {False} == {record.streamed for record in whole.requests}


def test_a_chat_is_predicted_as_a_completion_of_its_tokens() -> None:
    """There is no template in between."""
    assert run_of() == run_of("endpoint=chat")


def test_what_a_server_would_refuse_fails_as_it_would_there() -> None:
    """In vLLM's words, and the rest is answered."""
    job = prepared("predict=true", "workload.range_ratio=0.5", "load.num_prompts=8")
    assert job.sim is not None
    limits = replace(job.sim.limits, max_model_len=2048)
    run, _ = predict(job, replace(job.sim, limits=limits))
    too_long = {index for index, length in job.plan.lengths.items() if length > 2048}
    failed = {record.index: record.error for record in run.requests if record.error is not None}
    assert 0 < len(too_long) < 8
    assert too_long == set(failed)
    assert all(error.startswith("HTTP 400 Bad Request: This model's maximum context") for error in failed.values())


def test_texts_are_refused(tmp_path: Path) -> None:
    """Nobody knows how many tokens they are; the keys are named, and the ways on."""
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "one", "output_len": 4}\n{"prompt": "two", "output_len": 4}\n')
    with pytest.raises(ConfigError) as refused:
        predicted("workload=jsonl", f"workload.file={file}")
    for word in ("workload=jsonl", "predict=true", "server=sim"):
        assert word in str(refused.value)


def test_a_prediction_has_numbers_as_a_measurement_has() -> None:
    """8 at once are faster than one after the other."""
    rates = [
        summarize(run_of("load.num_prompts=8", f"load.max_concurrency={n}"), (99.0,), Slo()).output_throughput
        for n in (1, 8)
    ]
    assert rates[0] < rates[1]


def test_a_request_that_takes_too_long_fails_as_it_would_there() -> None:
    """Its first token takes 3 s; a second is waited for it."""
    run, engine = predicted("endpoint.first_token_timeout_s=1", "load.num_prompts=1")
    (record,) = run.requests
    assert "TimeoutError: the first token did not come within endpoint.first_token_timeout_s=1" == record.error
    assert (1 * S, 0) == (run.end_ns, engine.blocks.used)


def test_the_patience_for_a_first_token_is_none_for_later_ones() -> None:
    """An answer of 13 s is waited for whose first token came within 4."""
    run = run_of("endpoint.first_token_timeout_s=4", "load.num_prompts=1")
    assert 4 * S < run.end_ns
