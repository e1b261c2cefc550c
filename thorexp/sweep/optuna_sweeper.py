"""A Hydra sweeper that looks for the best point of a space, instead of running all of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from thorexp.errors import ConfigError
from thorexp.sweep.directory import forget, unless_begun
from thorexp.sweep.jobs import ComposedJob
from thorexp.sweep.launcher import SweepLauncher
from thorexp.sweep.objective import Aim, aim_of
from thorexp.sweep.optuna_search import search
from thorexp.sweep.sampler import distributions
from thorexp.sweep.search_space import Space, space_of
from thorexp.sweep.study import KeptStudy, put_aside, study_directory, take_study


class OptunaSweeper(Sweeper):
    """Its arguments are the keys of conf/hydra/sweeper/optuna.yaml, which says what they are."""

    def __init__(
        self,
        trials: int,
        maximize: str | None,
        minimize: str | None,
        at_most: Mapping[str, object] | None,
        at_least: Mapping[str, object] | None,
        valid: bool,
        seed: int,
        startup_trials: int,
        params: Mapping[str, object] | None,
    ) -> None:
        self._trials = trials
        self._objectives = maximize, minimize
        self._limits = at_most or {}, at_least or {}
        self._valid = valid
        self._seed = seed
        self._startup = startup_trials
        self._params = params or {}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra hands over what `sweep` needs."""
        self._context = hydra_context
        self._config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: Sequence[str]) -> None:
        """Search, and say what is best. What is wrong with the command is said before anything is started.

        ThorexpError when no point keeps the limits.
        """
        launcher, configured = self._launcher(), Path(str(self._config.hydra.sweep.dir)).resolve()
        with unless_begun(configured):
            space, aim = self._space(arguments), self._aim()
            distributions(space)
            first, *others = [launcher.compose(space.words(params), 0)[0] for params in space.samples()]
            most = int(min(self._trials, space.size))
            if first.dry_run:
                print(_plan(space, aim, most, (first, *others)), end="", flush=True)
                forget(configured)
                return
            place = study_directory(configured.parent, first, space, aim)
            take_study(place)
            if not first.sweep.resume:
                put_aside(place)
            study = KeptStudy(place, space, aim, self._seed, self._startup)
        search(launcher, study, space, aim, most)

    def _launcher(self) -> SweepLauncher:
        if isinstance(self.launcher, SweepLauncher):
            return self.launcher
        raise ConfigError(
            "hydra/sweeper=optuna runs its points through thorexp's own launcher.",
            ("where", f"hydra/launcher: {self._config.hydra.launcher._target_}"),
            ("try", "hydra/launcher=thorexp"),
        )

    def _space(self, arguments: Sequence[str]) -> Space:
        """What stands in `hydra.sweeper.params` is as if typed before the rest."""
        words = [*(f"{key}={value}" for key, value in self._params.items()), *arguments]
        parser = OverridesParser.create(config_loader=self._context.config_loader)
        return space_of(parser.parse_overrides(words))

    def _aim(self) -> Aim:
        if self._trials < 1:
            raise ConfigError(f"hydra.sweeper.trials={self._trials} tries nothing.", ("try", "hydra.sweeper.trials=20"))
        return aim_of(*self._objectives, *self._limits, self._valid, list(self._config.metrics.percentiles))


def _plan(space: Space, aim: Aim, most: int, jobs: Sequence[ComposedJob]) -> str:
    """What a search would do, for a dry run."""
    size = f"{space.size:.0f} points" if space.is_finite else "an interval"
    lines = [f"search   {aim}", f"trials   {most} of {size}"]
    lines += [f"over     {each}" for each in space.dimensions]
    lines += [f"refused  {' '.join(job.overrides)}: {job.refused.headline}" for job in jobs if job.refused is not None]
    return "\n".join([*lines, ""])
