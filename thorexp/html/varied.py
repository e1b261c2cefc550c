"""What sets the configs of several points apart."""

from collections.abc import Mapping, Sequence
from typing import Any

from thorexp.flat import flat, typed
from thorexp.secret import shown_settings

Tree = Mapping[str, str]

# What a thing is: that which its name settles says no more than the name.
NAMED = ("model", "quantization", "hardware", "workload")


def varied(configs: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The dotted keys whose values differ, in the order in which they are met; one that a config lacks differs.

    Of a model, a quantization, a hardware and a workload those are left out whose values go with its name.
    """
    trees = [{key: typed(value) for key, value in flat(config)} for config in configs]
    keys = dict.fromkeys(key for tree in trees for key in tree)
    return tuple(key for key in keys if len(_values(trees, key)) > 1 and not _goes_with_name(trees, key))


def differences(config: Mapping[str, Any], keys: Sequence[str]) -> dict[str, str]:
    """What a config says of these keys, as one types it but for secrets; nothing of those that it lacks."""
    tree = dict(flat(config))
    return shown_settings({key: typed(tree[key]) for key in keys if key in tree})


def _goes_with_name(trees: Sequence[Tree], key: str) -> bool:
    group = key.partition(".")[0]
    name = f"{group}.name"
    pairs = {(tree.get(name), tree.get(key)) for tree in trees}
    return group in NAMED and key != name and len(pairs) == len(_values(trees, name))


def _values(trees: Sequence[Tree], key: str) -> set[str | None]:
    return {tree.get(key) for tree in trees}
