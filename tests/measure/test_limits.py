"""How near a measurement comes to what its hardware can do at most.

Published figures are those of Qwen3 on Jetson AGX Thor; the others are of a model that is small enough to count on
paper.
"""

from dataclasses import replace

import pytest

from tests.records import MS, S, a_failure, a_record, a_summary
from thorexp.measure.limits import (
    Against,
    Decoding,
    Limit,
    Roofline,
    Utilization,
    decoding_by_means,
    decoding_of,
    mean_lengths,
    shown_against,
    tpot_against,
    ttft_against,
    utilization,
)
from thorexp.measure.metrics import Summary
from thorexp.measure.records import RequestRecord
from thorexp.measure.roofline import Board, Precision, Transformer
from thorexp.measure.stats import Distribution

QWEN3_32B = Transformer(64, 5120, 64, 8, 128, 25600, 151936, tied=False)
QWEN3_30B_A3B = Transformer(48, 2048, 32, 4, 128, 6144, 151936, False, 128, 8, 768)
THOR = Board(memory_bytes=131.88e9, bandwidth_bytes_s=273e9, peak_flops_s=258.5e12)
UNKNOWN = Board(None, None, None)
BF16 = Precision(2.0, 2.0)
AWQ = Precision(0.5 + 2.5 / 128, 2.0)

# One layer of 200 weights of attention and 300 of the MLP, a byte each; an lm_head of 100 in two bytes: 700 bytes a
# step and 1000 FLOP a token. 20 bytes of KV a token.
TINY = Transformer(1, 10, 1, 1, 5, 10, 10, tied=False)
# The same with four experts of which a token has one; a router of 40 in two bytes: 780 bytes for one token.
TINY_MOE = Transformer(1, 10, 1, 1, 5, 10, 10, False, 4, 1, 10)
# 100 ms of computing a token; 1000 bytes a second.
BOARD = Board(memory_bytes=None, bandwidth_bytes_s=1000.0, peak_flops_s=10_000.0)
PAPER = Roofline(TINY, Precision(1.0, 2.0), BOARD)
PAPER_MOE = replace(PAPER, model=TINY_MOE)


def ms(limit: Limit | None) -> float:
    """Of a limit that must be there."""
    assert limit is not None
    return limit.ms


def of(value: float | None) -> float:
    """A figure that must be there."""
    assert value is not None
    return value


def on(board: Board, *, bandwidth: float | None, peak: float | None) -> Roofline:
    """The model on paper, on a board of which only this is known."""
    return replace(PAPER, board=replace(board, bandwidth_bytes_s=bandwidth, peak_flops_s=peak))


def test_a_dense_prompt_is_bound_by_computing() -> None:
    """2 FLOP for each of 31,205,621,760 weights and 2048 tokens are 127.82 TFLOP: 494 ms at Thor's 258.5 TFLOP/s."""
    limit = Roofline(QWEN3_32B, AWQ, THOR).prefill(2048)
    assert 494 == round(ms(limit))
    assert limit is not None
    assert "127.82 TFLOP at 258.5 TFLOP/s" == limit.why


def test_a_prompt_of_a_mixture_of_experts_is_bound_by_reading() -> None:
    """All its experts have to be read, 60.64 GB in BF16: 222 ms at 273 GB/s, where computing takes 43."""
    limit = Roofline(QWEN3_30B_A3B, BF16, THOR).prefill(2048)
    assert 222 == round(ms(limit))
    assert limit is not None
    assert "60.64 GB at 273 GB/s" == limit.why


def test_a_published_decode_step_takes_what_its_bytes_take() -> None:
    """16.21 GB of AWQ weights, 1.556 of lm_head and 0.554 of KV are 18.32 GB: 67.1 ms at 273 GB/s."""
    limit = Roofline(QWEN3_32B, AWQ, THOR).decode(2048 + 128 / 2)
    assert pytest.approx(18.32 / 273 * 1000, rel=0.1 / 100) == ms(limit)
    assert limit is not None
    assert "18.32 GB at 273 GB/s" == limit.why


@pytest.mark.parametrize(("tokens", "least_ms"), [(5, 700 + 5 * 20), (20, 20 * 100)])
def test_a_prefill_takes_the_longer_of_reading_and_computing(tokens: int, least_ms: float) -> None:
    """Five tokens are computed in 500 ms, twenty read and written in 1100."""
    assert pytest.approx(least_ms) == ms(PAPER.prefill(tokens))


