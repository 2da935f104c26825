"""Evaluation: figures that were worked out by hand, what is logged, and what gates make of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import millrace.sklearn
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import millrace
from millrace.core.errors import InvalidArgument
from millrace.models.evaluate import (
    TAG,
    EvaluationFailed,
    EvaluationResult,
    Metric,
    Threshold,
    evaluate,
    validate_evaluation_results,
)

SAID = pd.DataFrame({"x": [0, 1, 2, 3], "y": [1, 0, 1, 1], "p": [1, 1, 0, 1]})
NUMBERS = pd.DataFrame({"x": [0.0, 1, 2, 3], "y": [1.0, 2, 3, 4], "p": [1.0, 2, 3, 6]})
DICE = np.random.default_rng(0)
BLOBS = pd.DataFrame(DICE.normal(size=(300, 3)), columns=["a", "b", "noise"])
BLOBS["y"] = (BLOBS["a"] - BLOBS["b"] + DICE.normal(size=300) / 4 > 0).astype(int)


@pytest.fixture(autouse=True)
def records(tmp_path: Path) -> Iterator[None]:
    before = millrace.get_tracking_uri()
    millrace.set_tracking_uri(f"sqlite:///{tmp_path / 'm.db'}")
    with millrace.start_run():
        yield
    millrace.set_tracking_uri(before)


def test_a_classifier_by_hand() -> None:
    """Two of four right; of three predicted positive two are, of three positive two are found."""
    found = evaluate(data=SAID, targets="y", predictions="p", model_type="classifier").metrics

    assert found["accuracy_score"] == 0.5
    assert found["precision_score"] == found["recall_score"] == pytest.approx(2 / 3)
    assert [found[name] for name in ("true_positives", "false_positives")] == [2, 1]
    assert [found[name] for name in ("false_negatives", "true_negatives")] == [1, 0]


def test_a_regressor_by_hand() -> None:
    """One of four is off by two."""
    found = evaluate(data=NUMBERS, targets="y", predictions="p", model_type="regressor").metrics

    assert found["mean_absolute_error"] == 0.5
    assert found["mean_squared_error"] == found["root_mean_squared_error"] == 1.0
    assert found["max_error"] == 2.0
    assert found["r2_score"] == pytest.approx(1 - 4 / 5)


def test_a_model_with_probabilities_has_curves_and_importances() -> None:
    estimator = LogisticRegression().fit(BLOBS[["a", "b", "noise"]], BLOBS["y"])

    found = evaluate(estimator, BLOBS, targets="y", model_type="classifier")

    assert found.metrics["roc_auc"] > 0.9
    assert 0 < found.metrics["log_loss"] < 0.5
    assert found.metrics["brier_score"] < 0.2
    assert {
        "confusion_matrix",
        "per_class_metrics",
        "roc_curve",
        "precision_recall_curve",
        "calibration_curve",
        "feature_importance",
    } <= found.artifacts.keys()
    roc = found.artifacts["roc_curve"]
    assert roc[["false_positive_rate", "true_positive_rate"]].iloc[-1].tolist() == [1, 1]
    calibration = found.artifacts["calibration_curve"]
    assert calibration["rows"].sum() == 300
    importance = found.artifacts["feature_importance"].set_index("feature")["importance"]
    assert importance["noise"] < min(importance["a"], importance["b"])
    assert found.artifacts["confusion_matrix"].to_numpy().sum() == 300


def test_everything_is_in_the_run_where_a_gate_finds_it() -> None:
    found = evaluate(
        data=NUMBERS,
        targets="y",
        predictions="p",
        model_type="regressor",
        extra_metrics=[Metric(name="worst", compute=lambda y, p: np.abs(y - p).max())],
        custom_artifacts=[
            lambda frame, metrics: {"note": f"{len(frame)} rows, {metrics['worst']}"}
        ],
        evaluator_config={"metric_prefix": "val_"},
    )

    run = millrace.get_run(found.run_id)
    assert run.data.metrics["val_worst"] == 2.0
    assert run.data.metrics == pytest.approx(found.metrics)
    assert run.data.tags[TAG] == "regressor, 4 rows"
    uri = millrace.get_artifact_uri("evaluation/note.txt")
    assert millrace.artifacts.load_text(uri) == "4 rows, 2.0"
    table = millrace.load_table("evaluation/residuals.json", run_ids=[found.run_id])
    assert table["residual"].tolist() == [0, 0, 0, -2]


def test_a_saved_model_and_its_baseline(tmp_path: Path) -> None:
    frame = NUMBERS[["x", "y"]]
    good = LinearRegression().fit(frame[["x"]], frame["y"])
    millrace.sklearn.save_model(good, tmp_path / "m", pip_requirements=[])

    found = evaluate(
        str(tmp_path / "m"),
        frame,
        targets="y",
        model_type="regressor",
        baseline_model=lambda rows: np.zeros(len(rows)),
        validation_thresholds={
            "mean_absolute_error": Threshold(
                threshold=0.1, greater_is_better=False, min_absolute_change=1.0
            )
        },
    )

    assert found.metrics["mean_absolute_error"] == pytest.approx(0)
    assert found.baseline_metrics["mean_absolute_error"] == 2.5


@pytest.mark.parametrize(
    ("threshold", "baseline", "says"),
    [
        (Threshold(threshold=0.9), {}, "f1 is 0.8 and must be at least 0.9"),
        (Threshold(threshold=0.7, greater_is_better=False), {}, "must be at most 0.7"),
        (Threshold(min_absolute_change=0.1), {"f1": 0.75}, "it must be at least 0.85"),
        (Threshold(min_relative_change=0.1), {"f1": 0.75}, "it must be at least 0.825"),
        (Threshold(min_absolute_change=0.1), {}, "baseline is not known"),
    ],
)
def test_thresholds_that_do_not_hold(
    threshold: Threshold, baseline: dict[str, float], says: str
) -> None:
    with pytest.raises(EvaluationFailed, match=says):
        validate_evaluation_results(
            {"f1": threshold},
            EvaluationResult(metrics={"f1": 0.8}, artifacts={}),
            EvaluationResult(metrics=baseline, artifacts={}),
        )


def test_thresholds_that_hold_and_metrics_that_are_nothing() -> None:
    result = EvaluationResult(metrics={"f1": 0.8, "r2": math.nan}, artifacts={})

    validate_evaluation_results({"f1": Threshold(threshold=0.8)}, result)
    with pytest.raises(EvaluationFailed, match="r2 is NaN; none was not computed"):
        validate_evaluation_results(
            {"r2": Threshold(threshold=0.1), "none": Threshold(threshold=1)}, result
        )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"data": None, "targets": "y", "predictions": "p"}, "no data"),
        ({"targets": "z", "predictions": "p"}, "no column 'z'"),
        ({"targets": "y", "predictions": "z"}, "no column 'z'"),
        ({"targets": None, "predictions": "p"}, "no targets"),
        ({"targets": [1], "predictions": "p"}, "1 targets for 4 rows"),
        ({"targets": "y"}, "Give a model"),
        ({"targets": "y", "model": 3}, "no model"),
        ({"targets": "y", "model": lambda rows: [1]}, "1 predictions for 4 rows"),
        ({"targets": "y", "predictions": "p", "model_type": "ranker"}, "one of classifier"),
        ({"targets": ["a"] * 4, "predictions": "p", "model_type": "regressor"}, "are numbers"),
    ],
)
def test_refusals(options: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        evaluate(**{"data": SAID, "model_type": "classifier"} | options)
