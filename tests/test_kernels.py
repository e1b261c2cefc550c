"""How much of a board kernels reach, as the config says it."""

from dataclasses import replace
from typing import Any

import pytest

from tests.test_compose import a_tree
from thorexp.compose import job_config
from thorexp.conf_tree import conf_dir
from thorexp.config import JobConfig
from thorexp.errors import ConfigError
from thorexp.kernels import Kernels, kernels_of

A_FAMILY = {"bandwidth": 0.8, "prefill": 0.1, "step_ms": 1.0, "source": "a guess"}
SHIPPED = job_config(a_tree()).sim.kernels
QUANTIZATIONS = sorted(path.stem for path in (conf_dir() / "quantization").glob("*.yaml"))


def a_config(*overrides: str, **kernels: dict[str, Any]) -> JobConfig:
    """Of Qwen3-32B-AWQ but for what is typed, where nothing else is known of kernels."""
    config = job_config(a_tree(*overrides))
    return replace(config, sim=replace(config.sim, kernels=kernels))


def refusal(**kernels: dict[str, Any]) -> str:
    """What a user reads of it."""
    with pytest.raises(ConfigError) as refused:
        kernels_of(a_config(**kernels))
    return str(refused.value)


@pytest.mark.parametrize(
    ("model", "family"),
    [("qwen3_32b_awq", "int4_dense"), ("qwen3_30b_a3b", "bf16_moe"), ("qwen3_coder_30b_a3b_awq_8bit", "int8_moe")],
)
def test_kernels_are_those_of_the_quantization_and_the_kind_of_model(model: str, family: str) -> None:
    """By the quantization's word for them, for dense models and for mixtures of experts."""
    name, kernels = kernels_of(job_config(a_tree(f"model={model}")))
    assert (family, SHIPPED[family]["prefill"]) == (name, kernels.prefill)


def test_kernels_of_a_model_stand_before_those_of_its_family() -> None:
    """By the model's name."""
    own = {**A_FAMILY, "prefill": 0.2}
    found = kernels_of(a_config(int4_dense=A_FAMILY, qwen3_32b_awq=own))
    assert ("qwen3_32b_awq", 0.2) == (found[0], found[1].prefill)


@pytest.mark.parametrize(("quantization", "name"), [("awq", "qwen3_32b_awq"), ("bf16", "int4_dense")])
def test_kernels_of_a_model_may_hold_for_one_quantization_alone(quantization: str, name: str) -> None:
    """In another it is as its family is."""
    own = {**A_FAMILY, "quantization": quantization}
    assert name == kernels_of(a_config(int4_dense=A_FAMILY, qwen3_32b_awq=own))[0]


def test_what_is_not_said_of_kernels_takes_no_time() -> None:
    """Sequences cost nothing, and each token is routed on its own."""
    expected = Kernels(0.8, 0.1, 1.0, "a guess", sequence_ms=0.0, routed_alike=1.0, quantization=None)
    assert expected == kernels_of(a_config(int4_dense=A_FAMILY))[1]


def test_kernels_that_nobody_knows_are_refused_by_their_full_key() -> None:
    """With those that are known, and what to type."""
    said = refusal(bf16_moe=A_FAMILY)
    assert said.startswith("The simulator knows no kernels for quantization=awq of qwen3_32b_awq.")
    assert "sim.kernels.int4_dense" in said
    assert "bf16_moe" in said
    assert "+sim.kernels.int4_dense={bandwidth: " in said


def test_what_is_proposed_for_unknown_kernels_is_taken() -> None:
    """As it is typed."""
    known = [f"~sim.kernels.{name}" for name in SHIPPED]
    with pytest.raises(ConfigError) as refused:
        kernels_of(job_config(a_tree(*known)))
    (proposed,) = (fact.text for fact in refused.value.facts if fact.label == "try")
    name, kernels = kernels_of(job_config(a_tree(*known, proposed.strip("'"))))
    assert ("int4_dense", "a guess") == (name, kernels.source)


def test_a_misspelt_key_of_kernels_is_refused() -> None:
    """By its full name, with those that there are."""
    said = refusal(int4_dense={**A_FAMILY, "prefil": 0.1})
    assert said.startswith("There is no key sim.kernels.int4_dense.prefil.")
    assert "prefill" in said


@pytest.mark.parametrize("key", list(A_FAMILY))
def test_kernels_that_lack_a_key_are_refused(key: str) -> None:
    """It is named."""
    said = refusal(int4_dense={name: value for name, value in A_FAMILY.items() if name != key})
    assert said.startswith("sim.kernels.int4_dense is not whole.")
    assert f"'{key}'" in said


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("bandwidth", 0.0),
        ("bandwidth", float("inf")),
        ("bandwidth", "much"),
        ("prefill", -0.1),
        ("prefill", float("nan")),
        ("step_ms", -1.0),
        ("sequence_ms", -1.0),
        ("routed_alike", 0.5),
    ],
)
def test_a_number_that_is_none_is_refused_by_its_key(key: str, value: object) -> None:
    """Before anything is simulated with it."""
    assert refusal(int4_dense={**A_FAMILY, key: value}).startswith(f"sim.kernels.int4_dense.{key}={value} is none.")


@pytest.mark.parametrize("name", list(SHIPPED))
def test_every_entry_that_is_shipped_is_whole(name: str) -> None:
    """With numbers in their bounds, shares of a board that are no more than all of it, and a source."""
    config = job_config(a_tree())
    found, kernels = kernels_of(replace(config, model=replace(config.model, name=name)))
    assert name == found
    assert max(kernels.bandwidth, kernels.prefill) < 1.0
    assert kernels.source.startswith(("fitted to ", "assumed"))


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
@pytest.mark.parametrize("model", ["qwen3_32b_awq", "qwen3_30b_a3b"])
def test_every_quantization_that_is_shipped_has_kernels(quantization: str, model: str) -> None:
    """For a dense model, and for a mixture of experts."""
    kind = {"qwen3_32b_awq": "dense", "qwen3_30b_a3b": "moe"}[model]
    name, _ = kernels_of(job_config(a_tree(f"model={model}", f"quantization={quantization}")))
    assert name.endswith(f"_{kind}")