def test_without_a_peak_a_prefill_takes_at_least_its_reading() -> None:
    """700 bytes of weights and 20 tokens of 20 bytes, 1000 bytes a second."""
    assert pytest.approx(700 + 20 * 20) == ms(on(BOARD, bandwidth=1000.0, peak=None).prefill(20))


def test_without_a_bandwidth_a_prefill_takes_at_least_its_computing() -> None:
    """Five tokens of 100 ms."""
    assert pytest.approx(5 * 100) == ms(on(BOARD, bandwidth=None, peak=10_000.0).prefill(5))


@pytest.mark.parametrize("tokens", [0, -16])
def test_where_nothing_is_left_to_compute_there_is_no_prefill(tokens: int) -> None:
    """A prompt that a cache may hold whole can come at once: no limit, rather than one of reading the weights."""
    assert PAPER.prefill(tokens) is None


def test_a_board_that_nobody_knows_has_no_limit() -> None:
    """Absent, not zero."""
    unknown = replace(PAPER, board=UNKNOWN)
    assert (None, None, None, None) == (
        unknown.prefill(20),
        unknown.decode(20),
        unknown.mfu(20, 1.0),
        unknown.mbu(Decoding(1, 20), 1.0),
    )


def test_a_decode_step_reads_weights_and_its_context() -> None:
    """700 bytes and 15 tokens of 20 in a second; computing is no limit of it."""
    assert pytest.approx(700 + 15 * 20) == ms(PAPER.decode(15))


def test_a_decode_step_of_one_sequence_reads_its_own_experts() -> None:
    """One expert of four: 200 + 300 weights, an lm_head of 200 bytes, a router of 80."""
    assert pytest.approx(200 + 300 + 200 + 80) == ms(PAPER_MOE.decode(0))


def test_drafted_tokens_share_a_step() -> None:
    """With three drafted beside each token a step of a second may give four."""
    drafting = replace(PAPER, tokens_per_step=4.0)
    assert pytest.approx((700 + 15 * 20) / 4) == ms(drafting.decode(15))


def test_a_limit_of_drafted_tokens_says_how_many_it_is_for() -> None:
    """The bytes are those of a whole step, which may bring four."""
    limit = Roofline(QWEN3_32B, AWQ, THOR, tokens_per_step=4.0).decode(2048 + 128 / 2)
    assert limit is not None
    assert "18.32 GB at 273 GB/s for 4 tokens" == limit.why


def test_where_nobody_knows_how_many_are_drafted_decode_has_no_limit() -> None:
    """A step may bring any number; a prefill takes what it takes."""
    drafting = replace(PAPER, tokens_per_step=None)
    assert drafting.decode(15) is None
    assert pytest.approx(20 * 100) == ms(drafting.prefill(20))


def test_a_token_passes_the_stages_of_a_pipeline_one_after_the_other() -> None:
    """Two devices that could read 1000 bytes in a second together read half of them each, the second after the first:
    two seconds.
    """
    assert pytest.approx(2 * (700 + 15 * 20)) == ms(replace(PAPER, stages=2).decode(15))


def test_a_limit_of_a_pipeline_says_how_many_stages_it_is_of() -> None:
    """The bytes are those of all stages; drafted tokens pass them together."""
    pipeline = Roofline(QWEN3_32B, AWQ, THOR, stages=2)
    alone, drafting = (each.decode(2048 + 128 / 2) for each in (pipeline, replace(pipeline, tokens_per_step=4.0)))
    assert alone is not None
    assert drafting is not None
    assert "18.32 GB at 273 GB/s, 2 stages one after the other" == alone.why
    assert "18.32 GB at 273 GB/s for 4 tokens, 2 stages one after the other" == drafting.why
    assert pytest.approx(2 * 18.32 / 273 * 1000 / 4, rel=0.1 / 100) == ms(drafting)


def test_a_pipeline_does_not_lengthen_a_prefill() -> None:
    """Parts of a prompt may be in all of its stages at once."""
    assert pytest.approx(20 * 100) == ms(replace(PAPER, stages=2).prefill(20))


def test_copies_of_a_model_make_no_request_faster() -> None:
    """Each is computed and read by one of them."""
    copies = replace(PAPER, replicas=4)
    assert pytest.approx((20 * 100, 700 + 15 * 20)) == (ms(copies.prefill(20)), ms(copies.decode(15)))


