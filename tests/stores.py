"""MLflow stores, as tests look into them."""

from typing import TYPE_CHECKING

from thorexp.tracking import Store, warm_up

if TYPE_CHECKING:
    from mlflow import MlflowClient


def client_of(store: Store) -> "MlflowClient":
    """MLflow's own view, imported as the room imports it: late, and without telemetry."""
    warm_up()
    from mlflow import MlflowClient

    return MlflowClient(store.uri)


def experiment_of(store: Store) -> str:
    """The id of the experiment that is there."""
    experiment = client_of(store).get_experiment_by_name(store.experiment)
    assert experiment is not None
    return str(experiment.experiment_id)
