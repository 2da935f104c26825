"""What scikit-learn's automatic logging tells a tracking server, its models and files aside.

Files go to a folder, written by the client itself, so that only the tracking part is at stake.
"""

from __future__ import annotations

import tempfile

import mlflow
import numpy as np
import sklearn.metrics
from mlflow import MlflowClient
from scenario import new_experiment, scenario
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

client = MlflowClient()
RANDOM = np.random.default_rng(7)
X = RANDOM.normal(size=(60, 4))
Y = X @ [1.0, -2.0, 0.5, 0.0] + 3
KIND = (Y > 3).astype(int)


def logged(work) -> list[dict]:
    """Fit with automatic logging in an experiment of its own; return its runs, oldest first."""
    with tempfile.TemporaryDirectory() as folder:
        experiment = new_experiment("autolog", artifact_location=folder)
        mlflow.set_experiment(experiment_id=experiment)
        mlflow.sklearn.autolog(log_models=False, silent=True)
        try:
            work()
        finally:
            mlflow.sklearn.autolog(disable=True)
        runs = client.search_runs([experiment], order_by=["start_time ASC"])
    return [
        {
            "name": run.info.run_name,
            "status": run.info.status,
            "params": run.data.params,
            "metrics": run.data.metrics,
            "tags": run.data.tags,
            "datasets": [[t.value for t in d.tags] for d in run.inputs.dataset_inputs],
            "id": run.info.run_id,
        }
        for run in runs
    ]


@scenario
def regressor():
    return logged(lambda: LinearRegression().fit(X, Y))


@scenario
def classifier():
    def work():
        model = RandomForestClassifier(n_estimators=3, max_depth=2, random_state=0).fit(X, KIND)
        model.score(X[:20], KIND[:20])

    return logged(work)


@scenario
def inside_a_run():
    def work():
        with mlflow.start_run(run_name="mine"):
            mlflow.log_param("own", "kept")
            model = make_pipeline(StandardScaler(), LinearRegression()).fit(X, Y)
            sklearn.metrics.mean_squared_error(Y, model.predict(X))

    return logged(work)


@scenario
def grid_search():
    def work():
        grid = GridSearchCV(RandomForestClassifier(n_estimators=2), {"max_depth": [1, 2, 3]}, cv=2)
        grid.fit(X, KIND)

    return logged(work)
