"""A result as text and as keys, in vLLM's layout, and that text read back."""

import json
import math
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import MS, S, a_failure, a_record, a_result, a_summary
from thorexp.measure.findings import unsupported
from thorexp.measure.metrics import Slo
from thorexp.measure.records import RequestRecord
from thorexp.measure.verdict import Origin, Reason, Verdict
from thorexp.report import Extra, as_json, parse, render

DATA = Path(__file__).parent / "data"
PAGE = DATA.parents[1] / "conf" / "baseline" / "thor_blog_2025_10.md"

QUICK = a_record(sent_ns=10 * MS, token_ns=(110 * MS, 160 * MS, 210 * MS), output_tokens=3, input_tokens=16)
SLOW = a_record(sent_ns=30 * MS, token_ns=(230 * MS, 330 * MS, 430 * MS), output_tokens=3, input_tokens=16)
# TTFT 100 and 200, TPOT 50 and 100, ITL 50 50 100 100, E2EL 200 and 400, client queue 10 and 30 ms.
SUMMARY = a_summary(QUICK, SLOW, a_failure(), slo=Slo(ttft_ms=100.0), end_ns=4 * S)

HEAD = (
    "============ Serving Benchmark Result ============",
    "Successful requests:                     2         ",
    "Failed requests:                         1         ",
    "Maximum request concurrency:             8         ",
)
RATE = ("Request rate configured (RPS):           4.00      ",)
COUNTS = (
    "Benchmark duration (s):                  4.00      ",
    "Total input tokens:                      32        ",
    "Total generated tokens:                  6         ",
    "Request throughput (req/s):              0.50      ",
)
GOODPUT = ("Request goodput (req/s):                 0.25      ",)
THROUGHPUT = (
    "Output token throughput (tok/s):         1.50      ",
    "Peak output token throughput (tok/s):    6.00      ",
    "Peak concurrent requests:                2.00      ",
    "Total token throughput (tok/s):          9.50      ",
)
LATENCIES = (
    "---------------Time to First Token----------------",
    "Mean TTFT (ms):                          150.00    ",
    "Median TTFT (ms):                        150.00    ",
    "P99 TTFT (ms):                           199.00    ",
    "-----Time per Output Token (excl. 1st token)------",
    "Mean TPOT (ms):                          75.00     ",
    "Median TPOT (ms):                        75.00     ",
    "P99 TPOT (ms):                           99.50     ",
    "---------------Inter-token Latency----------------",
    "Mean ITL (ms):                           75.00     ",
    "Median ITL (ms):                         75.00     ",
    "P99 ITL (ms):                            100.00    ",
    "----------------End-to-end Latency----------------",
    "Mean E2EL (ms):                          300.00    ",
    "Median E2EL (ms):                        300.00    ",
    "P99 E2EL (ms):                           398.00    ",
)
QUEUEING = (
    "---------------Client-side Queueing---------------",
    "Mean Client Queue Time (ms):             20.00     ",
    "Median Client Queue Time (ms):           20.00     ",
    "P99 Client Queue Time (ms):              29.80     ",
    "--------Queue-inclusive End-to-end Latency--------",
    "Mean E2EL incl. Client Queue (ms):       320.00    ",
    "Median E2EL incl. Client Queue (ms):     320.00    ",
    "P99 E2EL incl. Client Queue (ms):        427.80    ",
)
FOOT = "=================================================="
NUMBERS = {
    "completed": 2,
    "failed": 1,
    "max_concurrency": 8,
    "duration": 4.0,
    "total_input_tokens": 32,
    "total_output_tokens": 6,
    "request_throughput": 0.5,
    "request_goodput": 0.25,
    "output_throughput": 1.5,
    "max_output_tokens_per_s": 6.0,
    "max_concurrent_requests": 2,
    "total_token_throughput": 9.5,
    "mean_ttft_ms": 150.0,
    "median_ttft_ms": 150.0,
    "p99_ttft_ms": 199.0,
    "mean_tpot_ms": 75.0,
    "median_tpot_ms": 75.0,
    "p99_tpot_ms": 99.5,
    "mean_itl_ms": 75.0,
    "median_itl_ms": 75.0,
    "p99_itl_ms": 100.0,
    "mean_e2el_ms": 300.0,
    "median_e2el_ms": 300.0,
    "p99_e2el_ms": 398.0,
}


