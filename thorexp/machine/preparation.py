"""A board as a job wants it, and as it was again afterwards."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from thorexp.errors import BusyError, ConfigError
from thorexp.machine.changes import Change, Planned, Tools
from thorexp.machine.journal import Entry, Journal
from thorexp.superuser import Superuser

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """`power_mode`: absent for the one that is; `lock_clocks`: at their highest; `gpus`: by NVML's index, None for all.

    Without either the board is left as it is.
    """

    power_mode: str | None = None
    lock_clocks: bool = False
    gpus: tuple[int, ...] | None = None

    @property
    def changes_anything(self) -> bool:
        """Whether root is needed for it."""
        return self.power_mode is not None or self.lock_clocks


class Preparation:
    """Of this board, for as long as this process lives."""

    def __init__(self, journal: Journal, root: Path = Path("/")) -> None:
        self._journal = journal
        self._tools = Tools(root, Superuser(asks_sudo=False))
        self._made: tuple[Change, ...] = ()
        self._now = Wanted()
        self._has_looked = False

    def bring_to(self, wanted: Wanted, superuser: Superuser, stop_server: Callable[[], None]) -> None:
        """Make the board so. `stop_server` is called before anything changes. What a killed thorexp left is undone
        first.

        ConfigError when it cannot be made so, with all of it undone; BusyError when another thorexp has its own way.
        """
        if not wanted.changes_anything:
            wanted = Wanted()
        self._tools = replace(self._tools, superuser=superuser)
        self._undo_what_was_left(wanted)
        if wanted == self._now:
            return
        stop_server()
        self.restore()
        if not wanted.changes_anything:
            return
        if self._made:
            raise ConfigError(
                "What was changed of this board could not be undone; nothing more is changed.",
                ("where", str(self._journal.path)),
                ("try", "hardware.prepare.sudo=true, or thorexp as root"),
            )
        try:
            self._make(wanted)
        except ConfigError:
            self.restore()
            raise
        self._now = wanted

    def restore(self) -> None:
        """Undo what was made, the last first; said where that fails, for the next thorexp to do."""
        self._now = Wanted()
        kept: list[Change] = []
        for change in reversed(self._made):
            try:
                self._tools.undo(change)
            except ConfigError as refused:
                _log.warning("board: the %s is not restored\n%s", change.kind.replace("_", " "), refused)
                kept.insert(0, change)
        if self._made:
            self._made = tuple(kept)
            self._journal.write(self._made)

    def _make(self, wanted: Wanted) -> None:
        """One after the other: which clocks are the highest depends on the mode."""
        if wanted.power_mode is not None:
            self._make_all(self._tools.to_power_mode(wanted.power_mode))
        if wanted.lock_clocks:
            store = self._journal.path.with_suffix(".clocks")
            self._make_all(self._tools.to_locked_clocks(store, wanted.gpus))

    def _make_all(self, planned: Sequence[Planned]) -> None:
        for each in planned:
            self._made = (*self._made, each.change)
            self._journal.write(self._made)
            each.make()

    def _undo_what_was_left(self, wanted: Wanted) -> None:
        if self._has_looked:
            return
        entry = self._journal.read()
        if entry is not None and entry.is_of_living:
            if wanted.changes_anything:
                raise BusyError("Another thorexp has changed this board for itself.", ("pid", str(entry.pid)))
            return
        self._has_looked = True
        if entry is not None:
            self._undo(entry)

    def _undo(self, entry: Entry) -> None:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.started))
        _log.warning("board: a thorexp of %s (pid %d) was killed, and is cleaned up after", since, entry.pid)
        self._made = self._journal.left(entry)
        if self._made:
            self.restore()
        else:
            self._journal.write(())
