"""Where the shipped configs are, and how they are composed."""

import sys
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException

from thorexp.conf_tree import conf_dir, register, tree_of

ROOT = Path(__file__).parents[1]


def test_the_configs_of_a_checkout_are_its_own() -> None:
    """An installed package has a copy."""
    assert ROOT / "conf" == conf_dir()


def test_words_compose_a_tree() -> None:
    """As they would on the command line, an engine argument without a plus among them."""
    tree = tree_of(("model=tiny_qwen3", "engine.max_num_seqs=3"))
    assert ("tiny_qwen3", {"max_num_seqs": 3}) == (tree.model.name, tree.engine)


def test_without_words_a_tree_is_the_default() -> None:
    """Qwen3-32B-AWQ on a Thor."""
    tree = tree_of(())
    assert ("qwen3_32b_awq", "jetson_agx_thor") == (tree.model.name, tree.hardware.name)


def test_a_tree_leaves_hydra_as_it_was() -> None:
    """At nothing, where it was at nothing."""
    tree_of(())
    assert not GlobalHydra.instance().is_initialized()


def test_a_tree_is_composed_beside_what_hydra_is_at() -> None:
    """A job that runs under Hydra reads a published table; Hydra goes on."""
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        assert "tiny_qwen3" == tree_of(("model=tiny_qwen3",)).model.name
        assert GlobalHydra.instance().is_initialized()


def test_what_hydra_refuses_is_raised_as_it_is() -> None:
    """Whoever asked explains it."""
    with pytest.raises(HydraException, match="no_such_model"):
        tree_of(("model=no_such_model",))


def test_to_register_twice_is_to_register_once() -> None:
    """Our plugins are looked for in one place."""
    register()
    register()
    assert 1 == sys.path.count(str(ROOT / "thorexp" / "_hydra"))