def test_drafted_tokens_do_not_shorten_a_prefill() -> None:
    """The prompt is computed as without."""
    assert pytest.approx(20 * 100) == ms(replace(PAPER, tokens_per_step=4.0).prefill(20))


def test_mfu_is_what_was_computed_of_what_could_have_been() -> None:
    """20 tokens take 2 s at the peak, and took 4."""
    assert pytest.approx(2 / 4) == PAPER.mfu(20, 4000.0)


def test_mbu_is_what_was_read_of_what_could_have_been() -> None:
    """Two sequences of 15 tokens make 700 + 600 bytes; in two seconds 2000 could be read."""
    assert pytest.approx(1300 / 2000) == PAPER.mbu(Decoding(2, 15), 2000.0)


def test_mbu_is_of_as_many_experts_as_are_said() -> None:
    """1.75 of four are 525 weights in place of the 300 of one, which is the least."""
    assert pytest.approx(780 / 2000) == PAPER_MOE.mbu(Decoding(2, 0), 2000.0)
    assert pytest.approx((780 + 225) / 2000) == PAPER_MOE.mbu(Decoding(2, 0), 2000.0, 1.75)


def test_mbu_is_of_one_copy_of_a_model() -> None:
    """Six sequences on three copies are two each: 700 + 600 bytes, by a bandwidth of its own."""
    assert pytest.approx(1300 / 2000) == replace(PAPER, replicas=3).mbu(Decoding(6, 15), 2000.0)


@pytest.mark.parametrize(
    ("at_once", "replicas", "batch"), [(6, 1, 6), (6, 3, 2), (2, 3, 1), (0.05, 1, 1), (2.5, 2, 1.25)]
)
def test_the_sequences_are_shared_evenly_and_a_step_has_at_least_one(
    at_once: float, replicas: int, batch: float
) -> None:
    """Where fewer than one are under way in the mean, steps are few, and each is of one."""
    assert batch == replace(PAPER, replicas=replicas).batch_of(Decoding(at_once, 15))


SIXTEEN = (0.5,) * 15  # gaps, of an answer long enough to be judged


def a_request(index: int, sent_s: float, gaps_s: tuple[float, ...] = (1.0,) * 5) -> RequestRecord:
    """12 tokens in; the first out 2.4 s after the send, the others after these gaps."""
    first = round((sent_s + 2.4) * S)
    token_ns = tuple(first + round(sum(gaps_s[:i]) * S) for i in range(len(gaps_s) + 1))
    return a_record(
        index=index, sent_ns=round(sent_s * S), token_ns=token_ns, input_tokens=12, output_tokens=len(token_ns)
    )


