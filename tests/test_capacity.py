"""What a job takes of its board, and what is refused for it."""

from pathlib import Path

import pytest

from tests.sweep.makers import WITHOUT_VLLM
from tests.test_compose import a_tree
from thorexp.capacity import capacity, check_fit, roofline
from thorexp.compose import job_config, typed_engine_args
from thorexp.errors import ConfigError
from thorexp.measure.limits import Roofline
from thorexp.measure.roofline import Fit
from thorexp.prepare import PreparedJob, prepare

KV_OF_A_TOKEN = 2 * 8 * 128 * 64 * 2  # Qwen3-32B: key and value, 8 heads of 128, 64 layers, 2 bytes
TWO = "engine.tensor_parallel_size=2"


def prepared(*overrides: str) -> PreparedJob:
    """Two requests of 2,048 + 128 tokens to Qwen3-32B-AWQ on a Thor, but for what is typed."""
    return prepare(job_config(a_tree(*WITHOUT_VLLM, *overrides)), typed_engine_args(overrides))


def fit(*overrides: str) -> Fit:
    """Of a job whose board is known."""
    found = capacity(prepared(*overrides)).fit
    assert found is not None
    return found


def refusal(*overrides: str) -> str:
    """What a user reads of a job that is refused."""
    job = prepared(*overrides)
    with pytest.raises(ConfigError) as refused:
        check_fit(job, capacity(job))
    return str(refused.value)


def test_weights_are_those_of_the_checkpoint() -> None:
    """19.32 GB are published for Qwen3-32B-AWQ."""
    assert 19.32 == round(fit().weights_bytes / 1e9, 2)


def test_a_server_needs_kv_for_one_request_of_its_longest() -> None:
    """Thor's tuned max_model_len is 8192."""
    assert 8192 * KV_OF_A_TOKEN == fit().kv_bytes


def test_kv_of_fp8_takes_half() -> None:
    """One byte in place of two."""
    assert 8192 * KV_OF_A_TOKEN / 2 == fit("engine.kv_cache_dtype=fp8").kv_bytes


def test_the_board_gives_what_vllm_may_use_of_it() -> None:
    """Thor has 131.88 GB, of which vLLM is told to take 80 %."""
    assert pytest.approx(131.88e9 * 0.8) == fit().room_bytes


def test_a_share_that_is_taken_back_is_vllms_own() -> None:
    """Without the flag vLLM takes 90 %."""
    assert pytest.approx(131.88e9 * 0.9) == fit("engine.gpu_memory_utilization=null").room_bytes


def test_a_length_that_is_taken_back_is_the_models_own() -> None:
    """Without the flag vLLM serves 40,960 tokens, the model's max_position_embeddings."""
    assert 40_960 * KV_OF_A_TOKEN == fit("engine.max_model_len=null").kv_bytes


@pytest.mark.parametrize("argument", ["tensor_parallel_size", "pipeline_parallel_size"])
def test_two_devices_have_twice_the_room(argument: str) -> None:
    """However the model is split over them."""
    assert pytest.approx(2 * 131.88e9 * 0.8) == fit(f"engine.{argument}=2").room_bytes


def test_a_model_that_is_too_large_is_refused_by_name() -> None:
    """61.06 GB do not fit into 70 % of 16.14 GB; the message says which keys made the room."""
    said = refusal("model=qwen3_30b_a3b", "hardware=jetson_orin_nx_16gb")
    assert said.startswith("qwen3_30b_a3b does not fit on jetson_orin_nx_16gb.")
    assert "61.1 GB of weights" in said
    assert "11.3 GB: hardware.memory_gb=16.14 x engine.gpu_memory_utilization=0.7" in said


def test_a_misfit_names_the_share_that_was_counted() -> None:
    """A flag that was taken back counts as vLLM's own 0.9, and is said so."""
    words = ("model=qwen3_30b_a3b", "hardware=jetson_orin_nx_16gb", "engine.gpu_memory_utilization=null")
    assert "x engine.gpu_memory_utilization=0.9" in refusal(*words)


