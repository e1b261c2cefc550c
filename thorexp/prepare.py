"""All of a job that can be decided, and refused, before a server starts."""

import hashlib
import json
import shlex
import shutil
from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from thorexp.asking import check_endpoint, headers_of, said_of
from thorexp.config import JobConfig, MetricsConfig
from thorexp.config_load import LoadConfig, SloConfig, StopConfig
from thorexp.config_server import ServerConfig, ServerKind
from thorexp.config_sweep import Executor
from thorexp.docker_plan import docker_plan
from thorexp.errors import ConfigError
from thorexp.launch import check_words, launch_spec, served_from
from thorexp.load.stop import StopWhen
from thorexp.load_plan import load_plan
from thorexp.measure.metrics import Slo
from thorexp.measure.plan import LoadPlan
from thorexp.measure.shape import make_warmup
from thorexp.measure.window import Exclusion
from thorexp.rehearsal import no_vllm, rehearsed, rehearsed_args
from thorexp.serve.engine_args import EngineArg, check, resolve
from thorexp.serve.flags import KnownFlags, known_flags, shipped_flags
from thorexp.serve.said import Said
from thorexp.serve.server import LaunchSpec
from thorexp.setting import warn_beforehand
from thorexp.sim.spec import SimSpec
from thorexp.simulation import check_predictable, is_simulated, sim_spec, warn_of_no_effect
from thorexp.trust_keys import (
    check_commands,
    check_hardware,
    check_port,
    check_preparation,
    check_telemetry,
    check_thresholds,
    warn_of_no_preparation,
)

FLAGS_CACHE = Path.home() / ".cache" / "thorexp"


@dataclass(frozen=True, slots=True)
class PreparedJob:
    """A job, checked. `digest`: of the plan as it was made; the server may yet turn its texts into tokens.

    `launch` is absent when somebody else runs the server, `sim` when it is none of ours to simulate.

    `asked`, `asked_args`: the config and its engine arguments before they became those of a rehearsal; else the same.
    `vllm_version`, `torch_version`: of what will run, as its installation says; absent where that is not known.
    `said`: by somebody else's server, of itself; absent of others, of another board's, and where it does not
    answer yet.
    """

    config: JobConfig
    asked: JobConfig
    plan: LoadPlan
    digest: str
    warmup: LoadPlan
    slo: Slo
    exclusion: Exclusion
    stop_when: StopWhen
    engine_args: tuple[EngineArg, ...]
    asked_args: Mapping[str, Any]
    launch: LaunchSpec | None
    sim: SimSpec | None
    vllm_version: str | None
    torch_version: str | None = None
    said: Said | None = None

    @property
    def args(self) -> dict[str, Any]:
        """The engine arguments by name, as vLLM gets them."""
        return {arg.name: arg.value for arg in self.engine_args}

    @property
    def unchecked(self) -> bool:
        """Whether a vLLM would have to be here to say that it knows the engine arguments."""
        return self.launch is not None and self.vllm_version is None

    @property
    def image(self) -> str | None:
        """That its container is of, by name and digest; absent for a server that runs in none."""
        if self.launch is None or self.launch.container is None or self.config.predict:
            return None
        return self.launch.container.reference

    @property
    def point(self) -> str:
        """SHA-256 over what decides the result: the vLLM, the content of the workload's file and the config, but for
        how a server is waited for, where the result is tracked and what other jobs there are; and somebody else's
        server, as it says itself.
        """
        values = asdict(self.config)
        simulated = () if self.sim is None else ("sim", "predict")
        for key in {"telemetry", "verdict", "tracking", "sweep", "dry_run", "baseline", "sim", "predict"}.difference(
            simulated
        ):
            del values[key]
        for key in ("match", "image", "docker_args"):
            del values["hardware"][key]
        asked = values["hardware"].pop("prepare")
        wanted = {key: asked[key] for key in ("power_mode", "lock_clocks") if asked[key]}
        if wanted:
            values["hardware"]["prepare"] = wanted
        if not self.config.rehearse:
            del values["rehearse"]
        if self.sim is None:
            del values["quantization"]["kernels"]
        del values["load"]["search"]
        values["server"] = {key: values["server"][key] for key in _deciding(self.config.server)}
        if self.launch is not None and self.launch.container is not None:
            values["server"]["docker"] = (self.launch.command, self.launch.container.deciding)
        file = None if self.config.workload.file is None else self.digest
        said = () if self.said is None else (self.said.deciding,)
        content = json.dumps((values, self.vllm_version, file, *said), sort_keys=True, default=str)
        return hashlib.sha256(content.encode()).hexdigest()


