"""The published tables that are shipped."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from thorexp.baseline import baseline_results, shipped
from thorexp.conf_tree import conf_dir
from thorexp.config import BaselineConfig
from thorexp.errors import ConfigError, RecordError

FOLDER = conf_dir() / "baseline"
FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_every_baseline_says_where_it_is_from(file: Path) -> None:
    """By the same keys, of which the name is what one types; none has nothing else to say."""
    said = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert ["name", "description", "source", "file", "command", "hardware"] == list(said)
    assert file.stem == said["name"]
    assert (file.stem == "none") == all(said[key] is None for key in ("source", "file", "command", "hardware"))


def test_the_published_table_is_seven_models_by_two_loads() -> None:
    """Each imported, and judged on the board that it was measured on."""
    results = baseline_results(shipped("thor_blog_2025_10"))
    assert 14 == len({(each.config.model.name, each.at_once) for each in results})
    assert {("imported", "jetson_agx_thor")} == {(each.verdict.origin, each.hardware.name) for each in results}


def test_none_is_no_table() -> None:
    """And no error."""
    assert () == baseline_results(shipped("none"))


def test_a_table_that_there_is_not_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(ConfigError, match=r"^baseline=thor does not exist\.\n +have +none, thor_blog_2025_10$"):
        shipped("thor")


def of_a_file(folder: Path, origin: str) -> BaselineConfig:
    """One whole result, whose thorexp says where it is from."""
    result = {
        "model_id": "Qwen/Qwen3-32B-AWQ",
        "duration": 137.0,
        "completed": 10,
        "max_concurrency": 1,
        "total_input_tokens": 10 * 2048,
        "total_output_tokens": 10 * 128,
        "mean_ttft_ms": 3500.0,
        "median_ttft_ms": 3500.0,
        "mean_tpot_ms": 80.0,
        "median_tpot_ms": 80.0,
        "thorexp": {"origin": origin},
    }
    file = folder / "results.json"
    file.write_text(json.dumps(result))
    return replace(shipped("thor_blog_2025_10"), file=str(file))


def test_a_file_of_ones_own_is_a_table_too(tmp_path: Path) -> None:
    """What it holds was measured, by others than this sweep."""
    assert ["imported"] == [each.verdict.origin for each in baseline_results(of_a_file(tmp_path, "measured"))]


def test_a_simulated_result_is_refused_as_a_baseline(tmp_path: Path) -> None:
    """It would stand there as measured; the file is named."""
    with pytest.raises(RecordError, match=r"^A result was simulated, not measured\.\n +where +.*/results\.json\n"):
        baseline_results(of_a_file(tmp_path, "simulated"))
