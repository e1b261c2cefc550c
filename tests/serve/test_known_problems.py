"""Known problems of a server that lives."""

from collections.abc import Mapping

import pytest

from thorexp.serve.known_problems import Setting, beforehand, image_version, problems

# As the blog and NVIDIA's tutorial ran it on a Thor: nvcr.io/nvidia/vllm:25.09-py3.
OLD = "0.10.1.1+381074ae"
DISABLED = {"VLLM_DISABLED_KERNELS": "MarlinFP8ScaledMMLinearKernel,MacheteLinearKernel"}


def a_setting(vllm: str | None = "0.20.2", *, is_thor: bool = True, fp8: bool = False) -> Setting:
    """On a Thor, in bf16, with a vLLM that is made for it."""
    return Setting(vllm, is_thor, "fp8" if fp8 else "bf16")


def w4a16(vllm: str, env: Mapping[str, str] | None = None, *, is_thor: bool = True, bits: float = 4.125) -> Setting:
    """A checkpoint of compressed-tensors."""
    return Setting(vllm, is_thor, "bf16", "compressed-tensors", bits, env or {})


def names(setting: Setting, log: str = "") -> list[str]:
    """What is recognised of a server that answers."""
    return [problem.name for problem in problems(setting, log)]


def test_a_vllm_that_is_made_for_thor_has_no_problem() -> None:
    """In FP8 neither."""
    assert [] == names(a_setting(fp8=True))


@pytest.mark.parametrize("vllm", [OLD, "0.9.2", "0.19.1", "0.19.0rc1"])
def test_fp8_before_0_20_is_doubtful_on_a_thor(vllm: str) -> None:
    """With the version as evidence and what to do; that vLLM is old is not said as well."""
    (problem,) = problems(a_setting(vllm, fp8=True), "")
    assert ("fp8_before_0_20", True) == (problem.name, problem.is_doubtful)
    assert f"vLLM {vllm}, weights computed in fp8" == problem.evidence
    assert "verdict.accept=[known_problem]" in problem.remedy
    assert "vllm #27364" in problem.words


def test_an_old_vllm_on_a_thor_is_said_and_believed() -> None:
    """NVIDIA calls it no valid test; what it computes in 16 bit is not known to be wrong."""
    (problem,) = problems(a_setting(OLD), "")
    assert ("vllm_before_0_20", False) == (problem.name, problem.is_doubtful)
    assert "hardware.image=vllm/vllm-openai:latest" in problem.remedy


@pytest.mark.parametrize("vllm", [None, "dev", "0.1.dev12345+g381074a", "0.20.0", "0.32.0", "1.0"])
def test_a_version_that_is_new_or_not_known_accuses_nobody(vllm: str | None) -> None:
    """A build of a checkout without tags calls itself 0.1.dev."""
    assert [] == names(a_setting(vllm, fp8=True))


def test_other_boards_have_not_the_problems_of_a_thor() -> None:
    """An H200 computed FP8 long before."""
    assert [] == names(a_setting(OLD, is_thor=False, fp8=True))


def test_few_multiprocessors_are_said_and_believed() -> None:
    """As torch prints it behind vLLM's prefix."""
    line = "[rank0]:W1217 21:17:25.154000 41 torch/_inductor/utils.py:1558] [2/0] Not enough SMs to use "
    (problem,) = problems(a_setting(), f"{line}max_autotune_gemm mode\n")
    assert ("few_sms", "Not enough SMs to use max_autotune_gemm mode") == (problem.name, problem.evidence)
    assert not problem.is_doubtful


def test_machete_is_told_before_it_fails() -> None:
    """With the variable that turns it off; a server that lives has got by without."""
    (problem, old) = reversed(beforehand(w4a16(OLD)))
    assert ("machete", "vllm_before_0_20") == (problem.name, old.name)
    assert "+server.env.VLLM_DISABLED_KERNELS=MacheteLinearKernel" == problem.remedy
    assert ["vllm_before_0_20"] == names(w4a16(OLD))


@pytest.mark.parametrize(
    "setting",
    [w4a16(OLD, DISABLED), w4a16("0.20.0"), w4a16("0.9.2"), w4a16(OLD, is_thor=False), w4a16(OLD, bits=8.125)],
    ids=["turned off", "newer", "older", "elsewhere", "8 bits"],
)
def test_machete_is_not_told_where_it_does_not_come(setting: Setting) -> None:
    """Of 0.10 alone it is known, on a Thor, in 4 bits."""
    assert "machete" not in [problem.name for problem in beforehand(setting)]


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("vllm/vllm-openai:v0.19.0-cu130", "0.19.0"),
        ("vllm/vllm-openai:v0.20.2@sha256:0123", "0.20.2"),
        ("nvcr.io/nvidia/vllm:25.09-py3", "0.10.1"),
        ("nvcr.io/nvidia/vllm:26.04-py3", "0.19.0"),
        ("nvcr.io/nvidia/tritonserver:25.08-vllm-python-py3", "0.9.2"),
        ("vllm/vllm-openai:latest", None),
        ("ghcr.io/nvidia-ai-iot/vllm:latest-jetson-thor", None),
    ],
)
def test_an_images_name_may_tell_its_vllm(image: str, version: str | None) -> None:
    """Tags that move tell nothing."""
    assert version == image_version(image)
