"""The shipped configs: each of them composes, and each says what its source says."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from thorexp.compose import composed
from thorexp.conf_tree import conf_dir, register
from thorexp.config import ArchitectureConfig, JobConfig
from thorexp.config_server import ServerKind
from thorexp.errors import ConfigError
from thorexp.measure.findings import NAMES
from thorexp.prepare import prepare

CONF = conf_dir()
# What hardware/auto.yaml is depends on the machine: test_hardware.py.
FILES = [
    path.relative_to(CONF) for path in sorted(CONF.rglob("*.yaml")) if path.name not in ("config.yaml", "auto.yaml")
]
EXPERIMENTS = [path for path in FILES if path.parent == Path("experiment")]
BOARDS = [path.stem for path in FILES if path.parent == Path("hardware")]

BLOCK, GROUP, SMALL_GROUP = 128 * 128, 128, 32
SEED_MODELS = {
    "qwen3_32b_awq": "awq",
    "qwen3_30b_a3b": "bf16",
    "qwen3_30b_a3b_fp8": "fp8",
    "qwen3_coder_30b_a3b_fp8": "fp8",
    "qwen3_coder_30b_a3b_awq_8bit": "w8a16_g32",
    "qwen3_coder_30b_a3b_awq_4bit": "w4a16_g32",
    "qwen3_coder_30b_a3b_int4_w4a16": "w4a16",
}
WITHOUT_VLLM = ("dry_run=true", "server.command=no-such-vllm")
# By rate and time: a ramp from 0.5 to 4 requests/s has 2.25 on average.
LOADS = {
    "bursts": 100,
    "constant": 100,
    "high": 100,
    "low": 10,
    "poisson": 100,
    "ramp": round(2.25 * 120),
    "spike": 30 + 40 + 30,
    "users": 2000,
}
MOE_MODELS = [name for name in SEED_MODELS if "a3b" in name]


def _tree(overrides: Sequence[str]) -> DictConfig:
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", overrides=list(overrides), return_hydra_config=True)


@cache
def _job(*overrides: str) -> JobConfig:
    return composed(_tree(overrides))[0]


def _points(overrides: Sequence[str]) -> list[list[str]]:
    """What Hydra's sweeper would make of them, the experiment's own sweep included."""
    swept = _tree(overrides).hydra.sweeper.params
    arguments = [f"{key}={values}" for key, values in swept.items()]
    parsed = OverridesParser.create().parse_overrides([*arguments, *overrides])
    (batch,) = BasicSweeper.split_arguments(parsed, max_batch_size=None)
    return batch


def _command(experiment: Path) -> list[str]:
    """The words of the command that the file opens with, below the line that Hydra reads."""
    package, command, *_ = (CONF / experiment).read_text(encoding="utf-8").splitlines()
    assert "# @package _global_" == package
    return shlex.split(command.removeprefix("# "))


@pytest.mark.parametrize("file", FILES, ids=str)
def test_every_file_composes_to_a_job(file: Path) -> None:
    """Chosen by its name, every file is part of a tree that is a JobConfig."""
    group = file.parent.as_posix()
    tree = _tree((f"{group}={file.stem}",))
    composed(tree)
    assert file.stem == tree.hydra.runtime.choices[group]


@pytest.mark.parametrize("group", ["model", "quantization", "hardware", "endpoint", "load", "workload"])
def test_a_name_is_what_a_user_types_to_choose_it(group: str) -> None:
    """Reports and tables show the word that chooses the file."""
    options = [path.stem for path in FILES if path.parent == Path(group)]
    assert options == [getattr(_job(f"{group}={option}"), group).name for option in options]


@pytest.mark.parametrize("workload", ["random", "prefix_repetition", "conversation"])
@pytest.mark.parametrize(
    "load",
    [path.stem for path in FILES if path.parent == Path("load") and path.stem not in ("trace", "max_under_slo")],
)
def test_every_load_of_every_drawn_workload_is_one(load: str, workload: str) -> None:
    """As shipped they make a plan, whose conversations are as many as the load says."""
    job = prepare(_job(f"load={load}", f"workload={workload}", *WITHOUT_VLLM), typed=frozenset())
    begun = sum(request.follows is None for request in job.plan.requests)
    assert LOADS[load] == begun
    assert begun * job.config.workload.turns == len(job.plan.requests)


@pytest.mark.parametrize("workload", ["jsonl", "sharegpt", "trace"])
def test_a_workload_of_a_file_asks_for_it(workload: str) -> None:
    """By its key, and before anything else is found missing."""
    with pytest.raises(ConfigError, match=r"^workload\.file is missing"):
        prepare(_job(f"workload={workload}", *WITHOUT_VLLM), typed=frozenset())


def test_attach_asks_for_a_base_url() -> None:
    """Nobody can guess where somebody else's server is."""
    with pytest.raises(ConfigError, match=r"server\.base_url is missing"):
        prepare(_job("server=attach"), typed=frozenset())


