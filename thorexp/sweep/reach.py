"""What a sweep needs for its results to come back, refused before anything of it starts."""

import logging
from ipaddress import ip_address
from urllib.parse import urlsplit

from omegaconf import DictConfig

from thorexp.config import JobConfig, TrackingConfig
from thorexp.config_sweep import Executor
from thorexp.errors import ConfigError
from thorexp.execution import check_store
from thorexp.secret import masked

SERVER = "mlflow server --host 0.0.0.0 --backend-store-uri sqlite:///mlflow.db --artifacts-destination artifacts"

log = logging.getLogger(__name__)


def check_reach(tree: DictConfig, config: JobConfig) -> None:
    """ConfigError for a job that its executor cannot give to a board, or whose result would be tracked nowhere."""
    by = config.sweep.executor
    if by is Executor.local:
        check_store(config.tracking)
        return
    if config.sweep.retries < 0:
        raise ConfigError(f"sweep.retries={config.sweep.retries} gives nothing to a board.", ("try", "sweep.retries=0"))
    if tree.hydra.runtime.choices.hardware == "auto":
        raise ConfigError(
            f"hardware=auto would find this machine, and not a board of sweep.executor={by.value}.",
            ("try", "hardware=jetson_agx_thor, or whatever the boards are"),
        )
    _check_collected(config.tracking, by)


def _check_collected(to: TrackingConfig, by: Executor) -> None:
    if to.enabled and urlsplit(to.uri).scheme in ("http", "https"):
        return
    said = f"tracking.uri={masked(to.uri)}" if to.enabled else "tracking.enabled=false"
    raise ConfigError(
        f"Results of sweep.executor={by.value} come back through a tracking server.",
        ("where", said),
        ("try", f"{SERVER}\nthen tracking=mlflow tracking.uri=http://THIS_MACHINE:5000"),
    )


def warn_of_loopback(to: TrackingConfig) -> None:
    """Say that boards which are not this machine will not find the tracking server."""
    host = urlsplit(to.uri).hostname or ""
    if host == "localhost" or _is_loopback(host):
        log.warning("tracking.uri=%s is this machine alone: no other board can reach it", masked(to.uri))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
