"""Where the things of a job or a sweep are."""

from pathlib import Path

import pytest

from tests.command_line import thorexp
from thorexp.places import mlflow_ui, places_of_job, places_of_sweep, shown
from thorexp.rundir import PAGE, REPORT, RunDir

STORE = "sqlite:///mlruns/mlflow.db"
RUN_ID = 32 * "a"


def test_a_job_has_four_places(tmp_path: Path) -> None:
    """What it left, what to look at, its run in MLflow and how to open that, and how to compare it."""
    run_dir = RunDir(tmp_path / "outputs" / "now")
    run_dir.write_text(PAGE, "")
    assert [
        "run      outputs/now",
        "page     outputs/now/report.html",
        f"MLflow   run {RUN_ID}: mlflow ui --backend-store-uri {STORE}",
        "compare  python -m thorexp.compare outputs/now ANOTHER",
    ] == list(places_of_job(run_dir, RUN_ID, STORE, tmp_path))


def test_what_is_not_there_has_no_place(tmp_path: Path) -> None:
    """Neither a page that nobody wrote, nor a run in MLflow that was not asked for."""
    words = [line.split()[0] for line in places_of_job(RunDir(tmp_path), None, STORE, tmp_path)]
    assert ["run", "compare"] == words


def test_a_run_on_a_tracking_server_has_an_address(tmp_path: Path) -> None:
    """Without the password that the store's own may have."""
    lines = places_of_job(RunDir(tmp_path), RUN_ID, "https://ann:secret@thor:5000/", tmp_path)
    assert f"MLflow   https://***@thor:5000/#/runs/{RUN_ID}" in list(lines)


def test_a_path_can_be_pasted(tmp_path: Path) -> None:
    """Though it has a space."""
    *_, compare = places_of_job(RunDir(tmp_path / "a run"), None, STORE, tmp_path)
    assert "compare  python -m thorexp.compare 'a run' ANOTHER" == compare


def test_a_job_ends_with_its_report_then_where_it_is(tmp_path: Path) -> None:
    """On standard output; its verdict closes the report."""
    ran = thorexp(tmp_path, "model=qwen3_32b_awq", "load=low", "load.num_prompts=2", "predict=true", "tracking=mlflow")
    (run_dir,) = ran.run_dirs
    report, _, below = ran.out.partition("run      ")
    assert (0, run_dir.read_text(REPORT)) == (ran.code, report), ran.err
    assert ["page", "MLflow", "compare"] == [line.split()[0] for line in below.splitlines()[1:] if line]
    assert below.startswith(f"{run_dir.path.relative_to(tmp_path)}\n")


@pytest.mark.parametrize(
    ("path", "here", "said"),
    [("/home/ann/outputs/a", "/home/ann", "outputs/a"), ("/data/a", "/home/ann", "/data/a"), ("/a", "/a", ".")],
)
def test_a_path_is_told_from_where_one_is(path: str, here: str, said: str) -> None:
    """Only below it: no `..` to count."""
    assert said == shown(Path(path), Path(here))


def test_a_sweep_has_the_places_of_its_files(tmp_path: Path) -> None:
    """Of those that are there."""
    directory = tmp_path / "sweep"
    RunDir(directory).write_text("summary.md", "")
    names = ("summary.md", PAGE)
    assert ["summary  sweep/summary.md"] == list(places_of_sweep(directory, names, tmp_path))
    RunDir(directory).write_text(PAGE, "")
    assert ["summary  sweep/summary.md", "page     sweep/report.html"] == list(
        places_of_sweep(directory, names, tmp_path)
    )


def test_a_store_of_files_needs_a_command() -> None:
    """A server has a UI of its own."""
    assert (f"mlflow ui --backend-store-uri {STORE}", "http://thor:5000") == (
        mlflow_ui(STORE),
        mlflow_ui("http://thor:5000"),
    )
