"""What a job was set to, and may explain a difference."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from thorexp.compare.conditions import machine_of
from thorexp.flat import flat, typed
from thorexp.rundir import ENGINE_ARGS, RunDir

# How a job is done and kept; and what `engine.*` as vLLM got it tells better.
NO_SETTINGS = re.compile(
    r"(dry_run|predict|tracking|sweep|baseline|telemetry|verdict|sim)(\.|$)|engine$"
    r"|(model|quantization|hardware)\.engine(\.|$)|workload\.seed$|server\.(port|base_url)$"
)
VERSIONS = ("vllm_version", "thorexp_version")
OF_MACHINE = ("description", "jetpack", "l4t", "kernel", "driver", "cuda")


def settings_of(run_dir: RunDir, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The config as typed, engine arguments as vLLM got them, versions."""
    yield from ((key, typed(value)) for key, value in flat(config) if not NO_SETTINGS.match(key))
    for argument in run_dir.read_json(ENGINE_ARGS) if run_dir.has(ENGINE_ARGS) else ():
        yield f"engine.{argument['name']}", typed(argument["value"])
    tags = run_dir.record().tags
    yield from ((name, tags[name]) for name in VERSIONS if name in tags)
    machine = machine_of(run_dir).get("client") or {}
    yield from ((name, typed(machine[name])) for name in OF_MACHINE if machine.get(name) is not None)
