"""What a model asks of a board at the least.

Expected figures are those published for Qwen3 and Jetson AGX Thor, or small enough to count on paper.
"""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thorexp.errors import ConfigError
from thorexp.measure.roofline import (
    Board,
    Fit,
    Precision,
    Transformer,
    active_linear_parameters,
    decode_step_bytes,
    distinct_experts,
    kv_bytes_per_token,
    least_experts,
    linear_parameters,
    load_floor_s,
    memory_fit,
    prefill_bytes,
    prefill_flops,
    weight_bytes,
)

QWEN3_8B = Transformer(36, 4096, 32, 8, 128, 12288, 151936, tied=False)
QWEN3_32B = Transformer(64, 5120, 64, 8, 128, 25600, 151936, tied=False)
QWEN3_30B_A3B = Transformer(48, 2048, 32, 4, 128, 6144, 151936, False, 128, 8, 768)
MODELS = (QWEN3_8B, QWEN3_32B, QWEN3_30B_A3B)

THOR = Board(memory_bytes=131.88e9, bandwidth_bytes_s=273e9, peak_flops_s=258.5e12)
UNKNOWN = Board(memory_bytes=None, bandwidth_bytes_s=None, peak_flops_s=None)

BF16 = Precision(2.0, 2.0)
FP8 = Precision(1 + 4 / 16384, 2.0)
AWQ = Precision(0.5 + 2.5 / 128, 2.0)
W4_G32 = Precision(0.5 + 2 / 32, 2.0)
W4_G128 = Precision(0.5 + 2 / 128, 2.0)
W8_G32 = Precision(1 + 2 / 32, 2.0)
W8_G128 = Precision(1 + 2 / 128, 2.0)
NVFP4 = Precision(0.5 + 1 / 16, 2.0)

C1_CONTEXT = 2048 + 128 / 2


def of(value: float | None) -> float:
    """A figure that must be there."""
    assert value is not None
    return value


def load_s(
    board: Board, *, requests: int = 10, output_len: float = 128, streams: int = 1, rate: float = math.inf
) -> float | None:
    """Qwen3-30B-A3B-FP8 under 2048 tokens in."""
    return load_floor_s(
        QWEN3_30B_A3B,
        FP8,
        board,
        requests=requests,
        input_len=2048,
        output_len=output_len,
        streams=streams,
        request_rate=rate,
    )


@pytest.mark.parametrize(
    ("model", "parameters"),
    [(QWEN3_8B, 6_945_767_424), (QWEN3_32B, 31_205_621_760), (QWEN3_30B_A3B, 29_896_998_912)],
)
def test_linear_parameters_are_those_published(model: Transformer, parameters: int) -> None:
    """Attention and MLP, every expert counted."""
    assert parameters == linear_parameters(model)


def test_a_token_meets_its_own_experts_only() -> None:
    """Attention whole, and 8 times what one expert index has over all layers."""
    assert 905_969_664 + 8 * 226_492_416 == active_linear_parameters(QWEN3_30B_A3B)


@pytest.mark.parametrize("model", [QWEN3_8B, QWEN3_32B])
def test_a_token_meets_all_of_a_dense_model(model: Transformer) -> None:
    """Without experts nothing is left out."""
    assert linear_parameters(model) == active_linear_parameters(model)


@pytest.mark.parametrize(
    ("model", "parameters"),
    [(QWEN3_8B, 8_190_735_360), (QWEN3_32B, 32_762_123_264), (QWEN3_30B_A3B, 30_532_122_624)],
)
def test_only_norms_are_left_out(model: Transformer, parameters: int) -> None:
    """Two bytes for each of a model's parameters, to within 0.005 %."""
    assert pytest.approx(2 * parameters, rel=0.005 / 100) == weight_bytes(model, BF16)


