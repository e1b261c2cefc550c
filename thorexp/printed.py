"""What this process prints, without the secrets in it."""

import sys
from collections.abc import Iterable
from typing import Any, TextIO

from thorexp.secret import printable


class Printed:
    """A stream that shows no secret of what is written to it, be it a result, a log, a warning or a traceback."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """All of it, as far as it is to be seen."""
        self._stream.write(printable(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Each as `write` does."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        """Whether it is a terminal, and all else, is the stream's to say."""
        return getattr(self._stream, name)


def print_no_secret() -> None:
    """From now on, by whatever prints in this process through sys.stdout and sys.stderr."""
    for name in ("stdout", "stderr"):
        if not isinstance(stream := getattr(sys, name), Printed):
            setattr(sys, name, Printed(stream))
