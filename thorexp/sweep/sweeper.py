"""Hydra's own sweeper, which leaves it to our launcher to find out what cannot be composed, or is to be searched."""

from collections.abc import Sequence

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from thorexp.sweep.launcher import SweepLauncher
from thorexp.sweep.slo_launcher import SearchLauncher


class UncheckedSweeper(BasicSweeper):
    """Composing every point twice before the first one runs is half of what a long sweep waits for."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """As Hydra's does; a launcher of ours is asked through one that searches."""
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        if isinstance(self.launcher, SweepLauncher):
            self.launcher = SearchLauncher(self.launcher)

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Beside another launcher as Hydra does."""
        if not isinstance(self.launcher, SearchLauncher):
            super().validate_batch_is_legal(batch)