def test_a_second_device_makes_a_misfit_fit() -> None:
    """Qwen3-30B-A3B in bf16 takes 61.06 GB, and two Orins of 65.89 GB have 75 % of 131.78."""
    check_fit(job := prepared("model=qwen3_30b_a3b", "hardware=jetson_agx_orin_64gb", TWO), capacity(job))
    assert "does not fit" in refusal("model=qwen3_30b_a3b", "hardware=jetson_agx_orin_64gb")


def test_a_memory_that_nobody_knows_refuses_nothing() -> None:
    """`hardware.memory_gb=null` is how a user overrules us."""
    job = prepared("model=qwen3_30b_a3b", "hardware=jetson_orin_nx_16gb", "hardware.memory_gb=null")
    needs = capacity(job)
    check_fit(job, needs)
    assert needs.fit is None


def test_somebody_elses_server_is_not_judged() -> None:
    """It runs already, so it fits."""
    job = prepared("server=attach", "server.base_url=http://127.0.0.1:8000", "hardware=jetson_orin_nx_16gb")
    assert capacity(job).fit is None


def test_requests_longer_than_what_is_served_are_refused() -> None:
    """2,048 + 128 tokens do not go into 2,175; the remedy is the length that does."""
    said = refusal("engine.max_model_len=2175")
    assert "Requests of 2176 tokens" in said
    assert "engine.max_model_len=2176" in said.splitlines()[-1]


def test_a_request_may_be_as_long_as_what_is_served() -> None:
    """2,048 + 128 tokens go into 2,176."""
    job = prepared("engine.max_model_len=2176")
    check_fit(job, capacity(job))
    assert 2048 + 128 == max(job.plan.lengths.values())


def test_a_load_has_its_floor() -> None:
    """Two prompts of 494.5 ms, then 2 x 127 steps of 18.32 GB at 273 GB/s, one after another."""
    floor_s = capacity(prepared("load.max_concurrency=1")).floor_s
    assert pytest.approx(2 * 0.4945 + 2 * 127 * 18.32 / 273, rel=0.2 / 100) == floor_s


def test_a_board_without_units_for_a_type_computes_in_16_bit() -> None:
    """Orin has no FP8: two prompts of 127.818 TFLOP at its 42.6 TFLOP/s."""
    floor_s = capacity(prepared("hardware=jetson_agx_orin_64gb", "quantization=fp8", "workload.output_len=1")).floor_s
    assert pytest.approx(2 * 127.818 / 42.6, rel=0.1 / 100) == floor_s


def test_a_board_that_nobody_knows_has_no_floor() -> None:
    """Absent, not zero."""
    assert capacity(prepared("hardware=cpu")).floor_s is None


@pytest.mark.parametrize("typed", ["gpu_memory_utilization=high", "tensor_parallel_size=auto"])
def test_what_is_no_number_is_refused_by_its_key(typed: str) -> None:
    """vLLM would refuse it too, after hours in a queue."""
    name = typed.partition("=")[0]
    with pytest.raises(ConfigError, match=f"engine.{name}=.* is not a number"):
        capacity(prepared(f"engine.{typed}"))


@pytest.mark.parametrize("typed", ["kv_cache_memory_bytes=1000000000", "cpu_offload_gb=16"])
def test_another_measure_of_memory_is_not_judged(typed: str) -> None:
    """It says itself what it takes, or that it takes the host's."""
    assert capacity(prepared("model=qwen3_30b_a3b", "hardware=jetson_t4000", f"engine.{typed}")).fit is None


