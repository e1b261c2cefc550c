"""What a job takes of its board, and what is refused for it."""

from pathlib import Path

import pytest

from tests.sweep.makers import WITHOUT_VLLM
from tests.test_compose import a_tree
from thorexp.capacity import capacity, check_fit
from thorexp.compose import job_config, typed_engine_args
from thorexp.errors import ConfigError
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


def test_weights_that_an_engine_argument_changes_have_no_floor() -> None:
    """Absent, not that of other weights."""
    assert capacity(prepared("engine.hf_overrides={num_hidden_layers: 2}")).floor_s is None


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
