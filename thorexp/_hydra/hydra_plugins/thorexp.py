"""Where Hydra looks for launchers and sweepers: a namespace package that every plugin shares.

Hydra imports it for whatever it is asked, `--help` too, so each class here becomes the real one when it is wanted.
"""

from typing import Any, TypeVar

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.plugins.launcher import Launcher
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.plugins.sweeper import Sweeper

Plugin = TypeVar("Plugin", bound=type)


def _standing_in(plugin: Plugin) -> Plugin:
    """Hydra passes over what is abstract, as a class is that leaves its methods to another."""
    plugin.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]
    return plugin


@_standing_in
class ThorexpLauncher(Launcher):
    """Under the name that `conf/hydra/launcher/thorexp.yaml` gives."""

    def __new__(cls) -> Any:
        """Of `thorexp.sweep.launcher`."""
        from thorexp.sweep.launcher import SweepLauncher

        return SweepLauncher()


@_standing_in
class ThorexpSweeper(Sweeper):
    """Under the name that `conf/hydra/sweeper/thorexp.yaml` gives."""

    def __new__(cls, **options: Any) -> Any:
        """Of `thorexp.sweep.sweeper`."""
        from thorexp.sweep.sweeper import UncheckedSweeper

        return UncheckedSweeper(**options)


@_standing_in
class ThorexpOptunaSweeper(Sweeper):
    """Under the name that `conf/hydra/sweeper/optuna.yaml` gives."""

    def __new__(cls, **options: Any) -> Any:
        """Of `thorexp.sweep.optuna_sweeper`."""
        from thorexp.sweep.optuna_sweeper import OptunaSweeper

        return OptunaSweeper(**options)


class ThorexpOptuna(SearchPathPlugin):
    """Where hydra-optuna-sweeper is installed its `hydra/sweeper/optuna` would be a schema for ours, and refuse it."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called once all plugins have registered theirs, and before anything is composed."""
        sweepers = ConfigStore.instance().repo.get("hydra", {}).get("sweeper", {})
        sweepers.pop("optuna.yaml", None)
