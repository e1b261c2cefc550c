"""Known problems by a job's config, and from the command line against a fake vLLM."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import FAKE, thorexp
from tests.test_compose import a_tree
from thorexp import setting
from thorexp.compose import job_config
from thorexp.config import JobConfig
from thorexp.rundir import REPORT, RESULT, SUMMARY, VERDICT
from thorexp.setting import problems_of, setting_of, warn_beforehand, warn_of_problems

OLD = "0.10.1.1+381074ae"
MOE = (
    "Using default MoE config. Performance might be sub-optimal! Config file not found at "
    "E=128,N=768,device_name=NVIDIA_Thor.json"
)
FEW_SMS = "Not enough SMs to use max_autotune_gemm mode"


def a_config(*overrides: str) -> JobConfig:
    """As its command line says."""
    return job_config(a_tree(*overrides))


@pytest.fixture(autouse=True)
def said_nothing_yet() -> Iterator[None]:
    """What was said in this process by another test is said again."""
    setting._say.cache_clear()
    yield
    setting._say.cache_clear()


@pytest.mark.parametrize(
    ("hardware", "is_thor"),
    [("jetson_agx_thor", True), ("jetson_t4000", True), ("jetson_agx_orin_64gb", False), ("dgx_spark", False)],
)
def test_boards_with_the_gpu_of_a_thor_are_thors(hardware: str, is_thor: bool) -> None:
    """By what their config says of them."""
    assert is_thor == setting_of(a_config(f"hardware={hardware}"), None).is_thor


def test_a_setting_is_of_the_quantization_and_all_environments() -> None:
    """A variable that a model's config sets counts as one that was typed."""
    found = setting_of(a_config("quantization=w4a16", "+server.env.VLLM_DISABLED_KERNELS=MacheteLinearKernel"), OLD)
    assert (OLD, "bf16", "compressed-tensors") == (found.vllm, found.compute_dtype, found.checkpoint_method)
    assert found.bits < 8
    assert "MacheteLinearKernel" == found.env["VLLM_DISABLED_KERNELS"]
    assert "/usr/local/cuda/bin/ptxas" == found.env["TRITON_PTXAS_PATH"]


def test_what_stands_for_a_version_is_none() -> None:
    """Where the image would not say it, its name may."""
    words = ("server=docker", "hardware.image=nvcr.io/nvidia/vllm:25.09-py3")
    assert "0.10.1" == setting_of(a_config(*words), "unknown-0123456789ab").vllm


@pytest.mark.parametrize(("server", "version"), [("docker", "0.10.1"), ("vllm", None)])
def test_an_image_tells_its_vllm_where_it_is_used(server: str, version: str | None) -> None:
    """Before it is pulled, for a plan."""
    config = a_config(f"server={server}", "hardware.image=nvcr.io/nvidia/vllm:25.09-py3")
    assert version == setting_of(config, None).vllm


@pytest.mark.parametrize("words", [("predict=true",), ("server=sim",), ("rehearse=true",)])
def test_what_is_no_vllm_on_the_board_has_no_problems(words: tuple[str, ...], caplog: pytest.LogCaptureFixture) -> None:
    """Whatever it simulates or rehearses."""
    config = a_config("quantization=fp8", *words)
    assert () == problems_of(config, OLD, FEW_SMS)
    warn_beforehand(config, OLD)
    warn_of_problems(config, OLD, f"{MOE}\n")
    assert [] == caplog.records


def test_what_will_go_wrong_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """However many jobs of a sweep it concerns."""
    config = a_config("quantization=w4a16")
    with caplog.at_level(logging.WARNING):
        warn_beforehand(config, OLD)
        warn_beforehand(config, OLD)
    told = [record.getMessage().split()[1] for record in caplog.records]
    assert ["vllm_before_0_20:", "machete:"] == told


def test_what_a_ready_server_says_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """Slow kernels too, whose line is not lost among the server's."""
    with caplog.at_level(logging.WARNING):
        warn_of_problems(a_config(), "0.20.2", f"{FEW_SMS}\n{MOE}\n{MOE}\n")
    few, moe = (record.getMessage() for record in caplog.records)
    assert "few_sms" in few
    assert moe.startswith(f"server: {MOE}; try tune with vLLM's benchmarks/kernels/benchmark_moe.py")


SMALL = (
    f"server.command='{FAKE}'",
    "hardware=jetson_agx_thor",
    "model=tiny_qwen3_moe_fp8",
    "tracking=off",
    "telemetry.enabled=false",
    "workload.input_len=32",
    "workload.output_len=2",
    "load.num_prompts=2",
)


def test_fp8_of_an_old_vllm_on_a_thor_is_said_kept_and_doubted(tmp_path: Path) -> None:
    """In the log when the server is ready, in the record and its report, and as a reason of the verdict; what its log
    says of kernels beside it, once.
    """
    ran = thorexp(tmp_path, *SMALL, fake={"version": OLD, "log_lines": [MOE, FEW_SMS]})
    assert 0 == ran.code, ran.err
    assert 1 == ran.err.count("fp8_before_0_20: ")
    (run_dir,) = ran.run_dirs
    assert ["fp8_before_0_20", "few_sms"] == run_dir.read_json(RESULT)["thorexp"]["known_problems"]
    assert ["fp8_before_0_20", "few_sms"] == [each["name"] for each in run_dir.read_json(SUMMARY)["known_problems"]]
    assert "known problems:" in run_dir.read_text(REPORT)
    reasons = {reason["name"]: reason for reason in run_dir.read_json(VERDICT)["reasons"]}
    assert "SUSPECT" == reasons["known_problem"]["standing"]
    assert f"vLLM {OLD}, weights computed in fp8" in reasons["known_problem"]["evidence"]
    assert "few_sms" not in reasons["known_problem"]["evidence"]
    assert MOE == reasons["slow_kernels"]["evidence"]


def test_a_plan_says_what_will_go_wrong(tmp_path: Path) -> None:
    """Of an image that nobody has pulled yet."""
    words = ("dry_run=true", "server=docker", "server.docker.client=no-such-docker", "quantization=w4a16")
    ran = thorexp(tmp_path, *words, "hardware.image=nvcr.io/nvidia/vllm:25.09-py3", "load.num_prompts=2")
    assert 0 == ran.code, ran.err
    assert "try +server.env.VLLM_DISABLED_KERNELS=MacheteLinearKernel" in ran.err


def test_a_rehearsal_says_no_known_problem(tmp_path: Path) -> None:
    """The board has them, and not the vLLM on a CPU that plays it, before or after it is ready."""
    ran = thorexp(tmp_path, *SMALL, "rehearse=true", fake={"version": OLD, "log_lines": [MOE, FEW_SMS]})
    assert 0 == ran.code, ran.err
    assert ["rehearsed"] == [record.tags["origin"] for record in ran.records]
    assert [] == [word for word in ("fp8_before_0_20", "vllm_before_0_20", "few_sms", MOE) if word in ran.err]
