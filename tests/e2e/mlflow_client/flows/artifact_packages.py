"""What MLflow's own packages do with artifacts: repositories, which delete, and flavors."""

from __future__ import annotations

from pathlib import Path

import mlflow
from artifacts import listing, made
from mlflow import MlflowClient
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from scenario import new_experiment, new_name, scenario

client = MlflowClient()


@scenario
def delete():
    run_id = client.create_run(new_experiment()).info.run_id
    for name in ("a/b", "a/c", "d", "e"):
        client.log_text(run_id, "x", name)
    files = get_artifact_repository(client.get_run(run_id).info.artifact_uri)
    files.delete_artifacts("a")
    files.delete_artifacts("d")
    return [path for path, *_ in listing(run_id)]


@scenario
def logged_model():
    """A model's files: announced, uploaded, finalized, listed, loaded, registered."""

    class Doubler(mlflow.pyfunc.PythonModel):
        def predict(self, model_input: list[float]) -> list[float]:
            return [2 * each for each in model_input]

    mlflow.set_experiment(new_name())
    name = new_name("model")
    with mlflow.start_run() as run:
        told = mlflow.pyfunc.log_model(
            name="net",
            python_model=Doubler(),
            pip_requirements=["numpy"],
            registered_model_name=name,
        )
    run_id, model_id = run.info.run_id, told.model_id
    client.set_registered_model_alias(name, "best", "1")
    found = [f.path for f in client.list_logged_model_artifacts(model_id)]
    version = mlflow.artifacts.download_artifacts(f"models:/{name}/1")
    return {
        "status": str(client.get_logged_model(model_id).status),
        "listed": sorted(set(found) & {"MLmodel", "python_model.pkl"}),
        "in_the_run": "net/MLmodel" in [path for path, *_ in listing(run_id, "net")],
        "predictions": [
            mlflow.pyfunc.load_model(uri).predict([1.5])
            for uri in (f"models:/{model_id}", f"runs:/{run_id}/net", f"models:/{name}@best")
        ],
        "version": Path(version, "MLmodel").exists(),
    }


@scenario
def files_of_a_model():
    """Files beside what a flavor keeps, before the model is ready."""
    model_id = client.create_logged_model(new_experiment(), name="net").model_id
    client.log_model_artifact(model_id, made({"card.md": b"# Card"}) / "card.md")
    client.log_model_artifacts(model_id, made({"more/x": b"x"}))
    client.finalize_logged_model(model_id, "READY")
    where = mlflow.artifacts.download_artifacts(f"models:/{model_id}")
    return {
        "root": [f.path for f in client.list_logged_model_artifacts(model_id)],
        "folder": [f.path for f in client.list_logged_model_artifacts(model_id, "more")],
        "card": Path(where, "card.md").read_text(),
    }
