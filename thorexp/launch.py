"""How a job's server is started: its command, what it serves and where."""

import hashlib
import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from thorexp.asking import check_url
from thorexp.config import JobConfig, Weights
from thorexp.config_server import ServerKind
from thorexp.docker_plan import DockerPlan
from thorexp.serve.dummy_model import check_dummy_model
from thorexp.serve.engine_args import EngineArg
from thorexp.serve.server import LaunchSpec
from thorexp.sim.spec import SPEC, SimSpec

# The first request to a fresh engine is a realistic one: four token ids have killed a worker (vLLM 0.32, CPU).
PROBE_LEN = 32
MODELS = Path("outputs/models")
SIMULATOR = (sys.executable, "-m", "thorexp.sim", "serve")


def launch_spec(
    config: JobConfig,
    engine_args: tuple[EngineArg, ...],
    headers: Mapping[str, str],
    sim: SimSpec | None,
    inside: DockerPlan | None,
) -> LaunchSpec | None:
    """Absent for a server that somebody else started. `inside`: what a container comes to, of `server=docker`."""
    server = config.server
    if server.kind is ServerKind.attach:
        check_url(server.base_url)
        return None
    if config.model.weights is Weights.random:
        check_dummy_model(asdict(config.model.architecture), config.model.prompt_token_ids)
    env, model = config.server_env, served_from(config)
    command = tuple(shlex.split(server.command)) if inside is None else inside.command
    if inside is not None and Path(model).is_dir():
        model = str(Path(model).resolve())  # where a container finds it too
    if server.kind is ServerKind.sim and sim is not None:
        command, env = SIMULATOR, server.env | {SPEC: sim.as_json()}
    return LaunchSpec(
        command=command,
        model=model,
        args=engine_args,
        env=tuple(sorted(env.items())),
        host=server.host,
        port=server.port,
        ready_timeout_s=server.ready_timeout_s,
        stop_timeout_s=server.stop_timeout_s,
        memory_timeout_s=server.memory_timeout_s,
        probe_len=PROBE_LEN,
        drop_caches=config.hardware.prepare.drop_caches,
        asks_sudo=config.hardware.prepare.sudo,
        headers=tuple(headers.items()),
        container=None if inside is None else inside.container,
    )


def served_from(config: JobConfig) -> str:
    """What vLLM loads: the repository, or the directory that a model of random weights is written to."""
    if config.model.weights is Weights.repository:
        return config.model.repository
    model = config.model
    content = json.dumps(
        (asdict(model.architecture), model.prompt_token_ids, config.quantization.checkpoint), sort_keys=True
    )
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    kind = "rehearsed-" if config.rehearse else ""
    return str((MODELS / f"{kind}{config.model.name}-{config.quantization.name}-{digest}").resolve())
