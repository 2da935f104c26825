"""SHAP, Dask and Ray with a model; `test_elsewhere` runs this in an environment that has them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

import millrace
from millrace.models.batch import Scores

ROWS = np.random.default_rng(0).normal(size=(200, 3))
FRAME = pd.DataFrame(ROWS, columns=["a", "b", "c"])
TRUTH = FRAME["a"] * 4 + FRAME["b"]


@pytest.fixture
def model() -> LinearRegression:
    return LinearRegression().fit(FRAME, TRUTH)


@pytest.fixture
def folder(model: LinearRegression, tmp_path: Path) -> Path:
    millrace.sklearn.save_model(
        model, tmp_path / "model", input_example=FRAME[:2], pip_requirements=[]
    )
    return tmp_path / "model"


def test_shap_ranks_the_columns(
    model: LinearRegression, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a linear model the mean absolute value of a column is known: its weight times its mean
    distance from the mean."""
    pytest.importorskip("shap")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MILLRACE_TRACKING_URI", f"sqlite:///{tmp_path}/millrace.db")

    found = millrace.evaluate(
        model, FRAME.assign(truth=TRUTH), targets="truth", model_type="regressor"
    )

    table = found.artifacts["shap_importance"].set_index("feature")["mean_absolute_shap"]
    assert list(table.sort_values(ascending=False).index) == ["a", "b", "c"]
    assert table["a"] == pytest.approx(4 * FRAME["a"].abs().mean(), rel=0.25)
    assert table["c"] == pytest.approx(0, abs=1e-6)


def test_dask_scores_partitions_in_its_processes(folder: Path) -> None:
    dask = pytest.importorskip("dask.dataframe")
    parts = dask.from_pandas(FRAME, npartitions=4)

    scored = parts.map_partitions(Scores(str(folder)), meta={"prediction": "float64"})
    found = scored.compute(scheduler="processes", num_workers=2)

    assert _column(found) == pytest.approx(TRUTH.to_list())
    assert list(found.index) == list(FRAME.index)


def test_ray_scores_batches_in_its_workers(folder: Path) -> None:
    ray = pytest.importorskip("ray")
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        runtime_env={"env_vars": {"PYTHONPATH": ":".join(sys.path)}},
    )
    try:
        rows = ray.data.from_pandas(FRAME)
        scored = rows.map_batches(Scores(str(folder)), batch_format="pandas", batch_size=50)
        found = scored.to_pandas()
    finally:
        ray.shutdown()

    assert sorted(_column(found)) == pytest.approx(sorted(TRUTH))


def _column(frame: Any) -> list[float]:
    return frame.iloc[:, 0].to_list()
