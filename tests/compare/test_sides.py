"""What a word of the command line names."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.compare.makers import TTFT, a_run_dir
from tests.records import PUBLISHED
from thorexp.compare.measured import Measured
from thorexp.compare.sides import Source, choose, source_of
from thorexp.errors import RecordError, ThorexpError

NOWHERE = "sqlite:///no/such/store.db"
TABLE = "thor_blog_2025_10"


def source(word: str | Path, workshop: Path) -> Source:
    """Without MLflow."""
    return source_of(str(word), NOWHERE, workshop)


def points(word: str | Path, workshop: Path) -> tuple[Measured, ...]:
    return source(word, workshop).points


def a_file(folder: Path, *results: Mapping[str, Any]) -> Path:
    """What somebody saved."""
    folder.mkdir(exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results))
    return folder / "results.json"


def test_a_run_directory_is_one_point(tmp_path: Path) -> None:
    """Of one run."""
    a_run_dir(tmp_path / "run")
    (point,) = points(tmp_path / "run", tmp_path)
    assert [str(tmp_path / "run")] == [str(run_dir.path) for run_dir in point.run_dirs]


def test_repeats_of_a_sweep_are_one_point(tmp_path: Path) -> None:
    """They have the same words in the same sweep."""
    for name, load in (("0", "high"), ("1", "low"), ("2", "high")):
        a_run_dir(tmp_path / name, overrides=("model=a", f"load={load}"))
    found = [(point.words["load"], [each.path.name for each in point.run_dirs]) for point in points(tmp_path, tmp_path)]
    assert [("high", ["0", "2"]), ("low", ["1"])] == found


def test_the_same_words_in_two_sweeps_are_two_points(tmp_path: Path) -> None:
    """Between them somebody may have changed anything."""
    for sweep in ("monday", "tuesday"):
        a_run_dir(tmp_path / sweep, sweep=sweep)
    assert [1, 1] == [len(point.run_dirs) for point in points(tmp_path, tmp_path)]


@pytest.mark.parametrize("said", [{"sweep": None}, {"overrides": None}], ids=str)
def test_records_that_nobody_calls_repeats_are_points_of_their_own(tmp_path: Path, said: dict[str, Any]) -> None:
    """Single jobs, and older records, which do not tell their words."""
    for name in ("0", "1"):
        a_run_dir(tmp_path / name, **said)
    assert [1, 1] == [len(point.run_dirs) for point in points(tmp_path, tmp_path)]


def test_what_failed_is_no_point(tmp_path: Path) -> None:
    """The rest of its sweep is."""
    a_run_dir(tmp_path / "0", status="failed", error="It failed.")
    a_run_dir(tmp_path / "1")
    (point,) = points(tmp_path, tmp_path)
    assert str(tmp_path / "1") == point.where


def test_what_failed_is_told(tmp_path: Path) -> None:
    """By its words."""
    a_run_dir(tmp_path / "0", status="failed", overrides=("load=low",))
    a_run_dir(tmp_path / "1", overrides=("load=high",))
    (failure,) = source(tmp_path, tmp_path).failures
    assert ("low", 1, 1) == (failure.words["load"], failure.count, failure.repeats)


def test_repeats_that_failed_are_counted(tmp_path: Path) -> None:
    """One of three; the other two are the point."""
    for name, status in (("0", "finished"), ("1", "failed"), ("2", "finished")):
        a_run_dir(tmp_path / name, status=status)
    found = source(tmp_path, tmp_path)
    assert [(1, 3)] == [(failure.count, failure.repeats) for failure in found.failures]
    assert [2] == [len(point.run_dirs) for point in found.points]


def test_a_run_directory_is_one_measurement_by_itself(tmp_path: Path) -> None:
    """And a sweep's directory is none, though one point alone may be left in it."""
    a_run_dir(tmp_path / "sweep" / "run")
    assert [True, False] == [source(tmp_path / name, tmp_path).single for name in ("sweep/run", "sweep")]


@pytest.mark.parametrize("count", [1, 2])
def test_a_file_of_one_result_is_one_measurement_by_itself(tmp_path: Path, count: int) -> None:
    """One of several is not."""
    assert (count == 1) == source(a_file(tmp_path, *[PUBLISHED] * count), tmp_path).single


def test_a_directory_in_which_all_failed_is_an_error(tmp_path: Path) -> None:
    """Which says how many there are."""
    a_run_dir(tmp_path / "0", status="failed", error="It failed.")
    with pytest.raises(
        RecordError, match=r"^Nothing was measured there\.\n.*\n +have +1 records, none of a finished job"
    ):
        points(tmp_path, tmp_path)


def test_an_empty_directory_is_an_error(tmp_path: Path) -> None:
    """And no comparison of nothing."""
    with pytest.raises(RecordError, match=r"^Nothing was measured there\."):
        points(tmp_path, tmp_path)