def two_streams(**changes: object) -> Summary:
    """Four requests in 10 s, of 12 tokens in and 6 out: five gaps of a second each make 20 s, two at once."""
    requests = [replace(a_request(i, 2.6 * (i // 2)), **changes) for i in range(4)]  # type: ignore[arg-type]
    return a_summary(*requests, end_ns=10 * S)


TWO = Decoding(at_once=2, context=15)


def used_by(
    summary: Summary, roofline: Roofline = PAPER, *, prefilled: float | None = 12, decoding: Decoding | None = TWO
) -> Utilization:
    """Of prompts of which no cache held anything, and two sequences at once of 12 + 6/2 tokens."""
    return utilization(summary, roofline, prefilled=prefilled, decoding=decoding)


def test_the_utilization_of_prefill_is_of_the_median_request() -> None:
    """12 tokens take 1.2 s at the peak, and took 2.4, but one 20."""
    late = a_record(index=4, sent_ns=0, token_ns=(20 * S,), input_tokens=12)
    summary = a_summary(*(a_request(i, 0.0) for i in range(4)), late, end_ns=20 * S)
    assert pytest.approx(1.2 / 2.4) == used_by(summary).mfu


def test_tokens_that_were_found_in_a_cache_are_no_prefill() -> None:
    """6 of 12 were computed: that takes 0.6 s at the peak."""
    assert pytest.approx(0.6 / 2.4) == used_by(two_streams(), prefilled=6).mfu


@pytest.mark.parametrize("prefilled", [0, None], ids=["found whole", "not known"])
def test_a_prefill_of_nothing_that_one_could_tell_has_no_utilization(prefilled: float | None) -> None:
    """A cache had the prompts whole, or nobody knows how much it had; decode has one nevertheless."""
    used = used_by(two_streams(), prefilled=prefilled)
    assert used.mfu is None
    assert used.mbu is not None


def test_the_utilization_of_decode_counts_the_sequences_at_once() -> None:
    """700 + 2 · 15 · 20 bytes in a gap of one second."""
    twice = replace(PAPER, board=replace(BOARD, bandwidth_bytes_s=2600.0))
    assert pytest.approx((700 + 2 * 15 * 20) / 2600) == used_by(two_streams(), twice).mbu


def test_a_load_with_pauses_decodes_one_at_a_time() -> None:
    """A twentieth of a sequence in the mean is one now and then: a step has at least one."""
    assert pytest.approx((700 + 15 * 20) / 1000) == used_by(two_streams(), decoding=Decoding(0.05, 15)).mbu


def test_the_utilization_of_decode_is_at_the_median_gap() -> None:
    """A stall of 9 s beside four gaps of a second does not count, where the mean would be 2.6 s."""
    stalled = a_summary(a_request(0, 0.0, (1.0, 1.0, 9.0, 1.0, 1.0)), end_ns=100 * S)
    assert pytest.approx((700 + 15 * 20) / 1000) == used_by(stalled, decoding=Decoding(1, 15)).mbu


def test_experts_that_are_hit_evenly_have_a_utilization_of_their_own() -> None:
    """Two at once read 780 bytes and 600 of KV if they agree. Routed evenly they hit 4 · (1 - (3/4)²) = 1.75 of four
    experts: 525 weights in place of 300.
    """
    used = used_by(two_streams(), PAPER_MOE)
    assert pytest.approx((780 + 600) / 1000) == used.mbu
    assert pytest.approx((780 + 600 + 225) / 1000) == used.mbu_uniform


def test_a_dense_model_has_no_experts_to_hit() -> None:
    """One utilization of decode, not two."""
    used = used_by(two_streams())
    assert used.mbu is not None
    assert used.mbu_uniform is None


@pytest.mark.parametrize(("at_once", "replicas"), [(1, 1), (0.05, 1), (2, 2)])
def test_one_sequence_at_once_hits_its_own_experts(at_once: float, replicas: int) -> None:
    """Even or not, it is one token a step, of one or of each of two copies."""
    used = used_by(two_streams(), replace(PAPER_MOE, replicas=replicas), decoding=Decoding(at_once, 15))
    assert used.mbu is not None
    assert used.mbu_uniform is None


def test_experts_are_hit_by_the_sequences_of_one_copy() -> None:
    """Four at once on two copies are two each, as above."""
    used = used_by(two_streams(), replace(PAPER_MOE, replicas=2), decoding=Decoding(4, 15))
    assert pytest.approx((780 + 600 + 225) / 1000) == used.mbu_uniform


@pytest.mark.parametrize("summary", [a_summary(a_failure()), a_summary()], ids=["no success", "no request"])
def test_without_a_latency_nothing_is_known_of_utilization(summary: Summary) -> None:
    """Absent, not zero."""
    assert Utilization() == used_by(summary, PAPER_MOE)


def test_where_nobody_knows_how_a_run_decoded_its_decode_has_no_utilization() -> None:
    """Prefill has one nevertheless."""
    used = used_by(two_streams(), PAPER_MOE, decoding=None)
    assert (None, None) == (used.mbu, used.mbu_uniform)
    assert used.mfu is not None


def test_a_board_that_nobody_knows_has_no_utilization() -> None:
    """Absent, not zero."""
    assert Utilization() == used_by(two_streams(), replace(PAPER_MOE, board=UNKNOWN))


def test_answers_of_one_token_have_no_utilization_of_decode() -> None:
    """There is no gap; prefill has one nevertheless."""
    used = used_by(a_summary(a_request(0, 0.0, ()), end_ns=10 * S))
    assert pytest.approx(1.2 / 2.4) == used.mfu
    assert used.mbu is None


def test_gaps_of_nothing_have_no_utilization() -> None:
    """Where most tokens came in one read with the token before, the median gap says nothing of a step."""
    bundled = a_summary(a_request(0, 0.0, (0.0, 0.0, 0.0, 5.0, 0.0)), end_ns=10 * S)
    assert used_by(bundled).mbu is None


def test_sequences_at_once_are_their_time_of_decoding_over_that_of_the_run() -> None:
    """Five gaps of a second and five of two are 15 s in 10; the first token is no decoding."""
    found = decoding_of([a_request(0, 0.0), a_request(1, 1.0, (2.0,) * 5)], 10.0)
    assert found is not None
    assert pytest.approx((5 + 10) / 10) == found.at_once


def test_the_context_is_that_of_the_mean_moment() -> None:
    """12 + 6/2 tokens for 5 s, and 42 + 6/2 for 10 s, of which there is twice as much to see."""
    slow = replace(a_request(1, 0.0, (2.0,) * 5), input_tokens=42)
    found = decoding_of([a_request(0, 0.0), slow], 10.0)
    assert found is not None
    assert pytest.approx((5 * 15 + 10 * 45) / (5 + 10)) == found.context


@pytest.mark.parametrize(
    "changes",
    [{"input_tokens": None}, {"output_tokens": None}, {"streamed": False}, {"output_tokens": 1}],
)
def test_a_request_that_says_nothing_of_decoding_is_left_out(changes: dict[str, object]) -> None:
    """One that nobody counted, that came in one piece or has one token; the one beside it decoded for 5 s of 10."""
    unknown = replace(a_request(0, 0.0), **changes)  # type: ignore[arg-type]
    assert Decoding(0.5, 15.0) == decoding_of([unknown, a_request(1, 0.0)], 10.0)
    assert decoding_of([unknown], 10.0) is None


@pytest.mark.parametrize("good", [[], [a_request(0, 0.0, ())], [a_request(0, 0.0, (0.0, 0.0))]])
def test_where_nothing_decoded_there_is_no_decoding(good: list[RequestRecord]) -> None:
    """No request; one of a single token; one whose tokens all came in one read."""
    assert decoding_of(good, 10.0) is None


def test_means_tell_how_a_run_decoded() -> None:
    """Little's law: 4 · 5 · 1 s of decoding in 10 s are 2 at once, each of 12 + 6/2 tokens."""
    assert Decoding(2.0, 15.0) == decoding_by_means(two_streams())


def test_means_tell_the_same_as_the_requests_where_these_are_alike() -> None:
    """Four of 12 tokens in and 6 out."""
    requests = [a_request(i, 2.6 * (i // 2)) for i in range(4)]
    assert decoding_of(requests, 10.0) == decoding_by_means(a_summary(*requests, end_ns=10 * S))


@pytest.mark.parametrize(
    "summary",
    [a_summary(a_failure()), a_summary(), two_streams(input_tokens=None), a_summary(a_request(0, 0.0, ()))],
    ids=["no success", "no request", "a server that did not count", "answers of one token"],
)
def test_without_means_nobody_knows_how_a_run_decoded(summary: Summary) -> None:
    """Absent, not zero."""
    assert decoding_by_means(summary) is None


def test_mean_lengths_are_of_successes() -> None:
    """12 and 20 tokens in, 6 and 2 out; a failure has none."""
    long = replace(a_request(1, 0.0, (1.0,)), input_tokens=20)
    assert ((12 + 20) / 2, (6 + 2) / 2) == mean_lengths(a_summary(a_request(0, 0.0), long, a_failure(index=2)))


@pytest.mark.parametrize("summary", [a_summary(a_failure()), two_streams(input_tokens=None)])
def test_lengths_that_nobody_counted_are_absent(summary: Summary) -> None:
    """Without a success, or where the server said nothing of its prompts."""
    assert mean_lengths(summary) is None


def test_a_ttft_stands_beside_the_prefill_of_its_own_prompt() -> None:
    """20 tokens take 2 s to compute, 5 take 800 ms to read."""
    long = a_record(index=3, sent_ns=0, token_ns=(2500 * MS,), input_tokens=20)
    short = a_record(index=4, sent_ns=0, token_ns=(90 * MS,), input_tokens=5)
    found = ttft_against([long, short], PAPER, {3: 0, 4: 0})
    assert [("TTFT of request 3", 2500.0), ("TTFT of request 4", 90.0)] == [(a.what, a.measured_ms) for a in found]
    assert pytest.approx([2000, 800]) == [each.limit.ms for each in found]


def test_what_a_cache_may_have_found_is_no_work() -> None:
    """Of 36 tokens 16 may be found: 20 are left, 2 s of computing."""
    (found,) = ttft_against([a_record(index=3, input_tokens=36)], PAPER, {3: 16})
    assert pytest.approx(2000) == found.limit.ms


def test_a_prompt_that_a_cache_may_have_found_whole_accuses_nobody() -> None:
    """It has no limit, and is left out."""
    found = ttft_against([a_record(index=3, input_tokens=16), a_record(index=4, input_tokens=16)], PAPER, {3: 16, 4: 0})
    assert ["TTFT of request 4"] == [each.what for each in found]


def test_a_request_of_which_nobody_knows_what_can_be_found_is_left_out() -> None:
    """Only those in `reusable` have a limit."""
    found = ttft_against([a_record(index=3), a_record(index=4)], PAPER, {4: 0})
    assert ["TTFT of request 4"] == [each.what for each in found]


@pytest.mark.parametrize("changes", [{"input_tokens": None}, {"streamed": False}])
def test_a_ttft_that_is_not_known_is_left_out(changes: dict[str, object]) -> None:
    """Of a prompt that nobody counted, and of an answer in one piece; the one beside them is there."""
    unknown = replace(a_record(index=0), **changes)  # type: ignore[arg-type]
    found = ttft_against([unknown, a_record(index=1)], PAPER, {0: 0, 1: 0})
    assert ["TTFT of request 1"] == [each.what for each in found]


def test_a_board_that_nobody_knows_puts_nothing_beside_a_latency() -> None:
    """Empty, so that nothing can be below it."""
    unknown, good = replace(PAPER, board=UNKNOWN), [a_request(0, 0.0, SIXTEEN)]
    assert ((), ()) == (ttft_against(good, unknown, {0: 0}), tpot_against(good, unknown))


def test_a_tpot_stands_beside_the_step_of_its_own_context() -> None:
    """12 tokens in and half of 16 out are 20: 700 + 400 bytes in 1.1 s; the gaps are of half a second."""
    (found,) = tpot_against([a_request(7, 0.0, SIXTEEN)], PAPER)
    assert ("TPOT of request 7", 500.0) == (found.what, found.measured_ms)
    assert pytest.approx(700 + 20 * 20) == found.limit.ms


def test_a_tpot_of_a_short_answer_is_left_out() -> None:
    """Of 15 tokens; of 16 and 17 it stands: one late read is then a smaller part of it."""
    short, *long = (a_request(tokens, 0.0, (0.5,) * (tokens - 1)) for tokens in (15, 16, 17))
    assert ["TPOT of request 16", "TPOT of request 17"] == [each.what for each in tpot_against([short, *long], PAPER)]


def test_a_tpot_has_no_limit_where_nobody_knows_how_many_tokens_are_drafted() -> None:
    """It is left out, and the same request without drafts is not."""
    good = [a_request(7, 0.0, SIXTEEN)]
    assert ((), 1) == (tpot_against(good, replace(PAPER, tokens_per_step=None)), len(tpot_against(good, PAPER)))


@pytest.mark.parametrize(
    "changes",
    [{"input_tokens": None}, {"output_tokens": None}, {"streamed": False}, {"output_tokens": 1}],
)
def test_a_tpot_that_is_not_known_is_left_out(changes: dict[str, object]) -> None:
    """Of tokens that nobody counted, of an answer in one piece or of one token; the one beside them is there."""
    unknown = replace(a_request(0, 0.0, SIXTEEN), **changes)  # type: ignore[arg-type]
    assert ["TPOT of request 1"] == [each.what for each in tpot_against([unknown, a_request(1, 0.0, SIXTEEN)], PAPER)]


SAMPLE = Distribution(10, 12.0, 11.0, None, ((99.0, 20.0), (99.9, 30.0)))


def test_each_figure_of_a_report_stands_beside_the_limit() -> None:
    """Mean, median and percentiles, in the words of the report."""
    limit = Limit(15.0, "much work")
    assert (
        Against("mean TTFT", 12.0, limit),
        Against("median TTFT", 11.0, limit),
        Against("P99 TTFT", 20.0, limit),
        Against("P99.9 TTFT", 30.0, limit),
    ) == shown_against("TTFT", SAMPLE, limit)


@pytest.mark.parametrize(("sample", "limit"), [(None, Limit(15.0, "work")), (SAMPLE, None), (None, None)])
def test_a_report_without_figures_or_limit_has_nothing_beside_it(
    sample: Distribution | None, limit: Limit | None
) -> None:
    """Empty, so that nothing can be below it."""
    assert () == shown_against("TTFT", sample, limit)