def prepare(asked: JobConfig, typed: Set[str]) -> PreparedJob:
    """Plan the load and settle the engine arguments, or raise ConfigError by the full key.

    `typed`: names of the engine arguments that came from the command line. Nothing is started or written but
    the list of flags of a vLLM seen for the first time, in the user's cache. Somebody else's server is asked.
    """
    check_commands(asked.server)
    config = rehearsed(asked) if asked.rehearse else asked
    plan = load_plan(config)
    slo = Slo(**asdict(config.slo))
    exclusion = _exclusion(config.load, len(plan.requests))
    check_endpoint(config.endpoint)
    _check_limits(config.slo)
    _check_percentiles(config.metrics)
    check_telemetry(config.telemetry)
    check_thresholds(config.verdict)
    check_hardware(asked.hardware)
    check_port(config.server.port)
    check_words(config.server)
    check_preparation(asked.hardware, config.server.kind)
    if asked.rehearse or is_simulated(config):
        warn_of_no_preparation(asked.hardware.prepare)
    headers = headers_of(config.endpoint)
    asked_args = resolve_engine_args(asked, typed)
    engine_args = rehearsed_args(asked_args) if asked.rehearse else asked_args
    inside = docker_plan(config, config.server_env, FLAGS_CACHE) if config.server.kind is ServerKind.docker else None
    known = _known_flags(config) if inside is None else inside.known
    if known is not None:
        check(asked_args, known)
    warn_beforehand(config, None if known is None else known.version)
    sim = _sim(config, engine_args, plan)
    return PreparedJob(
        config=config,
        asked=asked,
        plan=plan,
        digest=plan.digest,
        # At least one: the probe that shows the cache cold is a warm-up prompt sent again.
        warmup=make_warmup(
            plan,
            count=max(1, _num_warmups(config.load)),
            token_ids=config.model.prompt_token_ids,
            seed=config.workload.seed,
        ),
        slo=slo,
        exclusion=exclusion,
        stop_when=_stop_when(config.load.stop_when, slo),
        engine_args=engine_args,
        asked_args={arg.name: arg.value for arg in asked_args},
        launch=launch_spec(config, engine_args, headers, sim, inside),
        sim=sim,
        vllm_version=None if known is None else known.version,
        torch_version=None if known is None else known.torch,
        said=said_of(config),
    )


def _deciding(server: ServerConfig) -> tuple[str, ...]:
    """Keys of how a server comes to be that its figures depend on."""
    keys = ("kind", "command", "base_url", "env")
    return (*keys, "speedup") if server.kind is ServerKind.sim else keys


def _sim(config: JobConfig, engine_args: tuple[EngineArg, ...], plan: LoadPlan) -> SimSpec | None:
    if not is_simulated(config):
        return None
    if config.predict:
        check_predictable(config, plan)
    for arg in engine_args:
        if arg.source == "command line":
            warn_of_no_effect(arg.name)
    return sim_spec(config, {arg.name: arg.value for arg in engine_args}, served_from(config))


def _check_percentiles(metrics: MetricsConfig) -> None:
    for p in metrics.percentiles:
        if not 0 <= p <= 100:
            raise ConfigError(f"metrics.percentiles has {p:g}.", ("try", "metrics.percentiles=[50,90,99], of 0 to 100"))


def _check_limits(slo: SloConfig) -> None:
    for name, limit_ms in asdict(slo).items():
        if limit_ms is not None and not limit_ms > 0:
            raise ConfigError(
                f"slo.{name}={limit_ms:g} is kept by nobody.", ("try", f"slo.{name}=2000, in ms, or null")
            )


def _exclusion(config: LoadConfig, requests: int) -> Exclusion:
    """Refused where it leaves nothing of so many requests, whatever comes."""
    exclusion = Exclusion(config.exclude_first, config.exclude_first_s, config.exclude_last, config.exclude_last_s)
    if exclusion.first + exclusion.last >= requests:
        raise ConfigError(
            f"load.exclude_first={exclusion.first} and load.exclude_last={exclusion.last} leave nothing over.",
            ("of", f"{requests} requests"),
            ("try", "a longer load, or to leave out less of it"),
        )
    return exclusion


def _num_warmups(config: LoadConfig) -> int:
    if config.num_warmups < 0:
        raise ConfigError(f"load.num_warmups={config.num_warmups} is too small.", ("try", "load.num_warmups=1 or more"))
    return config.num_warmups


def _stop_when(config: StopConfig, slo: Slo) -> StopWhen:
    for key, value in (("error_rate", config.error_rate), ("goodput", config.goodput)):
        if value is not None and not 0 <= value <= 1:
            raise ConfigError(f"load.stop_when.{key}={value} is no share.", ("try", f"load.stop_when.{key}=0.5"))
    if config.goodput is not None and not slo.binds:
        raise ConfigError(
            f"load.stop_when.goodput={config.goodput} of which limits?", ("try", "slo.ttft_ms=2000, or another slo")
        )
    return StopWhen(config.error_rate, config.goodput, slo)


def resolve_engine_args(config: JobConfig, typed: Set[str]) -> tuple[EngineArg, ...]:
    """Lowest precedence first: quantization, hardware, model, engine preset, command line.

    None for a server that somebody else started: its arguments are its owner's, and not known. ConfigError
    when any was typed for it.
    """
    if config.server.kind is ServerKind.attach:
        if typed:
            raise ConfigError(
                "The engine arguments of a server that runs already cannot be chosen.",
                ("where", ", ".join(f"engine.{name}" for name in sorted(typed))),
                ("try", "server=vllm, which starts one"),
            )
        return ()
    preset = {name: value for name, value in config.engine.items() if name not in typed}
    command_line = {name: value for name, value in config.engine.items() if name in typed}
    return resolve(
        (
            (f"quantization {config.quantization.name}", config.quantization.engine),
            (f"hardware {config.hardware.name}", config.hardware.engine),
            (f"model {config.model.name}", config.model.engine),
            ("engine preset", preset),
            ("command line", command_line),
        )
    )


def _known_flags(config: JobConfig) -> KnownFlags | None:
    """Of the vLLM that will run, or is simulated; absent when that is somebody else's or another board's, or none is
    here and none will be started.
    """
    command = tuple(shlex.split(config.server.command))
    if config.server.kind is ServerKind.attach:
        return None
    is_missing = not command or shutil.which(command[0]) is None
    if config.server.kind is ServerKind.sim or (config.predict and is_missing):
        return shipped_flags()
    if config.sweep.executor is not Executor.local or (config.dry_run and command and is_missing):
        return None
    if config.rehearse and is_missing:
        raise no_vllm(config.server.command)
    return _flags_of(command)


@cache
def _flags_of(command: tuple[str, ...]) -> KnownFlags:
    """Asked once a process: every job of a sweep needs them."""
    return known_flags(command, FLAGS_CACHE)
