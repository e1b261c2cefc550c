"""What a job was set to, as its record tells it."""

from pathlib import Path
from typing import Any

import pytest

from tests.compare.makers import CONFIGURED, FINISHED, a_run_dir
from thorexp.compare.settings import settings_of
from thorexp.rundir import ENGINE_ARGS, RunDir


def settings(run_dir: RunDir) -> dict[str, str]:
    return dict(settings_of(run_dir, run_dir.config()))


def test_settings_are_the_config_as_typed(tmp_path: Path) -> None:
    """By dotted keys."""
    config = {**CONFIGURED, "slo": {"ttft_ms": None, "tpot_ms": 50.0}}
    told = settings(a_run_dir(tmp_path / "run", config=config))
    expected = {"model.name": "a", "load.name": "high", "slo.ttft_ms": "null", "slo.tpot_ms": "50.0"}
    assert expected == {key: told[key] for key in expected}


@pytest.mark.parametrize(
    "config",
    [
        {"tracking": {"uri": "sqlite:///x"}},
        {"sweep": {"repeats": 3}},
        {"predict": True},
        {"verdict": {"spread": 0.1}},
        {"workload": {"seed": 7}},
        {"server": {"port": 8000}},
        {"engine": {}},
    ],
)
def test_how_a_job_is_done_and_kept_is_no_setting(tmp_path: Path, config: dict[str, Any]) -> None:
    """It explains no difference; what is left is of the machine."""
    assert {"description", "l4t"} == set(settings(a_run_dir(tmp_path / "run", config=config)))


def test_engine_arguments_are_settings_as_vllm_got_them(tmp_path: Path) -> None:
    """Whoever asked for them; the wish of a model is not one more."""
    run_dir = a_run_dir(tmp_path / "run", config={"model": {"name": "a", "engine": {"max_num_seqs": 4}}})
    run_dir.write_json(ENGINE_ARGS, [{"name": "max_num_seqs", "value": 8, "source": "command line"}])
    told = settings(run_dir)
    assert {"engine.max_num_seqs": "8"} == {key: value for key, value in told.items() if "max_num_seqs" in key}


def test_versions_are_settings(tmp_path: Path) -> None:
    """Of vLLM, and of the machine what it tells."""
    told = settings(a_run_dir(tmp_path / "run", tags=FINISHED.tags | {"vllm_version": "0.33.0"}))
    assert ("0.33.0", "38.2.0") == (told["vllm_version"], told["l4t"])
    assert "driver" not in told
