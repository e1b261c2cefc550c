"""A job's model on its board, as the roofline takes it."""

import pytest

from tests.test_capacity import TWO, prepared
from thorexp.measure.limits import Roofline
from thorexp.rooflines import roofline

ATTACHED = ("server=attach", "server.base_url=http://127.0.0.1:8000")


def limits(*overrides: str) -> Roofline:
    """Of a job, with the engine arguments that it is started with."""
    job = prepared(*overrides)
    return roofline(job.config, {arg.name: arg.value for arg in job.engine_args})


def test_one_board_is_as_fast_as_its_datasheet() -> None:
    """Thor: 273 GB/s, and 258.5 TFLOP/s in 16 bit, in which AWQ computes."""
    board = limits().board
    assert pytest.approx((273e9, 258.5e12)) == (board.bandwidth_bytes_s, board.peak_flops_s)


@pytest.mark.parametrize(
    ("typed", "devices"),
    [
        (("tensor_parallel_size=2",), 2),
        (("pipeline_parallel_size=3",), 3),
        (("data_parallel_size=4",), 1),
        (("tensor_parallel_size=2", "pipeline_parallel_size=3", "data_parallel_size=4"), 2 * 3),
        (("tensor_parallel_size=2", "data_parallel_size=4", "enable_expert_parallel=true"), 2 * 4),
        (("tensor_parallel_size=2", "data_parallel_size=4", "enable_expert_parallel=false"), 2),
    ],
)
def test_a_copy_of_the_model_is_as_fast_as_the_devices_that_hold_it(typed: tuple[str, ...], devices: int) -> None:
    """Those of other replicas do not read for it, unless they share their experts."""
    board = limits(*(f"engine.{word}" for word in typed)).board
    assert pytest.approx((devices * 273e9, devices * 258.5e12)) == (board.bandwidth_bytes_s, board.peak_flops_s)


@pytest.mark.parametrize(
    ("typed", "stages", "replicas"),
    [
        ((), 1, 1),
        (("tensor_parallel_size=2",), 1, 1),
        (("pipeline_parallel_size=3",), 3, 1),
        (("data_parallel_size=4",), 1, 4),
        (("pipeline_parallel_size=3", "data_parallel_size=4"), 3, 4),
        (("data_parallel_size=4", "enable_expert_parallel=true"), 1, 1),
    ],
)
def test_a_pipeline_has_stages_and_data_parallel_has_replicas(
    typed: tuple[str, ...], stages: int, replicas: int
) -> None:
    """Replicas that share their experts are one."""
    found = limits(*(f"engine.{word}" for word in typed))
    assert (stages, replicas) == (found.stages, found.replicas)


def decode_ms(*overrides: str) -> float:
    """The least that a token takes in a context of 2,112."""
    limit = limits(*overrides).decode(2112)
    assert limit is not None
    return limit.ms


@pytest.mark.parametrize(
    ("typed", "of_one"),
    [
        ("tensor_parallel_size=2", 1 / 2),
        ("pipeline_parallel_size=2", 1),
        ("data_parallel_size=2", 1),
    ],
)
def test_a_token_is_faster_only_where_devices_read_at_once(typed: str, of_one: float) -> None:
    """Two that share each layer halve its time; two stages come one after the other, two copies read the same."""
    assert pytest.approx(decode_ms() * of_one) == decode_ms(f"engine.{typed}")


def test_a_token_of_one_board_takes_its_step() -> None:
    """18.31 GB of weights and KV at 273 GB/s."""
    assert pytest.approx(18.31 / 273 * 1000, rel=1e-3) == decode_ms()


def test_a_prompt_is_not_computed_by_other_replicas() -> None:
    """Of 2,048 tokens, with as many again and without."""
    one, two = (limits(*words).prefill(2048) for words in ((), ("engine.data_parallel_size=2",)))
    assert one is not None
    assert one == two


@pytest.mark.parametrize(
    "typed",
    [
        ("engine.quantization=fp8",),
        ("model=qwen3_30b_a3b", "engine.quantization=fp8"),
        ("model=qwen3_30b_a3b", "quantization=fp8_online", "engine.quantization=bitsandbytes"),
        ("engine.hf_overrides={num_hidden_layers: 2}",),
        ("model=tiny_qwen3", "engine.hf_overrides={num_hidden_layers: 1}"),
    ],
    ids=["of AWQ", "of bf16", "of fp8_online", "fewer layers", "of random weights"],
)
def test_weights_that_an_engine_argument_changes_have_no_speed(typed: tuple[str, ...]) -> None:
    """Nobody knows how many bytes they are, nor in what they compute; the memory of the board is what it was."""
    board = limits(*typed).board
    assert (None, None) == (board.bandwidth_bytes_s, board.peak_flops_s)
    assert pytest.approx(131.88e9) == board.memory_bytes


def test_weights_that_the_quantization_itself_changes_have_their_speed() -> None:
    """`fp8_online` tells vLLM to, and describes what comes of it: one byte a weight, at 517 TFLOP/s on a Thor."""
    found = limits("model=qwen3_30b_a3b", "quantization=fp8_online")
    assert 1.0 == found.precision.bytes_per_weight
    assert pytest.approx((273e9, 517e12)) == (found.board.bandwidth_bytes_s, found.board.peak_flops_s)