@pytest.mark.parametrize(
    ("model", "precision", "size_gb"),
    [
        (QWEN3_8B, BF16, 16.38),
        (QWEN3_8B, FP8, 9.44),
        (QWEN3_8B, AWQ, 6.10),
        (QWEN3_32B, BF16, 65.52),
        (QWEN3_32B, FP8, 34.32),
        (QWEN3_32B, AWQ, 19.32),
        (QWEN3_30B_A3B, BF16, 61.06),
        (QWEN3_30B_A3B, FP8, 31.17),
        (QWEN3_30B_A3B, W4_G32, 18.09),
        (QWEN3_30B_A3B, W4_G128, 16.69),
        (QWEN3_30B_A3B, W8_G32, 33.04),
        (QWEN3_30B_A3B, W8_G128, 31.63),
        (QWEN3_30B_A3B, NVFP4, 18.09),
    ],
)
def test_weights_are_as_large_as_on_disk(model: Transformer, precision: Precision, size_gb: float) -> None:
    """Each format of each checkpoint, to the 10 MB that its size is published in."""
    assert size_gb == round(weight_bytes(model, precision) / 1e9, 2)


@pytest.mark.parametrize(("file_bytes", "model"), [(16_381_470_720, QWEN3_8B), (61_064_245_248, QWEN3_30B_A3B)])
def test_weights_are_within_a_thousandth_of_the_files(file_bytes: int, model: Transformer) -> None:
    """The two BF16 checkpoints whose size is known to the byte."""
    assert pytest.approx(file_bytes, rel=0.1 / 100) == weight_bytes(model, BF16)


def test_tied_tables_are_held_once() -> None:
    """Tying saves Qwen3-8B one table of 622,329,856 parameters."""
    tied = replace(QWEN3_8B, tied=True)
    assert 622_329_856 * 2 == weight_bytes(QWEN3_8B, FP8) - weight_bytes(tied, FP8)


@pytest.mark.parametrize(("model", "size"), [(QWEN3_8B, 147_456), (QWEN3_32B, 262_144), (QWEN3_30B_A3B, 98_304)])
def test_kv_of_a_token_is_as_published(model: Transformer, size: int) -> None:
    """In bf16."""
    assert size == kv_bytes_per_token(model, BF16)


def test_kv_in_fp8_is_half() -> None:
    """One byte instead of two, whatever the weights are stored in."""
    assert 147_456 / 2 == kv_bytes_per_token(QWEN3_8B, Precision(2.0, 1.0))


@pytest.mark.parametrize(("model", "tflop"), [(QWEN3_8B, 28.450), (QWEN3_32B, 127.818), (QWEN3_30B_A3B, 11.133)])
def test_prefill_counts_the_active_weights(model: Transformer, tflop: float) -> None:
    """A prompt of 2048 tokens, in the TFLOP published."""
    assert pytest.approx(tflop, rel=0.1 / 100) == prefill_flops(model, 2048) / 1e12


@pytest.mark.parametrize(
    ("model", "precision", "batch", "read_gb"),
    [
        (QWEN3_32B, AWQ, 1, 18.32),
        (QWEN3_32B, AWQ, 8, 22.20),
        (QWEN3_30B_A3B, BF16, 1, 6.29),
        (QWEN3_30B_A3B, FP8, 1, 3.57),
        (QWEN3_30B_A3B, W8_G32, 1, 3.74),
        (QWEN3_30B_A3B, W4_G32, 1, 2.38),
        (QWEN3_30B_A3B, W4_G128, 1, 2.26),
    ],
)
def test_a_step_reads_what_is_published(model: Transformer, precision: Precision, batch: int, read_gb: float) -> None:
    """At the mean context of 2048 tokens in and 128 out, to 10 MB."""
    assert read_gb == round(decode_step_bytes(model, precision, batch, C1_CONTEXT) / 1e9, 2)


def test_a_batch_reads_the_weights_once() -> None:
    """Seven sequences more add seven KV caches, and nothing else at the least, even to a model with experts."""
    one, eight = (decode_step_bytes(QWEN3_30B_A3B, BF16, batch, 1000) for batch in (1, 8))
    assert 7 * 1000 * 98_304 == eight - one


def test_a_tied_model_reads_its_table_too() -> None:
    """The lm_head is read whether or not it is the embedding as well."""
    tied = replace(QWEN3_8B, tied=True)
    assert decode_step_bytes(QWEN3_8B, BF16, 1, 1000) == decode_step_bytes(tied, BF16, 1, 1000)


