"""Results of others become records, each with its verdict."""

import json
import os
from contextlib import closing
from datetime import datetime
from pathlib import Path
from sqlite3 import connect
from typing import Any

import pytest
import yaml

from tests.foreign import MODEL, a_benchmark, a_report, a_request, an_export
from tests.records import PUBLISHED, a_record, a_result, a_summary
from thorexp import importer
from thorexp.conf_tree import conf_dir
from thorexp.importer import imports, keep, main
from thorexp.measure.verdict import Verdict
from thorexp.report import render
from thorexp.rundir import Record, RunDir, find_run_dirs
from thorexp.tracking.view import view_of_job

PAGE = conf_dir() / "baseline" / "thor_blog_2025_10.md"
FP8 = ("qwen3_30b_a3b_fp8", "qwen3_coder_30b_a3b_fp8")
SHORT = ("qwen3_32b_awq", "qwen3_coder_30b_a3b_awq_4bit", "qwen3_coder_30b_a3b_int4_w4a16")
OTHERS = ("qwen3_30b_a3b", "qwen3_coder_30b_a3b_awq_8bit")

RESULT: dict[str, Any] = {
    **PUBLISHED,
    "model_id": MODEL,
    "date": "20260102-030405",
    "itls": [[0.074]],
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunDir]:
    """The run directories of the published page, by their names."""
    root = tmp_path_factory.mktemp("imported")
    kept = [keep(result, root) for result in imports(PAGE, [])]
    assert 14 == len(kept)
    assert {root / "thor_blog_2025_10"} == {run_dir.path.parent for run_dir in kept}
    return {run_dir.path.name: run_dir for run_dir in kept}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, where outputs/ and mlruns/ go."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def a_file(folder: Path, values: Any = RESULT, name: str = "results.json") -> Path:
    """What somebody saved."""
    (folder / name).write_text(json.dumps(values))
    return folder / name


def kept_one(folder: Path, values: Any = RESULT, *typed: str, name: str = "results.json") -> RunDir:
    """The run directory of the only result in a file."""
    (result,) = imports(a_file(folder, values, name), typed)
    return keep(result, folder / "kept")


def record_of(folder: Path, **changes: Any) -> Record:
    """Of the result, but for what a test says."""
    return kept_one(folder, RESULT | changes).record()


def test_a_page_becomes_a_complete_run_directory_for_each_report(page: dict[str, RunDir]) -> None:
    """By the option of the model and by how many requests were under way at once."""
    names = {f"{model}_{at_once}" for model in (*FP8, *SHORT, *OTHERS) for at_once in (8, 1)}
    assert names == page.keys()
    files = ["config.yaml", "record.json", "report.txt", "result.json", "summary.json", "verdict.json"]
    assert {tuple(files)} == {tuple(sorted(path.name for path in each.path.iterdir())) for each in page.values()}


@pytest.mark.parametrize(
    ("models", "at_once", "words", "reasons"),
    [
        (FP8, 8, "VALID", None),
        (OTHERS, 8, "VALID", None),
        (SHORT, 8, "SUSPECT", "answer_lengths"),
        (FP8, 1, "INVALID", "ttft_below_prefill_limit, tpot_below_decode_limit, few_samples"),
        (OTHERS, 1, "INVALID", "ttft_below_prefill_limit, few_samples"),
        (SHORT, 1, "INVALID", "ttft_below_prefill_limit, few_samples"),
    ],
)
def test_a_record_says_its_verdict(
    models: tuple[str, ...], at_once: int, words: str, reasons: str | None, page: dict[str, RunDir]
) -> None:
    """As the judge finds it, and that others measured it; without a reason the tag is left out."""
    tags = [page[f"{model}_{at_once}"].record().tags for model in models]
    assert {(f"IMPORTED, {words}", reasons)} == {(each["verdict"], each.get("verdict_reasons")) for each in tags}


