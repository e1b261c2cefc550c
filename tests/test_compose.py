"""From a composed tree to a job, and from Hydra's complaints to ours."""

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from thorexp.compose import check_meaning, explain, job_config, typed_engine_args
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


@pytest.mark.parametrize(
    ("override", "remedy"),
    [
        ("server.kind=dokcer", "server.kind=docker"),
        ("sweep.executor=rai", "sweep.executor=ray"),
        ("workload.kind=trac", "workload.kind=trace"),
    ],
)
def test_a_value_of_few_is_told_the_nearest(override: str, remedy: str) -> None:
    """As it would be typed, beside all that there are."""
    *_, last = refusal(override).splitlines()
    assert ["try", remedy] == last.split()


@pytest.mark.parametrize("override", ["server.kind=podman", "workload.seed=x"])
def test_a_right_key_is_told_no_other_keys(override: str) -> None:
    """Of a wrong value, with nothing near it, what is right about it stands in what is said."""
    assert ["says"] == [line.split()[0] for line in refusal(override).splitlines()[1:]]


CONTAINERS = ("server.docker.image=a/b", "server.docker.client=podman", "+server.docker={pull: never}")


@pytest.mark.parametrize("word", CONTAINERS)
def test_words_about_a_container_that_there_will_not_be_are_refused(word: str) -> None:
    """They would be without effect, and nobody would see it."""
    key = word.lstrip("+").partition("=")[0]
    with pytest.raises(ConfigError, match=f"^{key} means nothing without a container") as refused:
        check_meaning(job_config(a_tree()), ["load=high", word])
    assert f"try    server=docker, or the same command without {key}" in str(refused.value)


@pytest.mark.parametrize("words", [(), ("predict=true",), ("rehearse=true",)], ids=["run", "predict", "rehearse"])
def test_words_about_a_container_that_is_asked_for_are_taken(words: tuple[str, ...]) -> None:
    """Whatever stands for it, by the same words as on the night."""
    check_meaning(job_config(a_tree("server=docker", *words)), CONTAINERS)


def test_other_words_about_a_server_are_taken() -> None:
    """Nothing but a container is meant by them."""
    check_meaning(job_config(a_tree()), ["server=vllm", "server.port=8000", "hardware.docker_args=[]"])
