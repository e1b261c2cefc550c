"""Published results, judged: the report that this project began with, and what is refused."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.records import a_record, a_result, a_summary
from thorexp import judge
from thorexp.errors import ConfigError, RecordError
from thorexp.judge import main, table
from thorexp.measure.verdict import Reason, Standing, Verdict
from thorexp.published import Judged, judge_one
from thorexp.report import render
from thorexp.result_files import read
from thorexp.rundir import CONFIG, VERDICT, RunDir

ROOT = Path(__file__).parent.parent
SEED = ROOT / "tests" / "data" / "thor_benchmarks.json"
PAGE = ROOT / "conf" / "baseline" / "thor_blog_2025_10.md"
COMMAND = "python -m thorexp.judge conf/baseline/thor_blog_2025_10.md"

AWQ = "Qwen3-32B-AWQ"
FP8 = ("Qwen3-30B-A3B-FP8", "Qwen3-Coder-30B-A3B-Instruct-FP8")
OTHERS = (
    AWQ,
    "Qwen3-30B-A3B",
    "Qwen3-Coder-30B-A3B-Instruct-AWQ-8bit",
    "Qwen3-Coder-30B-A3B-Instruct-AWQ-4bit",
    "Qwen3-Coder-30B-A3B-Instruct-Int4-W4A16",
)

# A believable one on Thor: a prefill of 494 ms and steps of 67 ms at least.
RESULT: dict[str, Any] = {
    "model": AWQ,
    "max_concurrency": 1,
    "completed": 100,
    "duration": 1000.0,
    "total_input_tokens": 204_800,
    "total_output_tokens": 12_800,
    "mean_ttft_ms": 620.0,
    "median_ttft_ms": 610.0,
    "p99_ttft_ms": 700.0,
    "mean_tpot_ms": 74.0,
    "median_tpot_ms": 74.0,
    "p99_tpot_ms": 80.0,
}


@pytest.fixture(scope="module")
def seed() -> dict[tuple[str, str], Judged]:
    """The seed's fourteen results by model and requests at once."""
    judged = [judge_one(values, [], SEED) for values in read(SEED)]
    assert 14 == len(judged)
    return {(each.name, each.at_once): each for each in judged}