def vllm_lines(text: str) -> tuple[str, ...]:
    """The report up to vLLM's foot."""
    lines = text.splitlines()
    return tuple(lines[: lines.index(FOOT)])


def test_a_closed_loop_is_reported_as_vllm_does() -> None:
    """Line for line, with the trailing spaces."""
    assert (*HEAD, *COUNTS, *GOODPUT, *THROUGHPUT, *LATENCIES) == vllm_lines(render(a_result(SUMMARY)))


def test_a_rate_adds_its_line_and_the_time_queued_in_the_client() -> None:
    """Where requests come one by one and may wait for a stream."""
    expected = (*HEAD, *RATE, *COUNTS, *GOODPUT, *THROUGHPUT, *LATENCIES, *QUEUEING)
    assert expected == vllm_lines(render(a_result(SUMMARY, request_rate=4.0)))


def test_a_run_without_limit_has_no_line_for_it() -> None:
    """Neither a maximum concurrency nor a queue in the client."""
    expected = (*HEAD[:3], *RATE, *COUNTS, *GOODPUT, *THROUGHPUT, *LATENCIES)
    assert expected == vllm_lines(render(a_result(SUMMARY, request_rate=4.0, max_concurrency=None)))


def test_an_open_loop_of_stages_has_the_time_queued_in_the_client() -> None:
    """Its requests are due at times of their own, though no one rate is configured."""
    expected = (*HEAD, *COUNTS, *GOODPUT, *THROUGHPUT, *LATENCIES, *QUEUEING)
    assert expected == vllm_lines(render(a_result(SUMMARY, is_open=True)))


def test_a_run_without_slo_has_no_goodput_line() -> None:
    """Nothing was asked of the requests."""
    summary = a_summary(QUICK, SLOW, a_failure(), end_ns=4 * S)
    assert (*HEAD, *COUNTS, *THROUGHPUT, *LATENCIES) == vllm_lines(render(a_result(summary)))


def test_a_run_without_success_has_no_sections() -> None:
    """No latency is shown that was not measured, and no peak."""
    expected = (
        "============ Serving Benchmark Result ============",
        "Successful requests:                     0         ",
        "Failed requests:                         2         ",
        "Maximum request concurrency:             8         ",
        "Benchmark duration (s):                  1.00      ",
        "Total input tokens:                      0         ",
        "Total generated tokens:                  0         ",
        "Request throughput (req/s):              0.00      ",
        "Output token throughput (tok/s):         0.00      ",
        "Total token throughput (tok/s):          0.00      ",
    )
    assert expected == vllm_lines(render(a_result(a_summary(a_failure(), a_failure()))))


def test_input_tokens_that_nobody_counted_have_no_line() -> None:
    """Nor has the throughput that is made of them."""
    text = render(a_result(a_summary(QUICK, a_record(input_tokens=None))))
    (numbers,) = parse(text)
    assert 2 == numbers["completed"]
    assert set() == {"total_input_tokens", "total_token_throughput"} & numbers.keys()


def test_percentiles_have_a_line_each_in_the_order_asked() -> None:
    """Whole ones without decimals."""
    summary = a_summary(QUICK, percentiles=(99.0, 50.0, 99.9))
    assert [
        "P99 TTFT (ms):                           100.00    ",
        "P50 TTFT (ms):                           100.00    ",
        "P99.9 TTFT (ms):                         100.00    ",
    ] == [line for line in render(a_result(summary)).splitlines() if line.startswith("P") and "TTFT" in line]