def test_a_token_reads_its_own_experts() -> None:
    """Alone, of 128 the 8 that it is routed to."""
    assert (8, 8) == (distinct_experts(QWEN3_30B_A3B, 1), least_experts(QWEN3_30B_A3B, 1))


def test_eight_tokens_hit_experts_as_chance_has_it() -> None:
    """Each of 128 is missed by all eight with (15/16)^8: 51.6 a layer, published."""
    assert 51.6 == round(of(distinct_experts(QWEN3_30B_A3B, 8)), 1)


def test_at_the_least_eight_tokens_agree() -> None:
    """And 16 are as two that do not: 8 and, of the 120 that the first left, a sixteenth."""
    assert (8, 8 + 120 / 16) == tuple(least_experts(QWEN3_30B_A3B, tokens) for tokens in (8, 16))


def test_a_long_prompt_hits_every_expert() -> None:
    """2048 tokens, were they routed alike in eights, leave one of 128 out with (15/16)^256."""
    assert pytest.approx(128, abs=1e-4) == least_experts(QWEN3_30B_A3B, 2048)


def test_a_dense_model_has_no_experts_to_hit() -> None:
    """Absent, not zero."""
    assert distinct_experts(QWEN3_8B, 8) is None


def test_uniform_routing_reads_what_is_published() -> None:
    """27.5 GB a step at 8 at once in BF16, the KV of eight sequences in it."""
    experts = distinct_experts(QWEN3_30B_A3B, 8)
    assert 27.5 == round(decode_step_bytes(QWEN3_30B_A3B, BF16, 8, C1_CONTEXT, experts) / 1e9, 1)


def test_each_expert_more_is_read_of_every_layer() -> None:
    """226,492,416 weights of two bytes, over all layers; half of them for half an expert."""
    eight, more, half = (decode_step_bytes(QWEN3_30B_A3B, BF16, 8, 0, experts) for experts in (8, 9, 8.5))
    assert (226_492_416 * 2, 226_492_416) == (more - eight, half - eight)


def test_a_step_of_which_nothing_is_said_reads_the_least() -> None:
    """16 tokens, were they routed alike in eights, hit 15.5 experts a layer."""
    assert decode_step_bytes(QWEN3_30B_A3B, BF16, 16, 0, 15.5) == decode_step_bytes(QWEN3_30B_A3B, BF16, 16, 0)


def test_a_prompt_reads_all_weights_and_writes_its_kv() -> None:
    """Of Qwen3-30B-A3B all but the embedding: 61.06 - 0.62 GB; and 2048 tokens of 98,304 bytes."""
    expected = 61.06e9 - 2 * 311_164_928 + 2048 * 98_304
    assert pytest.approx(expected, rel=0.02 / 100) == prefill_bytes(QWEN3_30B_A3B, BF16, 2048)


def test_a_load_prefills_every_request() -> None:
    """With one token each there is no decode: 100 prompts of 43.1 ms."""
    assert pytest.approx(100 * 43.1e-3, rel=0.1 / 100) == load_s(THOR, requests=100, output_len=1)


def test_a_load_decodes_every_later_token() -> None:
    """With prefill free, one stream takes 10 · 127 steps of 13.09 ms."""
    free = replace(THOR, peak_flops_s=math.inf)
    assert pytest.approx(10 * 127 * 13.09e-3, rel=0.1 / 100) == load_s(free, requests=10, output_len=128)


def test_streams_share_a_step() -> None:
    """Eight streams take an eighth of the steps, each longer by seven KV caches of 2112 tokens."""
    free = replace(THOR, peak_flops_s=math.inf)
    step_s = (3.5737e9 + 7 * 2112 * 98_304) / 273e9
    assert pytest.approx(80 * 127 / 8 * step_s, rel=0.1 / 100) == load_s(free, requests=80, streams=8)


def test_prefill_and_decode_add_up() -> None:
    """10 prompts of 43.1 ms, then 10 · 127 steps of 13.09 ms."""
    assert pytest.approx(10 * 43.1e-3 + 10 * 127 * 13.09e-3, rel=0.1 / 100) == load_s(THOR)


def test_a_load_takes_as_long_as_its_requests_come() -> None:
    """Ten requests at one in a hundred seconds are a thousand seconds, however fast the board."""
    assert 10 / 0.01 == load_s(THOR, rate=0.01)


