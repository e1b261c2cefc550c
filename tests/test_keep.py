"""What stands in a result beside vLLM's numbers, and when."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.records import MS, S, a_failure, a_plan, a_record, a_run, some_asks
from tests.test_compose import a_tree
from thorexp import rundir
from thorexp.cold import Coldness
from thorexp.compose import job_config
from thorexp.keep import Measurement, keep_result
from thorexp.measure.metrics import Slo, Summary, summarize
from thorexp.measure.records import RequestRecord, RunRecord
from thorexp.prepare import PreparedJob, prepare
from thorexp.rundir import RunDir
from thorexp.serve.prefix_cache import PrefixCache
from thorexp.serve.server import Endpoint

ENDPOINT = Endpoint("http://127.0.0.1:8000", "Qwen/Qwen3-8B", "0.33.0")
ONE = a_record(scheduled_ns=0, sent_ns=2 * MS, token_ns=(12 * MS, 22 * MS), output_tokens=2, chunk_tokens=(1, 1))


def summary(
    *requests: RequestRecord, slo: Slo | None = None, percentiles: tuple[float, ...] = (99.0,), **of_run: Any
) -> Summary:
    run: RunRecord = replace(a_run(*requests or (ONE,)), **of_run)
    return summarize(run, percentiles, slo or Slo())


def a_job(*overrides: str) -> PreparedJob:
    """Two requests in a closed loop, if nothing else is said."""
    words = ("dry_run=true", "server.command=no-such-vllm", "load.num_prompts=2", "workload.input_len=8")
    return prepare(job_config(a_tree(*words, *overrides)), frozenset())


def measured(**changes: Any) -> Measurement:
    whole = Measurement(
        summary=summary(),
        stages=(),
        warmup_s=1.0,
        coldness=Coldness("verified", 0),
        cache=PrefixCache(200, 50),
        reusable_tokens=0,
    )
    return replace(whole, **changes)


@pytest.fixture
def extras(tmp_path: Path) -> Any:
    """What thorexp adds to a result, as kept."""

    def kept(job: PreparedJob | None = None, **changes: Any) -> dict[str, Any]:
        run_dir = RunDir(tmp_path)
        keep_result(job or a_job(), ENDPOINT, measured(**changes), run_dir)
        assert f" {ENDPOINT.served_model}\n" in run_dir.read_text(rundir.REPORT)
        return dict(run_dir.read_json(rundir.RESULT)["thorexp"])

    return kept


def test_a_plain_closed_loop_has_these(extras: Any) -> None:
    """What always applies: the cache, the client, the plan, the server."""
    expected = [
        "cold_cache",
        "prefix_cache_queries_tokens",
        "prefix_cache_hits_tokens",
        "prefix_cache_hit_rate_percent",
        "reusable_prompt_tokens",
        "client_cpu_percent",
        "mean_loop_lag_ms",
        "max_loop_lag_ms",
        "planned_input_tokens",
        "planned_output_tokens",
        "plan_digest",
        "endpoint",
        "served_model",
        "vllm_version",
        "unsupported_percentiles",
    ]
    assert expected == list(extras())


def test_a_cache_is_told_in_tokens_and_as_a_share(extras: Any) -> None:
    """50 of 200 are a quarter."""
    told = extras()
    assert (200, 50, 25.0) == tuple(
        told[f"prefix_cache_{key}"] for key in ("queries_tokens", "hits_tokens", "hit_rate_percent")
    )


@pytest.mark.parametrize(("cache", "expected"), [(None, (None, None, None)), (PrefixCache(0, 0), (0, 0, None))])
def test_a_cache_that_was_not_asked_has_no_hit_rate(extras: Any, cache: Any, expected: Any) -> None:
    """Absent, not zero."""
    told = extras(cache=cache)
    assert expected == tuple(
        told[f"prefix_cache_{key}"] for key in ("queries_tokens", "hits_tokens", "hit_rate_percent")
    )


@pytest.mark.parametrize("tokens", [None, 0, 96])
def test_what_could_be_found_is_told(extras: Any, tokens: int | None) -> None:
    """Nothing is another answer than that nobody knows."""
    assert tokens == extras(reusable_tokens=tokens)["reusable_prompt_tokens"]


def test_an_open_loop_tells_what_they_met_who_came_when_they_were_due(extras: Any) -> None:
    """From the schedule: 12 ms to the first token and 22 to the last, of which 2 were the client's or the queue's."""
    told = extras(a_job("load=poisson"))
    assert (12.0, 22.0, 12.0, 22.0) == tuple(
        told[f"{word}_{name}_from_schedule_ms"] for word in ("mean", "p99") for name in ("ttft", "e2el")
    )
    assert "mean_schedule_lag_ms" in told


def test_an_open_loop_without_a_success_has_them_absent(extras: Any) -> None:
    """They apply and are not known."""
    told = extras(a_job("load=poisson"), summary=summary(a_failure()))
    assert (None, None) == (told["mean_ttft_from_schedule_ms"], told["mean_e2el_from_schedule_ms"])


def test_one_open_stage_makes_it_an_open_loop(extras: Any) -> None:
    """Someone came when due."""
    job = a_job("load.stages=[{request_rate: 1},{num_prompts: 1}]")
    assert "mean_ttft_from_schedule_ms" in extras(job)


def test_the_clients_own_lag_is_told(extras: Any) -> None:
    """Mean and largest of what its loop was late."""
    told = extras(summary=summary(loop_lag_ns=(1 * MS, 2 * MS, 6 * MS)))
    assert (3.0, 6.0) == (told["mean_loop_lag_ms"], told["max_loop_lag_ms"])


def test_goodput_is_a_share_where_there_are_limits(extras: Any) -> None:
    """One of two kept them; the other failed."""
    told = extras(summary=summary(ONE, a_failure(), slo=Slo(ttft_ms=10.0)))
    assert 100.0 * 1 / 2 == told["goodput_percent"]


def test_a_load_that_was_stopped_says_why_first(extras: Any) -> None:
    """Nobody takes its numbers for those of the whole."""
    told = extras(summary=summary(stopped="31 of 100 requests failed"))
    assert ("stopped", "31 of 100 requests failed") == next(iter(told.items()))


def test_requests_that_never_went_out_are_counted(extras: Any) -> None:
    """Where there are any."""
    assert 1 == extras(summary=summary(ONE, a_failure(sent_ns=None)))["unsent_requests"]


@pytest.mark.parametrize(("tokens", "expected"), [(2, None), (4, 2.0)])
def test_several_tokens_to_a_chunk_are_told(extras: Any, tokens: int, expected: float | None) -> None:
    """Four in two chunks: ITL is then not between tokens."""
    one = replace(ONE, output_tokens=tokens, chunk_tokens=(tokens // 2,) * 2)
    assert expected == extras(summary=summary(one)).get("tokens_per_chunk")


def test_percentiles_that_too_few_support_are_named(extras: Any) -> None:
    """P99 of one request; P50 needs two."""
    two = (ONE, ONE)
    assert ["p99_ttft_ms", "p99_tpot_ms", "p99_itl_ms", "p99_e2el_ms"] == extras(
        summary=summary(*two, percentiles=(50.0, 99.0))
    )["unsupported_percentiles"]
    assert "unsupported_percentiles" not in extras(summary=summary(*two, percentiles=(50.0,)))


def test_stages_are_told_one_by_one(extras: Any) -> None:
    """By name, each as a run of its own."""
    stages = (
        ("calm", summary(ONE, slo=Slo(ttft_ms=20.0), end_ns=2 * S)),
        ("spike", summary(a_failure(), slo=Slo(ttft_ms=20.0), end_ns=4 * S)),
    )
    told = extras(stages=stages)["stages"]
    assert ["calm", "spike"] == list(told)
    calm, spike = told.values()
    assert (1, 0, 2.0, 0.5, 1.0, 100.0) == tuple(
        calm[key]
        for key in ("completed", "failed", "duration", "request_throughput", "output_throughput", "goodput_percent")
    )
    assert (10.0, 10.0, 20.0) == (calm["median_ttft_ms"], calm["p99_tpot_ms"], calm["median_e2el_ms"])
    assert (1, 0.0, False) == (spike["failed"], spike["goodput_percent"], "median_ttft_ms" in spike)


def test_the_plan_is_told_by_the_digest_of_what_was_asked_for(extras: Any) -> None:
    """Tokens as the server counted them, the digest as it was before."""
    job = a_job()
    counted = replace(job, plan=a_plan(*some_asks(3, tokens=4, input_len=8)))
    told = extras(counted)
    assert (3 * 8, 3 * 4, job.digest[:16]) == (
        told["planned_input_tokens"],
        told["planned_output_tokens"],
        told["plan_digest"],
    )


def test_the_endpoint_is_told_by_what_chooses_it(extras: Any) -> None:
    """As typed."""
    assert "chat" == extras(a_job("endpoint=chat"))["endpoint"]