def test_what_is_ours_stands_behind_vllms_foot() -> None:
    """In a block of its own; what is absent is a dash."""
    text = render(a_result(SUMMARY, extras={"hit_rate_percent": 12.5, "planned_tokens": 7, "vllm_version": None}))
    assert [
        "==================================================",
        "==================== thorexp =====================",
        "hit rate percent:                        12.50     ",
        "planned tokens:                          7         ",
        "vllm version:                            -         ",
        "==================================================",
    ] == text.splitlines()[-6:]


def extra_lines(**extras: Extra) -> list[str]:
    """The block that is ours, without its heading and foot."""
    lines = render(a_result(SUMMARY, extras=extras)).splitlines()
    return lines[lines.index("==================== thorexp =====================") + 1 : -1]


@pytest.mark.parametrize("words", [("a", "bc"), ["a", "bc"]], ids=["tuple", "list"])
def test_a_few_words_stand_beside_their_label(words: Extra) -> None:
    """With commas between them."""
    assert ["tags:                                    a, bc     "] == extra_lines(tags=words)


def test_no_words_are_a_dash() -> None:
    """As what is absent."""
    assert ["tags:                                    -         "] == extra_lines(tags=())


def test_many_words_stand_below_their_label() -> None:
    """In lines of at most 50 characters, and whole."""
    words = ("3 x HTTP 500", "2 x time was up after 30 s", "1 x HTTP 400 Bad Request")
    assert [
        "errors:",
        "  3 x HTTP 500, 2 x time was up after 30 s,",
        "  1 x HTTP 400 Bad Request",
    ] == extra_lines(errors=words)


def test_a_line_of_50_characters_is_not_too_long() -> None:
    """One more, and it goes below."""
    assert ["tags:" + 36 * " " + "123456, 8 "] == extra_lines(tags=("123456", "8"))
    assert ["tags:", "  1234567, 90"] == extra_lines(tags=("1234567", "90"))


def test_a_word_too_long_for_a_line_is_whole() -> None:
    """It can be copied."""
    assert ["tags:", "  a,", f"  {60 * 'x'},", "  b"] == extra_lines(tags=("a", 60 * "x", "b"))


def test_figures_of_stages_stand_below_their_names() -> None:
    """In lines of at most 78 characters; two decimals where a number has any, and a dash for what is absent."""
    warm = {"output_throughput": 1.0, "request_throughput": 12.345, "completed": 4, "mean_ttft_ms": None, "x": "y"}
    assert [
        "stages:",
        "  warm",
        "    output_throughput 1.00, request_throughput 12.35, completed 4,",
        "    mean_ttft_ms -, x y",
        "  hot",
        "    output_throughput 2.50",
    ] == extra_lines(stages={"warm": warm, "hot": {"output_throughput": 2.5}})


STALE = Reason(
    "prefix_cache_hits",
    "INVALID",
    ("ttft", "e2el"),
    "96 of 128 prompt tokens were in the prefix cache, the workload repeats 0",
    "another workload.seed",
)
FEW = Reason(
    "few_samples",
    "SUSPECT",
    ("p99_ttft_ms", "p99_tpot_ms"),
    "P99 of 10 values: p99_ttft_ms, p99_tpot_ms",
    "load.num_prompts=100, or a lower percentile in metrics.percentiles",
)
HOT = Reason("clocks", "SUSPECT", ("all",), "clocks are not locked at their maximum", "sudo jetson_clocks")
JUDGED = "==================== verdict ====================="


def verdict_block(*reasons: Reason, accepted: tuple[Reason, ...] = ()) -> list[str]:
    """The verdict, without its heading and foot."""
    lines = render(a_result(SUMMARY, verdict=Verdict(reasons, accepted))).splitlines()
    return lines[lines.index(JUDGED) + 1 : -1]


def test_the_verdict_stands_below_what_is_ours() -> None:
    """In a block of its own."""
    text = render(a_result(SUMMARY, extras={"planned_tokens": 7}, verdict=Verdict()))
    assert [
        "==================================================",
        "==================== thorexp =====================",
        "planned tokens:                          7         ",
        "==================== verdict =====================",
        "VALID",
        "==================================================",
    ] == text.splitlines()[-6:]