@pytest.fixture(scope="module")
def printed() -> "subprocess.CompletedProcess[str]":
    """What the command says that the docs show, run as a user runs it."""
    return subprocess.run(
        [sys.executable, *COMMAND.split()[1:]], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def at(load: str, seed: dict[tuple[str, str], Judged]) -> dict[str, Judged]:
    """Those of so many at once, by model."""
    return {name: judged for (name, at_once), judged in seed.items() if at_once == load}


def names(judged: Judged) -> list[str]:
    """What speaks against a result."""
    return [reason.name for reason in judged.verdict.reasons]


def reason_of(judged: Judged, name: str) -> Reason:
    """The one of that name."""
    (reason,) = [reason for reason in judged.verdict.reasons if reason.name == name]
    return reason


def judged_with(*typed: str, **changes: Any) -> Judged:
    """The believable result, but for what a test says; None leaves a number out."""
    values = {key: value for key, value in {**RESULT, **changes}.items() if value is not None}
    return judge_one(values, typed, Path("results.json"))


def test_no_ttft_of_the_seed_at_low_load_is_believed(seed: dict[tuple[str, str], Judged]) -> None:
    """All seven came before their prompts can have been computed: they were in the prefix cache."""
    low = at("1", seed)
    assert {*OTHERS, *FP8} == {name for name, judged in low.items() if "ttft_below_prefill_limit" in names(judged)}
    assert {"INVALID"} == {judged.verdict.of("median_ttft_ms") for judged in low.values()}


def test_the_decode_of_the_two_fp8_checkpoints_is_not_believed(seed: dict[tuple[str, str], Judged]) -> None:
    """Exactly theirs, of all fourteen: tokens came faster than their weights can be read."""
    faster = {key for key, judged in seed.items() if "tpot_below_decode_limit" in names(judged)}
    assert {(name, "1") for name in FP8} == faster


@pytest.mark.parametrize("name", OTHERS)
def test_the_decode_of_the_others_at_low_load_is_believed(name: str, seed: dict[tuple[str, str], Judged]) -> None:
    """A warm cache makes the first token early, and no other."""
    verdict = seed[name, "1"].verdict
    assert {"VALID"} == {verdict.of(f"{word}_{of}_ms") for word in ("mean", "median") for of in ("tpot", "itl")}


def test_nothing_of_the_seed_at_high_load_is_invalid(seed: dict[tuple[str, str], Judged]) -> None:
    """Nothing was faster than it can be; three had shorter answers."""
    standings = [judged.verdict.standing for judged in at("8", seed).values()]
    assert 4 * ["VALID"] == [each for each in standings if each == "VALID"]
    assert 3 * ["SUSPECT"] == [each for each in standings if each != "VALID"]


@pytest.mark.parametrize(
    ("name", "served"),
    [
        (AWQ, 12_421),
        ("Qwen3-Coder-30B-A3B-Instruct-AWQ-4bit", 12_675),
        ("Qwen3-Coder-30B-A3B-Instruct-Int4-W4A16", 12_789),
    ],
)
def test_shorter_answers_of_the_seed_are_told(name: str, served: int, seed: dict[tuple[str, str], Judged]) -> None:
    """Of the 12,800 tokens that a hundred answers of 128 have."""
    assert f"{served} of 12800 output tokens" == reason_of(seed[name, "8"], "answer_lengths").evidence


def test_only_three_results_of_the_seed_have_shorter_answers(seed: dict[tuple[str, str], Judged]) -> None:
    """And all three are of the high load."""
    short = [at_once for (_, at_once), judged in seed.items() if "answer_lengths" in names(judged)]
    assert ["8", "8", "8"] == short


def test_p99_of_ten_requests_is_marked(seed: dict[tuple[str, str], Judged]) -> None:
    """In all seven results of the low load, and in none of the high one, whose requests are a hundred."""
    few = [at_once for (_, at_once), judged in seed.items() if "few_samples" in names(judged)]
    assert 7 * ["1"] == few
    assert 7 == len(at("1", seed))
    reason = reason_of(seed[AWQ, "1"], "few_samples")
    assert "P99 of 10 values: p99_ttft_ms, p99_tpot_ms" == reason.evidence


def test_the_evidence_says_what_was_possible(seed: dict[tuple[str, str], Judged]) -> None:
    """20,431 tokens of ten prompts are 2043.1 each: 2 · 31.2056 G · 2043.1 = 127.51 TFLOP, 493.3 ms at the peak."""
    said = "mean TTFT 96.62 ms, where 127.51 TFLOP at 258.5 TFLOP/s take at least 493.3 ms (3 of 3 are below)"
    assert said == reason_of(seed[AWQ, "1"], "ttft_below_prefill_limit").evidence


def test_a_believable_result_is_valid() -> None:
    """Nothing is found where nothing is."""
    assert ("VALID", []) == (judged_with().verdict.standing, names(judged_with()))


def test_a_result_is_judged_by_the_model_that_it_names() -> None:
    """By its name in vLLM's files, where it is `model_id`, and whatever the case: 61 GB take 222 ms to read."""
    judged = judged_with(model=None, model_id="qwen/qwen3-30b-a3b")
    assert judged.prefill is not None
    assert 222 == round(judged.prefill.ms)


def test_a_model_that_is_typed_is_the_one() -> None:
    """Whatever the result says of itself."""
    judged = judged_with("model=qwen3_30b_a3b")
    assert judged.prefill is not None
    assert 222 == round(judged.prefill.ms)


def test_a_result_without_a_model_needs_one_typed() -> None:
    """Then it goes by that name: 494 ms of computing."""
    judged = judged_with("model=qwen3_32b_awq", model=None)
    assert judged.prefill is not None
    assert ("qwen3_32b_awq", 494) == (judged.name, round(judged.prefill.ms))


def test_what_is_typed_is_what_a_result_is_judged_by() -> None:
    """Of hardware that nobody knows, nothing is too fast; an early token on Thor is."""
    early = {"mean_ttft_ms": 90.0, "median_ttft_ms": 90.0}
    assert ["ttft_below_prefill_limit"] == names(judged_with(**early))
    assert [] == names(judged_with("hardware=cpu", **early))


def test_a_reason_can_be_accepted() -> None:
    """As in a job of one's own."""
    judged = judged_with("verdict.accept=[ttft_below_prefill_limit]", mean_ttft_ms=90.0)
    assert ("VALID", 1) == (judged.verdict.standing, len(judged.verdict.accepted))


def test_answers_that_may_end_when_they_like_are_not_short() -> None:
    """12,700 of 12,800 tokens are fewer only where they were all asked for."""
    assert ["answer_lengths"] == names(judged_with(total_output_tokens=12_700))
    assert [] == names(judged_with("workload.ignore_eos=false", total_output_tokens=12_700))


UNEQUAL = pytest.mark.parametrize("spread", ["workload.range_ratio=0.5", "workload.std_ratio=0.3"])
OF_ONE_LENGTH = "workload.range_ratio=0.0"


@UNEQUAL
@pytest.mark.parametrize("figure", ["median_ttft_ms", "p99_ttft_ms", "median_tpot_ms", "p99_tpot_ms"])
def test_of_unequal_lengths_no_figure_but_the_mean_has_a_limit(spread: str, figure: str) -> None:
    """Half of the prompts are shorter than the mean; of equal ones the same 50 ms is below the limit of each."""
    (name,) = names(judged_with(OF_ONE_LENGTH, **{figure: 50.0}))
    assert name.endswith("_limit")
    assert [] == names(judged_with(spread, **{figure: 50.0}))


@UNEQUAL
@pytest.mark.parametrize(
    ("figure", "name"), [("mean_ttft_ms", "ttft_below_prefill_limit"), ("mean_tpot_ms", "tpot_below_decode_limit")]
)
def test_of_unequal_lengths_a_mean_below_its_limit_is_invalid(spread: str, figure: str, name: str) -> None:
    """It is the only figure that is compared, and so all of them."""
    reason = reason_of(judged_with(spread, **{figure: 50.0}), name)
    assert ("INVALID", True) == (reason.standing, reason.evidence.endswith("(1 of 1 is below)"))


@UNEQUAL
def test_of_unequal_prompts_a_prefill_is_bound_by_computing_alone(spread: str) -> None:
    """A mixture of experts has 61 GB to read in 222 ms, where computing takes 43; short prompts read less of them."""
    exact, unequal = (judged_with(word, model="Qwen3-30B-A3B").prefill for word in (OF_ONE_LENGTH, spread))
    assert exact is not None
    assert unequal is not None
    assert (222, 43) == (round(exact.ms), round(unequal.ms))


def test_a_batch_that_its_memory_cannot_serve_is_suspect() -> None:
    """100 · 127 · 74 ms in 100 s are 9.4 at once: 17.77 GB of weights and 9.4 · 0.5537 of KV are 22.97 GB, which take
    84.1 ms, and the median gap is of 74: 114 %. A sequence alone could be so fast.
    """
    judged = judged_with(max_concurrency=10, duration=100.0, mean_itl_ms=74.0, median_itl_ms=74.0)
    assert ["batch_above_bandwidth"] == names(judged)
    assert "114 %" in reason_of(judged, "batch_above_bandwidth").evidence


FAST = {"mean_tpot_ms": 30.0, "median_tpot_ms": 30.0, "p99_tpot_ms": 31.0, "mean_itl_ms": 30.0, "median_itl_ms": 30.0}


@pytest.mark.parametrize("key", ["spec_decode_acceptance_length", "spec_decode_num_drafts"])
def test_drafted_tokens_have_no_limit(key: str) -> None:
    """30 ms a token, of steps of 67 ms that brought several, are not too fast; neither is what they read."""
    judged = judged_with(**FAST, **{key: 2.5})
    assert (None, None, []) == (judged.decode, judged.used.mbu, names(judged))
    (_, _, row, *_) = table([judged])
    assert " | 30.00 | - | " in row


@pytest.mark.parametrize("drafts", [0, None, "many"])
def test_where_nothing_was_drafted_a_step_brings_one_token(drafts: Any) -> None:
    """Steps of 67 ms do not bring a token in 30."""
    assert ["tpot_below_decode_limit"] == names(judged_with(**FAST, spec_decode_num_drafts=drafts))


def test_drafted_tokens_do_not_hasten_the_first() -> None:
    """The prompt is computed before any draft."""
    early = judged_with(mean_ttft_ms=90.0, median_ttft_ms=90.0, spec_decode_num_drafts=9)
    assert ["ttft_below_prefill_limit"] == names(early)


def test_a_batch_of_drafted_tokens_is_not_accused() -> None:
    """Eight at once in steps of 20 ms would read more than the memory can, if a step brought one token each."""
    eight = {"duration": 130.0, "median_itl_ms": 20.0, "mean_itl_ms": 74.0, "max_concurrency": 8}
    assert ["batch_above_bandwidth"] == names(judged_with(**eight))
    assert [] == names(judged_with(**eight, spec_decode_num_drafts=5000))


def test_prompts_without_an_answer_count_against_a_result() -> None:
    """A hundred answers to 250 prompts, in a file that has no key for failures."""
    judged = judged_with(num_prompts=250)
    assert "150 of 250 requests failed" == reason_of(judged, "failed_requests").evidence
    assert "INVALID" == judged.verdict.standing


def test_what_a_result_does_not_say_is_a_dash() -> None:
    """Neither a latency nor a limit nor a utilization of what nobody counted; an E2EL there is."""
    said = {"mean_e2el_ms": 10_000.0, "median_e2el_ms": 10_000.0}
    (_, _, row, *_) = table([judged_with(mean_ttft_ms=None, mean_tpot_ms=None, total_input_tokens=None, **said)])
    assert "| Qwen3-32B-AWQ, 1 at once | 12.80 | - | - | - | - | - | - | VALID |" == row


def test_a_row_marks_what_is_not_to_be_believed() -> None:
    """An early first token speaks against TTFT and throughput, and not against TPOT."""
    (_, _, row, *_) = table([judged_with(mean_ttft_ms=90.0, median_ttft_ms=90.0)])
    assert "| 12.80 ! | 90.00 ! | 494.5 | 74.00 | 67.1 | " in row
    assert row.endswith("| INVALID: ttft_below_prefill_limit |")


def test_each_reason_stands_below_the_table() -> None:
    """With its evidence and what to try."""
    lines = list(table([judged_with(total_output_tokens=12_421)]))
    assert (
        "- Qwen3-32B-AWQ, 1 at once: SUSPECT answer_lengths: 12421 of 12800 output tokens. "
        "Try: a server that takes ignore_eos, with an engine.max_model_len of input and output together."
    ) == lines[-1]


def test_answers_of_different_length_speak_against_a_comparison() -> None:
    """Of results of one load, named by the shortest and the longest; against neither alone, so without a standing."""
    judged = [judged_with(total_output_tokens=12_421), judged_with(model="Qwen3-30B-A3B")]
    assert (
        "- all 2 results of 1 at once: output_lengths_differ: 124.21 tokens an answer at Qwen3-32B-AWQ, "
        "128.00 at Qwen3-30B-A3B."
    ) in list(table(judged))[-1]


def test_results_of_one_name_are_told_apart_by_their_place() -> None:
    """The same model twice: neither hides the other."""
    judged = [judged_with(), judged_with(total_output_tokens=12_421)]
    assert (
        "- all 2 results of 1 at once: output_lengths_differ: "
        "124.21 tokens an answer at Qwen3-32B-AWQ (result 2), 128.00 at Qwen3-32B-AWQ (result 1)."
    ) in list(table(judged))[-1]


def test_results_of_different_loads_are_not_compared() -> None:
    """Their answers may be of different length."""
    judged = [judged_with(total_output_tokens=12_421), judged_with(max_concurrency=8)]
    assert "output_lengths_differ" not in "\n".join(table(judged))


def test_a_text_of_reports_is_read() -> None:
    """The same fourteen results as vLLM printed them, each with its requests at once."""
    text, saved = read(PAGE), read(SEED)
    keys = ("completed", "duration", "total_output_tokens", "max_concurrency", "median_ttft_ms", "p99_itl_ms")
    assert 14 == len(text)
    assert [[each[key] for key in keys] for each in saved] == [[each[key] for key in keys] for each in text]


def test_a_report_of_a_page_is_of_the_model_whose_heading_it_stands_under() -> None:
    """Two are under each of the seven headings of the published page."""
    assert [each["model"] for each in read(SEED)] == [each["model_id"] for each in read(PAGE)]


def test_a_text_of_reports_is_judged_by_the_model_that_is_typed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What vLLM prints does not name it. The first two are of that model, and judged as in the file that says so."""
    (tmp_path / "printed.txt").write_text(PAGE.read_text(encoding="utf-8").replace("#", ""))
    assert 0 == main([str(tmp_path / "printed.txt"), "model=qwen3_32b_awq"])
    rows = table_of(capsys.readouterr().out)[2:16]
    assert "| qwen3_32b_awq, 8 at once | 27.06 ? | 6419.03 | 492.9 |" in rows[0]
    assert rows[1].endswith("| INVALID: ttft_below_prefill_limit, few_samples |")


def test_a_printed_report_of_ours_says_that_it_was_simulated(tmp_path: Path) -> None:
    """In the line above its title; the judge says it, too."""
    result = a_result(a_summary(a_record()), verdict=Verdict(origin="simulated"))
    (tmp_path / "report.txt").write_text(render(result))
    (values,) = read(tmp_path / "report.txt")
    assert {"origin": "simulated"} == values["thorexp"]


def test_one_saved_result_is_read(tmp_path: Path) -> None:
    """What --save-result writes is one mapping, and no list."""
    file = tmp_path / "one.json"
    file.write_text(json.dumps(RESULT))
    assert [RESULT] == read(file)


@pytest.mark.parametrize("name", ["all.json", "all.jsonl"])
@pytest.mark.parametrize("end", ["", "\n"], ids=["as vLLM ends it", "with a last line end"])
def test_appended_results_are_read(name: str, end: str, tmp_path: Path) -> None:
    """What --append-result writes are lines of one mapping each."""
    appended = [{**RESULT, "max_concurrency": at_once} for at_once in (1, 2, 4)]
    (tmp_path / name).write_text("\n".join(map(json.dumps, appended)) + end)
    assert appended == read(tmp_path / name)


def test_an_appended_result_that_broke_off_is_refused_by_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second of two, as a full disk leaves it."""
    (tmp_path / "all.json").write_text(f'{json.dumps(RESULT)}\n{{"completed": ')
    headline, _, says, _ = refusal([str(tmp_path / "all.json")], capsys)
    assert "A file of results cannot be read." == headline
    assert "line 2 column 15" in says


def test_results_of_several_files_stand_in_one_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In their order."""
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for file, at_once in zip(files, (3, 5), strict=True):
        file.write_text(json.dumps({**RESULT, "max_concurrency": at_once}))
    assert 0 == main([str(file) for file in files])
    _, _, first, second = table_of(capsys.readouterr().out)
    assert first.startswith("| Qwen3-32B-AWQ, 3 at once |")
    assert second.startswith("| Qwen3-32B-AWQ, 5 at once |")


def table_of(printed: str) -> list[str]:
    """Its lines, of all that is printed."""
    return [line for line in printed.splitlines() if line.startswith("|")]


def test_the_hardware_that_is_typed_stands_above_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """As the config describes it, and as one types it."""
    assert 0 == main([str(SEED), "hardware=h200"])
    assert ["On NVIDIA H200 SXM, hardware=h200:", ""] == capsys.readouterr().out.splitlines()[:2]


def refusal(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines on standard error of a command that ends with 1, and prints no table."""
    assert 1 == main(words)
    said = capsys.readouterr()
    assert "" == said.out
    return [line.strip() for line in said.err.splitlines()]


def test_a_device_is_not_read(capsys: pytest.CaptureFixture[str]) -> None:
    """One that never ends would be read until nothing is left of the memory."""
    assert "says   a device, which has no end" in refusal(["/dev/zero"], capsys)


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What, where, the system's words, and what to try."""
    headline, where, says, remedy = refusal([str(tmp_path / "none.json")], capsys)
    assert "A file of results cannot be read." == headline
    assert f"where  {tmp_path / 'none.json'}" == where
    assert "No such file" in says
    assert "what `vllm bench serve` prints" in remedy


def test_json_that_is_none_is_no_file_of_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The parser says where it stumbled."""
    (tmp_path / "half.json").write_text('{"completed": ')
    headline, where, says, _ = refusal([str(tmp_path / "half.json")], capsys)
    assert "A file of results cannot be read." == headline
    assert where.endswith("half.json")
    assert "line 1 column 15" in says


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("log.txt", "INFO: started\n"),
        ("empty.json", "[]"),
        ("empty.txt", ""),
        ("package.json", '{"name": "x"}'),
        ("asked.json", '{"model": "x", "max_concurrency": 8, "request_rate": 2.0}'),
        ("numbers.json", "[1, 2]"),
        ("cut.txt", "============ Serving Benchmark Result ============\n"),
    ],
)
def test_a_file_without_a_result_is_named(
    name: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What, where, and what to try; also when nobody says of which model it would be."""
    (tmp_path / name).write_text(text)
    headline, where, remedy = refusal([str(tmp_path / name)], capsys)
    assert "A file has no result of `vllm bench serve`." == headline
    assert where.endswith(name)
    assert "--save-result" in remedy


def test_a_model_that_nobody_knows_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What, where, and that another can be typed."""
    (tmp_path / "other.json").write_text(json.dumps({**RESULT, "model": "Llama-7B"}))
    headline, where, remedy = refusal([str(tmp_path / "other.json")], capsys)
    assert "Llama-7B is no model of conf/model." == headline
    assert where.endswith("other.json")
    assert "model=qwen3_32b_awq" in remedy


def test_a_result_that_names_no_model_says_so() -> None:
    """And where, and what to type."""
    with pytest.raises(ConfigError) as refused:
        judged_with(model=None)
    headline, where, remedy = str(refused.value).splitlines()
    assert "A result does not say of which model it is." == headline
    assert where.endswith("results.json")
    assert "model=qwen3_32b_awq" in remedy


def test_a_model_that_is_typed_wrong_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With those that there are."""
    said = "\n".join(refusal([str(SEED), "model=qwen3_32b_aqw"], capsys))
    assert "model=qwen3_32b_aqw does not exist" in said
    assert "qwen3_32b_awq" in said


@pytest.mark.parametrize("key", ["completed", "duration", "total_output_tokens"])
def test_a_number_without_which_there_is_no_result_is_named(key: str) -> None:
    """What, where, which, and what to try."""
    with pytest.raises(RecordError) as refused:
        judged_with(**{key: None})
    headline, where, lacks, remedy = str(refused.value).splitlines()
    assert "A result is not whole." == headline
    assert where.endswith("results.json")
    assert lacks.split()[1] == f"'{key}'"
    assert "--save-result" in remedy


NO_LATENCY = dict.fromkeys((key for key in RESULT if key.endswith("_ms")), None)


def test_a_result_without_any_latency_is_refused() -> None:
    """As a report that was cut short behind its counts: what, where, what it lacks, and what to try."""
    with pytest.raises(RecordError) as refused:
        judged_with(**NO_LATENCY)
    headline, where, lacks, remedy = str(refused.value).splitlines()
    assert "A result is not whole." == headline
    assert where.endswith("results.json")
    assert lacks.endswith("every latency: mean and median of ttft, tpot, itl or e2el")
    assert "--save-result" in remedy


def test_latencies_that_were_not_measured_are_none() -> None:
    """vLLM writes 0 for them."""
    with pytest.raises(RecordError, match=r"^A result is not whole\.\n"):
        judged_with(**dict.fromkeys(NO_LATENCY, 0.0))


@pytest.mark.parametrize("name", ["ttft", "tpot", "itl", "e2el"])
def test_one_latency_is_enough(name: str) -> None:
    """Which of them are saved is `--percentile-metrics`' to say."""
    one = {f"mean_{name}_ms": 10_000.0, f"median_{name}_ms": 10_000.0}
    assert "VALID" == judged_with(**{**NO_LATENCY, **one}).verdict.standing


def test_a_report_that_was_cut_short_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first of the seed's, without its latencies."""
    text = PAGE.read_text(encoding="utf-8")
    (tmp_path / "cut.txt").write_text(text.partition("Time to First Token")[0].rpartition("\n")[0])
    headline, where, lacks, _ = refusal([str(tmp_path / "cut.txt"), "model=qwen3_32b_awq"], capsys)
    assert "A result is not whole." == headline
    assert where.endswith("cut.txt")
    assert "every latency" in lacks


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"duration": 0}, "duration 0"),
        ({"completed": "many"}, "'many'"),
        ({"mean_ttft_ms": "fast"}, "'fast'"),
        ({"total_input_tokens": [2048]}, "list"),
        ({"total_input_tokens": 10**400}, "too large"),
        ({"p99_ttft_ms": float("nan")}, "p99_ttft_ms nan"),
    ],
    ids=["zero", "a word for a count", "a word for a latency", "a list", "beyond a float", "no number"],
)
def test_a_number_that_is_none_is_refused(changes: dict[str, Any], says: str) -> None:
    """What, where, why, and what to try."""
    with pytest.raises(RecordError) as refused:
        judged_with(**changes)
    headline, where, why, remedy = str(refused.value).splitlines()
    assert "A result has a number that is none." == headline
    assert where.endswith("results.json")
    assert says in why
    assert "--save-result" in remedy


