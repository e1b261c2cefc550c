"""What is seen of a sweep: on a terminal that a test reads as a person would, and in a log."""

import errno
import logging
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from thorexp import progress
from thorexp.load.watch import LoadState
from thorexp.progress import Bars, Lines, LogHandler, SweepState, duration
from thorexp.serve.phase import Phase

ROOT = Path(__file__).parents[1]
BAR = "━{20}"
SWEEP = SweepState(done=3, total=14, server=2, servers=7, left="about 41 min")
READY = Phase("ready", None)
LOAD = LoadState(done=62, failed=0, total=100, tokens_per_s=159.4, ttft_ms=1066.8, tpot_ms=42.1)
ENDED = LoadState(done=100, failed=0, total=100, tokens_per_s=159.4, ttft_ms=1066.8, tpot_ms=42.1, over=True)
STOPPED = LoadState(done=62, failed=31, total=100, tokens_per_s=159.4, ttft_ms=1066.8, tpot_ms=42.1, over=True)


def seen(written: str) -> list[str]:
    """The lines that are on a screen after all that was written to it."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", written):
        if part == "\r":
            column = 0
        elif part == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif part == "\x1b[2K":
            lines[row] = ""
        elif re.fullmatch(r"\x1b\[\d+A", part):
            row = max(0, row - int(part[2:-1]))
        elif part[0] != "\x1b":
            lines[row] = lines[row].ljust(column)[:column] + part + lines[row][column + len(part) :]
            column += len(part)
        else:
            assert re.fullmatch(r"\x1b\[([\d;]*m|\?25[lh])", part), part
    return [line.rstrip() for line in lines if line.strip()]


class Terminal:
    """A console on a terminal of 100 columns, what is seen on it, and the bars that are drawn there."""

    def __init__(self, width: int = 100) -> None:
        self.written = StringIO()
        self.console = Console(
            file=self.written, force_terminal=True, force_interactive=True, width=width, color_system="truecolor"
        )
        self.bars = Bars(self.console)

    @property
    def seen(self) -> list[str]:
        return seen(self.written.getvalue())

    def print(self, text: str) -> None:
        """As another program, or our standard output, would."""
        self.written.write(f"{text}\n")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """The process's own console for the time of a test."""
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Terminal()
    monkeypatch.setattr(progress, "CONSOLE", terminal.console)
    yield terminal
    terminal.bars.pause()


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """One whose lines go through the handler alone."""
    logger = logging.Logger("thorexp.test")
    logger.addHandler(LogHandler())
    yield logger
    logger.handlers.clear()


def rows(*patterns: str) -> re.Pattern[str]:
    """Lines, each after its pattern."""
    return re.compile("\n".join(patterns))


def test_three_rows_tell_of_the_sweep_its_server_and_the_load(terminal: Terminal) -> None:
    """In that order whichever was told last."""
    terminal.bars.server(READY)
    terminal.bars.load(LOAD)
    terminal.bars.sweep(SWEEP)
    expected = rows(
        rf"sweep   {BAR}  3/14 jobs  server 2/7  about 41 min left",
        r"server  ready",
        rf"load    {BAR}  62/100 requests  159 tok/s  TTFT 1067 ms  TPOT 42 ms",
    )
    assert expected.fullmatch("\n".join(terminal.seen)), terminal.seen


