"""What stands in a result beside vLLM's numbers, and when; and what else is kept of a job."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from tests.records import MS, S, a_failure, a_left, a_plan, a_record, a_run, a_summary, some_asks
from tests.test_compose import a_tree
from thorexp import rundir
from thorexp.cold import Metrics
from thorexp.compose import job_config
from thorexp.job_page import keep_page
from thorexp.keep import Measurement, keep_result, tags, verdict_tags
from thorexp.machine.identity import identity
from thorexp.machine.state import MachineState
from thorexp.measure.metrics import Slo, Summary, summarize
from thorexp.measure.records import RequestRecord
from thorexp.measure.signals import Series, Telemetry
from thorexp.measure.verdict import Origin, Verdict
from thorexp.measure.workload import Ask
from thorexp.prepare import PreparedJob, prepare
from thorexp.rundir import RunDir
from thorexp.serve.prefix_cache import PrefixCache
from thorexp.serve.server import Endpoint
from thorexp.watching import Watched

ENDPOINT = Endpoint("http://127.0.0.1:8000", "Qwen/Qwen3-8B", "0.33.0")
ONE = a_record(sent_ns=2 * MS, token_ns=(12 * MS, 22 * MS), input_tokens=100, output_tokens=2, chunk_tokens=(1, 1))
TWO = replace(ONE, index=1)
REFUSED = a_failure(index=1)

Keep = Callable[..., RunDir]


def a_job(*overrides: str) -> PreparedJob:
    """Two requests in a closed loop on a board without figures, if nothing else is said."""
    words = ("dry_run=true", "server.command=no-such-vllm", "load.num_prompts=2")
    lengths = ("workload.input_len=8", "workload.output_len=2")
    return prepare(job_config(a_tree(*words, *lengths, "hardware=cpu", "model=tiny_qwen3", *overrides)), frozenset())


def metrics(queries: int, hits: int, **counted: float) -> Metrics:
    """A page with these of vLLM's counters, and its prefix cache."""
    page = "".join(f"vllm:{name} {float(value)}\n" for name, value in counted.items())
    return Metrics(page, PrefixCache(queries, hits))


def measured(
    *requests: RequestRecord,
    slo: Slo | None = None,
    percentiles: tuple[float, ...] = (99.0,),
    stages: tuple[tuple[str, Summary], ...] = (),
    of_run: Mapping[str, Any] | None = None,
    **of_left: Any,
) -> Measurement:
    """A load of one second, of one request if nothing else is said, from a cold cache that found nothing."""
    run = replace(a_run(*requests or (ONE,)), **{"cpu_share": 0.25, **(of_run or {})})
    left = a_left(
        *run.requests,
        played=run,
        counting=run,
        summary=summarize(run, percentiles, slo or Slo()),
        before=metrics(1000, 100),
        after=metrics(1200, 100),
    )
    return Measurement(replace(left, **of_left), stages, warmup_s=1.0)


# Both requests, and a percentile that two of them support: nothing speaks against it.
GOOD = measured(ONE, TWO, percentiles=(50.0,))


@pytest.fixture
def kept(tmp_path: Path) -> Keep:
    """The directory of a job that is kept."""

    def keep(job: PreparedJob | None = None, measurement: Measurement | None = None) -> RunDir:
        run_dir = RunDir(tmp_path)
        keep_result(job or a_job(), ENDPOINT, measurement or measured(), run_dir)
        return run_dir

    return keep


@pytest.fixture
def extras(kept: Keep) -> Any:
    """What thorexp adds to a result, as kept."""

    def added(job: PreparedJob | None = None, measurement: Measurement | None = None) -> dict[str, Any]:
        run_dir = kept(job, measurement)
        assert f" {ENDPOINT.served_model}\n" in run_dir.read_text(rundir.REPORT)
        return dict(run_dir.read_json(rundir.RESULT)["thorexp"])

    return added


def test_a_plain_closed_loop_has_these(extras: Any) -> None:
    """What always applies: the cache, the client, the plan, the server, the verdict."""
    expected = [
        "cold_cache",
        "prefix_cache_queries_tokens",
        "prefix_cache_hits_tokens",
        "prefix_cache_hit_rate_percent",
        "reusable_prompt_tokens",
        "client_cpu_percent",
        "first_token_lateness_ms",
        "late_tokens_percent",
        "mean_loop_lag_ms",
        "max_loop_lag_ms",
        "planned_input_tokens",
        "planned_output_tokens",
        "plan_digest",
        "hardware",
        "endpoint",
        "served_model",
        "vllm_version",
        "verdict",
        "origin",
        "reasons",
    ]
    assert expected == list(extras())