def test_any_engine_argument_is_taken_without_a_plus() -> None:
    """An argument that no file names is in the job as typed."""
    assert {"kv_cache_dtype": "fp8"} == _job("engine.kv_cache_dtype=fp8").engine


def test_engine_presets_add_up() -> None:
    """Two presets chosen together are both in the job."""
    assert {"enforce_eager": True, "kv_cache_dtype": "fp8"} == _job("engine=[eager,kv_fp8]").engine


@pytest.mark.parametrize(("model", "quantization"), SEED_MODELS.items())
def test_a_model_chooses_its_quantization(model: str, quantization: str) -> None:
    """A checkpoint is stored in one way, which its file names."""
    assert quantization == _job(f"model={model}").quantization.name


@pytest.mark.parametrize(
    "words", [("model=qwen3_32b_awq", "quantization=fp8"), ("quantization=fp8", "model=tiny_qwen3")]
)
def test_the_command_line_has_the_last_word_on_quantization(words: tuple[str, ...]) -> None:
    """A quantization that is typed wins over the model's, in either order."""
    assert "fp8" == _job(*words).quantization.name


def test_an_experiments_model_still_chooses_its_quantization() -> None:
    """A model chosen within an experiment brings its own quantization along."""
    assert "w8a16" == _job("experiment=cpu_tiny", "model=tiny_qwen3_w8a16").quantization.name


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda path: path.stem)
def test_an_experiment_opens_with_the_command_that_runs_it(experiment: Path) -> None:
    """The command that a reader finds at the top of an experiment is a sweep of that experiment."""
    assert ["python", "-m", "thorexp", "-m", f"experiment={experiment.stem}"] == _command(experiment)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_point_of_an_experiment_composes(experiment: Path) -> None:
    """Each point that the command sweeps over is a job, and no two are the same."""
    points = _points(_command(experiment)[4:])
    jobs = [_job(*point) for point in points]
    assert len(points) > 1
    assert [] == [job for number, job in enumerate(jobs) if job in jobs[:number]]


def test_thor_seed_is_the_published_table() -> None:
    """Seven models by two loads are its fourteen rows."""
    jobs = [_job(*point) for point in _points(["experiment=thor_seed"])]
    expected = [(model, load) for model in SEED_MODELS for load in ("high", "low")]
    assert expected == [(job.model.name, job.load.name) for job in jobs]


@pytest.mark.parametrize(("load", "num_prompts", "max_concurrency"), [("high", 100, 8), ("low", 10, 1)])
def test_the_published_loads(load: str, num_prompts: int, max_concurrency: int) -> None:
    """High is 100 requests, 8 at once; low is 10, one at a time; both of 2,048 tokens in and 128 out."""
    job = _job(f"load={load}")
    assert (num_prompts, max_concurrency) == (job.load.num_prompts, job.load.max_concurrency)
    assert (2048, 128) == (job.workload.input_len, job.workload.output_len)


@pytest.mark.parametrize("board", BOARDS)
def test_every_board_holds_a_request_of_the_default_workload(board: str) -> None:
    """The tuned max_model_len has room for the prompt and for what is generated."""
    job = _job(f"hardware={board}")
    assert job.hardware.engine["max_model_len"] >= (job.workload.input_len or 0) + (job.workload.output_len or 0)


@pytest.mark.parametrize(("sparse", "dtype"), [(2070, "nvfp4"), (1035, "fp8"), (1035, "int8"), (517, "bf16")])
def test_thors_peaks_are_half_of_the_published_sparse_ones(sparse: float, dtype: str) -> None:
    """Structured sparsity doubles NVIDIA's figures; a dense model has half (to the half TFLOP/s)."""
    assert sparse / 2 == pytest.approx(_job().hardware.peak_tflops[dtype], abs=0.5)


@pytest.mark.parametrize(
    ("quantization", "bytes_per_weight"),
    [
        ("bf16", 2.0),
        ("fp8", 1 + 4 / BLOCK),
        ("fp8_online", 1.0),
        ("awq", 0.5 + 2.5 / GROUP),
        ("w4a16", 0.5 + 2 / GROUP),
        ("w4a16_g32", 0.5 + 2 / SMALL_GROUP),
        ("w8a16", 1 + 2 / GROUP),
        ("w8a16_g32", 1 + 2 / SMALL_GROUP),
        ("nvfp4", 0.5 + 1 / 16),
    ],
)
def test_bytes_per_weight_count_scales_and_zero_points(quantization: str, bytes_per_weight: float) -> None:
    """A weight takes its bits and its share of the scale (and zero point) of its block or group."""
    assert bytes_per_weight == _job(f"quantization={quantization}").quantization.bytes_per_weight


