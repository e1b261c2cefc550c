"""Loads of every kind from the command line, against a fake vLLM."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import FAKE, Ran, thorexp
from thorexp.rundir import PLAN, REPORT, REQUESTS, RunDir

SMALL = (
    "hardware=cpu",
    "model=tiny_qwen3",
    f"server.command='{FAKE}'",
    "tracking=off",
    "load.num_warmups=1",
)
RANDOM = ("workload.input_len=64", "workload.output_len=4", "load.num_prompts=6")
BLOCK = 16


def run(folder: Path, *words: str, fake: dict[str, Any] | None = None) -> tuple[RunDir, dict[str, Any]]:
    """The only record of a job that went well, and its result."""
    ran = thorexp(folder, *SMALL, *words, fake=fake)
    assert 0 == ran.code, ran.err
    (run_dir,), (result,) = ran.run_dirs, ran.results
    return run_dir, result


def requests(run_dir: RunDir) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run_dir.read_text(REQUESTS).splitlines()]


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Completions and chat, each streamed and whole."""
    words = ("-m", "endpoint=completions,chat", "endpoint.stream=true,false", *SMALL, *RANDOM)
    return thorexp(tmp_path_factory.mktemp("endpoints"), *words)


def of_endpoint(endpoints: Ran, api: str, *, stream: bool) -> dict[str, Any]:
    """The result of one of the four."""
    (found,) = (
        result
        for result in endpoints.results
        if result["thorexp"]["endpoint"] == api and ("median_ttft_ms" in result) == stream
    )
    return found


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("api", ["completions", "chat"])
def test_every_endpoint_is_measured(endpoints: Ran, api: str, stream: bool) -> None:
    """Six answers of four tokens; without a stream E2EL is all that can be said of an answer."""
    assert 0 == endpoints.code, endpoints.err
    result = of_endpoint(endpoints, api, stream=stream)
    assert (6, 6 * 4, "verified") == (
        result["completed"],
        result["total_output_tokens"],
        result["thorexp"]["cold_cache"],
    )
    assert {f"{name}_ms" for name in ("median_e2el", *("median_ttft", "median_tpot", "median_itl") * stream)} == {
        key for key in result if key.startswith("median_")
    }


def test_endpoints_share_a_server_and_differ_in_tokens(endpoints: Ran) -> None:
    """One start for all four; a chat has three more tokens a prompt, of the template, planned as met."""
    assert 1 == len(list(endpoints.folder.glob("outputs/*/servers/*.log")))
    for api, tokens in (("completions", 6 * 64), ("chat", 6 * (64 + 3))):
        result = of_endpoint(endpoints, api, stream=True)
        assert (tokens, tokens) == (result["total_input_tokens"], result["thorexp"]["planned_input_tokens"])


