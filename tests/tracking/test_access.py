"""Tracking servers that do not let everybody in, and addresses that are none."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.command_line import thorexp
from tests.mlflow_server import tracking_server
from tests.stores import client_of, experiment_of
from tests.test_secret import files_that_tell
from thorexp.errors import TrackingError
from thorexp.rundir import RunDir
from thorexp.tracking import Store, open_store, track
from thorexp.tracking.lookup import jobs_of

WORDS = ("model=qwen3_32b_awq", "load=low", "load.num_prompts=2", "predict=true")
PASSWORD = "SECRET-of-the-admin"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Of a server that knows one user, admin."""
    folder = tmp_path_factory.mktemp("server")
    variables = {"MLFLOW_FLASK_SERVER_SECRET_KEY": "a key of the test", "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD}
    words = ("--app-name", "basic-auth")
    with tracking_server(f"sqlite:///{folder}/mlflow.db", folder, words=words, variables=variables) as address:
        yield Store(address, "thorexp", "/nowhere")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    ran = thorexp(tmp_path_factory.mktemp("record"), *WORDS, "tracking.enabled=false")
    assert (0, 1) == (ran.code, len(ran.run_dirs)), ran.err
    return ran.run_dirs[0]


@pytest.fixture
def admin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)


def test_a_stranger_is_told_how_to_say_who_he_is(store: Store, run_dir: RunDir) -> None:
    """By MLflow's own variables, which no record has."""
    with pytest.raises(TrackingError, match="MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"):
        track(run_dir, store)


@pytest.mark.usefixtures("admin")
def test_a_user_in_the_environment_is_let_in(store: Store, run_dir: RunDir, tmp_path: Path) -> None:
    """To write, and to read back all of it, artifacts too."""
    run_id = track(run_dir, replace(store, experiment="by environment"))
    assert "FINISHED" == client_of(store).get_run(run_id).info.status
    copy = Path(client_of(store).download_artifacts(run_id, "record.json", str(tmp_path)))
    assert (run_dir.path / "record.json").read_bytes() == copy.read_bytes()


@pytest.mark.usefixtures("admin")
def test_a_password_in_the_address_is_told_to_nobody(store: Store, tmp_path: Path) -> None:
    """Nor is one in the environment: not on the terminal, nor in a page, nor in what MLflow says of the run."""
    address = store.uri.replace("://", f"://admin:{PASSWORD}@")
    ran = thorexp(tmp_path, "-m", *WORDS, f"tracking.uri='{address}'", "tracking.experiment=by_address")
    assert (0, 1) == (ran.code, len(ran.run_dirs)), ran.err
    (run, sweep) = client_of(store).search_runs([experiment_of(replace(store, experiment="by_address"))])
    assert {"FINISHED"} == {run.info.status, sweep.info.status}
    assert "SECRET" not in str((run.to_dictionary(), sweep.to_dictionary()))
    assert [] == files_that_tell(tmp_path / "outputs", "SECRET")
    assert ("", "") == tuple(
        "\n".join(line for line in out.splitlines() if "SECRET" in line) for out in (ran.out, ran.err)
    )


@pytest.mark.usefixtures("admin")
def test_a_record_whose_directory_is_gone_is_read_from_the_server(store: Store, tmp_path: Path) -> None:
    """As `thorexp.compare RUN_ID` does on another host than the board's."""
    ran = thorexp(tmp_path, *WORDS, "tracking.enabled=false")
    run_id = track(ran.run_dirs[0], replace(store, experiment="gone"))
    there = ran.run_dirs[0].path.rename(tmp_path / "elsewhere")
    found = jobs_of(run_id, store.uri, tmp_path / "workshop")
    assert found is not None
    assert [RunDir(there).record()] == [RunDir(path).record() for path in found.directories]
    assert [tmp_path / "workshop" / run_id] == list(found.directories)


def test_a_server_that_does_not_know_its_name_says_how_it_learns_it(run_dir: RunDir, tmp_path: Path) -> None:
    """MLflow 3 answers to localhost and private addresses only, unless it is told other names."""
    words = ("--allowed-hosts", "mlflow.lab")
    with (
        tracking_server(f"sqlite:///{tmp_path}/mlflow.db", tmp_path, words=words) as address,
        pytest.raises(TrackingError, match="--allowed-hosts"),
    ):
        track(run_dir, Store(address, "thorexp", "/nowhere"))


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg2", "postgres", "mysql+pymysql"])
def test_a_database_is_no_tracking_server(scheme: str, run_dir: RunDir) -> None:
    """It says what belongs before one, at the start and when a record is tracked; its password it does not say."""
    store = Store(f"{scheme}://ann:SECRET@127.0.0.1/mlflow", "thorexp", "/nowhere")
    for do in (lambda: open_store(store), lambda: track(run_dir, store)):
        with pytest.raises(TrackingError, match=r"thorexp\[server\]") as refused:
            do()
        assert "mlflow server --backend-store-uri" in str(refused.value)
        assert "SECRET" not in str(refused.value)
