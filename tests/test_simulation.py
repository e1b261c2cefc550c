"""What a job's model on its board becomes when it is simulated, and what is refused."""

import logging
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from tests.sweep.makers import MODELS
from tests.test_capacity import KV_OF_A_TOKEN, prepared
from tests.test_compose import a_tree
from thorexp.capacity import capacity, check_fit
from thorexp.compose import job_config
from thorexp.conf_tree import conf_dir
from thorexp.config import JobConfig
from thorexp.errors import ConfigError
from thorexp.kernels import Kernels
from thorexp.measure.roofline import weight_bytes
from thorexp.sim.engine import Limits
from thorexp.sim.spec import SimSpec
from thorexp.simulation import LARGE, SMALL, is_simulated, reach_of, sim_spec, warn_of_no_effect

# A cpu's config claims no figures.
BOARDS = sorted(path.stem for path in (conf_dir() / "hardware").glob("*.yaml") if path.stem not in ("auto", "cpu"))
BLOCK = 16
A_CPU = ("hardware=cpu", "hardware.memory_bandwidth_gb_s=50", "+hardware.peak_tflops.bf16=1")


def spec(*overrides: str) -> SimSpec:
    """Of Qwen3-32B-AWQ on a Thor, but for what is typed."""
    found = prepared("predict=true", *overrides).sim
    assert found is not None
    return found


@cache
def composed(*overrides: str) -> JobConfig:
    return job_config(a_tree(*overrides))


def limits(*overrides: str) -> Limits:
    return spec(*overrides).limits


def refusal(*overrides: str) -> str:
    """What a user reads of a job that cannot be simulated."""
    with pytest.raises(ConfigError) as refused:
        prepared("predict=true", *overrides)
    return str(refused.value)


def blocks(cache_bytes: float) -> int:
    """Whole ones of Qwen3-32B's KV cache."""
    return int(cache_bytes / (BLOCK * KV_OF_A_TOKEN))


def test_kernels_make_of_a_board_what_they_reach_of_it() -> None:
    """Shares of bandwidth and peak, and milliseconds as seconds."""
    reach = reach_of(Kernels(0.8, 0.1, 5.0, "", sequence_ms=0.5, routed_alike=2.0), 200e9, 100e12)
    assert (200e9 * 0.8, 100e12 * 0.1) == pytest.approx((reach.bandwidth_bytes_s, reach.flops_s))
    assert (0.005, 0.0005, 2.0) == (reach.step_s, reach.sequence_s, reach.routed_alike)


def test_a_simulated_server_is_the_model_on_its_board() -> None:
    """As the kernels of 4 bit reach it, after the API server's 5 ms, in its own time."""
    found = spec()
    assert 273e9 * 0.8752 == pytest.approx(found.reach.bandwidth_bytes_s)
    assert 258.5e12 * 0.1612 == pytest.approx(found.reach.flops_s)
    assert ("Qwen/Qwen3-32B-AWQ", 64, 0.005, 1.0) == (found.name, found.model.layers, found.request_s, found.speedup)


def test_two_devices_reach_twice_as_much() -> None:
    """In bandwidth and in FLOP/s."""
    one, two = spec().reach, spec("engine.tensor_parallel_size=2").reach
    assert (2 * one.bandwidth_bytes_s, 2 * one.flops_s) == (two.bandwidth_bytes_s, two.flops_s)


def test_the_kv_cache_is_what_weights_leave_of_the_memory() -> None:
    """Of 80 % of 131.88 GB, in whole blocks of 16 tokens, of which vLLM keeps one for padding."""
    found = spec()
    weights = weight_bytes(found.model, found.precision)
    assert blocks(131.88e9 * 0.8 - weights) - 1 == found.limits.num_blocks


def test_a_larger_share_of_the_memory_is_more_kv_cache() -> None:
    """A tenth more of 131.88 GB."""
    more = limits("engine.gpu_memory_utilization=0.9").num_blocks - limits().num_blocks
    assert blocks(131.88e9 * 0.1) == pytest.approx(more, abs=1)


