"""What tells a job from others, as MLflow's params: few, so that a comparison shows what was varied."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from thorexp.flat import flat, typed
from thorexp.secret import shown
from thorexp.tracking.limits import PARAM_CHARS, cut, key_of

_GROUPS = ("model", "quantization", "hardware", "load", "workload", "endpoint")
_UNSAID = ("none", "default")  # options that choose nothing
# How it is asked, watched, judged and kept: no part of what is measured.
_PLUMBING = ("dry_run", "predict", "sweep", "tracking", "verdict", "metrics")
_FILTERED_BY = ("load.num_prompts", "load.max_concurrency", "workload.input_len", "workload.output_len")


def params_of(
    config: Mapping[str, Any], engine_args: Iterable[Mapping[str, Any]], overrides: Sequence[str] | None
) -> dict[str, str]:
    """The chosen options, what else was typed, and `engine.*` as vLLM got it; values are written as a user types them.

    The rest of the config, alike for most runs, is in the artifact config.yaml.
    """
    got = {f"engine.{arg['name']}": arg["value"] for arg in engine_args}
    values = dict(_chosen(config)) | asked_of(config, overrides) | got
    return {key_of(key): cut(shown(key, typed(value)), PARAM_CHARS) for key, value in values.items()}


def asked_of(config: Mapping[str, Any], overrides: Sequence[str] | None) -> dict[str, Any]:
    """What was typed beside the options of groups, by its key, as the config has it resolved.

    How many requests, how many at once and how long they are of a record that does not say what was typed.
    """
    leaves = dict(flat(config))
    if overrides is None:
        return {key: leaves[key] for key in _FILTERED_BY if leaves.get(key) is not None}
    words = (override.lstrip("+").split("=", 1) for override in overrides if "=" in override and override[0] != "~")
    return {
        key: value
        for name, word in words
        if not name.startswith(_PLUMBING) and not _is_option(name, word, config)
        for key, value in (_below(name, leaves) or {name: word}).items()
    }


def _chosen(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The option of each group by its name, and the limits of the SLO, where there are any."""
    yield from ((group, config[group]["name"]) for group in _GROUPS if "name" in config.get(group, {}))
    if "kind" in config.get("server", {}):
        yield "server", "none" if config.get("predict") else config["server"]["kind"]
    yield from ((f"slo.{key}", limit) for key, limit in config.get("slo", {}).items() if limit is not None)
    if (baseline := config.get("baseline", {}).get("name")) not in (None, *_UNSAID):
        yield "baseline", baseline


def _is_option(name: str, word: str, config: Mapping[str, Any]) -> bool:
    """`load=high`, of which `_chosen` tells, or one that chooses nothing."""
    of_group = isinstance(config.get(name), Mapping) and not word.startswith("{")
    return of_group or word in _UNSAID


def _below(name: str, leaves: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in leaves.items() if key == name or key.startswith(f"{name}.")}
