"""Other clients' results in vLLM's words."""

from typing import Any

import pytest

from tests.foreign import MODEL, a_benchmark, a_distribution, a_report, a_request, an_export
from thorexp.measure.foreign import aiperf, guidellm, reader_of


def one_of(*requests: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A report of one benchmark, read."""
    (values,) = guidellm(a_report(a_benchmark(*requests, **changes)))
    return values


def exported(**changes: Any) -> dict[str, Any]:
    """The export of AIPerf, read."""
    (values,) = aiperf(an_export(**changes))
    return values


def timed(name: str, values: dict[str, Any]) -> dict[str, Any]:
    """All that is said of one latency, by the word before its name."""
    return {key.removesuffix(f"_{name}_ms"): value for key, value in values.items() if key.endswith(f"_{name}_ms")}


@pytest.mark.parametrize(
    "values",
    [{"completed": 3, "request_throughput": 0.3}, {"benchmarks": []}, {"benchmarks": [1]}, [], 3, None],
    ids=["vLLM's", "an empty report", "a list of numbers", "a list", "a number", "nothing"],
)
def test_what_is_none_of_them_has_no_reader(values: object) -> None:
    """vLLM's own keys are numbers, not statistics."""
    assert reader_of(values) is None


def test_each_format_is_known_by_what_it_holds() -> None:
    """A list of benchmarks with metrics, or metrics with a mean each."""
    assert (guidellm, aiperf) == (reader_of(a_report(a_benchmark())), reader_of(an_export()))


def test_each_benchmark_of_guidellm_is_a_result() -> None:
    """In its order."""
    streams = [{"strategy": {"type_": "concurrent", "streams": streams}} for streams in (1, 8)]
    report = a_report(*(a_benchmark(config=config) for config in streams))
    assert [1, 8] == [values["max_concurrency"] for values in guidellm(report)]


def test_guidellm_counts_are_of_successes() -> None:
    """Three of 2048 and 5 tokens in 10 s; the errored one is a failure, the two that were cut off are not."""
    values = one_of()
    counts = ("completed", "failed", "duration", "total_input_tokens", "total_output_tokens")
    assert [3, 1, 10.0, 3 * 2048, 3 * 5] == [values[key] for key in counts]


@pytest.mark.parametrize(
    ("strategy", "asked"),
    [
        ({"type_": "synchronous"}, {"max_concurrency": 1}),
        ({"type_": "concurrent", "streams": 8}, {"max_concurrency": 8}),
        ({"type_": "throughput", "max_concurrency": None}, {}),
        ({"type_": "constant", "rate": 2.5}, {"request_rate": 2.5, "burstiness": "inf"}),
        (
            {"type_": "poisson", "rate": 2.5, "max_concurrency": 64},
            {"request_rate": 2.5, "burstiness": 1.0, "max_concurrency": 64},
        ),
    ],
    ids=lambda each: each.get("type_", ""),
)
@pytest.mark.parametrize("place", ["config", "args"], ids=["0.4 and later", "0.3"])
def test_guidellm_strategies_are_loads(strategy: dict[str, Any], asked: dict[str, Any], place: str) -> None:
    """Streams are requests at once; a constant rate has no randomness in it."""
    values = one_of(**{"config": {}, place: {"strategy": strategy}})
    keys = ("max_concurrency", "request_rate", "burstiness")
    assert asked == {key: values[key] for key in keys if key in values}


@pytest.mark.parametrize(
    ("of_benchmark", "of_report"),
    [
        ({"config": {"backend": {"model": MODEL}}}, {}),
        ({"config": {}}, {"config": {"backend": {"model": MODEL}}}),
        ({"config": {}}, {"args": {"model": MODEL}}),
        ({"config": {}, "worker": {"backend_model": MODEL}}, {}),
    ],
    ids=["0.4", "0.7", "args", "0.3"],
)
def test_guidellm_says_its_model_in_several_places(of_benchmark: dict[str, Any], of_report: dict[str, Any]) -> None:
    """By version."""
    (values,) = guidellm(a_report(a_benchmark(**of_benchmark), **of_report))
    assert MODEL == values["model_id"]


def test_a_model_that_guidellm_does_not_know_is_absent() -> None:
    """0.3 writes the word None."""
    assert "model_id" not in one_of(config={}, worker={"backend_model": "None"})


def test_guidellm_ends_at_a_time_with_its_zone() -> None:
    """1,767,225,600 s after 1970 are 365 · 56 + 14 days: the first of 2026."""
    assert "2026-01-01T00:00:00+00:00" == one_of()["date"]


THREE = (
    a_request(ttft_ms=600.0, itl_ms=90.0),
    a_request(ttft_ms=610.0, itl_ms=100.0),
    a_request(ttft_ms=650.0, itl_ms=140.0),
)


def test_guidellm_itl_of_a_request_is_vllms_tpot() -> None:
    """Where all requests are listed: mean and middle of the three, P99 between the upper two as numpy has it."""
    tpot = timed("tpot", one_of(*THREE))
    assert ((90 + 100 + 140) / 3, 100.0) == (tpot["mean"], tpot["median"])
    assert 100 + (140 - 100) * (0.99 * 2 - 1) == pytest.approx(tpot["p99"])


def test_guidellm_ttft_is_vllms() -> None:
    """From sending to the first token."""
    ttft = timed("ttft", one_of(*THREE))
    assert ((600 + 610 + 650) / 3, 610.0) == (ttft["mean"], ttft["median"])


def test_e2el_ends_with_the_last_token() -> None:
    """First token and four gaps; GuideLLM's own latency goes on to the end of the stream, 3 ms here."""
    e2el = timed("e2el", one_of(*THREE))
    assert (600 + 4 * 90 + 610 + 4 * 100 + 650 + 4 * 140) / 3 == e2el["mean"]


def test_requests_weigh_the_same_however_long_they_are() -> None:
    """Answers of 2, 3 and 10 tokens: GuideLLM weighs their gaps by 1, 2 and 9, vLLM's TPOT does not."""
    requests = (a_request(tokens=2, itl_ms=60), a_request(tokens=3, itl_ms=90), a_request(tokens=10, itl_ms=120))
    assert (60 + 90 + 120) / 3 == timed("tpot", one_of(*requests))["mean"]


def test_an_answer_of_one_token_has_no_tpot() -> None:
    """The other two have; its E2EL is its TTFT."""
    requests = (a_request(tokens=1, itl_ms=0.0), a_request(tokens=7, itl_ms=90.0), a_request(tokens=7, itl_ms=100.0))
    values = one_of(*requests)
    assert (90 + 100) / 2 == timed("tpot", values)["mean"]
    assert (600 + 600 + 6 * 90 + 600 + 6 * 100) / 3 == pytest.approx(timed("e2el", values)["mean"])


@pytest.mark.parametrize(
    "requests",
    [(), THREE[:2], (*THREE[:2], a_request(tokens=6)), (*THREE[:2], a_request(ttft_ms=0.0))],
    ids=["none", "a sample", "of other lengths than were counted", "one without a first token"],
)
def test_of_listed_requests_only_all_are_believed(requests: tuple[dict[str, Any], ...]) -> None:
    """Else GuideLLM's own statistics are read: its mean TTFT is 610."""
    ttft = timed("ttft", one_of(*requests))
    assert (610.0, 600.0) == (ttft["mean"], ttft["median"])


def test_of_answers_of_one_length_guidellms_own_itl_is_vllms_tpot() -> None:
    """All have the same weight."""
    own = a_distribution(100.0, median=98.0, std_dev=4.0, percentiles={"p99": 120.0, "p999": 125.0})
    assert {"mean": 100.0, "median": 98.0, "std": 4.0, "p99": 120.0, "p99.9": 125.0} == timed(
        "tpot", one_of(metrics={"inter_token_latency_ms": own})
    )


def test_of_answers_of_several_lengths_guidellms_own_itl_is_left_out() -> None:
    """It is weighted by tokens, which nobody can take back; TTFT is not, and stays."""
    values = one_of(metrics={"output_token_count": a_distribution(5.0, max=9.0)})
    assert {} == timed("tpot", values)
    assert 610.0 == values["mean_ttft_ms"]


@pytest.mark.parametrize("name", ["itl", "e2el"])
def test_what_guidellm_keeps_no_statistics_of_is_left_out(name: str) -> None:
    """Of gaps and of the last token."""
    assert {} == timed(name, one_of())


@pytest.mark.parametrize("phase", ["warmup_duration", "cooldown_duration"])
def test_a_benchmark_with_a_part_left_out_is_refused(phase: str) -> None:
    """Its tokens are of more time than its duration; the error says which it is."""
    left_out: dict[str, Any] = {phase: 2.0}
    report = a_report(a_benchmark(), a_benchmark(**left_out))
    with pytest.raises(ValueError, match=r"^benchmark 2 counts requests that lie partly in its warm-up or cool-down$"):
        list(guidellm(report))


def test_what_guidellm_does_not_say_is_absent() -> None:
    """Neither 0 nor an error."""
    assert [{}] == list(guidellm({"benchmarks": [{"metrics": {}}]}))


def test_aiperf_counts_are_of_successes() -> None:
    """Reasoning counts among the generated tokens: 3 · 128, not 300."""
    values = exported()
    counts = ("completed", "failed", "duration", "total_input_tokens", "total_output_tokens")
    assert [3, 1, 60.0, 3 * 2048, 3 * 128] == [values[key] for key in counts]


@pytest.mark.parametrize(
    ("lengths", "total"),
    [({"avg": 127.6, "sum": 383.0}, 383), ({"avg": 127.667}, 383)],
    ids=["their sum", "their mean"],
)
def test_without_a_total_tokens_are_those_of_all_lengths(lengths: dict[str, float], total: int) -> None:
    """As told, or 3 · 127.667."""
    assert total == exported(total_osl=None, output_sequence_length=lengths)["total_output_tokens"]


def test_without_a_duration_it_is_requests_over_throughput() -> None:
    """GenAI-Perf: 3 / 0.05."""
    assert 3 / 0.05 == pytest.approx(exported(benchmark_duration=None)["duration"])


@pytest.mark.parametrize(
    ("theirs", "ours", "figures"),
    [
        ("time_to_first_token", "ttft", {"mean": 620.0, "median": 610.0, "p50": 610.0, "p99": 700.0, "std": 9.0}),
        ("inter_token_latency", "tpot", {"mean": 74.0, "median": 73.0, "p50": 73.0, "p99": 80.0}),
        ("inter_chunk_latency", "itl", {"mean": 75.0, "median": 72.0, "p50": 72.0, "p99": 90.0}),
        ("request_latency", "e2el", {"mean": 10_018.0, "median": 9_900.0, "p50": 9_900.0, "p99": 11_000.0}),
    ],
)
def test_aiperfs_latencies_are_vllms_by_other_names(theirs: str, ours: str, figures: dict[str, float]) -> None:
    """Its ITL is the TPOT, its gaps between chunks are the ITL; what counts failures as infinite is left out."""
    assert figures == timed(ours, exported())
    assert {} == timed(ours, exported(**{theirs: None}))


def test_a_latency_is_told_in_its_unit() -> None:
    """0.62 s are 620 ms."""
    assert {"mean": 620.0} == timed("ttft", exported(time_to_first_token={"unit": "s", "avg": 0.62}))


def test_a_unit_that_nobody_knows_is_refused() -> None:
    """By the metric's name."""
    with pytest.raises(ValueError, match=r"^time_to_first_token in fortnights$"):
        exported(time_to_first_token={"unit": "fortnights", "avg": 1.0})


def test_tpot_by_chunks_of_several_tokens_is_left_out() -> None:
    """With --per-chunk-usage AIPerf divides by the tokens behind the first chunk, not the first token."""
    config = {"endpoint": {"model_names": [MODEL], "per_chunk_usage": True}}
    assert {} == timed("tpot", exported(input_config=config))


@pytest.mark.parametrize(
    "config",
    [
        {"endpoint": {"model_names": [MODEL]}, "loadgen": {"concurrency": 4, "request_rate": 2.0}},
        {
            "models": {"items": [{"name": MODEL}]},
            "phases": [
                {"name": "warmup", "concurrency": 1},
                {"name": "profiling", "concurrency": 4, "rate": 2.0},
            ],
        },
        {"models": [MODEL], "phases": [{"name": "profiling", "concurrency": 4, "rate": 2.0}]},
        {"model": [MODEL], "endpoint": None, "concurrency": 4, "request_rate": 2.0},
    ],
    ids=["AIPerf of 2025", "AIPerf of 2026", "models by name", "GenAI-Perf"],
)
def test_an_exports_config_says_model_and_load(config: dict[str, Any]) -> None:
    """In three layouts."""
    values = exported(input_config=config)
    assert (MODEL, 4, 2.0) == (values["model_id"], values["max_concurrency"], values["request_rate"])


def test_an_export_without_failures_says_none() -> None:
    """It leaves the count out."""
    assert "failed" not in exported(error_request_count=None)


@pytest.mark.parametrize("key", ["goodput", "request_goodput"])
def test_goodput_is_good_requests_a_second(key: str) -> None:
    """By the word of AIPerf, and by that of GenAI-Perf."""
    assert 0.04 == exported(**{key: {"unit": "requests/sec", "avg": 0.04}})["request_goodput"]
