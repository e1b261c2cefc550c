"""Where Hydra looks for launchers: a namespace package that every plugin shares."""

# As a module: a class imported by name would be registered twice.
from thorexp.sweep import launcher


class ThorexpLauncher(launcher.SweepLauncher):
    """Under the name that `conf/hydra/launcher/thorexp.yaml` gives."""