def test_two_devices_have_the_memory_of_both() -> None:
    """And one copy of the weights."""
    more = limits("engine.tensor_parallel_size=2").num_blocks - limits().num_blocks
    assert blocks(131.88e9 * 0.8) == pytest.approx(more, abs=1)


def test_kv_of_fp8_has_twice_the_blocks() -> None:
    """A token takes half of the bytes."""
    assert 2 * limits().num_blocks == pytest.approx(limits("engine.kv_cache_dtype=fp8").num_blocks, abs=2)


def test_a_larger_block_makes_fewer_of_them() -> None:
    """The same bytes in half as many."""
    found = limits("engine.block_size=32")
    assert 32 == found.block_size
    assert limits().num_blocks / 2 == pytest.approx(found.num_blocks, abs=1)


def test_a_kv_cache_may_be_told_in_bytes() -> None:
    """Whatever memory there is."""
    assert blocks(5e9) - 1 == limits("engine.kv_cache_memory_bytes=5000000000").num_blocks


def test_a_kv_cache_may_be_told_in_blocks() -> None:
    """Whatever fits; vLLM keeps one of them for padding."""
    assert 600 - 1 == limits("engine.num_gpu_blocks_override=600").num_blocks


def test_a_kv_cache_of_blocks_that_hold_no_longest_request_is_refused() -> None:
    """As vLLM does: 9 blocks of 16 tokens are no 8,192; the remedy is a length that is taken."""
    few = "engine.num_gpu_blocks_override=10"
    said = refusal(few)
    assert said.startswith("The KV cache holds 144 tokens, and a request may have 8192.")
    assert f"engine.max_model_len={9 * 16}" in said
    assert 9 == limits(few, f"engine.max_model_len={9 * 16}").num_blocks


def test_a_kv_cache_of_bytes_that_hold_no_longest_request_is_refused() -> None:
    """Of 10 blocks' bytes one block is vLLM's: 9 of 16 tokens are no 8,192; the key is named as it was typed."""
    told = f"engine.kv_cache_memory_bytes={10 * BLOCK * KV_OF_A_TOKEN}"
    said = refusal(told)
    assert said.startswith("The KV cache holds 144 tokens, and a request may have 8192.")
    assert told in said


def test_a_kv_cache_of_just_the_longest_request_is_taken() -> None:
    """512 blocks of 16 tokens are 8,192, beside the one for padding; with one less they are refused."""
    assert 8192 // BLOCK == limits(f"engine.num_gpu_blocks_override={8192 // BLOCK + 1}").num_blocks
    assert "a request may have 8192" in refusal(f"engine.num_gpu_blocks_override={8192 // BLOCK}")


def test_a_kv_cache_of_a_cpu_is_as_its_variable_says() -> None:
    """In GiB; the config of a cpu says one."""
    assert blocks(1 * 2**30) - 1 == limits(*A_CPU).num_blocks
    assert blocks(8 * 2**30) - 1 == limits(*A_CPU, "hardware.env.VLLM_CPU_KVCACHE_SPACE='8'").num_blocks


def test_limits_are_those_of_the_engine_arguments() -> None:
    """By vLLM's own names."""
    typed = {"max_num_seqs": 3, "max_num_batched_tokens": 512, "max_model_len": 4000}
    found = limits(*(f"engine.{name}={value}" for name, value in typed.items()))
    assert typed == {name: getattr(found, name) for name in typed}


@pytest.mark.parametrize(
    ("board", "usual"), [("jetson_agx_thor", LARGE), ("h200", LARGE), ("jetson_agx_orin_64gb", SMALL)]
)
def test_limits_that_nobody_typed_are_vllms_for_that_memory(board: str, usual: dict[str, int]) -> None:
    """From 70 GiB on a server takes larger steps of more requests."""
    found = limits(f"hardware={board}", "engine.max_num_seqs=null")
    assert usual == {name: getattr(found, name) for name in usual}


@pytest.mark.parametrize("said", ["null", "-1", "auto"])
def test_a_longest_request_that_nobody_typed_is_the_models(said: str) -> None:
    """40,960 tokens for Qwen3-32B; -1 and auto ask vLLM to find it out."""
    assert 40_960 == limits(f"engine.max_model_len={said}").max_model_len


