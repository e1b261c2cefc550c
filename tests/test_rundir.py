"""The run directory."""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from tests.records import a_failure, a_record
from thorexp.errors import RecordError
from thorexp.measure.signals import Series
from thorexp.measure.verdict import Verdict
from thorexp.rundir import (
    ERROR,
    FILES,
    RECORD,
    REPORT,
    REQUESTS,
    RESULT,
    TELEMETRY,
    VERDICT,
    Record,
    RunDir,
    find_run_dirs,
)

FINISHED = Record(
    schema=1,
    id="0123456789abcdef",
    point="c0ffee",
    status="finished",
    started_at=1_700_000_000.25,
    ended_at=1_700_000_060.5,
    sweep="thor_seed",
    tags={"model": "qwen3_32b_awq", "load": "high"},
)


def names(run_dir: RunDir) -> set[str]:
    """All that is in the directory."""
    return {path.name for path in run_dir.path.iterdir()}


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Text of any alphabet."""
    run_dir = RunDir(tmp_path)
    run_dir.write_text(REPORT, "Jetson Thor 大模型\n")
    assert "Jetson Thor 大模型\n" == run_dir.read_text(REPORT)


def test_a_directory_is_made_on_use(tmp_path: Path) -> None:
    """With all that is above it."""
    run_dir = RunDir(tmp_path / "outputs" / "sweep" / "0")
    written = run_dir.write_text(REPORT, "text")
    assert tmp_path / "outputs" / "sweep" / "0" / "report.txt" == written
    assert "text" == written.read_text()


def test_a_file_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    """Whole, and nothing is left beside it."""
    run_dir = RunDir(tmp_path)
    run_dir.write_text(REPORT, "a long text")
    run_dir.write_text(REPORT, "short")
    assert ("short", {REPORT}) == (run_dir.read_text(REPORT), names(run_dir))


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    """Text that cannot be encoded does not half replace text that could."""
    run_dir = RunDir(tmp_path)
    run_dir.write_text(REPORT, "whole")
    with pytest.raises(UnicodeEncodeError):
        run_dir.write_text(REPORT, "half \ud800")
    assert "whole" == run_dir.read_text(REPORT)


def test_a_write_that_fails_makes_no_file(tmp_path: Path) -> None:
    """What was never written whole is not there."""
    run_dir = RunDir(tmp_path)
    with pytest.raises(UnicodeEncodeError):
        run_dir.write_text(REPORT, "half \ud800")
    assert not run_dir.has(REPORT)


def test_absent_values_are_null(tmp_path: Path) -> None:
    """None is JSON's null, and comes back as None."""
    run_dir = RunDir(tmp_path)
    run_dir.write_json(RESULT, {"request_goodput": None})
    assert {"request_goodput": None} == run_dir.read_json(RESULT)


def test_a_directory_begins_without_what_an_earlier_job_left(tmp_path: Path) -> None:
    """Its files and its completion are gone; what is not of a record stays."""
    run_dir = RunDir(tmp_path)
    run_dir.write_text(REPORT, "of yesterday")
    run_dir.write_text(ERROR, "of yesterday")
    run_dir.write_text("notes.txt", "mine")
    run_dir.complete(FINISHED)
    run_dir.begin()
    assert {"notes.txt"} == names(run_dir)