def test_a_bar_is_as_long_as_what_is_done(terminal: Terminal) -> None:
    """Of 20 cells 5 have another colour at a quarter."""
    terminal.bars.server(Phase("loading weights", 0.25))
    full, empty = re.findall(r"\x1b\[([\d;]+)m(━+)", terminal.written.getvalue())
    assert full[0] != empty[0]
    assert (20 // 4, 20 - 20 // 4) == (len(full[1]), len(empty[1]))
    assert [f"server  {'━' * 20}  loading weights 25 %"] == terminal.seen


def test_a_phase_of_unknown_length_has_no_bar(terminal: Terminal) -> None:
    """Its name is all that is known."""
    terminal.bars.server(Phase("compiling", None))
    assert ["server  compiling"] == terminal.seen


def test_figures_that_are_absent_are_not_shown(terminal: Terminal) -> None:
    """Neither a rate before the first token, nor a time left before the first point has ended."""
    terminal.bars.sweep(SweepState(0, 14, 1, 7, None))
    terminal.bars.load(LoadState(0, 0, 100, None, None, None))
    ends = [re.split(BAR, line)[1] for line in terminal.seen]
    assert ["  0/14 jobs  server 1/7", "  0/100 requests"] == ends


def test_failures_are_shown_when_there_are_any(terminal: Terminal) -> None:
    """Beside the requests that have ended."""
    terminal.bars.load(LoadState(62, 3, 100, 159.4, None, None))
    assert terminal.seen[0].endswith("  62/100 requests  3 failed  159 tok/s")


@pytest.mark.parametrize(
    "end",
    [
        lambda bars: bars.load(ENDED),
        lambda bars: bars.load(STOPPED),
        lambda bars: bars.server(Phase("starting", None)),
    ],
    ids=["its end", "its end before all was done", "the server's word"],
)
def test_a_load_has_a_row_only_while_it_is_played(terminal: Terminal, end: Callable[[Bars], None]) -> None:
    """It goes as the load ends, or as the server is spoken of again."""
    terminal.bars.sweep(SWEEP)
    terminal.bars.server(READY)
    terminal.bars.load(LOAD)
    before = len(terminal.seen)
    end(terminal.bars)
    assert (3, ["sweep", "server"]) == (before, [line.split()[0] for line in terminal.seen])


def test_a_load_without_sweep_or_server_leaves_nothing(terminal: Terminal) -> None:
    """A job on somebody else's server has one row, and none in the end."""
    terminal.bars.load(LOAD)
    before = len(terminal.seen)
    terminal.bars.load(ENDED)
    assert (1, []) == (before, terminal.seen)


def test_log_lines_stand_above_the_rows(terminal: Terminal, logger: logging.Logger) -> None:
    """All of them, in order and whole, and each row once, last, as it was told last."""
    for number in range(5):
        logger.info("line %d", number)
        terminal.bars.sweep(SweepState(number, 14, 1, 7, None))
        terminal.bars.load(LoadState(number, 0, 100, None, None, None))
    logger.info("line 5")
    *above, sweep, load = terminal.seen
    assert [f"line {number}" for number in range(6)] == above
    assert (True, True) == ("4/14 jobs" in sweep, "4/100 requests" in load)


def test_a_log_line_is_shown_as_it_was_written(terminal: Terminal, logger: logging.Logger) -> None:
    """What looks like markup or an emoji is text, and what is too long is not broken by us."""
    line = f"[bold]engine.args[/bold] :warning: {'x' * 200} end"
    terminal.bars.sweep(SWEEP)
    logger.info(line)
    assert line == terminal.seen[0]


def test_what_is_written_to_standard_error_stands_above_the_rows(terminal: Terminal) -> None:
    """A warning of a library does not run through a bar."""
    terminal.bars.sweep(SWEEP)
    terminal.bars.server(READY)
    print("UserWarning: deprecated", file=sys.stderr)
    assert ["UserWarning:", "sweep", "server"] == [line.split()[0] for line in terminal.seen]


def test_a_pause_leaves_the_screen_to_others(terminal: Terminal) -> None:
    """Nothing of ours is left, twice is as good as once, and what others print then stays above the rows."""
    terminal.print("before")
    terminal.bars.sweep(SWEEP)
    terminal.bars.server(READY)
    terminal.bars.pause()
    terminal.bars.pause()
    assert ["before"] == terminal.seen
    for line in ("a", "report", "of", "lines"):
        terminal.print(line)
    terminal.bars.load(LOAD)
    firsts = ["before", "a", "report", "of", "lines", "sweep", "server", "load"]
    assert firsts == [line.split()[0] for line in terminal.seen]


def test_the_cursor_is_there_again_after_a_pause(terminal: Terminal) -> None:
    """The last word on the cursor is that it be shown."""
    terminal.bars.sweep(SWEEP)
    terminal.bars.pause()
    assert ["l", "h"] == re.findall(r"\x1b\[\?25([lh])", terminal.written.getvalue())


def test_standard_output_is_left_alone(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    """A report that goes into a file arrives there."""
    terminal.bars.sweep(SWEEP)
    print("report")
    assert "report\n" == capsys.readouterr().out
    assert 1 == len(terminal.seen)


def test_a_narrow_terminal_has_a_line_for_each_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no room is cut off: a row that took two lines would not be taken off whole."""
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Terminal(width=50)
    for _ in range(3):
        terminal.bars.sweep(SWEEP)
        terminal.bars.server(Phase("loading weights", 0.5))
        terminal.bars.load(LOAD)
    lines = terminal.seen
    terminal.bars.pause()
    assert (["sweep", "server", "load"], True) == ([line.split()[0] for line in lines], max(map(len, lines)) <= 50)


class Closed(StringIO):
    """A terminal whose window was closed."""

    def write(self, text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")


def test_a_terminal_that_was_closed_ends_no_sweep(terminal: Terminal, logger: logging.Logger) -> None:
    """What is drawn, logged and taken off after that goes nowhere."""
    terminal.bars.sweep(SWEEP)
    terminal.console.file = Closed()
    for _ in range(3):
        terminal.bars.load(LOAD)
    logger.info("line")
    terminal.bars.pause()
    assert ["sweep"] == [line.split()[0] for line in terminal.seen]


REAL = """
import logging, time
from rich.console import Console
from thorexp.progress import LogHandler, SweepState, display
from thorexp.serve.phase import Phase
log = logging.getLogger()
log.addHandler(LogHandler())
bars = display()
for number in range(4):
    log.warning("line %d", number)
    bars.sweep(SweepState(number, 4, 1, 1, None))
    bars.server(Phase("loading weights", number / 4))
log.warning("line 4")
input()
bars.pause()
print("report")
"""


def test_a_real_terminal_shows_rows_below_the_log() -> None:
    """Standard error is a pty: lines and rows are on it, then the lines alone; the report is elsewhere."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    with subprocess.Popen(
        [sys.executable, "-c", REAL], cwd=ROOT, env=environment, stdin=-1, stdout=-1, stderr=theirs, text=True
    ) as process:
        os.close(theirs)
        written = _until("line 4", ours)
        below = seen(written)
        report, _ = process.communicate("\n", timeout=60)
    while part := _read(ours):
        written += part
    os.close(ours)
    lines = [f"line {number}" for number in range(5)]
    assert (lines, ["sweep", "server"]) == (below[:5], [line.split()[0] for line in below[5:]])
    assert (lines, "report\n", 0) == (seen(written), report, process.returncode)


def _until(word: str, terminal: int) -> str:
    """All that comes until the rows are drawn again below a word."""
    written = ""
    while not re.search(rf"{word}.*loading weights", written, re.DOTALL):
        part = _read(terminal)
        assert part, written
        written += part
    return written


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 1 << 16).decode()
    except OSError:  # the other end has closed it
        return ""