def test_a_rate_above_what_the_board_can_do_does_not_bind() -> None:
    """A thousand requests a second take as long as all at once."""
    assert load_s(THOR, rate=math.inf) == load_s(THOR, rate=1000.0)


@pytest.mark.parametrize("board", [UNKNOWN, replace(THOR, peak_flops_s=None), replace(THOR, bandwidth_bytes_s=None)])
def test_a_load_has_no_floor_on_a_board_half_known(board: Board) -> None:
    """Absent, even where the rate alone would say something."""
    assert load_s(board, rate=0.01) is None


def test_a_fit_counts_weights_kv_and_room() -> None:
    """Qwen3-32B in AWQ with 32 sequences of 8192 tokens, in 80 % of two Thors."""
    fit = memory_fit(QWEN3_32B, AWQ, THOR, utilization=0.8, tokens=32 * 8192, devices=2)
    assert fit is not None
    assert pytest.approx(19.32e9, rel=0.1 / 100) == fit.weights_bytes
    assert 32 * 8192 * 262_144 == fit.kv_bytes
    assert pytest.approx(131.88e9 * 0.8 * 2) == fit.room_bytes


@pytest.mark.parametrize(
    ("tokens", "devices", "fits"),
    [
        (150_000, 1, True),  # 65.52 + 39.32 GB of 105.50
        (160_000, 1, False),  # 65.52 + 41.94 GB of 105.50
        (160_000, 2, True),  # of 211.01
    ],
)
def test_kv_takes_what_the_weights_leave(tokens: int, devices: int, fits: bool) -> None:
    """Qwen3-32B in BF16 on Thor has room for some 150,000 tokens."""
    fit = memory_fit(QWEN3_32B, BF16, THOR, utilization=0.8, tokens=tokens, devices=devices)
    assert fit is not None
    assert fits == fit.fits


@pytest.mark.parametrize(("kv_bytes", "fits"), [(39.0, True), (40.0, True), (41.0, False)])
def test_a_full_board_fits(kv_bytes: float, fits: bool) -> None:
    """60 and 40 fit into 100; 60 and 41 do not."""
    assert fits == Fit(weights_bytes=60.0, kv_bytes=kv_bytes, room_bytes=100.0).fits


def test_nobody_knows_whether_it_fits_an_unknown_memory() -> None:
    """Absent, neither yes nor no."""
    assert memory_fit(QWEN3_8B, BF16, UNKNOWN, utilization=0.9, tokens=1) is None


def test_experts_are_described_whole_or_not_at_all() -> None:
    """The error names the key that is absent, since a guess would count the model as dense."""
    with pytest.raises(ConfigError, match=r"^model\.architecture\.num_experts_per_tok is absent"):
        replace(QWEN3_30B_A3B, experts_per_token=None)


@given(slow=st.floats(1e9, 1e13), more=st.floats(1, 100), streams=st.integers(1, 256))
def test_more_bandwidth_is_never_slower(slow: float, more: float, streams: int) -> None:
    """A load takes no longer on a board that reads faster."""
    slower, faster = (replace(THOR, bandwidth_bytes_s=each) for each in (slow, slow * more))
    assert of(load_s(faster, streams=streams)) <= of(load_s(slower, streams=streams))


@given(slow=st.floats(1e12, 1e16), more=st.floats(1, 100), rate=st.floats(0.01, 1000))
def test_more_peak_is_never_slower(slow: float, more: float, rate: float) -> None:
    """A load takes no longer on a board that computes faster, and never less than its requests take to come."""
    slower, faster = (replace(THOR, peak_flops_s=each) for each in (slow, slow * more))
    assert 10 / rate <= of(load_s(faster, rate=rate)) <= of(load_s(slower, rate=rate))


@given(model=st.sampled_from(MODELS), tied=st.booleans(), batch=st.integers(1, 1024))
def test_a_step_reads_no_weight_that_is_not_held(model: Transformer, tied: bool, batch: int) -> None:
    """Before there is any context, a step reads at most the weights."""
    shape = replace(model, tied=tied)
    assert decode_step_bytes(shape, FP8, batch, 0) <= weight_bytes(shape, FP8)