@pytest.mark.parametrize(("at_once", "load"), [(8, "high"), (1, "low")])
def test_a_record_says_what_it_is_filtered_by(at_once: int, load: str, page: dict[str, RunDir]) -> None:
    """Model, quantization, hardware and load as one types them, the origin, and the file."""
    tags = page[f"qwen3_32b_awq_{at_once}"].record().tags
    assert {
        "model": "qwen3_32b_awq",
        "quantization": "awq",
        "hardware": "jetson_agx_thor",
        "load": load,
        "server": "imported",
        "origin": "imported",
        "source": "thor_blog_2025_10.md",
    } == {key: value for key, value in tags.items() if not key.startswith("verdict")}


def test_a_report_says_in_its_first_line_that_others_measured_it(page: dict[str, RunDir]) -> None:
    """Above what vLLM would print."""
    first, title, *_ = page["qwen3_32b_awq_8"].read_text("report.txt").splitlines()
    assert "IMPORTED: measured by others" == first
    assert "Serving Benchmark Result" in title


def test_the_config_is_the_one_that_it_was_judged_by(page: dict[str, RunDir]) -> None:
    """Resolved: a job of its model at its load."""
    config = yaml.safe_load(page["qwen3_30b_a3b_1"].read_text("config.yaml"))
    assert ("qwen3_30b_a3b", 10, 1) == (
        config["model"]["name"],
        config["load"]["num_prompts"],
        config["load"]["max_concurrency"],
    )


def test_a_result_keeps_its_own_digits(page: dict[str, RunDir]) -> None:
    """13.01 were published, where 1280 / 98.36 are 13.0134."""
    result = page["qwen3_32b_awq_1"].read_json("result.json")
    assert (13.01, "imported") == (result["output_throughput"], result["thorexp"]["origin"])


def test_a_result_says_nothing_that_nobody_said(page: dict[str, RunDir]) -> None:
    """Neither when, nor with which client, nor at which rate."""
    result = page["qwen3_32b_awq_1"].read_json("result.json")
    assert set() == {"date", "backend", "endpoint_type", "request_rate", "burstiness"} & result.keys()


def test_a_record_is_named_and_shown_as_imported(page: dict[str, RunDir]) -> None:
    """In MLflow, with its metrics by vLLM's names and its load as a number."""
    view = view_of_job(page["qwen3_32b_awq_8"])
    assert ("imported qwen3_32b_awq high", "FINISHED") == (view.name, view.status)
    assert (6419.03, 8.0) == (view.metrics["median_ttft_ms"], view.metrics["system/config.load.max_concurrency"])


def test_a_record_ends_when_its_result_says(tmp_path: Path) -> None:
    """In local time, as vLLM writes it; it began 100 s before."""
    record = record_of(tmp_path)
    ended = datetime(2026, 1, 2, 3, 4, 5).timestamp()
    assert (ended - 100, ended) == (record.started_at, record.ended_at)


@pytest.mark.parametrize("date", [None, "yesterday"])
def test_without_a_date_a_record_ends_when_its_file_was_written(date: str | None, tmp_path: Path) -> None:
    """To the second that the test sets."""
    file = a_file(tmp_path, {**RESULT, "date": date})
    os.utime(file, (1_700_000_000, 1_700_000_000))
    (result,) = imports(file, [])
    assert 1_700_000_000 == keep(result, tmp_path / "kept").record().ended_at


@pytest.mark.parametrize(
    ("changes", "load"),
    [
        ({}, "low"),
        ({"max_concurrency": 8, "completed": 99, "failed": 1}, "high"),
        ({"max_concurrency": 8, "completed": 90, "num_prompts": 100}, "high"),
        ({"max_concurrency": 8}, "c8"),
        ({"max_concurrency": 8, "completed": 100, "request_rate": 2.0}, "c8"),
        ({"max_concurrency": 8, "completed": 100, "request_rate": "inf"}, "high"),
        ({"max_concurrency": None}, "any"),
    ],
    ids=["10 at 1", "failed", "missing", "10 at 8", "open", "closed", "no limit"],
)
def test_a_load_of_known_numbers_has_its_name(changes: dict[str, Any], load: str, tmp_path: Path) -> None:
    """High is 100 at 8, low 10 at 1, both as fast as there is room; another is called by how many at once."""
    assert load == record_of(tmp_path, **changes).tags["load"]


