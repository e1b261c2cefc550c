"""One job from its beginning to its record; what it serves and measures has tests of its own."""

import logging
from pathlib import Path

import pytest

from tests.test_capacity import prepared
from thorexp import rundir
from thorexp.job import Means, Outcome, Place, run
from thorexp.rundir import RunDir
from thorexp.serve.pool import ServerPool
from thorexp.session import SHOWN


def predicted(folder: Path) -> Outcome:
    """A job of two requests, which no server plays."""
    means = Means(ServerPool(), SHOWN, settle=lambda: None)
    return run(prepared("predict=true"), means, Place(RunDir(folder), folder / "servers", None), "model: {}\n")


def test_a_job_has_ended_before_its_page_is_drawn(tmp_path: Path) -> None:
    """So its times are of what was asked, whatever a page takes."""
    outcome = predicted(tmp_path)
    assert outcome.record.ended_at < (tmp_path / rundir.PAGE).stat().st_mtime


def test_a_job_without_its_page_is_complete(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Hours of measuring are not lost for it; that there is none is said."""
    (tmp_path / f".{rundir.PAGE}.partial").mkdir()
    with caplog.at_level(logging.WARNING):
        outcome = predicted(tmp_path)
    assert ("finished", outcome.record) == (outcome.record.status, RunDir(tmp_path).record())
    assert any(rundir.PAGE in message and rundir.RESULT in message for message in caplog.messages)