def test_a_conversation_finds_what_was_said_before(tmp_path: Path) -> None:
    """Two of three turns each: the cache finds as much as was foreseen, in blocks of 16."""
    words = ("workload=conversation", "workload.turns=3", "workload.input_len=40", "workload.output_len=8")
    run_dir, result = run(
        tmp_path, *words, "workload.turn_input_len=10", "workload.think_time_s=0.01", "load.num_prompts=2"
    )
    behind = (40 + 8, 40 + 8 + 10 + 8)
    found = 2 * sum((tokens - 1) // BLOCK * BLOCK for tokens in behind)
    ours = result["thorexp"]
    assert (found, found) == (ours["reusable_prompt_tokens"], ours["prefix_cache_hits_tokens"])
    assert 2 * (40 + behind[0] + 10 + behind[1] + 10) == result["total_input_tokens"]
    assert 6 * [None] == [request["error"] for request in requests(run_dir)]


def test_a_spike_is_told_by_its_stages(tmp_path: Path) -> None:
    """Three stages by name, in the report and in the result, which add up to the whole."""
    stages = "{name: calm, request_rate: 10, duration_s: 0.4},{name: spike, request_rate: 50, duration_s: 0.2}"
    after = "{name: after, request_rate: 10, duration_s: 0.4}"
    run_dir, result = run(tmp_path, *RANDOM, "load=spike", "load.num_prompts=null", f"load.stages=[{stages},{after}]")
    told = result["thorexp"]["stages"]
    assert [("calm", 4), ("spike", 10), ("after", 4)] == [(name, stage["completed"]) for name, stage in told.items()]
    assert 4 + 10 + 4 == result["completed"]
    assert ["calm", "spike", "after"] == [
        line.strip() for line in run_dir.read_text(REPORT).splitlines() if line.strip() in told
    ]
    assert 4 * [0] + 10 * [1] + 4 * [2] == [request["stage"] for request in requests(run_dir)]


def test_a_file_of_prompts_is_asked(tmp_path: Path) -> None:
    """Texts as token ids of the server's tokenizer; an answer as long as the reference."""
    lines = [{"prompt": "one two three", "output_len": 5}, {"prompt": "four", "reference": "five six"}]
    (tmp_path / "prompts.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    words = ("workload=jsonl", "workload.file=prompts.jsonl", "load.num_prompts=null")
    run_dir, result = run(tmp_path, *words)
    assert (2, 3 + 1, 5 + 2) == (result["completed"], result["total_input_tokens"], result["total_output_tokens"])
    (stage,) = run_dir.read_json(PLAN)["stages"]
    assert {(3, 5), (1, 2)} == {(request["input_len"], request["output_len"]) for request in stage["requests"]}


def test_a_trace_is_played(tmp_path: Path) -> None:
    """Its lengths, its times, and the block that two of its prompts share."""
    lines = [
        {"timestamp": 0, "input_length": 40, "output_length": 3, "hash_ids": [1, 2]},
        {"timestamp": 100, "input_length": 50, "output_length": 4, "hash_ids": [1, 3]},
    ]
    (tmp_path / "trace.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    words = ("workload=trace", "load=trace", "workload.file=trace.jsonl", "workload.block_len=32")
    run_dir, result = run(tmp_path, *words)
    assert (90, 7) == (result["total_input_tokens"], result["total_output_tokens"])
    assert (32, 32) == tuple(result["thorexp"][key] for key in ("reusable_prompt_tokens", "prefix_cache_hits_tokens"))
    first, second = requests(run_dir)
    assert 100_000_000 == second["scheduled_ns"] - first["scheduled_ns"]


def test_a_hopeless_load_is_stopped_and_kept(tmp_path: Path) -> None:
    """The record is finished, says why it ended early, and counts what failed and what was given up."""
    run_dir, result = run(
        tmp_path,
        *("workload.input_len=64", "workload.output_len=4", "load=constant", "load.request_rate=20"),
        *("load.num_prompts=400", "load.stop_when.error_rate=0.02"),
        fake={"fail_requests": 9},
    )
    assert "finished" == run_dir.record().status
    assert result["thorexp"]["stopped"].endswith("requests failed, load.stop_when.error_rate=0.02")
    played = requests(run_dir)
    well = 9 - 1 - 3  # eight before the first failure: the start's own, the warm-up and the probe among them
    assert (well, 400 - well) == (result["completed"], result["failed"])
    assert well == sum(request["error"] is None for request in played)
    assert result["thorexp"]["unsent_requests"] == sum(request["sent_ns"] is None for request in played) > 0


def test_a_key_is_kept_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in a record nor in MLflow nor on the screen, whether a job goes well or fails."""
    key = "sk-a-key-that-nobody-may-see"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    words = ("-m", "endpoint=completions,chat", *SMALL, *RANDOM, "tracking=mlflow")
    ran = thorexp(tmp_path, *words, fake={"fail_requests": 12})
    assert ["failed", "finished"] == sorted(record.status for record in ran.records)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"config.yaml", "report.txt", "error.txt", "mlflow.db"} <= {path.name for path in files}
    assert [] == [path for path in files if key.encode() in path.read_bytes()]
    assert (False, False) == (key in ran.out, key in ran.err)
