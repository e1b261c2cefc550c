"""What others wrote of a job."""

from pathlib import Path

import pytest

from tests.records import MS, a_record, a_result, a_summary
from thorexp import rundir
from thorexp.html.excerpts import error, excerpts
from thorexp.measure.verdict import Verdict
from thorexp.report import render
from thorexp.rundir import RunDir

INFO = "(EngineCore pid=90) INFO 11-24 14:20:05 [core.py:109] "
SIZE = "GPU KV cache size: 612,336 tokens"
KB = 1000


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    return RunDir(tmp_path)


def log_excerpt(run_dir: RunDir, *lines: str) -> list[str]:
    """Of a server that said these."""
    run_dir.write_text(rundir.SERVER_LOG, "\n".join(lines))
    (excerpt,) = excerpts(run_dir)
    return excerpt.text.split("\n")


def test_a_directory_without_them_has_none(run_dir: RunDir) -> None:
    """As of a job that failed before anything started."""
    assert ([], None) == (list(excerpts(run_dir)), error(run_dir))


def test_a_report_is_told_without_what_stands_in_tables(run_dir: RunDir) -> None:
    """Counts and what thorexp adds, but neither latencies nor the verdict."""
    result = a_result(a_summary(a_record(token_ns=(MS, 2 * MS))), extras={"mfu_percent": 3.88}, verdict=Verdict())
    run_dir.write_text(rundir.REPORT, render(result))
    (excerpt,) = excerpts(run_dir)
    assert [True, True, False, False] == [
        words in excerpt.text for words in ("Successful requests:", "mfu percent:", "TTFT", "verdict")
    ]
    assert excerpt.text.splitlines() == [line.rstrip() for line in excerpt.text.splitlines()]


def test_a_log_is_told_by_its_telling_lines_and_its_end(run_dir: RunDir) -> None:
    """Without what vLLM puts before them; what is left out is shown by dots."""
    said = log_excerpt(run_dir, "hello", f"{INFO}{SIZE}", *(f"{INFO}step {i}" for i in range(100)))
    assert [SIZE, "…", *(f"step {i}" for i in range(100 - 12, 100))] == said


def test_a_short_log_is_told_once(run_dir: RunDir) -> None:
    """Its end is all of it."""
    assert ["hello", SIZE] == log_excerpt(run_dir, "hello", f"{INFO}{SIZE}")


def test_a_log_of_long_lines_stays_small(run_dir: RunDir) -> None:
    """Many thousand characters of warnings are some 3 kB."""
    said = log_excerpt(run_dir, *(f"WARNING {'x' * 5000} {i}" for i in range(1000)))
    assert 3.5 * KB > len("\n".join(said))


def test_an_empty_log_is_left_out(run_dir: RunDir) -> None:
    """It says nothing."""
    run_dir.write_text(rundir.SERVER_LOG, "\n")
    assert [] == list(excerpts(run_dir))


def test_why_a_job_failed_is_told(run_dir: RunDir) -> None:
    """Whole, as it was raised."""
    run_dir.write_text(rundir.ERROR, "vLLM exited with code 1.\n  try  less\n")
    excerpt = error(run_dir)
    assert excerpt is not None
    assert "vLLM exited with code 1.\n  try  less" == excerpt.text


def test_a_log_shows_no_secret(run_dir: RunDir) -> None:
    """Not even the beginning of one, where its line is cut."""
    keys = ["sk" * 100]
    (line,) = log_excerpt(run_dir, f"{INFO}non-default args: {{'api_key': {keys}, 'model': 'a'}}")
    assert "non-default args: {'api_key': ***, 'model': 'a'}" == line


def test_an_error_shows_no_secret(run_dir: RunDir) -> None:
    """It may quote the URL of a server."""
    run_dir.write_text(rundir.ERROR, "No answer.\n  where  server.base_url=http://ann:PW@thor\n")
    failure = error(run_dir)
    assert failure is not None
    assert "No answer.\n  where  server.base_url=http://***@thor" == failure.text
