"""How the jobs of a sweep follow each other, and where: one frozen dataclass per config group, as in `config`."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Executor(Enum):
    """Who runs the groups of a sweep. Members are named as a user types them."""

    local = "local"  # this process, on this board
    ray = "ray"  # the boards of a Ray cluster
    slurm = "slurm"  # the boards of a Slurm cluster, through submitit


@dataclass(frozen=True)
class RayConfig:
    """The Ray cluster of `sweep.executor=ray`."""

    address: str | None
    """Of the cluster; absent for the one that RAY_ADDRESS names or that runs on this machine, else a local one."""
    resources: dict[str, float] = field(default_factory=dict)
    """What a group takes of a node, by Ray's names; 0 is not asked for."""


@dataclass(frozen=True)
class SlurmConfig:
    """The Slurm cluster of `sweep.executor=slurm`."""

    cluster: str
    """Of submitit: slurm, or local for processes of this machine."""
    folder: str
    """Of submitit's logs, which the nodes share; it is made its owner's alone."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """Of submitit, for a group: `{slurm_partition: thor, timeout_min: 600}`."""


@dataclass(frozen=True)
class SweepConfig:
    """How many jobs follow each other."""

    resume: bool
    """Leave out points that have a finished record."""
    repeats: int
    """How often each point runs, each time with another seed."""
    cooldown_s: float
    """Idle before each job but the first."""
    cooldown_below_c: float | None
    """And until the board's hottest sensor is below that; absent for no limit."""
    cooldown_timeout_s: float
    """Which is waited for so long at most."""
    lock: bool
    """One thorexp measures on a board at a time, the one that holds `sweep.lock_path`."""
    lock_path: str
    """A file for each board or GPU of a machine."""
    lock_wait_s: float
    """How long another one waits for its turn; 0 not at all, infinite queues it."""
    executor: Executor
    """Who runs the groups, which are the jobs of one server."""
    retries: int
    """How often a group is given to another board when its own was lost."""
    board_dir: str
    """Where boards of `ray` and `slurm` keep run directories, from the home of their user."""
    ray: RayConfig
    """Its cluster."""
    slurm: SlurmConfig
    """Its cluster."""