def test_a_result_that_nobody_judged_has_no_such_block() -> None:
    """Rather than one that says VALID."""
    text = render(a_result(SUMMARY))
    assert (True, False) == ("thorexp" in text, "verdict" in text)


@pytest.mark.parametrize(
    ("origin", "line"),
    [("simulated", "SIMULATED: nothing of this was measured"), ("imported", "IMPORTED: measured by others")],
)
def test_a_report_begins_with_an_origin_that_is_not_our_measuring(origin: Origin, line: str) -> None:
    """In a line before its title."""
    assert [line, HEAD[0]] == render(a_result(SUMMARY, verdict=Verdict(origin=origin))).splitlines()[:2]


def test_a_report_of_what_was_measured_begins_with_its_title() -> None:
    """As vLLM's does."""
    assert HEAD[0] == render(a_result(SUMMARY, verdict=Verdict())).splitlines()[0]


def test_the_verdict_begins_with_origin_and_standing() -> None:
    """Where the origin is not our measuring."""
    lines = render(a_result(SUMMARY, verdict=Verdict((STALE,), origin="simulated"))).splitlines()
    assert "SIMULATED, INVALID" == lines[lines.index(JUDGED) + 1]


def test_each_reason_says_what_it_touches_why_and_what_to_try() -> None:
    """Below the standing of the whole, which is the worst."""
    assert [
        "INVALID",
        "prefix_cache_hits: INVALID ttft, e2el",
        "  96 of 128 prompt tokens were in the prefix cache, the workload repeats 0",
        "  try: another workload.seed",
        "few_samples: SUSPECT p99_ttft_ms, p99_tpot_ms",
        "  P99 of 10 values: p99_ttft_ms, p99_tpot_ms",
        "  try: load.num_prompts=100, or a lower percentile in metrics.percentiles",
    ] == verdict_block(STALE, FEW)


def test_a_reason_is_wrapped_at_78_characters() -> None:
    """Each part of it for itself, indented; 78 are not too many."""
    words = " ".join(["nine char"] * 8)  # 8 · 9 + 7 spaces
    last = "of these 79 stand in the next line"
    reason = Reason("r", "SUSPECT", tuple(f"p99_metric_{i}_ms" for i in range(5)), f"{words[:-3]} {last}", words)
    assert [
        "SUSPECT",
        "r: SUSPECT p99_metric_0_ms, p99_metric_1_ms, p99_metric_2_ms, p99_metric_3_ms,",
        "  p99_metric_4_ms",
        f"  {words[:-3]}",
        f"  {last}",
        f"  try: {words[:-10]}",
        "  nine char",
    ] == verdict_block(reason)
    assert 78 == len(verdict_block(reason)[1]) == len(verdict_block(reason)[3])


def test_a_word_of_a_reason_is_never_broken() -> None:
    """A path, a flag and a line of a log can be copied."""
    path = f"/configs/{60 * 'x'}/E=128,N=768,device_name=NVIDIA_Thor.json"
    flags = " ".join(["--no-enable-prefix-caching"] * 3)
    assert [
        "SUSPECT",
        "slow_kernels: SUSPECT all",
        "  no config file at",
        f"  {path}",
        "  try: --no-enable-prefix-caching --no-enable-prefix-caching",
        "  --no-enable-prefix-caching",
    ] == verdict_block(Reason("slow_kernels", "SUSPECT", ("all",), f"no config file at {path}", flags))


def test_a_reason_that_is_accepted_is_told_and_does_not_count() -> None:
    """Last, after those that count."""
    assert [
        "VALID",
        "clocks: accepted",
        "  clocks are not locked at their maximum",
        "  try: sudo jetson_clocks",
    ] == verdict_block(accepted=(HOT,))
    assert ["SUSPECT", "few_samples:", "clocks:"] == [
        line.split()[0] for line in verdict_block(FEW, accepted=(HOT,)) if not line.startswith(" ")
    ]


