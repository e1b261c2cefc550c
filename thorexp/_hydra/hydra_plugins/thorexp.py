"""Where Hydra looks for launchers and sweepers: a namespace package that every plugin shares."""

# As modules: a class imported by name would be registered twice.
from thorexp.sweep import launcher, sweeper


class ThorexpLauncher(launcher.SweepLauncher):
    """Under the name that `conf/hydra/launcher/thorexp.yaml` gives."""


class ThorexpSweeper(sweeper.UncheckedSweeper):
    """Under the name that `conf/hydra/sweeper/thorexp.yaml` gives."""
