"""Telemetry of a job: sampled by a process beside it, read back from what that wrote."""

import json
import logging
import sys
import tempfile
from array import array
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from typing import IO, Self

from thorexp.machine.sampler import SamplerSpec
from thorexp.measure.signals import Series, Telemetry

STOP_S = 2.0  # for the sampler to end by itself
KILL_S = 1.0  # for it to be gone when killed
RECENT_BYTES = 65_536  # about 1,600 rows

log = logging.getLogger(__name__)


class Sampler:
    """A sampler at work, from when it is made until `stop`. Its rows go into the file `csv`.

    Never in the way of a run: it has no thread here, one that cannot be ended is left behind, and it ends by itself
    when this process dies. One that cannot be started has sampled nothing, and says why. Its first rows come a few
    tenths of a second after it was made.
    """

    def __init__(self, spec: SamplerSpec, csv: Path) -> None:
        self._csv = csv
        self._telemetry: Telemetry | None = None
        try:
            self._process, self._errors = _started(csv)
        except OSError as refused:  # no memory, no descriptor left
            words = f"the sampler cannot be started: {refused.strerror or refused}"
            log.warning("%s", words)
            self._telemetry = Telemetry(absent=(words,))
        else:
            _tell(self._process, spec)

    def so_far(self) -> Telemetry:
        """The last 64 KiB of what it has written, up to about half a second ago; cheap, however long it has sampled.

        Cost and absence are known at the end.
        """
        return read_telemetry(self._csv, RECENT_BYTES)

    def stop(self) -> Telemetry:
        """All it has sampled; it ends within 3 s, or is left behind. Twice is once."""
        if self._telemetry is None:
            said = ended(self._process)
            with self._errors:
                absent, cpu_share = _account(said, _last_line(self._errors))
            _say(absent)
            self._telemetry = Telemetry(read_telemetry(self._csv).signals, absent, cpu_share)
        return self._telemetry

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def read_telemetry(csv: Path, last_bytes: int | None = None) -> Telemetry:
    """The signals in a file of rows `ns,signal,value`, or in so many bytes at its end; none where there is no file.

    A row cut short, at either end, is left out.
    """
    try:
        with csv.open("rb") as file:
            if last_bytes is not None:
                file.seek(max(0, csv.stat().st_size - last_bytes))
            file.readline()  # the header, or what is left of a row
            return Telemetry(_signals(file))
    except FileNotFoundError:
        return Telemetry()


def _signals(rows: Iterable[bytes]) -> dict[str, Series]:
    """Packed while it reads: a long run has millions of rows."""
    packed: dict[bytes, tuple[array[int], array[float]]] = {}
    for row in rows:
        if not row.endswith(b"\n"):
            break  # it may still be growing
        ns, signal, value = row.split(b",")
        try:
            stamps, values = packed[signal]
        except KeyError:
            stamps, values = packed[signal] = array("q"), array("d")
        stamps.append(int(ns))
        values.append(float(value))
    return {name.decode(): Series(tuple(stamps), tuple(values)) for name, (stamps, values) in packed.items()}


def ended(process: "Popen[bytes]") -> bytes:
    """What it said, now that it has ended, was killed, or was left behind: a read can hang where no signal reaches."""
    with suppress(TimeoutExpired):
        return process.communicate(timeout=STOP_S)[0]
    process.kill()
    try:
        return process.communicate(timeout=KILL_S)[0]
    except TimeoutExpired as late:
        log.warning("the sampler of telemetry (pid %d) cannot be ended and is left behind", process.pid)
        return late.stdout or b""


def _started(csv: Path) -> tuple["Popen[bytes]", IO[bytes]]:
    """And the file that takes its errors."""
    errors = tempfile.TemporaryFile()  # noqa: SIM115  closed by stop
    try:
        process = Popen(
            [sys.executable, "-m", "thorexp.machine.sampler", str(csv)],
            stdin=PIPE,
            stdout=PIPE,
            stderr=errors,
            start_new_session=True,  # Ctrl-C is for us; it samples to the end
        )
    except OSError:
        errors.close()
        raise
    return process, errors


def _tell(process: "Popen[bytes]", spec: SamplerSpec) -> None:
    """On its input, for a key of the server's does not belong on a command line that all can read.

    One that has died by then hears nothing, which `stop` tells.
    """
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.write(json.dumps(asdict(spec)).encode() + b"\n")
        process.stdin.flush()


def _account(said: bytes, error: str) -> tuple[tuple[str, ...], float | None]:
    """What was absent, and the share of a core; the latter absent from a sampler that came to a bad end."""
    try:
        account = json.loads(said)
    except ValueError:
        words = f"the sampler came to a bad end{f': {error}' if error else ''}"
        log.warning("%s", words)
        return (words,), None
    if error:
        log.warning("the sampler of telemetry: %s", error)
    return tuple(account["absent"]), account["cpu_s"] / account["wall_s"]


def _last_line(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


@cache
def _say(absent: tuple[str, ...]) -> None:
    """Once a process: most of what is absent is so on every job of a machine. Each record has the words in full."""
    if absent:
        log.info("not sampled here: %s", ", ".join(words.partition(":")[0] for words in absent))
