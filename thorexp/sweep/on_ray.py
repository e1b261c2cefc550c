"""The boards of a Ray cluster: a group is a task that takes a node's resource, so each board has one at a time."""

import logging
import os
import signal
import socket
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thorexp.config_sweep import RayConfig, SweepConfig
from thorexp.errors import ConfigError
from thorexp.sweep.errand import Ended, run_errand

if TYPE_CHECKING:
    from ray import ObjectRef

# Ray's names of what has an argument of its own.
ARGUMENTS = {"CPU": "num_cpus", "GPU": "num_gpus"}
THREADS = "OMP_NUM_THREADS"
KNOCK_S = 10.0

log = logging.getLogger(__name__)


class RayBoards:
    """A connection to a cluster for as long as this process lives. Ray ends the tasks of a driver that dies."""

    def __init__(self, options: SweepConfig) -> None:
        self._refs: list[ObjectRef[Ended]] = []
        self._wanted = _wanted(options.ray)
        _connect(options.ray)
        _warn_of_missing(self._wanted)

    def submit(self, errand: str) -> "Future[Ended]":
        """Ray chooses a node that has what `sweep.ray.resources` says, when it is free."""
        import ray

        task = ray.remote(_on_node).options(**_arguments(self._wanted), max_retries=0)
        self._refs.append(task.remote(errand))
        done: Future[Ended] = self._refs[-1].future()
        return done

    def close(self, grace_s: float) -> None:
        """End all that has not ended: by an interruption, and what that does not end by force."""
        import ray

        for ref in self._refs:
            ray.cancel(ref)
        left = ray.wait(self._refs, num_returns=len(self._refs), timeout=grace_s)[1] if self._refs else []
        for ref in left:
            ray.cancel(ref, force=True)
        self._refs.clear()


def _on_node(errand: str) -> Ended:
    """Ray gives a task few threads and a low priority; the server has all of the board."""
    _as_others()
    return run_errand(errand, {THREADS: _of_raylet(THREADS)})


def _as_others() -> None:
    """Like any process that a user starts there, if the kernel lets us: what a user lowered he may not raise."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, 0)
    except PermissionError:
        log.warning("measures with a low priority: RAY_worker_niceness=0 ray start … gives it the usual one")


def _of_raylet(name: str) -> str | None:
    """What that variable was when the node was started; absent where it was not set."""
    try:
        lines = Path(f"/proc/{os.getppid()}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    return next((line.partition("=")[2] for line in lines if line.startswith(f"{name}=")), None)


def _connect(options: RayConfig) -> None:
    """To the cluster that is named, else to one that runs here, else to one of this machine alone."""
    try:
        import ray
    except ImportError:
        raise ConfigError("Ray is not installed.", ("try", "pip install 'thorexp[ray]'")) from None
    if ray.is_initialized():
        return
    named = options.address or os.environ.get("RAY_ADDRESS")
    try:
        _knock(named or "")
        _init(address=named or "auto")
    except (OSError, RuntimeError, ValueError) as failed:
        if named is not None or not isinstance(failed, ConnectionError):
            raise _unreachable(named, failed) from failed
        log.info("no Ray cluster runs here: one of this machine alone is started")
        custom = {name: amount for name, amount in _wanted(options).items() if name not in ARGUMENTS}
        _init(address="local", resources=custom, include_dashboard=False)


def _unreachable(named: str | None, failed: Exception) -> ConfigError:
    return ConfigError(
        "The Ray cluster cannot be reached.",
        ("where", f"sweep.ray.address={named or 'null'}"),
        ("says", next(iter(str(failed).strip().splitlines()), type(failed).__name__)),
        ("try", "ray status; RAY_AUTH_MODE alike on every machine, and with token the same ~/.ray/auth_token"),
    )


def _knock(address: str) -> None:
    """OSError where nobody listens, which Ray takes three and a half minutes to find out."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), KNOCK_S).close()


def _init(**where: Any) -> None:
    """Without Ray's own words: its logs are in /tmp/ray, and what a group says is in the record."""
    import ray

    ours = signal.getsignal(signal.SIGTERM)
    ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
    signal.signal(signal.SIGTERM, ours)  # Ray's would end us without a word of what is kept


def _wanted(options: RayConfig) -> dict[str, float]:
    return {name: amount for name, amount in options.resources.items() if amount > 0}


def _arguments(wanted: Mapping[str, float]) -> dict[str, Any]:
    """A processor is asked for only where nothing else keeps two groups apart."""
    own = {argument: wanted[name] for name, argument in ARGUMENTS.items() if name in wanted}
    custom = {name: amount for name, amount in wanted.items() if name not in ARGUMENTS}
    return {"num_cpus": 0 if wanted else 1, **own, "resources": custom}


def _warn_of_missing(wanted: Mapping[str, float]) -> None:
    import ray

    there: Mapping[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]  # Ray's own
    missing = sorted(wanted.keys() - there.keys())
    if missing:
        start = f"ray start --address=HEAD:6379 --resources='{{\"{missing[0]}\":1}}'"
        log.warning("no node of the cluster has %s yet, groups wait for one: %s", " or ".join(missing), start)