def test_online_fp8_is_asked_of_vllm() -> None:
    """A bf16 checkpoint says nothing of FP8, so the engine is told; plain `fp8` means a checkpoint in FP8."""
    online = _job("model=qwen3_30b_a3b", "quantization=fp8_online").quantization
    assert {"quantization": "fp8_per_tensor"} == online.engine


def _attention(of: ArchitectureConfig) -> int:
    q_and_o = 2 * of.hidden_size * of.num_attention_heads * of.head_dim
    k_and_v = 2 * of.hidden_size * of.num_key_value_heads * of.head_dim
    return of.num_hidden_layers * (q_and_o + k_and_v)


def _mlp(of: ArchitectureConfig, experts: int | None) -> int:
    width = of.intermediate_size if experts is None else experts * (of.moe_intermediate_size or 0)
    return of.num_hidden_layers * 3 * of.hidden_size * width


def _linear(of: ArchitectureConfig) -> int:
    return _attention(of) + _mlp(of, of.num_experts)


def _router(of: ArchitectureConfig) -> int:
    return of.num_hidden_layers * of.hidden_size * (of.num_experts or 0)


def _embedding(of: ArchitectureConfig) -> int:
    return of.vocab_size * of.hidden_size


def _norms(of: ArchitectureConfig) -> int:
    return of.num_hidden_layers * (2 * of.hidden_size + 2 * of.head_dim) + of.hidden_size


@pytest.mark.parametrize("model", SEED_MODELS)
def test_an_architecture_has_the_published_number_of_parameters(model: str) -> None:
    """Linear layers, router, norms, embedding and untied head add up to the published total."""
    of = _job(f"model={model}").model.architecture
    published = 30_532_122_624 if model in MOE_MODELS else 32_762_123_264
    assert published == _linear(of) + _router(of) + _norms(of) + 2 * _embedding(of)


@pytest.mark.parametrize("model", SEED_MODELS)
def test_an_architecture_has_the_derived_number_of_linear_weights(model: str) -> None:
    """Attention and MLP, of all experts, are what quantization shrinks."""
    expected = 905_969_664 + 128 * 226_492_416 if model in MOE_MODELS else 31_205_621_760
    assert expected == _linear(_job(f"model={model}").model.architecture)


@pytest.mark.parametrize("model", MOE_MODELS)
def test_a_token_meets_eight_of_128_experts(model: str) -> None:
    """Attention and eight experts are the linear weights that one token is multiplied with."""
    of = _job(f"model={model}").model.architecture
    assert 905_969_664 + 8 * 226_492_416 == _attention(of) + _mlp(of, of.num_experts_per_tok)


@pytest.mark.parametrize(
    ("model", "gigabytes"),
    [
        ("qwen3_32b_awq", 19.32),
        ("qwen3_30b_a3b", 61.06),
        ("qwen3_30b_a3b_fp8", 31.17),
        ("qwen3_coder_30b_a3b_fp8", 31.17),
        ("qwen3_coder_30b_a3b_awq_8bit", 33.04),
        ("qwen3_coder_30b_a3b_awq_4bit", 18.09),
        ("qwen3_coder_30b_a3b_int4_w4a16", 16.69),
    ],
)
def test_model_and_quantization_make_the_size_on_disk(model: str, gigabytes: float) -> None:
    """Quantized linear layers beside a router, an embedding and a head in bf16 weigh what the checkpoint does."""
    job = _job(f"model={model}")
    of, bf16 = job.model.architecture, 2
    unquantized = (_router(of) + 2 * _embedding(of)) * bf16
    assert gigabytes == round((_linear(of) * job.quantization.bytes_per_weight + unquantized) / 1e9, 2)


@pytest.mark.parametrize("model", ["qwen3_32b_awq", "qwen3_30b_a3b", "tiny_qwen3"])
def test_prompts_are_drawn_from_ordinary_tokens(model: str) -> None:
    """The ids that prompts are drawn from end where the vocabulary's special tokens begin."""
    specials_begin = {"tiny_qwen3": 32_000}.get(model, 151_643)
    assert specials_begin == _job(f"model={model}").model.prompt_token_ids


def test_a_model_only_on_modelscope_tells_vllm_so() -> None:
    """vLLM looks on Hugging Face unless it is told otherwise."""
    assert {"VLLM_USE_MODELSCOPE": "True"} == _job("model=qwen3_coder_30b_a3b_int4_w4a16").model.env


def test_a_simulated_server_is_started_as_any_other_is() -> None:
    """But for its kind, and the command, which is thorexp's own."""
    vllm, sim = _job().server, _job("server=sim").server
    assert replace(vllm, kind=ServerKind.sim, command="") == sim


def test_every_reason_can_be_looked_up_where_it_is_accepted() -> None:
    """In the order of the verdict, each once."""
    said = (conf_dir() / "verdict/default.yaml").read_text().partition("[power_mode, clocks]: ")[2]
    assert NAMES == tuple(re.findall(r"[a-z_]+", said.partition("accept:")[0]))
