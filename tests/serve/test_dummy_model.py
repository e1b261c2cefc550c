"""A model directory without weights."""

import json
from pathlib import Path
from typing import Any

import pytest

from thorexp.errors import ConfigError
from thorexp.serve.dummy_model import check_dummy_model, write_dummy_model

TINY: dict[str, Any] = {
    "model_type": "qwen3",
    "hidden_size": 128,
    "vocab_size": 1024,
    "max_position_embeddings": 4096,
    "num_experts": None,
}


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_the_config_has_the_architecture_and_nothing_absent(tmp_path: Path) -> None:
    """Numbers stand under their own names; a number that is None is left out."""
    config = read(write_dummy_model(tmp_path / "m", TINY, None, 1000), "config.json")
    assert (["Qwen3ForCausalLM"], 128) == (config["architectures"], config["hidden_size"])
    assert set() == {"num_experts", "quantization_config"} & set(config)


def test_ordinary_tokens_come_before_the_special_ones(tmp_path: Path) -> None:
    """1,000 distinct ordinary tokens have ids 0 to 999, the specials follow, the end of text is one of them."""
    model = write_dummy_model(tmp_path / "m", TINY, None, 1000)
    tokenizer = read(model, "tokenizer.json")
    assert list(range(1000)) == sorted(tokenizer["model"]["vocab"].values())
    assert [1000, 1001, 1002] == [token["id"] for token in tokenizer["added_tokens"]]
    assert 1002 == read(model, "config.json")["eos_token_id"]


def test_every_merge_joins_two_tokens_to_one_of_the_vocabulary(tmp_path: Path) -> None:
    """Parts and whole of each merge are tokens, the parts older than the whole."""
    model = read(write_dummy_model(tmp_path / "m", TINY, None, 1000), "tokenizer.json")["model"]
    ids = model["vocab"]
    assert 1000 - 256 == len(model["merges"])
    assert all(max(ids[left], ids[right]) < ids[left + right] for left, right in model["merges"])


def test_a_written_model_is_left_as_it_is(tmp_path: Path) -> None:
    """The second job finds the directory of the first."""
    times = [write_dummy_model(tmp_path / "m", TINY, None, 1000).stat().st_mtime_ns for _ in range(2)]
    assert times[0] == times[1]
    assert [tmp_path / "m"] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "ordinary", "key"),
    [
        ({"model_type": "llama"}, 1000, "model.architecture.model_type=llama"),
        ({}, 1022, "model.prompt_token_ids=1022"),
        ({}, 255, "model.prompt_token_ids=255"),
    ],
)
def test_what_cannot_be_written_is_refused_by_its_key(change: dict[str, Any], ordinary: int, key: str) -> None:
    """An architecture without a class, or ids that do not fit the vocabulary."""
    with pytest.raises(ConfigError) as error:
        check_dummy_model(TINY | change, ordinary)
    assert key in str(error.value)
