"""How a job's server is started: its command, what it serves and where."""

import hashlib
import json
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from thorexp.asking import check_url
from thorexp.config import JobConfig, Weights
from thorexp.config_server import ServerConfig, ServerKind
from thorexp.docker_plan import DockerPlan
from thorexp.errors import ConfigError
from thorexp.secret import secrets_in, secrets_in_tree, shown, shown_tree
from thorexp.serve.dummy_model import check_dummy_model
from thorexp.serve.engine_args import EngineArg
from thorexp.serve.server import LaunchSpec
from thorexp.sim.spec import SPEC, SimSpec

# The first request to a fresh engine is a realistic one: four token ids have killed a worker (vLLM 0.32, CPU).
PROBE_LEN = 32
MODELS = Path("outputs/models")
# Engine arguments that are secrets, and the variables that vLLM reads for them: a command line is for all to see.
IN_ENVIRONMENT = {"api_key": "VLLM_API_KEY", "hf_token": "HF_TOKEN"}
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
    secrets = {arg.name: arg for arg in engine_args if arg.name in IN_ENVIRONMENT and _is_given(arg)}
    args = tuple(arg for arg in engine_args if arg.name not in secrets)
    check_args(args)
    env = {**env, **{IN_ENVIRONMENT[name]: _one(arg) for name, arg in secrets.items()}}
    return LaunchSpec(
        command=command,
        model=model,
        args=args,
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


def _is_given(arg: EngineArg) -> bool:
    """Not so `engine.hf_token=true`, which says where vLLM finds one."""
    return not (arg.value is None or isinstance(arg.value, bool))


def _one(arg: EngineArg) -> str:
    """ConfigError for several: a variable holds one."""
    values = arg.value if isinstance(arg.value, (list, tuple)) else [arg.value]
    if len(values) != 1:
        raise ConfigError(
            f"engine.{arg.name} has {len(values)} values.",
            ("why", f"vLLM is given one, in {IN_ENVIRONMENT[arg.name]}, where no list of processes shows it"),
            ("try", f"engine.{arg.name}=<one>"),
        )
    return str(values[0])


def check_words(server: ServerConfig) -> None:
    """ConfigError for a secret in a command line that others can see."""
    for where, words in (("server.command", server.command), ("server.docker.args", shlex.join(server.docker.args))):
        if secrets_in(f"{where}={words}"):
            _refuse(where, shown(where, words))


def check_args(args: tuple[EngineArg, ...]) -> None:
    """ConfigError for a secret in an engine argument, however deep, that no variable stands for."""
    for arg in args:
        key = f"engine.{arg.name}"
        if secrets_in_tree(arg.value, key):
            _refuse(key, json.dumps(shown_tree(arg.value, key), default=str))


def _refuse(where: str, told: str) -> NoReturn:
    raise ConfigError(
        f"{where} has a secret in it, which every user of this machine could see in its list of processes.",
        ("where", f"{where}={told}"),
        ("try", "export HF_TOKEN=… or VLLM_API_KEY=…, or +server.env.NAME=…, which are handed on as variables"),
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
    name = re.sub(r"[^\w.-]", "_", f"{kind}{config.model.name}-{config.quantization.name}-{digest}")
    return str((MODELS / name).resolve())