def test_a_report_ends_its_last_line() -> None:
    """Two reports can be put in one file."""
    assert render(a_result(SUMMARY)).endswith(f"{FOOT}\n")


def test_a_report_is_read_back() -> None:
    """Every number that was shown, by vLLM's keys."""
    (numbers,) = parse(render(a_result(SUMMARY)))
    assert NUMBERS == numbers


@pytest.mark.parametrize("origin", ["simulated", "imported"])
def test_a_report_of_another_origin_is_read_back(origin: Origin) -> None:
    """Two of them in one text, the same numbers by the same keys."""
    report = render(a_result(SUMMARY, verdict=Verdict(origin=origin)))
    assert [NUMBERS, NUMBERS] == list(parse(report + report))


def test_what_is_ours_does_not_confuse_a_reader() -> None:
    """A key of ours that reads like one of vLLM's is not taken for it."""
    extras = {
        "successful_requests": 7,
        "request_throughput_(req/s)": 9.0,
        "mean TTFT (ms)": 1.0,
        "median TTFT (ms)": ("12.5",),
        "request goodput (req/s)": tuple(str(i) for i in range(99)),
        "stages": {"Failed requests:": {"Total generated tokens:": 5.0}},
    }
    verdict = Verdict((Reason("Failed requests", "INVALID", ("7",), "Successful requests: 7", "Mean TTFT (ms): 1.00"),))
    (numbers,) = parse(render(a_result(SUMMARY, extras=extras, verdict=verdict)))
    assert NUMBERS == numbers


requests = st.builds(
    lambda sent, gaps: a_record(
        sent_ns=sent,
        token_ns=tuple(sent + sum(gaps[: i + 1]) for i in range(len(gaps))),
        output_tokens=len(gaps),
    ),
    st.integers(0, S),
    st.lists(st.integers(0, 10 * S), min_size=1, max_size=5),
)


@given(
    st.lists(requests, min_size=1, max_size=5),
    st.sampled_from([4.0, 0.5, math.inf]),
    st.sampled_from([None, 1, 64]),
    st.lists(st.sampled_from([50.0, 90.0, 99.0, 99.9]), unique=True),
)
def test_any_report_reads_back_as_its_json_says(
    records: list[RequestRecord], rate: float, limit: int | None, percentiles: list[float]
) -> None:
    """What parse finds in the text is what the JSON has under the same key, to the decimals shown."""
    summary = a_summary(*records, percentiles=tuple(percentiles), end_ns=60 * S)
    result = a_result(summary, request_rate=rate, max_concurrency=limit)
    (numbers,) = parse(render(result))
    keys = as_json(result)
    assert {"completed", "duration", "mean_ttft_ms", "median_e2el_ms"} <= numbers.keys()
    assert {key: pytest.approx(keys[key], abs=0.0051) for key in numbers} == numbers


SEED: list[dict[str, Any]] = json.loads((DATA / "thor_benchmarks.json").read_text())


def test_the_published_table_is_read_whole() -> None:
    """The page of 2025, as it is shipped, holds 14 reports, in its day's layout and without its trailing spaces."""
    expected = [
        {{"duration_s": "duration"}.get(key, key): value for key, value in row.items() if key not in ("model", "load")}
        for row in SEED
    ]
    assert 14 == len(expected)
    assert expected == list(parse(PAGE.read_text(encoding="utf-8")))


def test_reports_are_read_one_by_one() -> None:
    """Each with its own numbers, in the order of the text."""
    texts = [render(a_result(a_summary(*[QUICK] * count))) for count in (1, 2, 3)]
    assert [1, 2, 3] == [numbers["completed"] for numbers in parse("noise\n".join(texts))]


def test_a_report_without_its_foot_ends_where_the_next_begins() -> None:
    """A terminal that was cut off does not mix two runs."""
    cut = "\n".join(HEAD)
    whole = render(a_result(a_summary(QUICK)))
    first, second = parse(f"{cut}\n{whole}")
    assert {"completed": 2, "failed": 1, "max_concurrency": 8} == first
    assert 1 == second["completed"]