def test_the_devices_of_somebody_elses_server_are_said_by_the_hardware() -> None:
    """Its arguments are not known: eight boards have eight times the bandwidth and the peak."""
    one, eight = limits(*ATTACHED).board, limits(*ATTACHED, "hardware.devices=8").board
    assert pytest.approx((273e9, 258.5e12)) == (one.bandwidth_bytes_s, one.peak_flops_s)
    assert pytest.approx((8 * 273e9, 8 * 258.5e12)) == (eight.bandwidth_bytes_s, eight.peak_flops_s)


def test_memory_is_counted_by_the_board() -> None:
    """`memory_fit` multiplies it."""
    assert pytest.approx(131.88e9) == limits(TWO).board.memory_bytes


def test_a_step_gives_one_token() -> None:
    """Without speculative decoding."""
    assert 1.0 == limits().tokens_per_step


def test_drafted_tokens_may_come_in_the_same_step() -> None:
    """With three drafted beside its own a step gives four at most."""
    drafting = "engine.speculative_config={method: ngram, num_speculative_tokens: 3}"
    assert 1.0 + 3 == limits(drafting).tokens_per_step


def test_drafting_is_understood_as_vllm_takes_it_on_a_command_line() -> None:
    """A string of JSON says the same as a mapping."""
    drafting = """engine.speculative_config='{"method": "ngram", "num_speculative_tokens": 3}'"""
    assert 1.0 + 3 == limits(drafting).tokens_per_step


@pytest.mark.parametrize(
    "drafting",
    [
        "{method: suffix}",
        "{method: ngram, num_speculative_tokens: null}",
        '\'{"method": "suffix"}\'',
        "ngram",
        "[3]",
        "{method: ngram, num_speculative_tokens: -1}",
        "'{\"num_speculative_tokens\": Infinity}'",
        "'{\"num_speculative_tokens\": -2}'",
    ],
    ids=[
        *("mapping without", "null", "JSON without", "no JSON", "list"),
        *("negative", "infinite JSON", "negative JSON"),
    ],
)
def test_drafts_that_nobody_counted_leave_the_tokens_of_a_step_unknown(drafting: str) -> None:
    """Absent, and not one: drafting was asked for."""
    assert limits(f"engine.speculative_config={drafting}").tokens_per_step is None


def test_a_drafting_that_is_taken_back_is_none() -> None:
    """A step gives one token."""
    assert 1.0 == limits("engine.speculative_config=null").tokens_per_step


def test_kv_of_somebody_elses_server_has_the_least_bytes() -> None:
    """One, for nobody knows whether it was started with fp8; of a server of ours it is known to be two."""
    assert (1.0, 2.0) == (limits(*ATTACHED).precision.kv_bytes, limits().precision.kv_bytes)


def test_kv_of_16_bit_has_two_bytes() -> None:
    """As the model computes."""
    assert 2.0 == limits().precision.kv_bytes


@pytest.mark.parametrize("dtype", ["auto", "bfloat16", "float16", "half", "bf16"])
def test_kv_of_a_type_of_16_bit_has_two_bytes(dtype: str) -> None:
    """By any of vLLM's names for it."""
    assert 2.0 == limits(f"engine.kv_cache_dtype={dtype}").precision.kv_bytes


def test_kv_of_a_type_that_nobody_knows_has_the_least_bytes() -> None:
    """A limit that accuses must not be above what is possible."""
    assert 1.0 == limits("engine.kv_cache_dtype=of_tomorrow").precision.kv_bytes


@pytest.mark.parametrize("dtype", ["auto", "bfloat16"])
def test_kv_of_somebody_elses_server_has_the_least_bytes_whatever_is_said(dtype: str) -> None:
    """What stands in our config is not what it was started with."""
    job = prepared(*ATTACHED)
    assert 1.0 == roofline(job.config, {"kv_cache_dtype": dtype}).precision.kv_bytes


@pytest.mark.parametrize("dtype", ["fp8", "fp8_e4m3", "fp8_e5m2"])
def test_kv_of_fp8_has_one_byte(dtype: str) -> None:
    """By any of vLLM's names for it."""
    assert 1.0 == limits(f"engine.kv_cache_dtype={dtype}").precision.kv_bytes


@pytest.mark.parametrize(
    ("hardware", "peak"), [("jetson_agx_thor", 517e12), ("h200", 1979e12), ("jetson_agx_orin_64gb", 42.6e12)]
)
def test_the_peak_is_that_of_the_type_that_is_computed_in(hardware: str, peak: float) -> None:
    """FP8 where the board has units for it, and 16 bit on an Orin, which has none."""
    found = limits("model=qwen3_30b_a3b_fp8", f"hardware={hardware}").board.peak_flops_s
    assert pytest.approx(peak) == found


def test_weights_are_as_wide_as_their_quantization() -> None:
    """AWQ: half a byte, and 2.5 bytes a group of 128."""
    assert 0.5 + 2.5 / 128 == limits().precision.bytes_per_weight


def test_what_nobody_knows_of_a_board_is_absent() -> None:
    """However many there are of it."""
    board = limits("hardware=cpu", "engine.tensor_parallel_size=2").board
    assert (None, None) == (board.bandwidth_bytes_s, board.peak_flops_s)