def test_a_conversation_that_grows_too_long_is_refused_by_its_turns() -> None:
    """Three turns of 1,024 + 128 tokens are 3,456 in the end."""
    said = refusal("workload.input_len=1024", "workload.turns=3", "engine.max_model_len=3455")
    assert "Requests of 3456 tokens" in said
    assert "workload.input_len=1024 workload.output_len=128 workload.turns=3, engine.max_model_len=3455" in said


def test_a_file_that_asks_too_much_is_named(tmp_path: Path) -> None:
    """Its lengths are nobody's to type."""
    file = tmp_path / "trace.csv"
    file.write_text("timestamp,input_length,output_length\n0,50,14\n1,5,5\n")
    said = refusal("workload=trace", f"workload.file={file}", "engine.max_model_len=63")
    assert "Requests of 64 tokens" in said
    assert f"workload.file={file}, engine.max_model_len=63" in said


def test_a_conversation_has_no_floor() -> None:
    """It grows while it is played."""
    assert capacity(prepared("workload=conversation")).floor_s is None


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


def test_weights_that_an_engine_argument_changes_have_no_floor() -> None:
    """Absent, not that of other weights."""
    assert capacity(prepared("engine.hf_overrides={num_hidden_layers: 2}")).floor_s is None


def test_the_devices_of_somebody_elses_server_are_said_by_the_hardware() -> None:
    """Its arguments are not known: eight boards have eight times the bandwidth and the peak."""
    one, eight = limits(*ATTACHED).board, limits(*ATTACHED, "hardware.devices=8").board
    assert pytest.approx((273e9, 258.5e12)) == (one.bandwidth_bytes_s, one.peak_flops_s)
    assert pytest.approx((8 * 273e9, 8 * 258.5e12)) == (eight.bandwidth_bytes_s, eight.peak_flops_s)


def test_memory_is_counted_by_the_board() -> None:
    """`memory_fit` multiplies it."""
    assert pytest.approx(131.88e9) == limits(TWO).board.memory_bytes


def test_a_floor_is_that_of_all_devices() -> None:
    """Two boards need half of the time of one."""
    one, two = (capacity(prepared("load.max_concurrency=1", *more)).floor_s for more in ((), (TWO,)))
    assert one is not None
    assert pytest.approx(one / 2) == two


def floor_s(*overrides: str) -> float:
    """Of two requests, one after another where nothing else is said."""
    found = capacity(prepared("load.max_concurrency=1", *overrides)).floor_s
    assert found is not None
    return found


def test_a_floor_of_replicas_is_that_of_all_of_them() -> None:
    """Each of two copies may take one of two requests, so that both take no longer than one of them alone."""
    two = ("load.max_concurrency=2", "engine.data_parallel_size=2")
    assert pytest.approx(floor_s("load.num_prompts=1")) == floor_s(*two)


def test_a_floor_counts_the_tokens_that_are_drafted() -> None:
    """After two prompts of 494.5 ms the 127 later tokens may come in 127 / 4 steps of 18.32 GB, for each request."""
    drafting = "engine.speculative_config={method: ngram, num_speculative_tokens: 3}"
    assert pytest.approx(2 * 0.4945 + 2 * 127 / 4 * 18.32 / 273, rel=0.2 / 100) == floor_s(drafting)


def test_a_floor_of_drafts_that_nobody_counted_is_that_of_the_prompts() -> None:
    """All later tokens might come in one step: two prompts of 494.5 ms are left."""
    assert pytest.approx(2 * 0.4945, rel=0.2 / 100) == floor_s("engine.speculative_config={method: suffix}")


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
        "{method: ngram, num_speculative_tokens: inf}",
        "{method: ngram, num_speculative_tokens: nan}",
        "{method: ngram, num_speculative_tokens: -1}",
        "'{\"num_speculative_tokens\": Infinity}'",
        "'{\"num_speculative_tokens\": -2}'",
    ],
    ids=[
        *("mapping without", "null", "JSON without", "no JSON", "list"),
        *("infinite", "no number", "negative", "infinite JSON", "negative JSON"),
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