def test_sections_that_nobody_knows_are_passed_over() -> None:
    """Probe requests and speculative decoding of vLLM 0.33 are not taken for other numbers."""
    unknown = (
        "------------------Probe Requests------------------",
        "Probe requests completed:                10        ",
        "Median probe E2EL (ms):                  12.00     ",
        "---------------Speculative Decoding---------------",
        "Acceptance rate (%):                     70.00     ",
        "Per-position acceptance (%):",
        "  Position 0:                            80.00     ",
    )
    (numbers,) = parse("\n".join([*HEAD, *unknown, *LATENCIES[:2], FOOT]))
    assert {"completed": 2, "failed": 1, "max_concurrency": 8, "mean_ttft_ms": 150.0} == numbers


@pytest.mark.parametrize("label", ["Total Token throughput (tok/s):", "Total token throughput (tok/s):"])
def test_both_spellings_of_total_token_throughput_are_read(label: str) -> None:
    """That of 2025 has a capital T."""
    (numbers,) = parse(f"{HEAD[0]}\n{label}          471.78\n{FOOT}")
    assert {"total_token_throughput": 471.78} == numbers


@pytest.mark.parametrize("text", ["", "vLLM API server version 0.33.0\nMean TTFT (ms):   3.00\n"])
def test_a_text_without_a_report_has_none(text: str) -> None:
    """A line that looks like one is not a report."""
    assert [] == list(parse(text))


SET_UP = {
    "date",
    "endpoint_type",
    "backend",
    "label",
    "model_id",
    "tokenizer_id",
    "num_prompts",
    "request_rate",
    "burstiness",
    "max_concurrency",
}
RESULTS = {
    "duration",
    "completed",
    "failed",
    "total_input_tokens",
    "total_output_tokens",
    "request_throughput",
    "request_goodput",
    "output_throughput",
    "total_token_throughput",
    "max_output_tokens_per_s",
    "max_concurrent_requests",
}


def statistics_of(*metrics: str) -> set[str]:
    """The keys of these metrics with one percentile."""
    return {f"{word}_{metric}_ms" for word in ("mean", "median", "std", "p99") for metric in metrics}


def test_json_has_vllms_keys_and_one_of_ours() -> None:
    """Those of --save-result without per-request lists, and "thorexp"."""
    expected = SET_UP | RESULTS | statistics_of("ttft", "tpot", "itl", "e2el") | {"thorexp"}
    assert expected == as_json(a_result(SUMMARY)).keys()


def test_json_has_queueing_where_the_report_has() -> None:
    """Under a rate and a limit."""
    added = as_json(a_result(SUMMARY, request_rate=4.0)).keys() - as_json(a_result(SUMMARY)).keys()
    assert statistics_of("client_queue_time", "e2el_including_client_queue") == added


def test_json_has_no_keys_of_a_metric_without_a_sample() -> None:
    """Requests of one token have neither TPOT nor ITL."""
    expected = SET_UP | RESULTS | statistics_of("ttft", "e2el") | {"thorexp"}
    assert expected == as_json(a_result(a_summary(a_record()))).keys()


def test_json_of_a_run_without_success_has_no_statistics() -> None:
    """No key stands for a latency that nobody had."""
    assert SET_UP | RESULTS | {"thorexp"} == as_json(a_result(a_summary(a_failure()))).keys()


def test_json_has_the_numbers_of_the_report() -> None:
    """The same values by the same keys."""
    keys = as_json(a_result(SUMMARY))
    assert NUMBERS == pytest.approx({key: keys[key] for key in NUMBERS})


def test_json_has_the_standard_deviation() -> None:
    """TTFTs of 100 and 200 ms lie 50 ms from their mean."""
    assert (200 - 100) / 2 == as_json(a_result(SUMMARY))["std_ttft_ms"]


