"""What tests of faults share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where records are replayed to: one for all, since its tables take seconds."""
    return tmp_path_factory.mktemp("store")