HYDRA = """
import logging, sys
from hydra.core.utils import configure_log
from omegaconf import OmegaConf
configure_log(OmegaConf.load(sys.argv[1]))
logging.getLogger("thorexp").info("[bold]a[/bold]\\t:warning: %s", "long " * 60)
logging.getLogger("other").info("not for the user")
"""


@pytest.mark.parametrize("group", ["job_logging", "hydra_logging"])
def test_without_a_terminal_a_log_line_is_plain(group: str) -> None:
    """Hydra takes our handler; a line has its time and its text, nothing else and no break, whatever CI sets."""
    config = ROOT / "conf" / "hydra" / group / "thorexp.yaml"
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": "80"}
    command = [sys.executable, "-c", HYDRA, str(config)]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\[\d\d:\d\d:\d\d\] \[bold\]a\[/bold\]\t:warning: (long ){60}\n", ran.stderr), ran.stderr
    assert "" == ran.stdout


def test_without_a_terminal_there_are_lines() -> None:
    """A pipe gets no rows, nor does a terminal that cannot move its cursor."""
    code = "from thorexp.progress import display; print(type(display()).__name__)"
    ours, theirs = pty.openpty()
    dumb, pipe = {"TERM": "dumb"}, {"TERM": "xterm", "FORCE_COLOR": "1"}
    kinds = [
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **env}, stdout=-1, stderr=err, check=True
        ).stdout
        for env, err in ((dumb, theirs), (pipe, subprocess.PIPE), ({"TERM": "xterm"}, theirs))
    ]
    os.close(ours)
    os.close(theirs)
    assert [b"Lines\n", b"Lines\n", b"Bars\n"] == kinds


