"""Where the shipped configs are, and what of them Hydra has to be told."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from thorexp.hardware import register_auto

PACKAGE = Path(__file__).parent


def conf_dir() -> Path:
    """`conf/` of the checkout, or the copy inside an installed package."""
    checkout = PACKAGE.parent
    return checkout / "conf" if (checkout / "pyproject.toml").exists() else PACKAGE / "conf"


def register() -> None:
    """Tell Hydra of our launcher, of `hardware=auto`, and of nodes that take any key without a `+`: engine arguments,
    headers, bodies, what Ray and Slurm are asked for.
    """
    plugins = str(PACKAGE / "_hydra")
    if plugins not in sys.path:
        sys.path.append(plugins)
    anything = OmegaConf.create({}, flags={"struct": False})
    store = ConfigStore.instance()
    store.store(group="engine", name="open", node=anything)
    store.store(group="sweep", name="open", node={"ray": {"resources": anything}, "slurm": {"parameters": anything}})
    store.store(group="endpoint", name="open", node={"extra_body": anything, "headers": anything})
    register_auto()


def tree_of(overrides: Sequence[str]) -> DictConfig:
    """What these words compose, beside whatever else Hydra is at; its refusals are raised as they are."""
    register()
    is_at_work = GlobalHydra.instance().is_initialized()
    with nullcontext() if is_at_work else initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return compose("config", list(overrides))