@pytest.mark.parametrize(("said", "tokens"), [("4k", 4000), ("4K", 4096), ("4096", 4096)])
def test_a_longest_request_is_understood_as_vllm_takes_it(said: str, tokens: int) -> None:
    """In thousands, or in units of 1,024."""
    assert tokens == limits(f"engine.max_model_len={said}").max_model_len


@pytest.mark.parametrize("name", ["enable_prefix_caching", "enable_chunked_prefill"])
def test_what_vllm_does_unless_it_is_told_not_to(name: str) -> None:
    """Prefixes are cached, and prompts cut."""
    whole = "engine.max_num_batched_tokens=8192"
    found = [getattr(limits(whole, *words), name) for words in ((), (f"engine.{name}=false",))]
    assert [True, False] == found


def test_a_longest_prompt_that_may_not_be_cut_must_fit_into_a_step() -> None:
    """As vLLM refuses it too; the remedy is a length that is taken."""
    said = refusal("engine.enable_chunked_prefill=false", "engine.max_num_batched_tokens=2048")
    assert said.startswith("A prompt of engine.max_model_len=8192 does not fit into a step, and is not to be cut.")
    assert "engine.max_num_batched_tokens=8192" in said


@pytest.mark.parametrize("name", ["max_num_seqs", "max_num_batched_tokens", "num_gpu_blocks_override", "block_size"])
def test_limits_that_let_nothing_through_are_refused(name: str) -> None:
    """By the key, before anything waits for ever."""
    assert refusal(f"engine.{name}=-1").startswith(f"engine.{name}=-1 is too small or too large.")


def test_a_board_of_unknown_speed_is_refused() -> None:
    """By the keys that it lacks."""
    said = refusal("hardware=cpu")
    assert said.startswith("The simulator does not know how fast cpu is.")
    assert "hardware.memory_bandwidth_gb_s, hardware.peak_tflops" in said


def test_a_board_that_lacks_one_figure_is_refused_by_that_alone() -> None:
    """The other is there."""
    lacks = refusal("hardware.memory_bandwidth_gb_s=null").splitlines()[1]
    assert ["lacks", "hardware.memory_bandwidth_gb_s"] == lacks.split()


def test_unknown_kernels_are_refused() -> None:
    """By their full key."""
    assert "sim.kernels.int2_dense" in refusal("quantization.kernels=int2")


@pytest.mark.parametrize("name", ["data_parallel_size", "pipeline_parallel_size"])
def test_more_than_one_engine_is_refused(name: str) -> None:
    """There is but one to simulate; as many as that one are taken."""
    assert f"engine.{name}=1" in refusal(f"engine.{name}=2")
    assert spec() == spec(f"engine.{name}=1")


@pytest.mark.parametrize("share", ["1.5", "0", "-0.1"])
def test_a_share_of_the_memory_that_is_none_is_refused(share: str) -> None:
    """By its key; all of the memory is one."""
    key = "engine.gpu_memory_utilization"
    assert refusal(f"{key}={share}").startswith(f"{key}={share} is no share.")
    assert limits(f"{key}=1").num_blocks > limits().num_blocks


def test_kv_of_a_dtype_that_there_is_not_is_refused() -> None:
    """By its key, with those that there are."""
    said = refusal("engine.kv_cache_dtype=fp7")
    assert said.startswith("engine.kv_cache_dtype=fp7 is not simulated.")
    assert "auto, bfloat16, float16, fp8, fp8_e4m3, fp8_e5m2" in said


@pytest.mark.parametrize("devices", ["3", "0", "128"])
def test_devices_that_do_not_share_the_heads_are_refused(devices: str) -> None:
    """As vLLM does: Qwen3-32B has 64."""
    key = "engine.tensor_parallel_size"
    assert refusal(f"{key}={devices}").startswith(f"{key}={devices} does not divide the model's 64 heads.")


