"""What can go wrong, as a tree:

ThorexpError
├── ConfigError       the request is wrong; nothing was started
│   └── FlagError     an engine argument that the vLLM to be run does not know
├── ServerError       no server, or no longer
│   ├── StartError    it ended, or its time was up, before it was ready
│   │   └── LacksMemoryError    for lack of memory, which may come back
│   └── DeathError    it ended under load
├── BusyError         another thorexp measures on this board; nothing was started
├── LoadError         the server stands, but the load cannot be played, or nothing of it can be measured
├── RecordError       a run directory that cannot be read
├── TrackingError     MLflow did not take the record, which is kept
├── MachineError      this machine refuses thorexp room, rights, memory or open files
└── InternalError     an error of thorexp's own, which nobody expected
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """One line below an error's headline: a short label and what it says."""

    label: str
    text: str


class ThorexpError(Exception):
    """A headline that says what happened, then facts: where, the evidence, what to try.

    `str()` is the whole message, laid out for a terminal.
    """

    def __init__(self, headline: str, *facts: tuple[str, str]) -> None:
        super().__init__(headline)
        self.headline = headline
        self.facts = tuple(Fact(label, text) for label, text in facts)

    def __str__(self) -> str:
        width = max((len(fact.label) for fact in self.facts), default=0)
        lines = [f"  {fact.label:<{width}}  {_indented(fact.text, width + 4)}" for fact in self.facts]
        return "\n".join([self.headline, *lines])


def _indented(text: str, by: int) -> str:
    return ("\n" + " " * by).join(text.splitlines())


class ConfigError(ThorexpError):
    """The request is wrong: a key, a value, a choice. Nothing was started."""


class FlagError(ConfigError):
    """An engine argument that the vLLM to be run does not know."""


class ServerError(ThorexpError):
    """There is no server, or there is none any longer."""


class StartError(ServerError):
    """The server ended, or its time was up, before it was ready."""


class LacksMemoryError(StartError):
    """The server ended before it was ready for lack of memory; a second try may find more of it."""


class DeathError(ServerError):
    """The server ended while a load was played against it."""


class BusyError(ThorexpError):
    """Another thorexp measures on this board; nothing was started."""


class LoadError(ThorexpError):
    """The server stands, but the load cannot be played on it, or nothing of what was played can be measured."""


class RecordError(ThorexpError):
    """A run directory that cannot be read as a record."""


class TrackingError(ThorexpError):
    """MLflow did not take a record; the record itself is kept and can be replayed."""


class MachineError(ThorexpError):
    """This machine refuses what thorexp needs: room on a disk, rights, memory, open files."""


class InternalError(ThorexpError):
    """An error of thorexp's own, to be reported; its cause is the exception that nobody expected."""