def test_json_has_no_standard_deviation_that_nobody_knows() -> None:
    """Of a published report, whose sample is not there; the mean is."""
    assert SUMMARY.ttft_ms is not None
    keys = as_json(a_result(replace(SUMMARY, ttft_ms=replace(SUMMARY.ttft_ms, std=None))))
    assert (True, False) == ("mean_ttft_ms" in keys, "std_ttft_ms" in keys)


def test_json_keys_of_percentiles_are_vllms_words() -> None:
    """p99.9 is written with its point."""
    keys = as_json(a_result(a_summary(QUICK, percentiles=(50.0, 99.9)))).keys()
    assert {"p50_ttft_ms", "p99.9_ttft_ms"} == {key for key in keys if key.startswith("p") and "ttft" in key}


def test_infinity_is_a_word_in_json() -> None:
    """An infinite rate and constant gaps are "inf", as JSON has no number for them."""
    told = json.loads(json.dumps(as_json(a_result(SUMMARY, burstiness=math.inf)), allow_nan=False))
    assert ("inf", "inf") == (told["request_rate"], told["burstiness"])


def test_absence_is_null_in_json() -> None:
    """Without an SLO there is no goodput, without a limit no maximum."""
    keys = as_json(a_result(a_summary(QUICK), max_concurrency=None))
    assert (None, None) == (keys["request_goodput"], keys["max_concurrency"])


def test_what_is_ours_stands_under_one_key() -> None:
    """As it was given."""
    assert {"cold_cache": "reset", "hits": None} == as_json(
        a_result(SUMMARY, extras={"cold_cache": "reset", "hits": None})
    )["thorexp"]


def test_json_has_words_and_figures_as_they_are_nested() -> None:
    """Words as a list, which is what JSON gives back."""
    stages = MappingProxyType({"warm": MappingProxyType({"output_throughput": 1.0, "mean_tpot_ms": None})})
    keys = as_json(a_result(SUMMARY, extras={"errors": ("1 x HTTP 500",), "stages": stages}))
    expected = {
        "errors": ["1 x HTTP 500"],
        "stages": {"warm": {"output_throughput": 1.0, "mean_tpot_ms": None}},
    }
    assert expected == keys["thorexp"] == json.loads(json.dumps(keys["thorexp"]))


def test_json_has_the_verdict_by_name() -> None:
    """Standing and reasons, among what is ours; what is accepted is no reason."""
    keys = as_json(a_result(SUMMARY, extras={"hits": 96}, verdict=Verdict((STALE, FEW), (HOT,))))
    expected = {"hits": 96, "verdict": "INVALID", "reasons": ["prefix_cache_hits", "few_samples"]}
    assert {**expected, "origin": "measured"} == keys["thorexp"]


@pytest.mark.parametrize("origin", ["measured", "simulated", "imported"])
def test_json_has_the_origin_beside_the_verdict(origin: Origin) -> None:
    """Which stays the bare standing."""
    ours = as_json(a_result(SUMMARY, verdict=Verdict((FEW,), origin=origin)))["thorexp"]
    assert ("SUSPECT", origin) == (ours["verdict"], ours["origin"])


def test_json_of_a_valid_result_has_no_reasons() -> None:
    """None, which is said."""
    assert [] == as_json(a_result(SUMMARY, verdict=Verdict()))["thorexp"]["reasons"]


def test_json_of_a_result_that_nobody_judged_has_no_verdict() -> None:
    """Absent, not VALID."""
    assert {} == as_json(a_result(SUMMARY))["thorexp"]


@pytest.mark.parametrize("is_open", [False, True])
def test_what_is_told_to_be_unsupported_has_a_key_in_the_json(is_open: bool) -> None:
    """So that a reader finds the number that is meant, among vLLM's; those from the schedule are ours."""
    summary = a_summary(QUICK, percentiles=(50.0, 99.9))
    told = {key for key in unsupported(summary, is_open=is_open) if "from_schedule" not in key}
    assert told == told & as_json(a_result(summary, is_open=is_open)).keys() != set()
