"""Every kind of load against one real vLLM: chat, shared prefixes, conversations, files, a trace, early stop."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import Ran, thorexp
from tests.real.test_real_server import a_spec
from thorexp.rundir import METRICS_AFTER, PLAN, REPORT, REQUESTS
from thorexp.serve.prefix_cache import block_size
from thorexp.serve.process import start

WORDS = ("hardware=cpu", "model=tiny_qwen3", "tracking.enabled=false")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where one vLLM answers, for all of these."""
    folder = tmp_path_factory.mktemp("real_loads")
    server = start(a_spec(folder), folder / "server.log")
    yield server.endpoint.base_url
    server.stop()


def played(url: str, folder: Path, *words: str) -> Ran:
    """thorexp, attached to that server; every request a success unless a test says otherwise."""
    ran = thorexp(folder, *words, *WORDS, "server=attach", f"server.base_url={url}")
    assert 0 == ran.code, ran.err[-3000:]
    print(f"\n{' '.join(words)}\n{ran.run_dirs[-1].read_text(REPORT)}")
    return ran


def block_of(ran: Ran) -> int:
    """Tokens of a block of its KV cache, as the server says."""
    size = block_size(ran.run_dirs[0].read_text(METRICS_AFTER))
    assert size is not None
    return size


@pytest.mark.parametrize("stream", ["true", "false"])
def test_chat_and_completions(url: str, tmp_path: Path, stream: str) -> None:
    """Both endpoints answer all of it, streamed and not, with as many tokens as were asked for."""
    ran = played(
        url, tmp_path, "-m", "load=low", "endpoint=completions,chat", f"endpoint.stream={stream}",
        "workload.input_len=256", "workload.output_len=16",
    )  # fmt: skip
    assert 2 * [(10, 0, 160)] == [(r["completed"], r["failed"], r["total_output_tokens"]) for r in ran.results]
    assert 2 * [stream == "true"] == ["mean_ttft_ms" in result for result in ran.results]
    assert 2 * [True] == ["mean_e2el_ms" in result for result in ran.results]
    assert 2 * [True] == [r["total_input_tokens"] == r["thorexp"]["planned_input_tokens"] for r in ran.results]


def test_a_shared_prefix_is_found_as_the_workload_predicts(url: str, tmp_path: Path) -> None:
    """Of 24 prompts behind 4 prefixes of 512 tokens all but the first of each find theirs, within one block."""
    ran = played(
        url, tmp_path, "load=low", "workload=prefix_repetition", "workload.prefix_len=512", "workload.num_prefixes=4",
        "workload.input_len=200", "workload.output_len=8", "load.num_prompts=24",
    )  # fmt: skip
    (ours,) = (result["thorexp"] for result in ran.results)
    assert (24 - 4) * 512 == ours["reusable_prompt_tokens"]
    assert abs(ours["prefix_cache_hits_tokens"] - ours["reusable_prompt_tokens"]) <= block_of(ran)


@pytest.mark.parametrize("endpoint", ["completions", "chat"])
def test_a_conversation_finds_what_was_said_before(url: str, tmp_path: Path, endpoint: str) -> None:
    """Each later turn is asked behind the whole conversation, most of which is in the prefix cache."""
    ran = played(
        url, tmp_path, "load=low", f"endpoint={endpoint}", "workload=conversation", "workload.input_len=400",
        "workload.turn_input_len=50", "workload.output_len=32", "workload.turns=4", "workload.think_time_s=0.05",
        "load.num_prompts=3",
    )  # fmt: skip
    (result,) = ran.results
    requests = [json.loads(line) for line in ran.run_dirs[0].read_text(REQUESTS).splitlines()]
    asked = [request["input_tokens"] for request in requests]
    assert (12, 0) == (result["completed"], result["failed"])
    assert 3 * [True] == [asked[i] < asked[i + 1] < asked[i + 2] < asked[i + 3] for i in (0, 4, 8)]
    if endpoint == "completions":
        assert 3 * [400, 400 + 32 + 50, 400 + 2 * (32 + 50), 400 + 3 * (32 + 50)] == asked
        assert abs(result["thorexp"]["prefix_cache_hits_tokens"] - result["thorexp"]["reusable_prompt_tokens"]) <= (
            block_of(ran)
        )


def test_a_trace_in_the_public_format_is_played_at_its_times(url: str, tmp_path: Path) -> None:
    """Lines as of Mooncake's traces: lengths are the trace's, equal hash ids are cache hits, times are kept."""
    rows = [
        {"timestamp": 0, "input_length": 700, "output_length": 8, "hash_ids": [1, 2]},
        {"timestamp": 1000, "input_length": 1024, "output_length": 16, "hash_ids": [1, 3]},
        {"timestamp": 1500, "input_length": 1200, "output_length": 4, "hash_ids": [1, 3, 4]},
        {"timestamp": 3000, "input_length": 100, "output_length": 1, "hash_ids": [9]},
    ]
    (tmp_path / "trace.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ran = played(
        url,
        tmp_path,
        "load=trace",
        "workload=trace",
        f"workload.file={tmp_path / 'trace.jsonl'}",
        "load.time_scale=0.5",
    )
    (result,) = ran.results
    requests = [json.loads(line) for line in ran.run_dirs[0].read_text(REQUESTS).splitlines()]
    first_ns = requests[0]["scheduled_ns"]
    assert [700, 1024, 1200, 100] == [request["input_tokens"] for request in requests]
    assert [8, 16, 4, 1] == [request["output_tokens"] for request in requests]
    assert [0, 500, 750, 1500] == [(request["scheduled_ns"] - first_ns) / 1e6 for request in requests]
    assert 512 + 1024 == result["thorexp"]["reusable_prompt_tokens"]
    assert abs(result["thorexp"]["prefix_cache_hits_tokens"] - 512 - 1024) <= block_of(ran)


@pytest.mark.parametrize("endpoint", ["completions", "chat"])
def test_prompts_of_a_file_are_counted_by_the_server(url: str, tmp_path: Path, endpoint: str) -> None:
    """Texts become tokens of the model; an answer without a length is as long as its reference."""
    lines = [
        {"prompt": "ba be bi bo bu " * 20, "output_len": 8},
        {"messages": [{"role": "user", "content": "da de di"}], "output_len": 4},
        {"prompt": "fa fe fi fo fu", "reference": "ga ge gi go gu"},
    ]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    file = f"workload.file={tmp_path / 'prompts.jsonl'}"
    ran = played(url, tmp_path, "load=low", f"endpoint={endpoint}", "workload=jsonl", file, "load.num_prompts=null")
    (result,) = ran.results
    plan = ran.run_dirs[0].read_json(PLAN)
    assert (3, 0) == (result["completed"], result["failed"])
    assert result["total_input_tokens"] == plan["input_tokens"]
    assert result["total_output_tokens"] == plan["output_tokens"] > 8 + 4


def test_a_load_that_cannot_keep_its_slo_is_stopped(url: str, tmp_path: Path) -> None:
    """With a TTFT that no server reaches, most of 400 requests are never sent, and the result says so."""
    ran = played(
        url, tmp_path, "load=low", "slo.ttft_ms=0.001", "load.stop_when.goodput=0.99", "load.num_prompts=400",
        "workload.input_len=1024", "workload.output_len=32",
    )  # fmt: skip
    (result,) = ran.results
    assert "missed the SLO, load.stop_when.goodput=0.99" in result["thorexp"]["stopped"]
    assert 0 == result["thorexp"]["goodput_percent"]
    assert 4 < result["completed"] < 400
    assert result["thorexp"]["unsent_requests"] + result["completed"] >= 399
