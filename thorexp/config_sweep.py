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
    """`address` of a cluster: absent for the one that RAY_ADDRESS names or that runs on this machine, else a local one.
    `resources`: what a group takes of a node, by Ray's names.
    """

    address: str | None
    resources: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SlurmConfig:
    """`cluster`: of submitit: slurm, or local for processes of this machine. `folder`: of its logs, which the nodes
    share; it is made its owner's alone. `parameters`: of submitit, as in {slurm_partition: thor, timeout_min: 600}.
    """

    cluster: str
    folder: str
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SweepConfig:
    """How many jobs follow each other.

    `resume`: leave out points that have a finished record. `repeats`: how often each point runs, each time with
    another seed. `cooldown_s`: idle before each job but the first; then, until the board's hottest sensor is
    below `cooldown_below_c`, for `cooldown_timeout_s` at most. `lock`: one thorexp measures on a board at a
    time, the one that holds `lock_path`; another waits `lock_wait_s`, 0 being not at all.

    `executor`: who runs the groups, which are the jobs of one server; `retries`: how often a group is given to another
    board when its own was lost; `board_dir`: where boards of `ray` and `slurm` keep run directories, from the home of
    their user.
    """

    resume: bool
    repeats: int
    cooldown_s: float
    cooldown_below_c: float | None
    cooldown_timeout_s: float
    lock: bool
    lock_path: str
    lock_wait_s: float
    executor: Executor
    retries: int
    board_dir: str
    ray: RayConfig
    slurm: SlurmConfig
