"""The jobs of a sweep, composed and checked before any of them runs."""

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import filter_overrides
from omegaconf import DictConfig, OmegaConf, open_dict

from thorexp.capacity import Capacity, capacity, check_fit
from thorexp.compose import composed
from thorexp.config import BaselineConfig, JobConfig, TrackingConfig
from thorexp.config_server import ServerKind
from thorexp.config_sweep import SweepConfig
from thorexp.docker_plan import image_remark
from thorexp.errors import ConfigError
from thorexp.measure.verdict import Thresholds
from thorexp.prediction import Forecast, forecast
from thorexp.prepare import PreparedJob, prepare
from thorexp.rundir import RunDir
from thorexp.session import take_board_for_image
from thorexp.sweep.reach import check_reach

# Far enough apart that a sweep over small seeds and its repeats do not meet.
SEED_STEP = 1000


@dataclass(frozen=True, slots=True)
class ComposedJob:
    """One job of the sweep before it runs. Jobs with one `server` share it.

    `point`: its digest; `base`: that of the first of its repeats. `subdir`: of the sweep's directory. `refused`:
    why its board cannot carry it. Of the load plan nothing is kept: a sweep's plans together can take the memory
    that a server needs. `forecast`: of a dry run alone; absent too where the simulator cannot tell. `image`: of a dry
    run alone, what is known of its container's; absent where none will run here.
    `speedup`: how much faster than a server its time passes; 1 for one, infinite for a prediction. `digest`: of the
    load, which another board has to plan alike.
    """

    number: int
    overrides: tuple[str, ...]
    tree: DictConfig
    point: str
    base: str
    repeat: int
    model: str
    server: str
    subdir: str
    needs: Capacity
    forecast: Forecast | None
    refused: ConfigError | None
    unchecked: bool
    sweep: SweepConfig
    tracking: TrackingConfig
    believed: Thresholds
    baseline: BaselineConfig
    dry_run: bool
    simulated: bool = False
    rehearsed: bool = False
    speedup: float = 1.0
    digest: str = ""
    image: str | None = None
    stop_timeout_s: float = 0.0


def with_repeats(tree: DictConfig, number: int, overrides: Sequence[str]) -> tuple[ComposedJob, ...]:
    """The point that this tree is, `sweep.repeats` times: repeat r draws with workload.seed + 1000 r.

    ConfigError, by the full key, for what no server could make right.
    """
    with open_dict(tree):
        tree.hydra.job.num = number
    first = _job(tree, number, overrides, repeat=0, base=None)
    if first.sweep.repeats < 1:
        raise ConfigError(f"sweep.repeats={first.sweep.repeats} runs nothing.", ("try", "sweep.repeats=3"))
    others = range(1, first.sweep.repeats)
    return (first, *(_job(_reseeded(tree, repeat), number, overrides, repeat, first.base) for repeat in others))


def by_server(jobs: Sequence[ComposedJob]) -> list[ComposedJob]:
    """Jobs of one server side by side, each round of repeats after the other; else in the order asked for."""
    servers = list(dict.fromkeys(job.server for job in jobs))
    return sorted(jobs, key=lambda job: (servers.index(job.server), job.repeat))


def check_apart(to_run: Sequence[ComposedJob], directory: Path, there: Mapping[str, RunDir]) -> None:
    """ConfigError when a job would be kept where another one is, which would be lost, or rehearsals among measurements.

    `there`: the measurements in the directory of the sweep, by point.
    """
    for job in to_run:
        _check_alike(job, directory, there.values())
    owners = {run_dir.path: point for point, run_dir in there.items()}
    for job in to_run:
        place = directory / job.subdir
        if owners.setdefault(place, job.point) != job.point:
            raise ConfigError(
                "Two jobs of this sweep would be kept in one directory.",
                ("where", f"hydra.sweep.subdir: {place}"),
                ("try", "hydra.sweep.subdir='${hydra.job.id}', which no two jobs share"),
            )


def _check_alike(job: ComposedJob, directory: Path, there: Iterable[RunDir]) -> None:
    others = "measurements" if job.rehearsed else "rehearsals"
    if any((run_dir.record().tags.get("origin") == "rehearsed") != job.rehearsed for run_dir in there):
        raise ConfigError(
            f"In the directory of this sweep there are {others}.",
            ("where", f"hydra.sweep.dir={directory}"),
            ("try", "another hydra.sweep.dir, or none"),
        )


def _reseeded(tree: DictConfig, repeat: int) -> DictConfig:
    again = copy.deepcopy(tree)
    again.workload.seed += SEED_STEP * repeat
    return again


def _job(tree: DictConfig, number: int, overrides: Sequence[str], repeat: int, base: str | None) -> ComposedJob:
    asked, typed = composed(tree)
    take_board_for_image(asked)
    prepared = prepare(asked, typed)
    needs, config, point = capacity(prepared), prepared.config, prepared.point
    check_reach(tree, config)
    with open_dict(tree):
        tree.hydra.job.id = point[:8]
    return ComposedJob(
        number=number,
        overrides=tuple(filter_overrides(overrides)),
        tree=tree,
        point=point,
        base=base or point,
        repeat=repeat,
        model=config.model.name,
        server=_server(prepared),
        subdir=_subdir(tree),
        needs=needs,
        forecast=forecast(prepared) if config.dry_run else None,
        refused=refusal(prepared, needs),
        unchecked=prepared.unchecked,
        sweep=config.sweep,
        tracking=config.tracking,
        believed=config.verdict,
        baseline=config.baseline,
        dry_run=config.dry_run,
        simulated=prepared.sim is not None,
        rehearsed=config.rehearse,
        speedup=speedup_of(config),
        digest=prepared.digest,
        image=image_remark(config) if config.dry_run else None,
        stop_timeout_s=config.server.stop_timeout_s,
    )


def _server(job: PreparedJob) -> str:
    """What jobs share that run side by side: a server, on a board that is set up alike."""
    if job.launch is None:
        return f"attached {job.config.server.base_url}"
    board = job.config.hardware.prepare
    mode, clocks = board.power_mode or "", "locked" if board.lock_clocks else ""
    return " ".join(filter(None, (job.launch.fingerprint, mode, clocks)))


def speedup_of(config: JobConfig) -> float:
    """How much faster than a server it gets a load done."""
    if config.predict:
        return math.inf
    return config.server.speedup if config.server.kind is ServerKind.sim else 1.0


def _subdir(tree: DictConfig) -> str:
    HydraConfig.instance().set_config(tree)  # for `${hydra:…}`, should that stand in it; it also seals the node
    OmegaConf.set_readonly(tree.hydra, False)
    subdir, directory = str(tree.hydra.sweep.subdir), Path(str(tree.hydra.sweep.dir)).resolve()
    if directory not in (directory / subdir).resolve().parents:
        raise ConfigError(
            "A job would be kept outside of its sweep.",
            ("where", f"hydra.sweep.subdir={subdir}, of hydra.sweep.dir={directory}"),
            ("try", "hydra.sweep.subdir='${hydra.job.id}', and another hydra.sweep.dir"),
        )
    return subdir


def refusal(job: PreparedJob, needs: Capacity) -> ConfigError | None:
    """Why its board cannot carry it; absent when it can, for all that is known."""
    try:
        check_fit(job, needs)
    except ConfigError as misfit:
        return misfit
    return None
