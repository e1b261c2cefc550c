from pathlib import Path
from uuid import uuid4

import pytest

from tests.stores import client_of
from thorexp.tracking import Store, open_store
from thorexp.tracking.experiment import experiment_of
from thorexp.tracking.record_runs import HOLDER, REVISION, RecordRuns


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    root = tmp_path_factory.mktemp("store")
    store = Store(f"sqlite:///{root}/mlflow.db", "thorexp", f"{root}/artifacts")
    open_store(store)
    return store


@pytest.fixture
def runs(store: Store) -> RecordRuns:
    """Of a record of which there is none yet."""
    client = client_of(store)
    return RecordRuns(client, experiment_of(client, store.experiment, Path(store.artifacts).as_uri()), uuid4().hex)


def a_whole_run(runs: RecordRuns) -> str:
    run_id = a_begun_run(runs)
    runs.client.set_tag(run_id, REVISION, "1")
    runs.client.set_terminated(run_id, "FINISHED")
    return run_id


def a_begun_run(runs: RecordRuns) -> str:
    """Of another host."""
    run_id = str(runs.create("a run", 0, {}).info.run_id)
    runs.client.set_tag(run_id, HOLDER, "another-host 1 1.0")
    return run_id


def left(runs: RecordRuns) -> set[str]:
    return {run.info.run_id for run in runs.client.search_runs([runs.experiment], f"tags.`thorexp.id` = '{runs.id}'")}


def chosen(runs: RecordRuns) -> str:
    run = runs.chosen()
    assert run is not None
    return str(run.info.run_id)


def test_nothing_is_chosen_of_nothing(runs: RecordRuns) -> None:
    """A record that was never tracked has no run."""
    assert runs.chosen() is None


def test_of_two_whole_runs_one_stays(runs: RecordRuns) -> None:
    """That of the least id, on which all agree that look."""
    ids = {a_whole_run(runs), a_whole_run(runs)}
    assert (min(ids), {min(ids)}) == (chosen(runs), left(runs))


def test_a_whole_run_is_chosen_before_one_that_was_begun(runs: RecordRuns) -> None:
    """Which somebody may still be filling: it stays until it is whole."""
    ids = {a_begun_run(runs), a_begun_run(runs)}
    whole = a_whole_run(runs)
    assert (whole, {whole, *ids}) == (chosen(runs), left(runs))


def test_a_run_that_this_process_made_twice_stays_once(runs: RecordRuns) -> None:
    """A request whose answer is lost is sent again by MLflow's client, and the server has taken both."""
    ids = {str(runs.create("a run", 0, {}).info.run_id) for _ in range(2)}
    assert (min(ids), {min(ids)}) == (chosen(runs), left(runs))
