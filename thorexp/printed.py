"""What this process prints, without the secrets in it."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from thorexp.secret import printable


class Printed:
    """A stream that shows no secret of what is written to it, be it a result, a log, a warning or a traceback."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """All of it, as far as it is to be seen."""
        with self._unless_nobody_reads():
            self._stream.write(printable(text))
        return len(text)

    def flush(self) -> None:
        """All that was written, to whoever reads it."""
        with self._unless_nobody_reads():
            self._stream.flush()

    def writelines(self, lines: Iterable[str]) -> None:
        """Each as `write` does."""
        for line in lines:
            self.write(line)

    @contextmanager
    def _unless_nobody_reads(self) -> Iterator[None]:
        """A reader who has seen enough (`| head`) ends nothing: what is under way goes on, and is kept."""
        try:
            yield
        except BrokenPipeError:
            with open(os.devnull, "wb") as nobody:  # noqa: PTH123  as os knows it
                os.dup2(nobody.fileno(), self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        """Whether it is a terminal, and all else, is the stream's to say."""
        return getattr(self._stream, name)


def print_no_secret() -> None:
    """From now on, by whatever prints in this process through sys.stdout and sys.stderr."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, Printed):  # none where it was closed before
            setattr(sys, name, Printed(stream))
