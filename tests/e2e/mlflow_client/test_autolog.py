"""The tracking part of scikit-learn's automatic logging."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow


def test_a_regressor(flow):
    (run,) = flow("regressor")

    assert run["status"] == "FINISHED"
    assert run["params"]["fit_intercept"] == "True"
    assert run["metrics"]["training_r2_score"] == pytest.approx(1.0)
    assert (
        run["tags"].items()
        >= {
            "mlflow.autologging": "sklearn",
            "estimator_name": "LinearRegression",
            "estimator_class": "sklearn.linear_model._base.LinearRegression",
        }.items()
    )
    assert run["datasets"] == [["train"]]


def test_a_classifier_with_a_score_after_training(flow):
    (run,) = flow("classifier")

    assert run["params"]["n_estimators"] == "3"
    assert run["params"]["max_features"] == "sqrt"
    assert {
        "training_accuracy_score",
        "training_log_loss",
        "training_roc_auc",
        "RandomForestClassifier_score_unknown_dataset",
    } <= set(run["metrics"])


def test_a_pipeline_inside_a_run(flow):
    (run,) = flow("inside_a_run")

    assert run["name"] == "mine"
    assert run["params"].items() >= {"own": "kept", "standardscaler__with_mean": "True"}.items()
    assert run["metrics"]["mean_squared_error_unknown_dataset"] == pytest.approx(0.0)
    assert sorted(run["datasets"]) == [["eval"], ["train"]]


def test_a_search_over_parameters_makes_child_runs(flow):
    runs = flow("grid_search")

    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run["tags"]]
    children = [run for run in runs if run is not parent]
    assert parent["tags"]["estimator_name"] == "GridSearchCV"
    assert parent["params"]["best_max_depth"] in {"1", "2", "3"}
    assert "best_cv_score" in parent["metrics"]
    assert sorted(child["params"]["max_depth"] for child in children) == ["1", "2", "3"]
    assert {child["tags"]["mlflow.parentRunId"] for child in children} == {parent["id"]}
    assert all("mean_test_score" in child["metrics"] for child in children)
