"""What serves a job, as known problems look at it, and those said once a process."""

import logging
import re
from functools import cache

from thorexp.config import JobConfig
from thorexp.config_server import ServerKind
from thorexp.serve.flags import is_told
from thorexp.serve.kernels import slow_kernels
from thorexp.serve.known_problems import Problem, Setting, beforehand, image_version, problems
from thorexp.simulation import is_simulated

BITS = 8

log = logging.getLogger(__name__)


def setting_of(config: JobConfig, version: str | None) -> Setting:
    """`version`: of the vLLM that runs or will; where that is not known yet, an image's name may tell."""
    image = config.server.docker.image or config.hardware.image
    if version is not None and not is_told(version):
        version = None
    if version is None and config.server.kind is ServerKind.docker and image is not None:
        version = image_version(image)
    quantization = config.quantization
    method = None if quantization.checkpoint is None else quantization.checkpoint.get("quant_method")
    return Setting(
        vllm=version,
        is_thor=re.search(r"\bThor\b|\bT[45]000\b", config.hardware.description) is not None,
        compute_dtype=quantization.compute_dtype,
        checkpoint_method=None if method is None else str(method),
        bits=BITS * quantization.bytes_per_weight,
        env=config.server_env,
    )


def problems_of(config: JobConfig, version: str | None, printed: str) -> tuple[Problem, ...]:
    """Of a server that answers; none of one that is simulated or a rehearsal's, which has none of the board's."""
    return () if _is_none(config) else problems(setting_of(config, version), printed)


def warn_beforehand(config: JobConfig, version: str | None) -> None:
    """Of what will go wrong, before a night begins. Nothing of a simulation or a rehearsal."""
    if not _is_none(config):
        for problem in beforehand(setting_of(config, version)):
            _say(f"{config.hardware.name}: {problem.words}; try {problem.remedy}")


def warn_of_problems(config: JobConfig, version: str | None, printed: str) -> None:
    """Of a server that is ready: what is known of it, and which of its kernels are slow, as it says itself."""
    if _is_none(config):
        return
    for problem in problems_of(config, version, printed):
        _say(f"{config.hardware.name}: {problem.words}; try {problem.remedy}")
    for slow in slow_kernels(printed):
        _say(f"server: {slow.line}; try {slow.remedy}")


def _is_none(config: JobConfig) -> bool:
    """Whether the server is no vLLM on the board."""
    return config.rehearse or is_simulated(config)


@cache
def _say(words: str) -> None:
    """Once a process."""
    log.warning("%s", words)
