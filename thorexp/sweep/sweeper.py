"""Hydra's own sweeper, which leaves it to our launcher to find out what cannot be composed, or is to be searched."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from thorexp.errors import ConfigError
from thorexp.sweep.directory import MULTIRUN, show_no_secret
from thorexp.sweep.launcher import SweepLauncher
from thorexp.sweep.slo_launcher import SearchLauncher

MOST_POINTS = 100_000


class UncheckedSweeper(BasicSweeper):
    """Composing every point twice before the first one runs is half of what a long sweep waits for."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """As Hydra's does; a launcher of ours is asked through one that searches."""
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        if isinstance(self.launcher, SweepLauncher):
            self.launcher = SearchLauncher(self.launcher)

    def sweep(self, arguments: list[str]) -> Any:
        """ConfigError for more points than anybody waits for, before they are written down one by one."""
        assert self.hydra_context is not None
        count = 1.0
        for override in OverridesParser.create(config_loader=self.hydra_context.config_loader).parse_overrides(
            arguments
        ):
            count *= _values(override)
            if count > MOST_POINTS:
                facts = (
                    ("where", str(override.input_line)),
                    ("try", f"{MOST_POINTS:,} at most, or hydra/sweeper=optuna"),
                )
                raise ConfigError("A sweep has too many points.", *facts)
        return super().sweep(arguments)

    def is_done(self) -> bool:
        """Asked first of all when Hydra has just saved multirun.yaml, which shows no secret from then on."""
        if self.batch_index == 0:
            assert self.config is not None
            show_no_secret(Path(self.config.hydra.sweep.dir) / MULTIRUN)
        return super().is_done()

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Beside another launcher as Hydra does."""
        if not isinstance(self.launcher, SearchLauncher):
            super().validate_batch_is_legal(batch)


def _values(override: Override) -> float:
    """How many points it makes of one."""
    if override.is_range_sweep():
        of = override.value()
        assert isinstance(of, RangeSweep)
        if of.start is None or of.stop is None or not of.step:
            return 1
        try:
            return max(1.0, (of.stop - of.start) / of.step)
        except OverflowError:  # of integers
            return math.inf
    return sum(1 for _ in override.sweep_iterator()) if override.is_choice_sweep() else 1