def test_other_weights_than_the_quantizations_are_refused() -> None:
    """Nobody knows what they are; the key and the way on are named."""
    said = refusal("engine.quantization=fp8")
    assert said.startswith("The simulator takes weights as quantization=awq has them.")
    assert "engine.quantization=fp8" in said


def test_a_model_that_does_not_fit_is_refused_as_if_it_were_to_be_measured() -> None:
    """By what it needs, and not for having no KV cache."""
    words = ("model=qwen3_30b_a3b", "hardware=jetson_orin_nx_16gb")
    job = prepared("predict=true", *words)
    with pytest.raises(ConfigError, match="qwen3_30b_a3b does not fit on jetson_orin_nx_16gb"):
        check_fit(job, capacity(job))


def test_drafted_tokens_are_refused() -> None:
    """Nobody knows how many would be accepted."""
    said = refusal("engine.speculative_config={method: ngram, num_speculative_tokens: 3}")
    assert "engine.speculative_config=null" in said


@pytest.mark.parametrize("speedup", ["0", "-1", "inf"])
def test_a_speedup_that_is_none_is_refused(speedup: str) -> None:
    """By its key."""
    assert refusal(f"server.speedup={speedup}").startswith(f"server.speedup={speedup} is no pace.")


@pytest.mark.parametrize("key", ["server.speedup", "sim.request_ms"])
def test_what_is_no_number_is_refused(key: str) -> None:
    """By its key, as anywhere in a config."""
    assert refusal(f"{key}=nan").startswith(f"{key}=nan is no number.")


@pytest.mark.parametrize("ms", ["-1", "inf"])
def test_a_time_of_a_request_that_is_none_is_refused(ms: str) -> None:
    """By its key."""
    assert refusal(f"sim.request_ms={ms}").startswith(f"sim.request_ms={ms} is no time.")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), False),
        (("dry_run=true",), False),
        (("server=attach", "server.base_url=http://127.0.0.1:8000"), False),
        (("predict=true",), True),
        (("server=sim",), True),
    ],
)
def test_what_is_simulated_is_asked_for(words: tuple[str, ...], expected: bool) -> None:
    """In one of two ways."""
    assert expected == is_simulated(job_config(a_tree(*words)))


def warned(caplog: pytest.LogCaptureFixture, *names: str) -> list[str]:
    """What is said of these engine arguments, typed in a process that was asked for none before."""
    warn_of_no_effect.cache_clear()
    with caplog.at_level(logging.WARNING):
        for name in names:
            warn_of_no_effect(name)
    return [record.message for record in caplog.records]


def test_an_engine_argument_without_effect_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """By its full key; one that is simulated is not."""
    expected = ["engine.enforce_eager has no effect on what is simulated"]
    assert expected == warned(caplog, "max_num_seqs", "enforce_eager")


def test_an_engine_argument_without_effect_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """A sweep has many jobs with the same one."""
    warned(caplog, "enforce_eager")
    warn_of_no_effect("enforce_eager")
    assert 1 == len(caplog.records)


def test_what_was_typed_is_warned_of_and_presets_are_not(caplog: pytest.LogCaptureFixture) -> None:
    """A board's own arguments are nobody's mistake: a cpu's is enforce_eager, too."""
    warn_of_no_effect.cache_clear()
    with caplog.at_level(logging.WARNING):
        prepared("predict=true", *A_CPU, "engine.seed=1")
    assert ["engine.seed has no effect on what is simulated"] == [record.message for record in caplog.records]


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("model", MODELS)
def test_every_model_can_be_simulated_on_every_board_of_known_figures(model: str, board: str) -> None:
    """As they are shipped, with room for a request; whether they fit there is another question."""
    config = replace(composed(f"model={model}"), hardware=composed(f"hardware={board}").hardware)
    args: dict[str, Any] = {"num_gpu_blocks_override": 1000, "max_model_len": 8192}
    found = sim_spec(config, args, model)
    assert (model, 1000 - 1) == (found.name, found.engine().blocks.count)
    assert 0.0 < found.reach.flops_s < config.hardware.peak_tflops["bf16"] * 8e12
