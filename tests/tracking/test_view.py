"""What MLflow shall know of a record."""

from dataclasses import replace
from pathlib import Path

from thorexp.rundir import CONFIG, Record, RunDir
from thorexp.tracking.view import View, view_of_job

RECORD = Record(1, "a", "c0ffee", "finished", 1.0, 2.0, None, {"model": "qwen3", "load": "low"}, overrides=())


def a_view(path: Path, *overrides: str, error: str | None = None) -> View:
    """Of a job with a PIN in its environment."""
    run_dir = RunDir(path)
    run_dir.write_text(CONFIG, "server: {env: {PIN_KEY: 9021}}\nload: {num_prompts: 100}\n")
    run_dir.complete(replace(RECORD, overrides=overrides, error=error))
    return view_of_job(run_dir)


def test_a_secret_that_is_a_number_is_no_metric(tmp_path: Path) -> None:
    """Though a number that was typed is one."""
    view = a_view(tmp_path, "load.num_prompts=100", "+server.env.PIN_KEY=9021")
    assert [100.0] == list(view.metrics.values())


def test_a_run_is_named_without_secrets(tmp_path: Path) -> None:
    """What was typed is in its name."""
    assert "qwen3 low PIN_KEY=***" == a_view(tmp_path, "+server.env.PIN_KEY=9021").name


def test_the_tag_of_an_error_shows_no_password(tmp_path: Path) -> None:
    """It may quote the URL of a server."""
    view = a_view(tmp_path, error="No answer from http://ann:PW@thor.\n  try  another")
    assert "No answer from http://***@thor." == view.tags["thorexp.error"]
