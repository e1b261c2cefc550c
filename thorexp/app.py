"""The Hydra edge: a composed config in, a finished job out."""

import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType

import hydra
from hydra.conf import HydraConf
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from thorexp import job, tracking
from thorexp.compose import COMPOSITION_ERRORS, explain, job_config, resolved_yaml, typed_engine_args
from thorexp.config import TrackingConfig
from thorexp.errors import ThorexpError, TrackingError
from thorexp.job import Outcome, Place
from thorexp.prepare import prepare
from thorexp.rundir import REPORT, RunDir, sweep_id
from thorexp.serve.pool import ServerPool

PACKAGE = Path(__file__).parent

# One for the process: jobs that follow each other share a server whatever launcher runs them.
SERVERS = ServerPool()

log = logging.getLogger(__name__)


def conf_dir() -> Path:
    """`conf/` of the checkout, or the copy inside an installed package."""
    checkout = PACKAGE.parent
    return checkout / "conf" if (checkout / "pyproject.toml").exists() else PACKAGE / "conf"


def register() -> None:
    """Tell Hydra of our launcher, and of a node that takes any engine argument without a `+`."""
    plugins = str(PACKAGE / "_hydra")
    if plugins not in sys.path:
        sys.path.append(plugins)
    anything = OmegaConf.create({}, flags={"struct": False})
    ConfigStore.instance().store(group="engine", name="open", node=anything)


def task(tree: DictConfig) -> Outcome:
    """One job, from its composed config to MLflow. What stopped it is raised once it is kept."""
    place = _place(HydraConfig.get())
    config = job_config(tree)
    prepared = prepare(config, typed_engine_args(HydraConfig.get().overrides.task))
    outcome = job.run(prepared, SERVERS, place, resolved_yaml(tree))
    if outcome.failure is None:
        print(place.run_dir.read_text(REPORT), f"{place.run_dir.path}\n", sep="", flush=True)
    untracked = _track(place.run_dir, config.tracking)
    if outcome.failure is not None:
        if untracked is not None:
            log.error("%s", untracked)
        raise outcome.failure
    if untracked is not None:
        raise untracked
    return outcome


def _track(run_dir: RunDir, to: TrackingConfig) -> TrackingError | None:
    """Put the record into MLflow; a store that does not take it is an outcome, and the record stays."""
    if to.enabled:
        try:
            tracking.track(run_dir, tracking.Store(to.uri, to.experiment, to.artifacts))
        except TrackingError as failed:
            return failed
    return None


def _place(hydra_config: HydraConf) -> Place:
    directory = Path(hydra_config.runtime.output_dir)
    if hydra_config.mode is not RunMode.MULTIRUN:
        return Place(RunDir(directory), logs=directory.parent / "servers", sweep=None)
    sweep = Path(hydra_config.sweep.dir).resolve()
    return Place(RunDir(directory), logs=sweep / "servers", sweep=sweep_id(sweep))


def main() -> None:
    """Run the command line and exit: 0 when every job finished, 1 otherwise, 130 when interrupted."""
    wants_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us instead of being printed as Hydra would
    register()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)  # a shell starts background jobs with SIGINT ignored
    try:
        hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")(task)()
    except (ThorexpError, *COMPOSITION_ERRORS) as failed:
        if wants_traceback:
            raise
        print(failed if isinstance(failed, ThorexpError) else explain(failed), file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("Interrupted: complete jobs are kept, the server is being stopped.", file=sys.stderr)
        sys.exit(130)
    finally:
        SERVERS.close()


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
