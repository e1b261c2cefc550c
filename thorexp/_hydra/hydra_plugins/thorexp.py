"""Where Hydra looks for launchers and sweepers: a namespace package that every plugin shares."""

# As modules: a class imported by name would be registered twice.
from thorexp.sweep import launcher, optuna_sweeper, sweeper


class ThorexpLauncher(launcher.SweepLauncher):
    """Under the name that `conf/hydra/launcher/thorexp.yaml` gives."""


class ThorexpSweeper(sweeper.UncheckedSweeper):
    """Under the name that `conf/hydra/sweeper/thorexp.yaml` gives."""


class ThorexpOptunaSweeper(optuna_sweeper.OptunaSweeper):
    """Under the name that `conf/hydra/sweeper/optuna.yaml` gives."""


class ThorexpOptuna(optuna_sweeper.NoOtherOptuna):
    """Under that name ours alone."""