def test_each_result_of_a_file_is_a_point(tmp_path: Path) -> None:
    """Measured by others, wherever it is from."""
    file = a_file(tmp_path, PUBLISHED, {**PUBLISHED, "median_ttft_ms": 615.0})
    found = points(file, tmp_path)
    assert [(str(file), 610.0), (str(file), 615.0)] == [(each.where, each.side.results[0][TTFT]) for each in found]


def test_a_simulated_result_in_a_file_is_refused(tmp_path: Path) -> None:
    """It would stand there as measured."""
    file = a_file(tmp_path, {**PUBLISHED, "thorexp": {"origin": "simulated"}})
    with pytest.raises(RecordError, match=r"^A result was simulated, not measured\."):
        points(file, tmp_path)


def test_a_file_without_a_result_is_an_error(tmp_path: Path) -> None:
    """Which names it."""
    (tmp_path / "notes.txt").write_text("nothing\n")
    with pytest.raises(RecordError, match=r"notes\.txt"):
        points(tmp_path / "notes.txt", tmp_path)


def test_a_baseline_is_its_table(tmp_path: Path) -> None:
    """Seven models at two loads."""
    found = points(TABLE, tmp_path)
    assert (7 * 2, {TABLE}) == (len(found), {point.where for point in found})


def test_a_path_comes_before_a_baseline_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there is meant."""
    a_run_dir(tmp_path / TABLE)
    monkeypatch.chdir(tmp_path)
    (point,) = points(TABLE, tmp_path)
    assert TABLE == point.where


def test_what_is_nothing_else_is_looked_for_in_mlflow(tmp_path: Path) -> None:
    """Whose store is named when it is not there."""
    with pytest.raises(ThorexpError, match=r"no/such/store\.db"):
        points("no-such-thing", tmp_path)


def chosen(source: Source, conditions: dict[str, str]) -> tuple[Measured, ...]:
    return choose(source, conditions).points


def loads(found: tuple[Measured, ...]) -> list[str]:
    return [point.words["load"] for point in found]


def test_points_are_chosen_by_their_words(tmp_path: Path) -> None:
    """All of them."""
    kept = chosen(source(TABLE, tmp_path), {"load": "high", "model": "qwen3_32b_awq"})
    assert [("qwen3_32b_awq", "high")] == [(point.words["model"], point.words["load"]) for point in kept]


def test_points_are_chosen_by_what_nobody_typed(tmp_path: Path) -> None:
    """Tags and power mode."""
    for name, mode in (("high", "MAXN"), ("low", "120W")):
        a_run_dir(tmp_path / name, before={"power_mode": mode}, overrides=(f"load={name}",))
    assert ["low"] == loads(chosen(source(tmp_path, tmp_path), {"power_mode": "120W"}))


def test_a_choice_that_no_point_meets_is_an_error(tmp_path: Path) -> None:
    """Though they say nothing of it."""
    a_run_dir(tmp_path / "run")
    with pytest.raises(RecordError, match=r"was chosen\.\n +have +engine\.max_num_seqs=None\n"):
        choose(source(tmp_path, tmp_path), {"engine.max_num_seqs": "8"})


@pytest.mark.parametrize(
    ("condition", "right"),
    [({"laod": "high"}, "load=high"), ({"load": "hgh"}, "load=high"), ({"hardwear": "h200"}, "hardware=h200")],
)
def test_a_misspelt_choice_has_the_right_one_beside_it(condition: dict[str, str], right: str, tmp_path: Path) -> None:
    """Be it the key or the value."""
    with pytest.raises(RecordError, match=rf"try +{right}"):
        chosen(source(TABLE, tmp_path), condition)


def test_a_misspelt_baseline_has_the_right_one_beside_it(tmp_path: Path) -> None:
    """Where there is no MLflow either."""
    with pytest.raises(RecordError, match=f"try +{TABLE}, a baseline"):
        source_of(TABLE[:-1], f"sqlite:///{tmp_path}/none.db", tmp_path)


def test_what_failed_is_chosen_by_its_words_too(tmp_path: Path) -> None:
    """A failure at another load is none of what was asked about."""
    for name, status in (("high", "finished"), ("low", "failed"), ("c4", "finished")):
        a_run_dir(tmp_path / name, status=status, overrides=(f"load={name}",))
    kept = [choose(source(tmp_path, tmp_path), {"load": load}).failures for load in ("high", "high,low")]
    assert [0, 1] == list(map(len, kept))


def test_without_a_choice_all_are_chosen(tmp_path: Path) -> None:
    """In their order."""
    for name in ("high", "low"):
        a_run_dir(tmp_path / name, overrides=(f"load={name}",))
    assert ["high", "low"] == loads(chosen(source(tmp_path, tmp_path), {}))