def test_a_cache_is_told_in_tokens_and_as_a_share(extras: Any) -> None:
    """Of the load alone: 1200 - 1000 looked up, 150 - 100 found, which is a quarter."""
    told = extras(measurement=measured(before=metrics(1000, 100), after=metrics(1200, 150)))
    assert (200, 50, 25.0) == tuple(
        told[f"prefix_cache_{key}"] for key in ("queries_tokens", "hits_tokens", "hit_rate_percent")
    )


@pytest.mark.parametrize(
    ("after", "expected"),
    [(None, (None, None, None)), (Metrics("", None), (None, None, None)), (metrics(1000, 100), (0, 0, None))],
    ids=["no page", "no counters", "not asked"],
)
def test_a_cache_that_was_not_asked_has_no_hit_rate(extras: Any, after: Any, expected: Any) -> None:
    """Absent, not zero."""
    told = extras(measurement=measured(after=after))
    assert expected == tuple(
        told[f"prefix_cache_{key}"] for key in ("queries_tokens", "hits_tokens", "hit_rate_percent")
    )


@pytest.mark.parametrize(
    ("prompts", "tokens"),
    [
        (("what", "what"), None),
        ((tuple(range(100)), tuple(range(100, 200))), 0),
        ((tuple(range(100)), tuple(range(100))), 6 * 16),
    ],
    ids=["texts", "different", "the same"],
)
def test_what_could_be_found_is_told(extras: Any, prompts: tuple[Any, Any], tokens: int | None) -> None:
    """Nothing is another answer than that nobody knows; of 100 tokens, six whole blocks of 16."""
    job = replace(a_job(), plan=a_plan(*(Ask(prompt, 2) for prompt in prompts)))
    assert tokens == extras(job, measured(ONE, TWO))["reusable_prompt_tokens"]


def test_what_was_never_sent_could_find_nothing(extras: Any) -> None:
    """The second of two alike."""
    job = replace(a_job(), plan=a_plan(*2 * (Ask(tuple(range(100)), 2),)))
    assert 0 == extras(job, measured(ONE, a_failure(index=1, sent_ns=None)))["reusable_prompt_tokens"]


def test_an_open_loop_tells_what_they_met_who_came_when_they_were_due(extras: Any) -> None:
    """From the schedule: 12 ms to the first token and 22 to the last, of which 2 were the client's or the queue's."""
    told = extras(a_job("load=poisson"))
    assert (12.0, 22.0, 12.0, 22.0) == tuple(
        told[f"{word}_{name}_from_schedule_ms"] for word in ("mean", "p99") for name in ("ttft", "e2el")
    )
    assert "mean_schedule_lag_ms" in told


def test_an_open_loop_without_a_success_has_them_absent(extras: Any) -> None:
    """They apply and are not known."""
    told = extras(a_job("load=poisson"), measured(a_failure()))
    assert (None, None) == (told["mean_ttft_from_schedule_ms"], told["mean_e2el_from_schedule_ms"])


def test_one_open_stage_makes_it_an_open_loop(extras: Any) -> None:
    """Someone came when due."""
    job = a_job("load.stages=[{request_rate: 1},{num_prompts: 1}]")
    assert "mean_ttft_from_schedule_ms" in extras(job)


def test_the_clients_own_lag_is_told(extras: Any) -> None:
    """Mean and largest of what its loop was late."""
    told = extras(measurement=measured(of_run={"loop_lag_ns": (1 * MS, 2 * MS, 6 * MS)}))
    assert (3.0, 6.0) == (told["mean_loop_lag_ms"], told["max_loop_lag_ms"])


def test_how_late_the_client_stamps_is_told(extras: Any) -> None:
    """A loop that was asked and never held up stamped nothing late."""
    told = extras(measurement=measured(of_run={"loop_lag_ns": (0, 1 * MS)}))
    assert (0.0, 0.0) == (told["first_token_lateness_ms"], told["late_tokens_percent"])


@pytest.mark.parametrize("name", ["cpu", "jetson_agx_thor"])
def test_a_result_says_of_which_hardware_it_is(extras: Any, name: str) -> None:
    """By the name of its config."""
    assert name == extras(a_job(f"hardware={name}"))["hardware"]