class Clock:
    """Stands until it is set."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is logged."""
    caplog.set_level(logging.INFO, logger="thorexp")
    return caplog


def test_a_line_for_each_phase_and_each_quarter_of_it(said: pytest.LogCaptureFixture) -> None:
    """Ten looks at a server that starts are five lines; that it is ready, it says itself."""
    lines = Lines()
    for percent in (0, 10, 24, 26, 49, 50, 80, 100):
        lines.server(Phase("loading weights", percent / 100))
    for _ in range(2):
        lines.server(READY)
    weights = [f"server: loading weights {percent} %" for percent in (0, 26, 50, 80, 100)]
    assert weights == said.messages


def test_a_second_pass_through_a_phase_is_not_told_again(said: pytest.LogCaptureFixture) -> None:
    """Nor do two workers that take turns make a line each time."""
    lines = Lines()
    for percent in (24, 25, 24, 25, 0, 20):
        lines.server(Phase("loading weights", percent / 100))
    assert ["server: loading weights 24 %", "server: loading weights 25 %"] == said.messages


def test_a_load_has_a_line_every_half_minute(said: pytest.LogCaptureFixture) -> None:
    """61 seconds of looks are two lines, counted from its beginning, and its end is none."""
    clock = Clock()
    lines = Lines(clock)
    for second in range(62):
        clock.now_s = 1000.0 + second
        lines.load(LoadState(second, 1, 100, 159.4, 1066.8, None))
    clock.now_s += 100
    lines.load(ENDED)
    figures = "of 100 requests, 1 failed, 159 tok/s, TTFT 1067 ms"
    assert [f"load: 30 {figures}", f"load: 60 {figures}"] == said.messages


def test_short_loads_that_follow_each_other_have_no_lines(said: pytest.LogCaptureFixture) -> None:
    """Each begins anew: warm-up and load together may last longer than half a minute."""
    clock = Clock()
    lines = Lines(clock)
    for _ in range(5):
        lines.load(LOAD)
        clock.now_s += 20
        lines.load(LOAD)
        lines.load(ENDED)
    assert [] == said.messages


def test_a_sweep_has_a_line_each_time(said: pytest.LogCaptureFixture) -> None:
    """With the time that is left once it is known."""
    lines = Lines()
    lines.sweep(SweepState(0, 14, 1, 7, None))
    lines.sweep(SWEEP)
    lines.pause()
    assert ["0 of 14 jobs, server 1 of 7", "3 of 14 jobs, server 2 of 7, about 41 min left"] == said.messages


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "0 s"),
        (8.4, "8 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (41 * 60 + 5, "41 min"),
        (3599, "1 h"),
        (2 * 3600 + 5 * 60, "2 h 5 min"),
        (30 * 3600, "30 h"),
    ],
)
def test_a_duration_in_words(seconds: float, words: str) -> None:
    """Seconds below a minute, minutes below an hour, and no unit that is 0."""
    assert words == duration(seconds)
