"""Run directories that somebody broke are read, or refused by the file that is damaged."""

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.command_line import thorexp
from tests.fuzz.bounded import bounded, trying
from tests.fuzz.broken import BYTES, as_bytes, cut_up, odd_json
from thorexp.compare.matching import comparison
from thorexp.compare.sides import source_of
from thorexp.compare.text import text
from thorexp.compare.web import html
from thorexp.errors import LoadError, RecordError
from thorexp.published import judge_one
from thorexp.result_files import file_of, read
from thorexp.results.summary import Point, rows
from thorexp.rundir import CONFIG, FILES, PAGE, RECORD, REPORT, REQUESTS, RESULT, SERVER_LOG, TELEMETRY, RunDir
from thorexp.sweepdir import read_sweep
from thorexp.tracking.__main__ import main as replay
from thorexp.tracking.view import view_of_job

READ = sorted({*FILES, RECORD} - {PAGE, REPORT, SERVER_LOG})
WORDS = ("predict=true", "tracking=off", "load.num_prompts=3", "workload.input_len=64", "workload.output_len=8")


@cache
def kept() -> Path:
    """The record of a job, with telemetry, and that of another to hold it against."""
    folder = Path(mkdtemp(prefix="thorexp-fuzz-"))
    ran = thorexp(folder, *WORDS)
    (run_dir,) = ran.run_dirs
    place = folder / "a"
    shutil.move(run_dir.path, place)
    (place / TELEMETRY).write_text("ns,signal,value\n1,board_w,3.5\n5000000000,board_w,4.5\n")
    return place


@st.composite
def broken(draw: st.DrawFn) -> tuple[str, bytes | None]:
    """A file by name, and what is in it; absent where it is gone."""
    name = draw(st.sampled_from([each for each in READ if (kept() / each).is_file()]))
    content = (kept() / name).read_bytes()
    way = draw(st.sampled_from(("gone", "empty", "cut", "odd", "odd", "odd", "other")))
    if way == "gone":
        return name, None
    if way == "empty":
        return name, b""
    if way == "odd" and name.endswith((".json", ".jsonl", ".yaml")):
        return name, draw(_odd(name, content))
    return name, draw(BYTES) if way == "other" else draw(cut_up(content))


@st.composite
def _odd(draw: st.DrawFn, name: str, content: bytes) -> bytes:
    if name.endswith(".jsonl"):
        lines = [json.loads(line) for line in content.splitlines()]
        return b"".join(as_bytes(draw(odd_json(line))) + b"\n" for line in lines)
    values = yaml.safe_load(content) if name.endswith(".yaml") else json.loads(content)
    return as_bytes(draw(odd_json(values)))  # of which YAML is


def read_by_all(place: Path) -> list[str]:
    """What each reader says, or why it does not."""
    return [_said(reader, place) for reader in (_compared, _viewed, _judged, _in_a_table)]


def _said(reader: Callable[[Path], str], place: Path) -> str:
    try:
        with bounded():
            return reader(place)
    except LoadError as nothing:  # is left of it to be counted
        return str(nothing)
    except RecordError as refused:
        if "where" not in str(refused):
            raise AssertionError(f"nobody knows where: {refused}") from None
        return str(refused)


def _compared(place: Path) -> str:
    sides = [source_of(str(each), "sqlite:////nowhere/at/all.db", place) for each in (kept(), place)]
    found = comparison(sides)
    return text(found.pairs, found.gaps)


def _viewed(place: Path) -> str:
    return repr(view_of_job(RunDir(place)))


def _judged(place: Path) -> str:
    file = file_of(place)
    return repr([judge_one(values, ["model=qwen3_32b_awq"], file) for values in read(file)])


def _in_a_table(place: Path) -> str:
    return repr(rows([Point(("a=1",), "base", place, "finished")]))


@trying(10)
@given(st.lists(broken(), min_size=1, max_size=2))
def test_broken_records_are_read_or_refused(files: list[tuple[str, bytes | None]]) -> None:
    """By comparison, tracking, the judge and a sweep's table."""
    with TemporaryDirectory() as folder:
        place = Path(folder) / "b"
        shutil.copytree(kept(), place)
        for name, content in files:
            if content is None:
                (place / name).unlink(missing_ok=True)
            else:
                (place / name).write_bytes(content)
        for said in read_by_all(place):
            said.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("name", [REQUESTS, CONFIG, RESULT])
@pytest.mark.parametrize("way", ["gone", "empty"])
def test_what_a_finished_job_must_have_is_missed(name: str, way: str, tmp_path: Path) -> None:
    """By comparison, by the judge and by a replay of tracking, and not passed over."""
    place = tmp_path / "b"
    shutil.copytree(kept(), place)
    if way == "gone":
        (place / name).unlink()
    else:
        (place / name).write_bytes(b"")
    told = [_said(reader, place) for reader in (_compared, _judged)]
    assert [] == [said for said in told if str(place) not in said or "try" not in said]
    to = ["--uri", f"sqlite:///{tmp_path}/m.db", "--experiment", "a", "--artifacts", str(tmp_path)]
    assert 1 == replay([str(place), *to])


def test_a_page_without_telemetry_is_drawn(tmp_path: Path) -> None:
    """It takes long, so not in each example."""
    place = tmp_path / "b"
    shutil.copytree(kept(), place)
    (place / TELEMETRY).unlink()
    found = comparison([source_of(str(each), "sqlite:////nowhere/at/all.db", place) for each in (kept(), place)])
    assert "<html" in html(found.pairs, found.gaps)


SWEEP = {
    "id": "a",
    "command": "-m a=1,2",
    "points": ["p"],
    "started_at": 1.0,
    "ended_at": 2.0,
    "finished": 1,
    "failed": 0,
}


@trying(25)
@given(st.one_of(odd_json(SWEEP).map(as_bytes), cut_up(as_bytes(SWEEP))))
def test_broken_records_of_sweeps_are_read_or_refused(content: bytes) -> None:
    """By their file."""
    with TemporaryDirectory() as folder, bounded():
        (Path(folder) / "sweep.json").write_bytes(content)
        try:
            read_sweep(Path(folder))
        except RecordError as refused:
            if "sweep.json" not in str(refused):
                raise AssertionError(f"nobody knows where: {refused}") from None
