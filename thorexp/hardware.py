"""`hardware=auto`: the hardware config whose `match` finds this machine."""

import difflib
import re
from collections.abc import Callable, Mapping

from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from omegaconf import DictConfig, OmegaConf

from thorexp.errors import ConfigError
from thorexp.machine.identity import identity

GROUP = "hardware"

# As conf/hardware/auto.yaml writes it, in its defaults list.
RESOLVER = "hardware_of_this_machine"


def choose(patterns: Mapping[str, str], machine: str) -> str:
    """The one config whose pattern is found in a machine's description. ConfigError when none is, or several are."""
    found = [name for name, pattern in patterns.items() if _finds(name, pattern, machine)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(
            "hardware=auto finds several configs for this machine.",
            ("machine", machine),
            *(("match", f"{patterns[name]} in hardware/{name}.yaml") for name in found),
            ("try", " or ".join(f"hardware={name}" for name in found)),
        )
    raise ConfigError(
        "hardware=auto finds no config for this machine.",
        ("machine", machine),
        ("have", ", ".join(patterns)),
        ("try", f"hardware={_nearest(patterns, machine)}, or another that comes near it"),
        ("or", f"--config-dir mine, and in mine/hardware/mine.yaml\n{_example(patterns, machine)}"),
    )


def register_auto(describe: Callable[[], str] = lambda: identity().description) -> None:
    """Tell Hydra how `hardware/auto.yaml` is resolved. The machine is asked when that is chosen, and not before."""
    OmegaConf.register_new_resolver(RESOLVER, lambda: f"/{GROUP}/{choose(_patterns(), describe())}", replace=True)


def _patterns() -> dict[str, str]:
    """`match` of every hardware config on the search path that has one, those of --config-dir too."""
    options = GlobalHydra.instance().config_loader().get_group_options(GROUP, ObjectType.CONFIG)
    configs = {name: _config(f"{GROUP}/{name}") for name in options}
    return {name: str(config["match"]) for name, config in configs.items() if config.get("match") is not None}


def _config(path: str) -> DictConfig:
    """The file itself, from the first place that has it, as Hydra would choose."""
    sources = GlobalHydra.instance().config_loader().get_sources()
    first = next(source for source in sources if source.is_config(path))
    config = first.load_config(path).config
    return config if isinstance(config, DictConfig) else OmegaConf.create()


def _finds(name: str, pattern: str, machine: str) -> bool:
    try:
        return re.search(pattern, machine) is not None
    except re.error as wrong:
        raise ConfigError(
            "hardware.match is no regular expression.",
            ("where", f"hardware/{name}.yaml: {pattern}"),
            ("says", str(wrong)),
        ) from None


def _example(patterns: Mapping[str, str], machine: str) -> str:
    """A config that would be found, made of the nearest."""
    pattern = re.escape(machine).replace("\\ ", " ").replace("'", "''")
    return f"defaults: [{_nearest(patterns, machine)}]\nname: mine\nmatch: '^{pattern}$'"


def _nearest(patterns: Mapping[str, str], machine: str) -> str:
    return max(patterns, key=lambda name: difflib.SequenceMatcher(None, patterns[name], machine).ratio(), default="cpu")