def test_without_a_file_the_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """It ends with 2, as for words that it does not understand."""
    assert 2 == main(["model=qwen3_32b_awq"])
    assert "python -m thorexp.judge FILE" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["-h"], ["--help"], ["none.json", "--help"]])
def test_who_asks_for_help_gets_it(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """All that the module says of itself, and no failure."""
    assert 0 == main(words)
    assert f"{judge.__doc__}\n" == capsys.readouterr().out


def reason(name: str, standing: Standing = "SUSPECT", *metrics: str) -> Reason:
    """One that was recorded."""
    return Reason(name, standing, metrics or ("ttft",), "as measured", "something")


def a_run(folder: Path, *reasons: Reason, accepted: tuple[Reason, ...] = (), **changes: Any) -> Path:
    """The result of a run directory of thorexp's, which gives a path for its model; believable, but for `reasons`."""
    values = {**RESULT, "model": None, "model_id": "/models/tiny_qwen3-bf16-3dd74d77", "thorexp": {}, **changes}
    run_dir = RunDir(folder)
    run_dir.write_text(CONFIG, yaml.safe_dump({"model": {"name": "qwen3_32b_awq"}}))
    run_dir.write_json(VERDICT, Verdict(reasons, accepted).as_json() | {"thresholds": {}})
    return run_dir.write_json("result.json", values)


def judged_run(file: Path, *typed: str) -> Judged:
    """The only result in a file."""
    (values,) = read(file)
    return judge_one(values, typed, file)


def test_a_run_directory_is_judged_by_its_config_s_model(tmp_path: Path) -> None:
    """By whose name it goes: 494 ms of computing, whatever path it was loaded from."""
    judged = judged_run(a_run(tmp_path))
    assert judged.prefill is not None
    assert ("qwen3_32b_awq", 494) == (judged.name, round(judged.prefill.ms))


def test_a_model_that_is_typed_goes_before_a_config_s(tmp_path: Path) -> None:
    """61 GB take 222 ms to read."""
    judged = judged_run(a_run(tmp_path), "model=qwen3_30b_a3b")
    assert judged.prefill is not None
    assert 222 == round(judged.prefill.ms)


def test_a_run_directory_without_a_config_needs_a_model_typed(tmp_path: Path) -> None:
    """Its path is none."""
    file = a_run(tmp_path)
    (tmp_path / CONFIG).unlink()
    with pytest.raises(ConfigError, match=r"^/models/tiny_qwen3-bf16-3dd74d77 is no model of conf/model\.\n"):
        judged_run(file)


def test_a_config_beside_another_s_result_is_not_its_own(tmp_path: Path) -> None:
    """What vLLM saved carries its name itself, and its reasons are ours."""
    file = a_run(tmp_path, reason("throttling"))
    file.write_text(json.dumps({**RESULT, "model": "Qwen3-30B-A3B"}))
    assert ("Qwen3-30B-A3B", []) == (judged_run(file).name, names(judged_run(file)))


def test_what_was_recorded_against_a_result_counts(tmp_path: Path) -> None:
    """Throttling cannot be seen in what is published; the number that it touches is marked."""
    verdict = judged_run(a_run(tmp_path, reason("throttling", "INVALID", "tpot"))).verdict
    assert ("INVALID", "INVALID", "VALID") == (
        verdict.standing,
        verdict.of("median_tpot_ms"),
        verdict.of("median_ttft_ms"),
    )
    assert ["as measured"] == [each.evidence for each in verdict.reasons]


def test_without_a_record_beside_it_a_result_has_our_reasons(tmp_path: Path) -> None:
    """The names in it say no standing."""
    file = a_run(tmp_path, reason("throttling"), thorexp={"verdict": "SUSPECT", "reasons": ["throttling"]})
    (tmp_path / VERDICT).unlink()
    assert [] == names(judged_run(file))


@pytest.mark.parametrize(("recorded", "standing"), [("SUSPECT", "INVALID"), ("INVALID", "INVALID")])
def test_a_name_that_both_find_counts_once_and_as_the_worse(
    recorded: Standing, standing: Standing, tmp_path: Path
) -> None:
    """150 of 250 failures are INVALID to us."""
    file = a_run(tmp_path, reason("failed_requests", recorded, "all"), failed=150)
    assert [("failed_requests", standing)] == [(each.name, each.standing) for each in judged_run(file).verdict.reasons]


def test_a_worse_record_stays_the_worse(tmp_path: Path) -> None:
    """Shorter answers are SUSPECT to us."""
    file = a_run(tmp_path, reason("answer_lengths", "INVALID", "tpot"), total_output_tokens=12_700)
    verdict = judged_run(file).verdict
    assert ["as measured"] == [each.evidence for each in verdict.reasons]
    assert ("INVALID", "INVALID") == (verdict.of("median_tpot_ms"), verdict.of("output_throughput"))


def test_no_number_that_the_record_doubts_is_believed(tmp_path: Path) -> None:
    """Of one name that both find, what either touches is touched."""
    recorded = reason("ttft_below_prefill_limit", "SUSPECT", "kv_cache")
    verdict = judged_run(a_run(tmp_path, recorded, mean_ttft_ms=90.0, median_ttft_ms=90.0)).verdict
    assert ("INVALID", "INVALID") == (verdict.of("kv_cache"), verdict.of("median_ttft_ms"))


def test_what_was_accepted_then_counts_only_if_it_is_found_now(tmp_path: Path) -> None:
    """Whoever judges says what he accepts: early tokens count against the result, throttling nobody finds."""
    then = (reason("ttft_below_prefill_limit"), reason("throttling"))
    file = a_run(tmp_path, accepted=then, mean_ttft_ms=90.0, median_ttft_ms=90.0)
    assert ["ttft_below_prefill_limit"] == names(judged_run(file))


def test_a_recorded_reason_can_be_accepted(tmp_path: Path) -> None:
    """As one that is found now."""
    judged = judged_run(a_run(tmp_path, reason("throttling")), "verdict.accept=[throttling]")
    assert ("VALID", 1) == (judged.verdict.standing, len(judged.verdict.accepted))


def test_a_run_directory_stands_for_its_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its model's name and its reasons."""
    a_run(tmp_path, reason("throttling"))
    assert 0 == main([str(tmp_path)])
    (row,) = table_of(capsys.readouterr().out)[2:]
    assert row.startswith("| qwen3_32b_awq, 1 at once | ")
    assert row.endswith(" | SUSPECT: throttling |")


@pytest.mark.parametrize(
    ("origin", "words"), [("measured", "VALID"), ("simulated", "SIMULATED, VALID"), ("imported", "IMPORTED, VALID")]
)
def test_a_row_says_an_origin_that_is_not_our_measuring(
    origin: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the result has it."""
    assert 0 == main([str(a_run(tmp_path, thorexp={"origin": origin}))])
    (row,) = table_of(capsys.readouterr().out)[2:]
    assert row.endswith(f" | {words} |")


def test_an_origin_is_said_before_the_reasons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which it goes with."""
    assert 0 == main([str(a_run(tmp_path, reason("throttling"), thorexp={"origin": "simulated"}))])
    (row,) = table_of(capsys.readouterr().out)[2:]
    assert row.endswith(" | SIMULATED, SUSPECT: throttling |")


def test_an_origin_that_there_is_not_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rather than taken for our measuring."""
    file = a_run(tmp_path, thorexp={"origin": "guessed"})
    headline, where, says, _ = refusal([str(file)], capsys)
    assert ("A result has an origin that is none.", f"where  {file}", "says   'guessed'") == (headline, where, says)


def test_a_directory_without_a_result_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What, where, what it lacks, and what to try."""
    headline, where, lacks, remedy = refusal([str(tmp_path)], capsys)
    assert "A directory has no result." == headline
    assert f"where  {tmp_path}" == where
    assert "lacks  result.json" == lacks
    assert "the directory of a finished run" in remedy


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", json.dumps(Verdict((reason("throttling"),)).as_json()).replace("SUSPECT", "BAD")],
    ids=["broken off", "a list", "without reasons", "a standing that there is not"],
)
def test_a_damaged_verdict_is_refused(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rather than left out, which would be milder."""
    a_run(tmp_path)
    (tmp_path / VERDICT).write_text(text)
    headline, where, *_ = refusal([str(tmp_path)], capsys)
    assert "A file of a run directory is damaged." == headline
    assert where.endswith(VERDICT)


def test_a_damaged_config_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With where it is."""
    a_run(tmp_path)
    (tmp_path / CONFIG).write_text("model: [")
    assert str(tmp_path / CONFIG) in "\n".join(refusal([str(tmp_path)], capsys))


def test_the_command_prints_a_table(printed: "subprocess.CompletedProcess[str]") -> None:
    """It ends with 0, for INVALID is no failure of ours: hardware, a head, a rule, fourteen rows, then the reasons."""
    assert (0, "") == (printed.returncode, printed.stderr)
    hardware, empty, head, rule, *lines = printed.stdout.splitlines()
    assert ("On NVIDIA Jetson AGX Thor Developer Kit (T5000), hardware=jetson_agx_thor:", "") == (hardware, empty)
    assert head.startswith("| published result | tok/s | TTFT p50 | at least |")
    assert set("| -:") == set(rule)
    assert 14 == lines.index("")
    assert 7 == sum("| INVALID: ttft_below_prefill_limit" in line for line in lines[:14])
    assert "all 7 results of 8 at once: output_lengths_differ" in lines[-1]


def test_a_reader_who_has_seen_enough_is_no_failure() -> None:
    """A pipe that nobody reads any more, as `| head` leaves it: no traceback, and 0."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        ran = subprocess.run(
            [sys.executable, *COMMAND.split()[1:]],
            cwd=ROOT,
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    assert (0, "") == (ran.returncode, ran.stderr)


def test_the_docs_show_what_the_command_prints(printed: "subprocess.CompletedProcess[str]") -> None:
    """The table under the command: each row that is shown is printed so, and in that order."""
    shown = table_under(COMMAND, (ROOT / "docs/explanation.md").read_text(encoding="utf-8"))
    assert len(shown) > 2, f"docs/explanation.md has no table under `{COMMAND}`"
    assert [line for line in printed.stdout.splitlines() if line in shown] == shown


def table_under(command: str, text: str) -> list[str]:
    """The first Markdown table behind that command, in its section; empty where there is none."""
    lines = text.partition(command)[2].partition("\n## ")[0].splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith("|")), len(lines))
    end = next((i for i in range(start, len(lines)) if not lines[i].startswith("|")), len(lines))
    return lines[start:end]
