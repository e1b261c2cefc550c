"""Hydra's own sweeper, which leaves it to our launcher to find out what cannot be composed."""

from collections.abc import Sequence

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

from thorexp.sweep.launcher import SweepLauncher


class UncheckedSweeper(BasicSweeper):
    """Composing every point twice before the first one runs is half of what a long sweep waits for."""

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Beside another launcher as Hydra does."""
        if not isinstance(self.launcher, SweepLauncher):
            super().validate_batch_is_legal(batch)
