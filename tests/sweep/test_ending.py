"""What a sweep says and keeps when it ends."""

from pathlib import Path

import pytest

from tests.sweep.makers import a_failed_point, a_point, a_sweep
from thorexp.measure.verdict import Origin
from thorexp.results.images import POINTS_PNG
from thorexp.results.summary import rows
from thorexp.rundir import CONFIG, RECORD, RESULT, TELEMETRY, VERDICT
from thorexp.sweep.ending import SUMMARY_CSV, SUMMARY_MD, SUMMARY_TXT, SWEEP_PAGE, _where_to_look, keep_sweep
from thorexp.sweepdir import read_sweep

FAST = {"output_throughput": 300.0}


def ended(folder: Path, *found: Origin) -> Path:
    """The directory of a sweep of these, and of a point that failed."""
    jobs = folder / "jobs"
    jobs.mkdir()
    points = [a_point(jobs, f"load={i}", result=FAST, origin=origin) for i, origin in enumerate(found)]
    record = a_sweep(folder / "sweep", *(point.base for point in points), "failed")
    keep_sweep(record, [*points, a_failed_point("failed")])
    return record.directory


@pytest.mark.parametrize(
    ("found", "begin"),
    [
        (("simulated", "simulated"), "simulated: 2 of 3 jobs finished, 1 failed: "),
        (("simulated", "measured"), "2 of 3 jobs finished, 1 failed: "),
        (("imported", "imported"), "2 of 3 jobs finished, 1 failed: "),
        ((), "0 of 1 jobs finished, 1 failed: "),
    ],
    ids=str,
)
def test_a_sweep_that_is_all_simulated_says_so_first(
    tmp_path: Path, found: tuple[Origin, ...], begin: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the terminal and in both files that have a title, whatever failed besides."""
    directory = ended(tmp_path, *found)
    kept = [(directory / name).read_text() for name in (SUMMARY_TXT, SUMMARY_MD)]
    assert [f"{begin}{directory}"] * 3 == [said.splitlines()[0].rstrip() for said in (capsys.readouterr().out, *kept)]


@pytest.mark.parametrize(
    ("found", "origin"),
    [
        (("simulated", "simulated"), "simulated"),
        (("measured",), "measured"),
        (("simulated", "measured"), None),
        ((), None),
    ],
    ids=str,
)
def test_a_sweep_keeps_the_origin_of_all_of_its_results(
    tmp_path: Path, found: tuple[Origin, ...], origin: str | None
) -> None:
    """In sweep.json, whatever failed besides; absent where there are several, or no result."""
    kept = read_sweep(ended(tmp_path, *found))
    assert kept is not None
    assert origin == kept.origin


def test_what_others_published_changes_no_sweeps_origin(tmp_path: Path) -> None:
    """It stands beside, and was not asked for."""
    (tmp_path / "jobs").mkdir()
    own, other = (a_point(tmp_path / "jobs", o, result=FAST, origin=o) for o in ("simulated", "imported"))
    _, beside = rows([other])
    record = a_sweep(tmp_path / "sweep", own.base)
    assert "simulated" == keep_sweep(record, [own], beside).origin


def test_a_store_of_files_is_opened_with_mlflows_ui() -> None:
    """By a command that one can paste."""
    uri = "sqlite:///mlruns/mlflow.db"
    assert f"To compare runs: mlflow ui --backend-store-uri {uri}" == _where_to_look(uri)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_tracking_server_is_named_without_its_password(scheme: str) -> None:
    """It has a UI of its own at its address, which no `mlflow ui` needs to open."""
    told = _where_to_look(f"{scheme}://ann:secret@thor:5000")
    assert f"To compare runs: {scheme}://***@thor:5000" == told


def test_a_sweep_keeps_its_plots_as_images(tmp_path: Path) -> None:
    """Beside its other files, from where MLflow takes them."""
    assert [b"\x89PNG"] == [path.read_bytes()[:4] for path in ended(tmp_path, "measured").glob("*.png")]


def test_a_sweep_keeps_a_page(tmp_path: Path) -> None:
    """With what it says on the terminal first; a part of a sweep leaves the page that shows all of it."""
    directory = ended(tmp_path, "simulated")
    assert f"<p>simulated: 1 of 2 jobs finished, 1 failed: {directory}</p>" in (directory / SWEEP_PAGE).read_text()
    (directory / SWEEP_PAGE).unlink()
    record = read_sweep(directory)
    assert record is not None
    keep_sweep(record, [a_failed_point("failed")])
    assert not (directory / SWEEP_PAGE).exists()


@pytest.mark.parametrize("name", [SUMMARY_TXT, SUMMARY_CSV, SUMMARY_MD, SWEEP_PAGE, POINTS_PNG])
def test_a_file_that_cannot_be_written_fails_no_sweep(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said to be missing; the others are there, and the record."""
    (tmp_path / "sweep" / f".{name}.partial").mkdir(parents=True)
    directory = ended(tmp_path, "measured")
    kept = read_sweep(directory)
    assert kept is not None
    assert (1, 1) == (kept.finished, kept.failed)
    names = {SUMMARY_TXT, SUMMARY_CSV, SUMMARY_MD, SWEEP_PAGE, POINTS_PNG}
    assert names - {name} == {each for each in names if (directory / each).is_file()}
    assert 1 == sum("could not be written" in message for message in caplog.messages)


@pytest.mark.parametrize("name", [CONFIG, TELEMETRY, RECORD, RESULT, VERDICT])
def test_a_damaged_job_fails_no_sweep(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """All files are written, with what is known of the others."""
    (jobs := tmp_path / "jobs").mkdir()
    points = [a_point(jobs, f"load={load}", result=FAST) for load in "ab"]
    (jobs / "0" / name).write_text("ns,signal,value\n{\n")
    record = a_sweep(tmp_path / "sweep", *(point.base for point in points))
    keep_sweep(record, points)
    assert [] == caplog.messages
    assert all((record.directory / each).is_file() for each in (SUMMARY_TXT, SUMMARY_CSV, SUMMARY_MD, SWEEP_PAGE))
