"""What tests of faults share."""

from pathlib import Path

import pytest

from tests.command_line import thorexp
from tests.faults.soundness import JOB


@pytest.fixture(scope="session")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a job was run in, with its model and its store, to copy from."""
    folder = tmp_path_factory.mktemp("left")
    assert 0 == thorexp(folder, *JOB).code
    return folder


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where records are replayed to: one for all, since its tables take seconds."""
    return tmp_path_factory.mktemp("store")
