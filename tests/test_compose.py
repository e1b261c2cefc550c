"""From a composed tree to a job, and from Hydra's complaints to ours."""

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from thorexp.compose import explain, job_config, typed_engine_args
from thorexp.conf_tree import conf_dir, register
from thorexp.errors import ConfigError


def a_tree(*overrides: str) -> DictConfig:
    """The shipped config, composed."""
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return compose("config", list(overrides))


def refusal(*overrides: str) -> str:
    """What a user reads when these overrides are wrong."""
    with pytest.raises(Exception) as error:  # noqa: PT011 - Hydra's own, of several kinds
        job_config(a_tree(*overrides))
    wrong = error.value
    assert isinstance(wrong, Exception)
    return str(wrong if isinstance(wrong, ConfigError) else explain(wrong))


def test_the_default_job_is_the_dense_model_on_thor_at_high_load() -> None:
    """Without a word the job is Qwen3-32B-AWQ on a Jetson AGX Thor, 100 requests, 8 at once."""
    job = job_config(a_tree())
    assert ("qwen3_32b_awq", "awq", "jetson_agx_thor") == (job.model.name, job.quantization.name, job.hardware.name)
    assert (100, 8, 2048, 128) == (
        job.load.num_prompts,
        job.load.max_concurrency,
        job.workload.input_len,
        job.workload.output_len,
    )


def test_what_comes_out_is_frozen() -> None:
    """A job cannot be changed after it was composed."""
    with pytest.raises(AttributeError):
        job_config(a_tree()).load.num_prompts = 3  # type: ignore[misc]


def test_a_key_added_with_a_plus_is_refused() -> None:
    """`+` does not smuggle a misspelt key past the dataclasses."""
    assert "load.num_prompt" in (said := refusal("+load.num_prompt=3"))
    assert "load.num_prompts" in said


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("load.num_prompt=3", ("There is no key load.num_prompt", "load.num_prompts")),
        ("model=qwen3_32b_aqw", ("model=qwen3_32b_aqw does not exist", "qwen3_32b_awq")),
        ("modle=qwen3_32b_awq", ("modle", "model")),
        ("workload.seed=x", ("workload.seed", "could not be converted to Integer")),
        ("server.kind=podman", ("server.kind", "vllm")),
    ],
)
def test_a_wrong_word_is_named_with_the_right_one(override: str, words: tuple[str, str]) -> None:
    """The refusal has the full key and the nearest right name or type."""
    said = refusal(override)
    assert (True, True) == tuple(word in said for word in words), said


def test_engine_arguments_from_the_command_line_are_told_apart() -> None:
    """Plain, added, removed and nested ones count; keys of other groups do not."""
    typed = ("engine.a=1", "+engine.b=2", "~engine.c", "engine.d.e=3", "model.engine.f=4", "load=high")
    assert frozenset("abcd") == typed_engine_args(typed)
