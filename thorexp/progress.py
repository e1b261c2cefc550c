"""What is seen of a sweep while it works: rows at the foot of a terminal, or else lines of a log.

Whatever is drawn during a load holds the interpreter while tokens wait for their stamps. So no thread draws by
itself, and rows are made of rich's segments: its tables and bars took four times as long.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.segment import Segment

from thorexp.load.watch import LoadState
from thorexp.serve.phase import Phase

# One for the process, so that it knows of the rows when it prints a line above them. Whether there is a terminal
# is asked here because rich also takes FORCE_COLOR, which many CIs set, for one.
CONSOLE = Console(stderr=True, force_terminal=sys.stderr.isatty())

ROWS = ("sweep", "server", "load")
BAR_WIDTH = 20
LOAD_LINE_EVERY_S = 30.0
SAID_BY_THE_SERVER = ("starting", "ready")  # its own lines say more of both

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SweepState:
    """How far a sweep is: jobs that have ended, the server being used, in words how long it may still take."""

    done: int
    total: int
    server: int
    servers: int
    left: str | None


class Progress(Protocol):
    """What is told of as it happens, by one thread at a time."""

    def sweep(self, state: SweepState) -> None:
        """A point begins or has ended."""

    def server(self, phase: Phase) -> None:
        """The server is that far; no load is being played."""

    def load(self, state: LoadState) -> None:
        """A load is being played, or has just ended."""

    def pause(self) -> None:
        """Something else is about to be printed, or nothing more: leave the screen to it."""


def display() -> Progress:
    """Rows where standard error is a terminal that can move its cursor, else lines."""
    return Bars(CONSOLE) if CONSOLE.is_terminal and CONSOLE.is_interactive else Lines()


@dataclass(frozen=True, slots=True)
class _Row:
    """`share`: how much of the bar is full; absent where there is no bar."""

    share: float | None
    text: str


class Bars:
    """A row each for the sweep, its server and the load being played, redrawn at every call."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rows: dict[str, _Row] = {}
        self._live: Live | None = None

    def sweep(self, state: SweepState) -> None:
        """The row of the sweep."""
        text = "  ".join((f"{state.done}/{state.total} jobs", *_sweep_figures(state, "/")))
        self._rows["sweep"] = _Row(state.done / max(state.total, 1), text)
        self._draw()

    def server(self, phase: Phase) -> None:
        """The row of the server, and none of a load."""
        self._rows["server"] = _Row(phase.fraction, _phase_words(phase))
        self._rows.pop("load", None)
        self._draw()

    def load(self, state: LoadState) -> None:
        """The row of the load until it has ended."""
        of = "" if state.total is None else f"/{state.total}"
        share = None if state.total is None else state.done / max(state.total, 1)
        self._rows["load"] = _Row(share, "  ".join((f"{state.done}{of} requests", *_load_figures(state))))
        if state.over:
            del self._rows["load"]
        self._draw()

    def pause(self) -> None:
        """Take the rows off the screen until the next call of another method."""
        live, self._live = self._live, None
        if live is not None:
            self._while_there_is_a_terminal(live.stop)

    def _draw(self) -> None:
        if not self._rows:
            self.pause()
            return
        # A new one after each pause: one that is started again erases what was printed meanwhile. Standard output
        # may be a file, and is left alone.
        self._live = self._live or Live(
            self, console=self._console, auto_refresh=False, transient=True, redirect_stdout=False
        )
        self._while_there_is_a_terminal(self._live.start)
        self._while_there_is_a_terminal(self._live.refresh)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        full, empty = console.get_style("bar.complete"), console.get_style("bar.back")
        cell = "-" if options.ascii_only else "━"
        for name, row in ((name, self._rows[name]) for name in ROWS if name in self._rows):
            yield Segment(f"{name:8}")
            if row.share is not None:
                cells = int(BAR_WIDTH * row.share)
                yield Segment(cell * cells, full)
                yield Segment(cell * (BAR_WIDTH - cells), empty)
                yield Segment("  ")
            yield Segment(row.text)
            yield Segment.line()

    def _while_there_is_a_terminal(self, act: Callable[[], None]) -> None:
        """A terminal that was closed ends what is shown and not what is measured."""
        try:
            act()
        except OSError:
            self._console.quiet = True


class Lines:
    """A line now and then, for a log."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._phase = ""
        self._quarter = 0
        self._last_load_s: float | None = None

    def sweep(self, state: SweepState) -> None:
        """A line."""
        log.info("%s", ", ".join((f"{state.done} of {state.total} jobs", *_sweep_figures(state, " of "))))

    def server(self, phase: Phase) -> None:
        """A line for each phase, and for each further quarter of one."""
        quarter = int(4 * (phase.fraction or 0))
        if phase.name != self._phase or quarter > self._quarter:
            self._phase, self._quarter = phase.name, quarter
            if phase.name not in SAID_BY_THE_SERVER:
                log.info("server: %s", _phase_words(phase))
        self._last_load_s = None

    def load(self, state: LoadState) -> None:
        """A line after every half minute of a load."""
        now_s = self._clock_s()
        if self._last_load_s is None:
            self._last_load_s = now_s
        if state.over:
            self._last_load_s = None
        elif now_s - self._last_load_s >= LOAD_LINE_EVERY_S:
            self._last_load_s = now_s
            of = "" if state.total is None else f" of {state.total}"
            log.info("load: %s", ", ".join((f"{state.done}{of} requests", *_load_figures(state))))

    def pause(self) -> None:
        """Lines are in nobody's way."""


class LogHandler(logging.StreamHandler["_AboveTheRows"]):
    """Lines on standard error, above the rows where a terminal shows some."""

    terminator = ""

    def __init__(self) -> None:
        super().__init__(_AboveTheRows())


class _AboveTheRows:
    """Where a line is written as it is: neither wrapped nor read as markup."""

    def write(self, line: str) -> None:
        if CONSOLE.is_terminal:
            CONSOLE.print(line, markup=False, emoji=False, highlight=False, soft_wrap=True)
        else:  # rich would expand tabs, and leave the process when its reader has gone
            CONSOLE.file.write(f"{line}\n")

    def flush(self) -> None:
        CONSOLE.file.flush()


def duration(seconds: float) -> str:
    """A time in two words or four: "8 s", "41 min", "2 h 5 min"."""
    if round(seconds) < 60:
        return f"{round(seconds)} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return " ".join(f"{count} {unit}" for count, unit in ((hours, "h"), (minutes, "min")) if count)


def _sweep_figures(state: SweepState, of: str) -> Iterator[str]:
    yield f"server {state.server}{of}{state.servers}"
    if state.left is not None:
        yield f"{state.left} left"


def _phase_words(phase: Phase) -> str:
    return phase.name if phase.fraction is None else f"{phase.name} {phase.fraction * 100:.0f} %"


def _load_figures(state: LoadState) -> Iterator[str]:
    if state.simulated:
        yield "simulated"
    if state.failed:
        yield f"{state.failed} failed"
    if state.tokens_per_s is not None:
        yield f"{state.tokens_per_s:.0f} tok/s"
    if state.ttft_ms is not None:
        yield f"TTFT {state.ttft_ms:.0f} ms"
    if state.tpot_ms is not None:
        yield f"TPOT {state.tpot_ms:.0f} ms"
