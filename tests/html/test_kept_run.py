"""A load read back from its run directory, be it an older or a damaged one."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.html.kept import BEGIN, LOAD, a_kept_run, a_run_dir
from tests.records import S, a_record
from thorexp.errors import RecordError
from thorexp.html.kept_run import kept_run
from thorexp.rundir import PLAN, SUMMARY, TELEMETRY

ONE = a_record(scheduled_ns=BEGIN, sent_ns=BEGIN, token_ns=(BEGIN + S,))
TWO = replace(ONE, index=1, scheduled_ns=BEGIN + S, stage=1)


def test_an_older_summary_says_nothing_of_rest_and_exclusions(tmp_path: Path) -> None:
    """There was none, as far as one knows."""
    run_dir = a_run_dir(tmp_path, ONE)
    run_dir.write_json(SUMMARY, {"load_ns": LOAD})
    run = kept_run(run_dir)
    assert run is not None
    assert (None, LOAD, run.played) == (run.idle, run.shown, run.counting)


def test_stages_of_an_older_plan_are_numbered(tmp_path: Path) -> None:
    """It has no names for them; one that is lost has none either."""
    run_dir = a_run_dir(tmp_path, ONE, TWO)
    for _ in range(2):
        run = kept_run(run_dir)
        assert run is not None
        assert (("stage 0", BEGIN), ("stage 1", BEGIN + S)) == run.stages
        run_dir.write_json(PLAN, {"digest": "d"})


def test_stages_have_the_names_of_their_plan(tmp_path: Path) -> None:
    """By their order."""
    a_run_dir(tmp_path, ONE).write_json(PLAN, {"stages": [{"name": "warm"}, {"name": "hot"}]})
    assert (("warm", BEGIN), ("hot", BEGIN + S)) == a_kept_run(tmp_path, ONE, TWO).stages


def test_a_torn_row_of_telemetry_is_told(tmp_path: Path) -> None:
    """By file, as whatever else is damaged."""
    run_dir = a_run_dir(tmp_path, ONE)
    run_dir.write_text(TELEMETRY, f"ns,signal,value\n{BEGIN},board_w,1.0\n{BEGIN},boa\n")
    with pytest.raises(RecordError, match="damaged") as raised:
        kept_run(run_dir)
    assert TELEMETRY in str(raised.value)


def test_a_load_without_both_ends_is_told(tmp_path: Path) -> None:
    """It cannot be drawn."""
    run_dir = a_run_dir(tmp_path, ONE)
    run_dir.write_json(SUMMARY, {"load_ns": [BEGIN]})
    with pytest.raises(RecordError, match="damaged"):
        kept_run(run_dir)
