"""The examples run, as their readers run them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import (
    ROOT,
    clean_environment,
    flavors_python,
    private_millrace,
    unavailable,
)

SAID = {
    "train.py": "good",
    "approvals.py": "version 1 is in Production again",
    "artifacts.py": "epoch 7 of 8, loss 0.074",
    "sweep.py": "best: {'depth': '4', 'lr': '0.01'} with 1.00",
    "offline.py": "FINISHED, loss 0.01",
}
MODELS = {
    "sklearn_model.py": ("the champion agrees: True", None),
    "xgboost_model.py": ("equal predictions: True", None),
    "pytorch_model.py": ("equal predictions: True", "pytorch"),
}
"""What each says, and the environment with a large library that it needs."""
SHARED = {"serving.py"}


def test_every_example_is_run():
    names = {path.name for path in (ROOT / "examples").glob("*.py")}

    assert names == SAID.keys() | MODELS.keys() | SHARED


@pytest.mark.parametrize("name", SAID)
def test_an_example_runs(name: str, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-W", "error", ROOT / "examples" / name],
        env=clean_environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert SAID[name] in done.stdout


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", MODELS)
def test_an_example_of_models_runs_on_a_server(name: str, tmp_path: Path):
    """Train, log, register, load by alias, serve, score: a server keeps the records and files, and
    another one, which `millrace models serve` starts, scores."""
    python: Path | str = sys.executable
    said, environment = MODELS[name]
    if environment is not None:
        try:
            python = flavors_python(environment)
        except LookupError as error:
            unavailable(f"flavors-{environment}", str(error))

    with private_millrace(tmp_path / "server") as uri:
        done = subprocess.run(
            [python, ROOT / "examples" / name],
            env=clean_environment(
                MLFLOW_TRACKING_URI=uri,
                PYTHONPATH=str(ROOT / "src"),
                MILLRACE_DATA_DIR=str(tmp_path / "home"),
                MILLRACE_CACHE_DIR=str(tmp_path / "cache"),
            ),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    assert said in done.stdout
    assert "its server agrees: True" in done.stdout