def test_a_load_of_another_name_is_in_the_config(tmp_path: Path) -> None:
    """With its own numbers."""
    run_dir = kept_one(tmp_path, {**RESULT, "max_concurrency": 4, "request_rate": 2.0})
    load = yaml.safe_load(run_dir.read_text("config.yaml"))["load"]
    assert (10, 4, 2.0) == (load["num_prompts"], load["max_concurrency"], load["request_rate"])


def test_lists_of_single_requests_are_left_out(tmp_path: Path) -> None:
    """Which --save-detailed adds, text and all."""
    assert "itls" not in kept_one(tmp_path).read_json("result.json")


def test_words_choose_what_a_file_does_not_say(tmp_path: Path) -> None:
    """Another board, for which nothing is too fast."""
    run_dir = kept_one(tmp_path, {**RESULT, "model_id": None}, "model=qwen3_30b_a3b", "hardware=cpu")
    assert ("qwen3_30b_a3b", "cpu") == (run_dir.record().tags["model"], run_dir.record().tags["hardware"])
    assert "cpu" == yaml.safe_load(run_dir.read_text("config.yaml"))["hardware"]["name"]


def test_the_same_result_again_is_the_same_record(tmp_path: Path) -> None:
    """Written anew in its place, by the same id."""
    first, second = kept_one(tmp_path), kept_one(tmp_path)
    assert (first.path, first.record().id) == (second.path, second.record().id)
    assert 1 == len(find_run_dirs(tmp_path))


@pytest.mark.parametrize("changes", [{"duration": 101.0}, {"median_ttft_ms": 611.0}])
def test_another_result_takes_no_directory_of_an_earlier_one(changes: dict[str, Any], tmp_path: Path) -> None:
    """Not even of a file of the same name, as GuideLLM's all are."""
    first, second = kept_one(tmp_path), kept_one(tmp_path, RESULT | changes)
    assert ("qwen3_32b_awq_1", "qwen3_32b_awq_1_2") == (first.path.name, second.path.name)
    assert first.record().id != second.record().id


def test_the_same_numbers_twice_in_a_file_are_two_records(tmp_path: Path) -> None:
    """Which stay two when the file is read again."""
    for _ in range(2):
        kept = [keep(result, tmp_path / "kept") for result in imports(a_file(tmp_path, [RESULT, RESULT]), [])]
        assert ["qwen3_32b_awq_1", "qwen3_32b_awq_1_2"] == [run_dir.path.name for run_dir in kept]


def test_what_is_judged_by_another_board_is_another_record(tmp_path: Path) -> None:
    """It has another verdict, too."""
    assert kept_one(tmp_path).record().id != kept_one(tmp_path, RESULT, "hardware=cpu").record().id


def test_each_benchmark_of_guidellm_is_a_record(tmp_path: Path) -> None:
    """Three requests of five tokens in 10 s: 1.5 tokens/s; steps of 90, 100 and 140 ms."""
    requests = [a_request(itl_ms=itl_ms) for itl_ms in (90.0, 100.0, 140.0)]
    report = a_report(a_benchmark(*requests), a_benchmark(config={"backend": {"model": MODEL}}))
    first, second = (keep(result, tmp_path / "kept") for result in imports(a_file(tmp_path, report), []))
    assert ["qwen3_32b_awq_8", "qwen3_32b_awq_any"] == [first.path.name, second.path.name]
    summary = first.read_json("summary.json")["summary"]
    assert (15 / 10, (90 + 100 + 140) / 3) == (summary["output_throughput"], summary["tpot_ms"]["mean"])


