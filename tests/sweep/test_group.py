"""What a board does with a job that is asked of it."""

import pytest

from tests.mlflow_server import free_port
from thorexp.config import TrackingConfig
from thorexp.sweep.group import finished_in


def test_a_store_that_is_silent_has_no_result_of_a_job(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The job is measured, and its group goes on; that is said."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    to = TrackingConfig(True, f"http://127.0.0.1:{free_port()}", "thorexp", "")
    assert finished_in(to, "sweep", "p") is None
    assert "MLflow's store cannot be read." in caplog.text
