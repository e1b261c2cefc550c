"""What is believed of a real vLLM: a clean run, and one whose prompts it had seen before."""

from pathlib import Path
from typing import Any

import pytest

from tests.command_line import Ran, thorexp
from tests.real.vllm_command import vllm_command
from thorexp.machine.telemetry import read_telemetry
from thorexp.rundir import MACHINE, REPORT, SERVER_LOG, SUMMARY, TELEMETRY, VERDICT
from thorexp.serve.kernels import slow_kernels

# What two cores, shared by vLLM, its client and others, may add; each is in the report that is printed.
NOISE = "verdict.accept=[client_lag,client_saturated,tokens_in_one_read,drift,server_queue,few_samples]"
WORDS = ("-m", "hardware=cpu", "model=tiny_qwen3", "load=high,low", "tracking.enabled=false", NOISE)


def played(folder: Path, *words: str) -> Ran:
    """High, then low with the first of the same prompts, on one vLLM."""
    ran = thorexp(folder, *WORDS, f"server.command='{vllm_command()}'", *words, timeout_s=600)
    assert 0 == ran.code, ran.err[-3000:]
    for run_dir in ran.run_dirs:
        print(f"\n{run_dir.read_text(REPORT)}")
    return ran


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """As it is meant."""
    return played(tmp_path_factory.mktemp("clean"))


@pytest.fixture(scope="module")
def contaminated(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The cache cannot be reset, so that low finds what high has left."""
    return played(tmp_path_factory.mktemp("contaminated"), "+server.env.VLLM_SERVER_DEV_MODE='0'")


def verdicts(ran: Ran) -> list[dict[str, Any]]:
    """Of high and of low."""
    return [run_dir.read_json(VERDICT) for run_dir in ran.run_dirs]


def test_a_clean_run_is_valid(clean: Ran) -> None:
    """But for what a busy machine adds, which is listed as accepted."""
    assert [("VALID", []), ("VALID", [])] == [(each["standing"], each["reasons"]) for each in verdicts(clean)]


def test_a_contaminated_run_is_invalid(contaminated: Ran) -> None:
    """For the cache and nothing else: of ten prompts of 2048 tokens nearly all was there."""
    _, low = verdicts(contaminated)
    (reason,) = low["reasons"]
    assert ("INVALID", "prefix_cache_hits") == (low["standing"], reason["name"])
    hits = int(reason["evidence"].split()[0])
    assert 0.9 * 20_480 < hits < 20_480


def test_what_ran_before_it_is_valid(contaminated: Ran) -> None:
    """Nobody resets the cache, and nobody had asked its prompts: the counters say so."""
    high, _ = verdicts(contaminated)
    assert ("VALID", []) == (high["standing"], high["reasons"])


def test_its_server_was_watched(clean: Ran) -> None:
    """How many requests ran and how much of the KV cache they took, while eight were at once."""
    high, _ = clean.run_dirs
    signals = read_telemetry(high.path / TELEMETRY).signals
    assert 8 == signals["server.running"].largest
    assert 0 < (signals["server.kv_cache_percent"].largest or 0) < 100
    assert high.read_json(SUMMARY)["server"]["generation_tokens"] == 12_800


def test_versions_of_the_server_are_known(clean: Ran) -> None:
    """Of vLLM as it says itself, of torch as it is installed beside it."""
    server = clean.run_dirs[0].read_json(MACHINE)["server"]
    assert "0.32.0" == server["version"]
    assert "2." == server["torch"][:2]


def test_its_log_names_no_slow_kernel(clean: Ran) -> None:
    """Nothing that a CPU's vLLM says of itself is taken for a fall back."""
    assert () == slow_kernels(clean.run_dirs[0].read_text(SERVER_LOG))