def test_an_export_of_aiperf_is_a_record(tmp_path: Path) -> None:
    """384 tokens in 60 s; its ITL is the TPOT."""
    run_dir = kept_one(tmp_path, an_export(), name="profile_export_aiperf.json")
    summary = run_dir.read_json("summary.json")["summary"]
    assert (384 / 60, 73.0) == (summary["output_throughput"], summary["tpot_ms"]["median"])
    assert datetime(2026, 6, 13, 5, 11, 53, 616416).timestamp() == run_dir.record().ended_at


def runs(folder: Path) -> list[tuple[str, str]]:
    """Name and status of each run in the store."""
    with closing(connect(folder / "mlruns" / "mlflow.db")) as database:
        return list(database.execute("select name, status from runs"))


def test_imported_twice_is_once_in_mlflow(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And once on disk; both times the table of the judge is printed, and where the records are."""
    file = a_file(here)
    for _ in range(2):
        assert 0 == main([str(file)])
        printed = capsys.readouterr().out.splitlines()
        assert "1 result in outputs/imported/results" == printed[-1]
        (row,) = (line for line in printed if line.startswith("| Qwen/"))
        assert row.endswith("| IMPORTED, VALID |")
    assert [("imported qwen3_32b_awq low", "FINISHED")] == runs(here)
    assert [Path("outputs/imported/results/qwen3_32b_awq_1")] == [each.path for each in find_run_dirs(Path("outputs"))]


def test_without_tracking_there_are_only_records(here: Path) -> None:
    """As in a job."""
    assert 0 == main([str(a_file(here)), "tracking=off"])
    assert 1 == len(find_run_dirs(here))
    assert not (here / "mlruns").exists()


def refusal(words: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines on standard error of a command that ends with 1, prints no table and leaves no record."""
    assert 1 == main(words)
    said = capsys.readouterr()
    assert ("", ()) == (said.out, find_run_dirs(folder))
    return [line.strip() for line in said.err.splitlines()]


@pytest.mark.parametrize("text", ['{"benchmarks": [', "{}", "[]", "", "\0"])
def test_a_file_that_is_broken_is_refused(text: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With where it is and what can be read; a whole file before it is not kept either."""
    (here / "broken.json").write_text(text)
    _, where, *_, remedy = refusal([str(a_file(here)), str(here / "broken.json")], here, capsys)
    assert f"where  {here / 'broken.json'}" == where
    assert "`vllm bench serve`" in remedy
    assert "GuideLLM, AIPerf or GenAI-Perf" in remedy


def test_a_benchmark_that_cannot_be_converted_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By its number."""
    file = a_file(here, a_report(a_benchmark(warmup_duration=1.0)))
    assert "says   benchmark 1 counts requests" in "\n".join(refusal([str(file)], here, capsys))


def test_an_export_without_tokens_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By vLLM's key for what it lacks."""
    file = a_file(here, an_export(total_osl=None, output_sequence_length=None))
    assert "lacks  'total_output_tokens'" in refusal([str(file)], here, capsys)


def test_a_directory_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those of thorexp's own are tracked as they are."""
    headline, where, remedy = refusal([str(here)], here, capsys)
    assert ("A directory cannot be imported.", f"where  {here}") == (headline, where)
    assert remedy.endswith(f"python -m thorexp.tracking {here}")


def test_what_was_simulated_is_not_measured_by_others(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither as thorexp saved it, nor as it printed it."""
    (here / "report.txt").write_text(render(a_result(a_summary(a_record()), verdict=Verdict(origin="simulated"))))
    for file in (a_file(here, {**RESULT, "thorexp": {"origin": "simulated"}}), here / "report.txt"):
        assert "A result was simulated, not measured." == refusal([str(file)], here, capsys)[0]


def test_without_a_file_the_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """It ends with 2, as for words that it does not understand."""
    assert 2 == main(["model=qwen3_32b_awq"])
    assert "python -m thorexp.importer FILE" in capsys.readouterr().out


def test_who_asks_for_help_gets_it(capsys: pytest.CaptureFixture[str]) -> None:
    """All that the module says of itself."""
    assert 0 == main(["--help"])
    assert f"{importer.__doc__}\n" == capsys.readouterr().out