def test_goodput_is_a_share_where_there_are_limits(extras: Any) -> None:
    """One of two kept them; the other failed."""
    told = extras(measurement=measured(ONE, REFUSED, slo=Slo(ttft_ms=10.0)))
    assert 100.0 * 1 / 2 == told["goodput_percent"]


def test_a_load_that_was_stopped_says_why_first(extras: Any) -> None:
    """Nobody takes its numbers for those of the whole."""
    told = extras(measurement=measured(of_run={"stopped": "31 of 100 requests failed"}))
    assert ("stopped", "31 of 100 requests failed") == next(iter(told.items()))
    assert "stopped_load" in told["reasons"]


def test_requests_that_never_went_out_are_counted(extras: Any) -> None:
    """Where there are any."""
    assert 1 == extras(measurement=measured(ONE, a_failure(index=1, sent_ns=None)))["unsent_requests"]


def test_requests_that_are_left_out_are_counted(extras: Any) -> None:
    """One of two, by `load.exclude_first`."""
    told = extras(measurement=measured(ONE, TWO, counting=a_run(TWO), summary=a_summary(TWO)))
    assert 1 == told["excluded_requests"]


@pytest.mark.parametrize(("tokens", "expected"), [(2, None), (4, 2.0)])
def test_several_tokens_to_a_chunk_are_told(extras: Any, tokens: int, expected: float | None) -> None:
    """Four in two chunks: ITL is then not between tokens."""
    one = replace(ONE, output_tokens=tokens, chunk_tokens=(tokens // 2,) * 2)
    assert expected == extras(measurement=measured(one)).get("tokens_per_chunk")


def test_stages_are_told_one_by_one(extras: Any) -> None:
    """By name, each as a run of its own."""
    stages = (
        ("calm", a_summary(ONE, slo=Slo(ttft_ms=20.0), end_ns=2 * S)),
        ("spike", a_summary(a_failure(), slo=Slo(ttft_ms=20.0), end_ns=4 * S)),
    )
    told = extras(measurement=measured(stages=stages))["stages"]
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


def on_thor(ttft_ms: float, itl_ms: float, hits: int = 0) -> tuple[PreparedJob, Measurement]:
    """Qwen3-32B-AWQ, one request of 2048 tokens in and two out, and what the prefix cache found of it."""
    first_ns = round(ttft_ms * MS)
    tokens_ns = (first_ns, first_ns + round(itl_ms * MS))
    record = a_record(token_ns=tokens_ns, input_tokens=2048, output_tokens=2)
    job = a_job("hardware=jetson_agx_thor", "model=qwen3_32b_awq", "workload.input_len=2048")
    return job, measured(record, of_run={"end_ns": 2 * S}, after=metrics(1000 + 2048, 100 + hits))


def test_prefill_is_told_as_a_share_of_the_boards_peak(extras: Any) -> None:
    """127.818 TFLOP at 258.5 a second take 494.5 ms, half of 989."""
    assert pytest.approx(50.0, rel=1e-3) == extras(*on_thor(ttft_ms=989.0, itl_ms=100.0))["mfu_percent"]


def test_what_a_cache_found_is_no_prefill(extras: Any) -> None:
    """Half of the prompt is half of its FLOP: a quarter of 989 ms."""
    told = extras(*on_thor(ttft_ms=989.0, itl_ms=100.0, hits=1024))
    assert pytest.approx(25.0, rel=1e-3) == told["mfu_percent"]


def test_decode_is_told_as_a_share_of_the_boards_bandwidth(extras: Any) -> None:
    """18.31 GB a step at 273 GB/s take 67.1 ms, half of 134.2; of one sequence no routing is in question."""
    told = extras(*on_thor(ttft_ms=989.0, itl_ms=134.2))
    assert pytest.approx(50.0, rel=1e-3) == told["mbu_percent"]
    assert "mbu_uniform_routing_percent" not in told


def test_a_mixture_of_experts_has_a_second_share_of_the_bandwidth(extras: Any) -> None:
    """Eight at once read more if each has experts of its own."""
    records = (a_record(index=i, token_ns=(100 * MS, S), input_tokens=64, output_tokens=9) for i in range(8))
    job = a_job("hardware=jetson_agx_thor", "model=qwen3_30b_a3b", "load.num_prompts=8")
    told = extras(job, measured(*records))
    assert 0 < told["mbu_percent"] < told["mbu_uniform_routing_percent"]


def every_100_ms(start_ns: int, *values: float) -> Series:
    """A signal from then on."""
    return Series(tuple(start_ns + i * 100 * MS for i in range(len(values))), values)


# The load is from 0 to 1 s; before it, from -3 to -1 s, the board idles.
IDLE = (-3 * S, -1 * S)
VIN = {"hwmon.VIN_w": every_100_ms(-3 * S, *21 * [10.0], *20 * [30.0])}


def watched(signals: Mapping[str, Series], idle: tuple[int, int] | None = None) -> Watched:
    return Watched(Telemetry(signals), idle)


def test_energy_is_told_above_idle_too(extras: Any) -> None:
    """30 W for a second where 10 were drawn before, for two requests of two tokens."""
    told = extras(measurement=measured(ONE, TWO, watched=watched(VIN, IDLE)))
    assert "board (hwmon.VIN_w)" == told["power_of"]
    expected = {
        "energy_j": 30.0,
        "mean_power_w": 30.0,
        "idle_power_w": 10.0,
        "energy_above_idle_j": 30.0 - 10.0,
        "energy_per_output_token_j": 30.0 / 4,
        "energy_above_idle_per_output_token_j": (30.0 - 10.0) / 4,
        "energy_per_request_j": 30.0 / 2,
        "energy_above_idle_per_request_j": (30.0 - 10.0) / 2,
        "tokens_per_s_per_w": 4 / 30.0,
    }
    assert pytest.approx(expected) == {key: told[key] for key in expected}


def test_without_a_rest_nothing_is_told_above_idle(extras: Any) -> None:
    """The gross figures are."""
    told = extras(measurement=measured(watched=watched(VIN)))
    assert pytest.approx(30.0) == told["energy_j"]
    assert set() == {key for key in told if "idle" in key}


def test_energy_is_that_of_the_whole_load(extras: Any) -> None:
    """Of two requests one is left out of the figures: 30 J were spent for both."""
    told = extras(measurement=measured(ONE, TWO, counting=a_run(TWO), summary=a_summary(TWO), watched=watched(VIN)))
    assert pytest.approx(30.0 / 4) == told["energy_per_output_token_j"]


def test_the_hottest_sensor_is_told_by_name(extras: Any) -> None:
    """Of the load alone: what it was before is not its doing."""
    told = extras(
        measurement=measured(
            watched=watched(
                {"thermal.tj_c": every_100_ms(-100 * MS, 99.0, 60.0, 61.5), "thermal.gpu_c": every_100_ms(0, 58.0)}
            )
        )
    )
    assert (61.5, "thermal.tj_c") == (told["hottest_c"], told["hottest_sensor"])


def throttled(**signals: Series) -> Measurement:
    """Whose machine told these of its throttling."""
    return measured(watched=watched({f"throttle.{name}": series for name, series in signals.items()}))


SLOWED = throttled(
    oc1=every_100_ms(0, 7.0, 8.0, 9.0),
    oc3=every_100_ms(0, 0.0, 1.0),
    cpu=every_100_ms(0, 0.0, 1.0, 0.0),
    gpu0=every_100_ms(0, 0.0, 0.0, 0.0, 1.0),
)


def test_throttling_is_told_in_events(extras: Any) -> None:
    """One counter from 7 to 9 and one from 0 to 1; states that held are none."""
    assert (9 - 7) + (1 - 0) == extras(measurement=SLOWED)["throttle_events"]


def test_throttling_is_told_as_the_share_of_the_state_that_held_the_longest(extras: Any) -> None:
    """One held at one of three looks, one at one of four; both may be the same time."""
    assert pytest.approx(100 / 3) == extras(measurement=SLOWED)["throttled_percent"]


def test_without_a_state_no_time_was_throttled(extras: Any) -> None:
    """A machine that only counts events."""
    told = extras(measurement=throttled(oc1=every_100_ms(0, 7.0, 9.0)))
    assert (2, 0.0) == (told["throttle_events"], told["throttled_percent"])


def test_no_throttling_is_told_where_it_would_be_known(extras: Any) -> None:
    """0, which is not absent."""
    told = extras(measurement=throttled(oc1=every_100_ms(0, 7.0, 7.0), cpu=every_100_ms(0, 0.0)))
    assert (0, 0.0) == (told["throttle_events"], told["throttled_percent"])


def test_a_machine_that_does_not_tell_of_throttling_has_none_in_its_result(extras: Any) -> None:
    """Absent, which is not 0."""
    told = extras(measurement=measured(watched=watched(VIN)))
    assert set() == {key for key in told if "throttle" in key}


@pytest.mark.parametrize(("share", "percent"), [(0.02, 2.0), (None, None)])
def test_what_sampling_cost_is_told(extras: Any, share: float | None, percent: float | None) -> None:
    """In percent of a core, where it is known."""
    sampled = Watched(Telemetry(VIN, cpu_share=share))
    assert percent == extras(measurement=measured(watched=sampled)).get("telemetry_cpu_percent")


def test_what_the_server_counted_of_itself_is_told(extras: Any) -> None:
    """Of the load alone: 5 - 3 preemptions, and (2 - 1) s of queueing for 30 - 20 requests."""
    before, after = (
        metrics(
            1000,
            100,
            num_preemptions_total=preempted,
            request_queue_time_seconds_sum=waited_s,
            request_queue_time_seconds_count=requests,
        )
        for preempted, waited_s, requests in ((3, 1.0, 20), (5, 2.0, 30))
    )
    told = extras(measurement=measured(before=before, after=after))
    assert (5 - 3, pytest.approx(100.0)) == (told["preemptions"], told["mean_server_queue_ms"])


def test_the_kv_cache_is_told_at_its_fullest(extras: Any) -> None:
    """During the load; it was fuller before."""
    used = every_100_ms(-100 * MS, 90.0, 40.0, 42.0, 41.0)
    assert (
        42.0
        == extras(measurement=measured(watched=watched({"server.kv_cache_percent": used})))["kv_cache_used_percent"]
    )


def test_a_good_result_is_valid(kept: Keep) -> None:
    """Nothing speaks against it."""
    judged = kept(measurement=GOOD).read_json(rundir.VERDICT)
    assert ("VALID", [], []) == (judged["standing"], judged["reasons"], judged["accepted"])


def test_percentiles_that_too_few_support_are_a_reason(kept: Keep) -> None:
    """P99 of two requests; P50 needs two."""
    (reason,) = kept(measurement=measured(ONE, TWO, percentiles=(50.0, 99.0))).read_json(rundir.VERDICT)["reasons"]
    assert ("few_samples", ["p99_ttft_ms", "p99_tpot_ms", "p99_itl_ms", "p99_e2el_ms"]) == (
        reason["name"],
        reason["metrics"],
    )


def test_a_reason_is_kept_with_its_evidence_and_what_to_try(kept: Keep) -> None:
    """48 tokens found of 200, of a workload that repeats none."""
    cached = measured(ONE, TWO, percentiles=(50.0,), after=metrics(1200, 148))
    (reason,) = kept(measurement=cached).read_json(rundir.VERDICT)["reasons"]
    assert ("prefix_cache_hits", "INVALID") == (reason["name"], reason["standing"])
    assert reason["evidence"].startswith("48 of 200 prompt tokens")
    assert "workload.seed" in reason["remedy"]


def test_a_verdict_names_what_it_believed(kept: Keep) -> None:
    """As typed, or as configured."""
    believed = kept(a_job("verdict.spread=0.2")).read_json(rundir.VERDICT)["thresholds"]
    assert (0.2, 0.01, []) == (believed["spread"], believed["cache_hits"], believed["accept"])


def test_what_is_accepted_is_kept_apart(kept: Keep) -> None:
    """It is known, and does not count."""
    judged = kept(a_job("verdict.accept=[few_samples]")).read_json(rundir.VERDICT)
    assert ("VALID", [], ["few_samples"]) == (
        judged["standing"],
        judged["reasons"],
        [reason["name"] for reason in judged["accepted"]],
    )


def test_the_verdict_is_in_result_and_report(kept: Keep) -> None:
    """By name in the one, with what to try in the other."""
    run_dir = kept()
    ours = run_dir.read_json(rundir.RESULT)["thorexp"]
    assert ("SUSPECT", ["few_samples"]) == (ours["verdict"], ours["reasons"])
    block = run_dir.read_text(rundir.REPORT).partition(f"{' verdict ':=^50}\n")[2].splitlines()
    assert ("SUSPECT", True) == (block[0], block[1].startswith("few_samples: SUSPECT"))
    assert 1 == sum(line.startswith("  try: load.num_prompts=100") for line in block)


def test_the_verdict_is_handed_back(tmp_path: Path) -> None:
    """As it was kept."""
    verdict = keep_result(a_job(), ENDPOINT, measured(), RunDir(tmp_path))
    assert ["few_samples"] == [reason.name for reason in verdict.reasons]


def tagged(measurement: Measurement, folder: Path) -> dict[str, str]:
    """What a run of it is filtered by, of its verdict."""
    return verdict_tags(keep_result(a_job(), ENDPOINT, measurement, RunDir(folder)), measurement)


def test_a_valid_result_is_tagged_so(tmp_path: Path) -> None:
    """Without reasons there is no tag of them."""
    assert {"origin": "measured", "verdict": "VALID"} == tagged(GOOD, tmp_path)


@pytest.mark.parametrize(("origin", "words"), [("simulated", "SIMULATED, VALID"), ("imported", "IMPORTED, VALID")])
def test_a_result_is_tagged_with_its_origin(origin: Origin, words: str) -> None:
    """By itself, and before the standing."""
    assert {"origin": origin, "verdict": words} == verdict_tags(Verdict(origin=origin), GOOD)


def test_a_result_is_tagged_with_its_reasons(tmp_path: Path) -> None:
    """The worst first, and by name."""
    cached = measured(ONE, TWO, after=metrics(1200, 148))
    assert {
        "origin": "measured",
        "verdict": "INVALID",
        "verdict_reasons": "prefix_cache_hits, few_samples",
    } == tagged(cached, tmp_path)


def test_a_load_that_was_stopped_is_tagged_with_why(tmp_path: Path) -> None:
    """Beside the verdict on it."""
    stopped = measured(ONE, TWO, percentiles=(50.0,), of_run={"stopped": "31 of 100 requests failed"})
    assert {
        "origin": "measured",
        "verdict": "SUSPECT",
        "verdict_reasons": "stopped_load",
        "stopped": "31 of 100 requests failed",
    } == tagged(stopped, tmp_path)


def test_a_job_is_tagged_with_what_chose_it() -> None:
    """What is not known is left out."""
    told = tags(a_job().config, None)
    assert ("tiny_qwen3", "bf16", "cpu", identity().hostname) == tuple(
        told[key] for key in ("model", "quantization", "hardware", "hostname")
    )
    assert "vllm_version" not in told


def machine(run_dir: RunDir) -> dict[str, Any]:
    return dict(run_dir.read_json(rundir.MACHINE))


def test_the_machine_is_that_of_the_client(kept: Keep) -> None:
    """By all that is known of it."""
    ours = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(identity()).items()}
    assert ours == machine(kept())["client"]


@pytest.mark.parametrize("torch", ["2.9.0+cu130", None])
def test_the_server_is_kept_with_its_torch(kept: Keep, torch: str | None) -> None:
    """Absent where nobody knows: of a server that runs elsewhere."""
    assert {
        "base_url": ENDPOINT.base_url,
        "served_model": ENDPOINT.served_model,
        "version": ENDPOINT.version,
        "speedup": 1.0,
        "torch": torch,
    } == machine(kept(replace(a_job(), torch_version=torch)))["server"]


AT_120_W = MachineState(
    power_mode="120W",
    power_mode_id=1,
    power_mode_is_max=False,
    gpu_governor="nvhost_podgov",
    cpu_governors=("schedutil",),
    clocks_locked=False,
    fan_pwm=80,
    fan_rpm=1800,
    gpus=(),
)


def test_how_fast_the_machine_might_run_is_kept_from_before_and_after(kept: Keep) -> None:
    """It was changed meanwhile, which is a reason too."""
    maxn = replace(AT_120_W, power_mode="MAXN", power_mode_id=0, power_mode_is_max=True)
    run_dir = kept(measurement=measured(watched=Watched(before=AT_120_W, after=maxn)))
    told = machine(run_dir)
    assert (("120W", False, ["schedutil"]), ("MAXN", True, ["schedutil"])) == tuple(
        tuple(told[when][key] for key in ("power_mode", "power_mode_is_max", "cpu_governors"))
        for when in ("before", "after")
    )
    reasons = {reason["name"]: reason["evidence"] for reason in run_dir.read_json(rundir.VERDICT)["reasons"]}
    assert "the power mode changed from 120W to MAXN during the load" == reasons["power_mode"]


def test_of_a_machine_elsewhere_neither_is_known(kept: Keep) -> None:
    """Absent, as is the telemetry that nobody took."""
    told = machine(kept())
    assert (None, None, None) == (told["before"], told["after"], told["telemetry"])


def test_what_was_not_sampled_is_kept_in_words(kept: Keep) -> None:
    """With what the sampling cost."""
    telemetry = Telemetry({}, absent=("tegrastats: no such command",), cpu_share=0.02)
    run_dir = kept(measurement=measured(watched=Watched(telemetry)))
    assert {"absent": ["tegrastats: no such command"], "cpu_share": 0.02} == machine(run_dir)["telemetry"]


@pytest.mark.parametrize("failed", [False, True])
def test_a_job_is_a_page(kept: Keep, failed: bool) -> None:
    """Of what it was asked, and of how it went; one that failed too."""
    run_dir = kept()
    if failed:
        (run_dir.path / rundir.SUMMARY).unlink()
        run_dir.write_text(rundir.ERROR, "vLLM exited with code 1 before it was ready.\n")
    keep_page(a_job().config, run_dir)
    page = run_dir.read_text(rundir.PAGE)
    assert "<h1>tiny_qwen3 high on cpu</h1>" in page
    assert failed == ("vLLM exited with code 1" in page)


def test_a_page_that_cannot_be_drawn_is_said(kept: Keep, caplog: pytest.LogCaptureFixture) -> None:
    """With what it stumbled over, and where the numbers are."""
    run_dir = kept()
    run_dir.write_text(rundir.SUMMARY, "[]\n")
    keep_page(a_job().config, run_dir)
    assert not run_dir.has(rundir.PAGE)
    (said,) = caplog.messages
    assert all(name in said for name in (rundir.PAGE, rundir.SUMMARY, rundir.RESULT))


def summary_of(run_dir: RunDir) -> dict[str, Any]:
    return dict(run_dir.read_json(rundir.SUMMARY))


def test_a_summary_has_these(kept: Keep) -> None:
    """What is not known of them is null."""
    told = summary_of(kept())
    assert {
        "origin",
        "load_ns",
        "idle_ns",
        "summary",
        "stages",
        "warmup_s",
        "coldness",
        "cache",
        "reusable_tokens",
        "excluded",
        "utilization",
        "position",
        "gpus",
        "server",
        "energy",
        "hottest",
        "throttling",
        "known_problems",
    } == told.keys()
    assert {"idle_ns", "gpus", "energy", "hottest", "throttling"} == {
        key for key, value in told.items() if value is None
    }


def test_a_summary_says_when_the_load_was_and_the_rest_before_it(kept: Keep) -> None:
    """On the clock of requests and telemetry."""
    told = summary_of(kept(measurement=measured(watched=watched(VIN, IDLE))))
    assert ([0, 1 * S], [-3 * S, -1 * S]) == (told["load_ns"], told["idle_ns"])


def test_a_summary_has_whole_distributions(kept: Keep) -> None:
    """Of TTFT of 10 ms, twice, and the stages by name."""
    told = summary_of(kept(measurement=measured(ONE, TWO, stages=(("calm", a_summary(ONE)),))))
    assert {"count": 2, "mean": 10.0, "median": 10.0, "std": 0.0, "percentiles": [[99.0, 10.0]]} == told["summary"][
        "ttft_ms"
    ]
    ((name, calm),) = told["stages"]
    assert ("calm", 1, 1.0) == (name, calm["completed"], told["warmup_s"])


def test_a_summary_has_the_cache_of_this_load_alone(kept: Keep) -> None:
    """The state that it was in, lookups and hits."""
    told = summary_of(kept())
    assert {"state": "verified", "probe_hits": 0} == told["coldness"]
    assert ({"queries": 200, "hits": 0}, 0, 0) == (told["cache"], told["reusable_tokens"], told["excluded"])


def test_a_summary_has_what_the_server_counted(kept: Keep) -> None:
    """With sum and count of what it spent; null where it does not count."""
    before, after = (
        metrics(1000, 100, request_queue_time_seconds_sum=waited_s, request_queue_time_seconds_count=requests)
        for waited_s, requests in ((1.0, 20), (2.0, 30))
    )
    told = summary_of(kept(measurement=measured(before=before, after=after)))["server"]
    assert ({"sum_s": 1.0, "count": 10}, None) == (told["queue"], told["preemptions"])


def test_a_summary_has_the_limits_of_its_hardware(kept: Keep) -> None:
    """What is known of them: the work of a board without figures is counted all the same."""
    on_cpu = summary_of(kept())["position"]
    assert (None, None, []) == (on_cpu["peak_flops_s"], on_cpu["bandwidth_bytes_s"], on_cpu["against"])
    on_thor = summary_of(kept(a_job(*ON_THOR)))["position"]
    assert ["median TTFT", "median TPOT"] == [each["what"] for each in on_thor["against"]]
    assert (273e9, on_cpu["prefill"]) == (on_thor["bandwidth_bytes_s"], on_thor["prefill"])


def test_a_summary_has_the_gpus_of_its_power(kept: Keep) -> None:
    """By NVML's indices, as they were told to use."""
    assert [1] == summary_of(kept(a_job("telemetry.gpus=[1]")))["gpus"]


def test_a_summary_has_events_and_states_of_throttling_apart(kept: Keep) -> None:
    """By what slowed the machine down."""
    told = summary_of(kept(measurement=SLOWED))["throttling"]
    assert ({"oc1": 2.0, "oc3": 1.0}, {"cpu": 1 / 3, "gpu0": 1 / 4}) == (told["events"], told["shares"])


def test_a_summary_has_heat_and_energy(kept: Keep) -> None:
    """With the signals that they were read of."""
    signals = VIN | {"thermal.tj_c": every_100_ms(0, 60.0, 61.0), "throttle.oc1": every_100_ms(0, 7.0, 9.0)}
    told = summary_of(kept(measurement=measured(watched=watched(signals))))
    assert ["thermal.tj_c", 61.0] == told["hottest"]
    assert {"events": {"oc1": 2.0}, "shares": {}} == told["throttling"]
    assert ("board", "hwmon.VIN_w") == (told["energy"]["scope"], told["energy"]["source"])
    assert pytest.approx(30.0) == told["energy"]["energy_j"]


ON_THOR = ("hardware=jetson_agx_thor",)
BY_WHAT = ["simulated_kernels", "kernels_source", "step_budget_tokens", "kv_cache_tokens", "speedup"]


def test_a_simulated_result_says_by_what(extras: Any) -> None:
    """By which kernels, from where, in steps and a cache of so many tokens, and how fast its time passed."""
    job = a_job(*ON_THOR, "server=sim", "engine.max_num_batched_tokens=512", "engine.num_gpu_blocks_override=513")
    told = extras(job, measured(origin="simulated"))
    source = job.config.sim.kernels["bf16_dense"]["source"]
    assert ["bf16_dense", source, 512, (513 - 1) * 16, 1.0] == [told[key] for key in BY_WHAT]
    assert "simulated" == told["origin"]


def test_kernels_on_another_board_than_theirs_are_told_as_assumed(extras: Any) -> None:
    """They were fitted on a Thor; as of its own source on the board that sim.fitted_on names."""
    own, other = (
        (a_job("hardware=h200", "predict=true", *words), measured(origin="simulated"))
        for words in (("sim.fitted_on=h200",), ())
    )
    source = own[0].config.sim.kernels["bf16_dense"]["source"]
    assert [source, f"{source}, assumed for h200"] == [extras(*each)["kernels_source"] for each in (own, other)]


def test_a_report_says_that_its_kernels_are_assumed(kept: Keep) -> None:
    """Where a person reads it."""
    run_dir = kept(a_job("hardware=h200", "predict=true"), measured(origin="simulated"))
    (line,) = [line for line in run_dir.read_text(rundir.REPORT).splitlines() if line.startswith("kernels source:")]
    assert line.endswith(", assumed for h200")


@pytest.mark.parametrize("origin", ["measured", "simulated"])
def test_a_summary_says_where_it_is_from(kept: Keep, origin: Origin) -> None:
    """As its verdict does."""
    run_dir = kept(measurement=measured(origin=origin))
    assert [origin] * 2 == [run_dir.read_json(name)["origin"] for name in (rundir.SUMMARY, rundir.VERDICT)]


def test_what_somebody_else_simulates_says_how_fast_alone(extras: Any) -> None:
    """Nobody knows by what."""
    told = extras(measurement=measured(origin="simulated"))
    assert ["speedup"] == [key for key in BY_WHAT if key in told]


def test_a_measured_result_says_nothing_of_simulation(extras: Any) -> None:
    """Its time is ours."""
    assert [] == [key for key in BY_WHAT if key in extras()]


@pytest.mark.parametrize(
    ("of_run", "had_client"),
    [({"cpu_share": None}, False), ({"cpu_share": None, "loop_lag_ns": (5,)}, True), ({}, True)],
)
def test_without_a_client_nothing_is_told_of_one(extras: Any, of_run: dict[str, Any], had_client: bool) -> None:
    """A prediction has none: neither its CPU nor its lag is there to be shown."""
    assert had_client == ("client_cpu_percent" in extras(measurement=measured(of_run=of_run)))


def test_a_prediction_has_no_pace(extras: Any) -> None:
    """No time of ours passed with it."""
    told = extras(a_job(*ON_THOR, "predict=true"), measured(origin="simulated"))
    assert BY_WHAT[:-1] == [key for key in BY_WHAT if key in told]
