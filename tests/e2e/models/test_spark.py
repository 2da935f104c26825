"""`spark_udf` on a real Spark, in local mode; `make spark` runs it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import millrace.sklearn
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from millrace.models import infer_signature
from tests.services import ROOT, clean_environment, flavors_python, unavailable

HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_columns_and_structs(tmp_path: Path, full_size: bool) -> None:
    if not full_size:
        pytest.skip("Spark takes half a gigabyte and two minutes: make spark")
    if shutil.which("java") is None:
        unavailable("spark", "no java; apt-get install openjdk-17-jre-headless")
    python = flavors_python("spark")
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["a", "b"])
    estimator = LinearRegression().fit(frame, frame["a"] + 2 * frame["b"])
    millrace.sklearn.save_model(
        estimator,
        tmp_path / "model",
        signature=infer_signature(frame, estimator.predict(frame)),
        pip_requirements=[],
    )

    done = subprocess.run(
        [python, HERE / "spark_probe.py", tmp_path / "model"],
        env=clean_environment(
            PYTHONPATH=str(ROOT / "src"), PYSPARK_PYTHON=str(python), SPARK_LOCAL_IP="127.0.0.1"
        ),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["type"] == "double"
    assert len(said["rows"]) == 1000
    for a, b, each, whole in said["rows"]:
        assert each == whole == pytest.approx(a + 2 * b)