def test_a_directory_begins_without_any_file_of_a_record(tmp_path: Path) -> None:
    """Of those that a job may write none is left to be taken for one of the next."""
    run_dir = RunDir(tmp_path)
    for name in ("telemetry.csv", "report.html", "verdict.json", "samples.json", *FILES):
        run_dir.write_text(name, "of yesterday")
    run_dir.begin()
    assert set() == names(run_dir)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_number_that_json_has_no_word_for_is_refused(tmp_path: Path, value: float) -> None:
    """Nobody else could read it."""
    run_dir = RunDir(tmp_path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        run_dir.write_json(RESULT, {"mean_ttft_ms": value})
    assert not run_dir.has(RESULT)


def test_json_lines_are_one_value_a_line(tmp_path: Path) -> None:
    """Line breaks inside of a value do not break its line."""
    run_dir = RunDir(tmp_path)
    run_dir.write_jsonl(REQUESTS, ({"text": f"{i}\n"} for i in range(3)))
    lines = run_dir.read_text(REQUESTS).splitlines()
    assert [{"text": "0\n"}, {"text": "1\n"}, {"text": "2\n"}] == [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    "record",
    [
        FINISHED,
        replace(FINISHED, status="failed", sweep=None, error="vLLM exited with code 1.\n  log  server.log"),
        replace(FINISHED, started_ns=2**53 + 1),
        replace(FINISHED, overrides=("model=qwen3_32b_awq", "+engine.dtype='half'")),
        replace(FINISHED, overrides=()),
    ],
    ids=["finished", "failed", "dated", "typed", "untouched"],
)
def test_a_record_is_read_as_it_was_written(tmp_path: Path, record: Record) -> None:
    """Equal in every field."""
    RunDir(tmp_path).complete(record)
    assert record == RunDir(tmp_path).record()


def test_a_record_of_before_its_clock_was_kept_is_read(tmp_path: Path) -> None:
    """It lacks the field, and is complete."""
    run_dir = RunDir(tmp_path)
    run_dir.complete(FINISHED)
    run_dir.write_json(RECORD, {key: value for key, value in run_dir.read_json(RECORD).items() if key != "started_ns"})
    assert FINISHED == run_dir.record()


def test_a_record_of_before_words_were_kept_does_not_tell_them(tmp_path: Path) -> None:
    """Which is not the same as that nobody typed any."""
    run_dir = RunDir(tmp_path)
    run_dir.complete(replace(FINISHED, overrides=("load=high",)))
    run_dir.write_json(RECORD, {key: value for key, value in run_dir.read_json(RECORD).items() if key != "overrides"})
    assert run_dir.record().overrides is None


def test_words_of_a_record_can_tell_repeats_of_a_point_together(tmp_path: Path) -> None:
    """They are read as they were kept, and so can be a key."""
    run_dir = RunDir(tmp_path)
    run_dir.complete(replace(FINISHED, overrides=("load=high", "model=a")))
    assert {("load=high", "model=a"): "a point"} == {run_dir.record().overrides: "a point"}


def test_requests_are_read_as_they_were_recorded(tmp_path: Path) -> None:
    """Successes with and without counted chunks, failures, answers in one piece; text of any alphabet."""
    requests = (
        a_record(
            index=0, token_ns=(2**53 + 1, 2**53 + 3), output_tokens=3, chunk_tokens=(1, 2), text=" 大\u2028模型\n"
        ),
        a_record(index=1, streamed=False, reasoning=" because", stage=2, finish_reason=None),
        a_failure(index=2, sent_ns=None),
    )
    run_dir = RunDir(tmp_path)
    run_dir.write_jsonl(REQUESTS, map(asdict, requests))
    assert requests == run_dir.requests()


def test_requests_of_before_chunks_were_counted_are_read(tmp_path: Path) -> None:
    """What they lack is as absent as it was."""
    older = {key: value for key, value in asdict(a_record()).items() if key not in ("chunk_tokens", "reasoning")}
    run_dir = RunDir(tmp_path)
    run_dir.write_jsonl(REQUESTS, [older])
    assert (a_record(),) == run_dir.requests()


def test_a_result_whose_requests_nobody_kept_has_none(tmp_path: Path) -> None:
    """An imported one."""
    run_dir = RunDir(tmp_path)
    run_dir.complete(FINISHED)
    assert () == run_dir.requests()


@pytest.mark.parametrize(
    "line", ['{"index": 1', "[]", "null", "{}", '{"token_ns": []}', '{"token_ns": 5}', '{"token_ns": [], "of": 1}']
)
def test_a_line_that_is_no_request_is_damaged(tmp_path: Path, line: str) -> None:
    """The error names its place."""
    run_dir = RunDir(tmp_path)
    whole = json.dumps(asdict(a_record()))
    run_dir.write_text(REQUESTS, f"{whole}\n{line}\n{whole}\n")
    with pytest.raises(RecordError, match=r"^A file of a run directory is damaged\.\n +where +.*requests\.jsonl:2\n"):
        run_dir.requests()


def test_a_directory_without_a_record_was_interrupted(tmp_path: Path) -> None:
    """Whatever else it has; the error says where and what it lacks."""
    run_dir = RunDir(tmp_path)
    run_dir.write_json(RESULT, {"completed": 100})
    with pytest.raises(RecordError) as refused:
        run_dir.record()
    assert (("where", str(tmp_path)), ("lacks", RECORD)) == tuple(
        (fact.label, fact.text) for fact in refused.value.facts[:2]
    )


def test_a_file_that_is_not_json_is_damaged(tmp_path: Path) -> None:
    """The error names the file and the place."""
    run_dir = RunDir(tmp_path)
    run_dir.write_text(RESULT, '{"completed": 1')
    with pytest.raises(RecordError, match=r"result\.json\n.*line 1 column 16"):
        run_dir.read_json(RESULT)


@pytest.mark.parametrize("content", [{"schema": 2}, {"schema": "1"}, {}, [], None, 1], ids=json.dumps)
def test_a_record_of_another_schema_is_refused(tmp_path: Path, content: Any) -> None:
    """A record is read by the thorexp that knows it, or not at all."""
    run_dir = RunDir(tmp_path)
    run_dir.write_json(RECORD, content)
    with pytest.raises(RecordError, match="this thorexp reads 1"):
        run_dir.record()


def test_records_are_found_at_any_depth_in_path_order(tmp_path: Path) -> None:
    """A directory without a record is not one of them."""
    for place in ("b", "a/1", "a/0"):
        RunDir(tmp_path / place).complete(FINISHED)
    RunDir(tmp_path / "a" / "2").write_text(REPORT, "interrupted")
    assert (RunDir(tmp_path / "a/0"), RunDir(tmp_path / "a/1"), RunDir(tmp_path / "b")) == find_run_dirs(tmp_path)


def test_a_directory_is_found_as_itself(tmp_path: Path) -> None:
    """One may name a run directory instead of a folder of them."""
    RunDir(tmp_path).complete(FINISHED)
    assert (RunDir(tmp_path),) == find_run_dirs(tmp_path)


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    """A folder that does not exist has no records."""
    assert () == find_run_dirs(tmp_path / "outputs")


@pytest.mark.parametrize("row", ["1,board_w", "one,board_w,1.0", f"{10**30},board_w,1.0", "1,board_w,much"])
def test_a_damaged_row_of_telemetry_is_told_with_its_file(tmp_path: Path, row: str) -> None:
    """Not as Python tells it."""
    run_dir = RunDir(tmp_path)
    run_dir.write_text(TELEMETRY, f"ns,signal,value\n{row}\n")
    with pytest.raises(RecordError, match=r"telemetry\.csv"):
        run_dir.telemetry()


def test_telemetry_is_read_as_it_was_sampled(tmp_path: Path) -> None:
    """Nothing where nobody sampled."""
    run_dir = RunDir(tmp_path)
    assert {} == run_dir.telemetry().signals
    run_dir.write_text(TELEMETRY, "ns,signal,value\n7,board_w,1.5\n")
    assert {"board_w": Series((7,), (1.5,))} == run_dir.telemetry().signals


def test_a_verdict_is_absent_where_nobody_judged(tmp_path: Path) -> None:
    """Else it is as it was given."""
    run_dir = RunDir(tmp_path)
    assert run_dir.verdict() is None
    given = Verdict(origin="simulated")
    run_dir.write_json(VERDICT, given.as_json())
    assert given == run_dir.verdict()


@pytest.mark.parametrize("content", [[], {}, {"reasons": 1, "accepted": []}, {"reasons": [{}], "accepted": []}])
def test_what_is_no_verdict_is_told_with_its_file(tmp_path: Path, content: Any) -> None:
    """Not as Python tells it."""
    run_dir = RunDir(tmp_path)
    run_dir.write_json(VERDICT, content)
    with pytest.raises(RecordError, match=r"verdict\.json"):
        run_dir.verdict()
