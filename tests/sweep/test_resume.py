"""Which points are done."""

import logging
from pathlib import Path

import pytest

from tests.sweep.makers import a_run_dir
from thorexp.config_sweep import Executor
from thorexp.rundir import CONFIG, RECORD, RESULT, RunDir
from thorexp.sweep.resume import finished_points, warn_of_versions


def test_a_finished_record_is_done(tmp_path: Path) -> None:
    """At any depth, by its point."""
    a_run_dir(tmp_path / "0", "p")
    a_run_dir(tmp_path / "later" / "1", "q")
    assert {"p": RunDir(tmp_path / "0"), "q": RunDir(tmp_path / "later/1")} == finished_points(tmp_path)


def test_a_failed_record_is_not_done(tmp_path: Path) -> None:
    """The same command tries it again."""
    a_run_dir(tmp_path / "0", "p", status="failed", error="It failed.")
    a_run_dir(tmp_path / "1", "q")
    assert {"q"} == finished_points(tmp_path).keys()


def test_a_record_of_another_host_is_not_done_here(tmp_path: Path) -> None:
    """Two boards may share a folder, and each measures for itself."""
    a_run_dir(tmp_path / "0", "p", tags={"hostname": "another board"})
    a_run_dir(tmp_path / "1", "q")
    assert {"q"} == finished_points(tmp_path).keys()


def test_a_record_of_any_board_is_done_where_an_executor_chose_it(tmp_path: Path) -> None:
    """It was brought from there."""
    a_run_dir(tmp_path / "0", "p", tags={"hostname": "another board"})
    assert {"p"} == finished_points(tmp_path, Executor.ray).keys()


def test_a_directory_without_a_record_is_not_done(tmp_path: Path) -> None:
    """A result alone was interrupted before the last file."""
    RunDir(tmp_path / "0").write_json(RESULT, {"completed": 100})
    a_run_dir(tmp_path / "1", "q")
    assert {"q"} == finished_points(tmp_path).keys()


def test_a_record_of_another_schema_is_not_done(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is measured again, and that is said."""
    a_run_dir(tmp_path / "0", "p", schema=0)
    a_run_dir(tmp_path / "1", "q")
    assert {"q"} == finished_points(tmp_path).keys()
    assert f"not taken for a record: {tmp_path}/0/record.json" in caplog.text


@pytest.mark.parametrize("content", ["", '{"schema": 1, "id": ', '{"schema": 1}', "[]"])
def test_a_damaged_record_is_not_done(tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a full disk left of it."""
    RunDir(tmp_path / "0").write_text(RECORD, content)
    a_run_dir(tmp_path / "1", "q")
    assert {"q"} == finished_points(tmp_path).keys()
    assert [logging.WARNING] == [line.levelno for line in caplog.records]


@pytest.mark.parametrize("name", [RESULT, CONFIG])
def test_a_record_whose_files_are_gone_is_not_done(tmp_path: Path, name: str) -> None:
    """Neither the table nor MLflow could show it."""
    (a_run_dir(tmp_path / "0", "p").path / name).unlink()
    a_run_dir(tmp_path / "1", "q")
    assert {"q"} == finished_points(tmp_path).keys()


def test_several_versions_of_vllm_in_one_sweep_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With how many jobs each has measured; what has no record is of none."""
    for name, version in (("0", "0.19.0"), ("1", "0.20.0"), ("2", "0.20.0")):
        a_run_dir(tmp_path / name, name, tags={"vllm_version": version})
    warn_of_versions([tmp_path / "0", tmp_path / "1", tmp_path / "2", tmp_path / "3", None])
    assert "measured by several versions of vLLM: 0.19.0 (1 jobs), 0.20.0 (2 jobs)" in caplog.text


def test_one_version_of_vllm_is_not_worth_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nor a record without any."""
    a_run_dir(tmp_path / "0", "p", tags={"vllm_version": "0.20.0"})
    a_run_dir(tmp_path / "1", "q")
    warn_of_versions([tmp_path / "0", tmp_path / "1"])
    assert "" == caplog.text
