"""tegrastats as a child, read line by line."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from thorexp.machine.source import AbsentError, Row
from thorexp.machine.tegrastats_child import Child

TESTS = Path(__file__).parents[1]
LINES = (TESTS / "data" / "tegrastats_thor.log").read_text().splitlines()


@contextmanager
def fake(folder: Path, *lines: str) -> Iterator[Child]:
    """The fake tegrastats with these to say, at 100 Hz."""
    (folder / "lines").write_text("".join(f"{line}\n" for line in lines))
    child = Child(f"{sys.executable} {TESTS / 'fake_tegrastats.py'} {folder / 'lines'} {folder / 'emitted'}", 0.01)
    try:
        yield child
    finally:
        child.end()


def emitted(folder: Path) -> list[tuple[int, float]]:
    """When the fake said which VIN."""
    rows = [row.split(",") for row in (folder / "emitted").read_text().splitlines()[1:]]
    return [(int(ns), float(vin)) for ns, vin in rows]


def vin(rows: list[Row]) -> list[tuple[int, float]]:
    return [(ns, value) for ns, signal, value in rows if signal == "tegrastats.VIN_w"]


def test_a_line_is_read_before_the_next_one_is_said(tmp_path: Path) -> None:
    """Though its program, like any in C, holds back what it does not say to a terminal."""
    with fake(tmp_path, LINES[0]) as child:
        assert [19.786] == [watts for _, watts in vin(child.read())]


def test_every_line_is_read_as_it_was_said(tmp_path: Path) -> None:
    """Value for value; none is stamped before it was said, and the promptest within 5 ms of it."""
    rows: list[Row] = []
    with fake(tmp_path, *LINES) as child:
        while len(vin(rows)) < len(LINES):
            rows += child.read()
    said, read = emitted(tmp_path), vin(rows)
    assert [watts for _, watts in said] == [watts for _, watts in read]
    late_ns = [stamped - spoken for (spoken, _), (stamped, _) in zip(said, read, strict=True)]
    assert 0 <= min(late_ns) < 5_000_000


def test_rails_of_the_recorded_lines_include_a_negative_one_and_a_gpu_that_is_gated(tmp_path: Path) -> None:
    """What is replayed has what parsers stumble over."""
    rows: list[Row] = []
    with fake(tmp_path, *LINES) as child:
        while len(vin(rows)) < len(LINES):
            rows += child.read()
    gpu_w = {value for _, signal, value in rows if signal == "tegrastats.VDD_GPU_w"}
    gpu_c = [value for _, signal, value in rows if signal == "tegrastats.gpu_c"]
    assert (True, sum(" gpu@" in line for line in LINES)) == ({-0.392, 0.0} <= gpu_w, len(gpu_c))


@pytest.mark.parametrize("command", ["/nowhere/tegrastats", "tegrastats-that-nobody-has --flag"])
def test_a_command_that_is_not_there_is_absent_in_words(command: str) -> None:
    """As on a machine that is no Jetson."""
    with pytest.raises(AbsentError, match=f"`{re.escape(command)}` cannot be run: No such file"):
        Child(command, 0.1).source().find()


def test_a_command_that_is_badly_quoted_is_absent_in_words() -> None:
    """As one that is not there."""
    with pytest.raises(AbsentError, match=re.escape("`sudo 'tegrastats` cannot be run: No closing quotation")):
        Child("sudo 'tegrastats", 0.1).source().find()


def test_a_command_that_ends_is_absent_with_its_code_and_last_words() -> None:
    """So that it can be mended."""
    child = Child("sh -c 'echo cannot open the device; exit 3'", 0.1)
    assert [] == child.read()
    with pytest.raises(AbsentError, match="ended with exit code 3: cannot open the device"):
        child.read()
