"""MLflow loads what we save, and we load what three releases of MLflow saved."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import (
    MLFLOW_ENV,
    MLFLOW_LOCK,
    ROOT,
    clean_environment,
    environment_python,
    flavors_python,
    unavailable,
)

SCRIPT = Path(__file__).with_name("exchange.py")
HERE = ["pyfunc", "function", "script", "sklearn", "xgboost", "xgboost_booster"]
HERE += ["lightgbm", "lightgbm_booster", "onnx"]
TORCH = ["pytorch", "pytorch_graph"]
NAMES = [*HERE, *TORCH]
RELEASES = ("2.9", "2.22", "3.17")
# Models from code, and graphs of PyTorch, came later.
NOT_YET = {("2.9", "script"), ("2.9", "pytorch_graph"), ("2.22", "pytorch_graph")}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def mlflow_of(release: str) -> Path:
    lock = MLFLOW_LOCK.with_name(f"flavors-{release}.lock")
    try:
        return environment_python(MLFLOW_ENV.with_name(f"mlflow-flavors-{release}"), lock)
    except LookupError as error:
        unavailable("mlflow-flavors", str(error))


def ours_for_torch() -> Path:
    try:
        return flavors_python("pytorch")
    except LookupError as error:
        unavailable("flavors-pytorch", str(error))


def ran(python: Path | str, *words: str, folder: Path) -> dict:
    done = subprocess.run(
        [python, SCRIPT, *words],
        env=clean_environment(
            PYTHONPATH=str(ROOT / "src"),
            MILLRACE_TRUSTED_MODELS="all",
            MILLRACE_DATA_DIR=str(folder / "home"),
            MILLRACE_TRACKING_URI=f"sqlite:///{folder}/millrace.db",
        ),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict = json.loads(done.stdout.strip().rpartition("\n")[2])
    return found


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, dict]:
    """What our models' own libraries predict, and what MLflow 3.17 predicts with them."""
    folder = tmp_path_factory.mktemp("ours")
    made = ran(sys.executable, "write", "millrace", str(folder), *HERE, folder=folder)
    made |= ran(ours_for_torch(), "write", "millrace", str(folder), *TORCH, folder=folder)
    return made, ran(mlflow_of("3.17"), "read", "mlflow", str(folder), *NAMES, folder=folder)


@pytest.mark.parametrize("name", NAMES)
def test_mlflow_loads_what_we_save(name: str, ours: tuple[dict, dict]):
    made, read = ours

    assert len(made[name]) >= 20
    for door, predicted in read[name].items():
        assert predicted == pytest.approx(made[name], abs=1e-5), door


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """By release: what the models' own libraries predict, and what we predict with them."""
    found = {}
    for release in RELEASES:
        folder = tmp_path_factory.mktemp(f"mlflow-{release}")
        names = [name for name in NAMES if (release, name) not in NOT_YET]
        made = ran(mlflow_of(release), "write", "mlflow", str(folder), *names, folder=folder)
        here = [name for name in names if name in HERE]
        read = ran(sys.executable, "read", "millrace", str(folder), *here, folder=folder)
        torch = [name for name in names if name in TORCH]
        read |= ran(ours_for_torch(), "read", "millrace", str(folder), *torch, folder=folder)
        found[release] = made, read
    return found


@pytest.mark.parametrize(
    ("release", "name"),
    [(release, name) for release in RELEASES for name in NAMES if (release, name) not in NOT_YET],
)
def test_we_load_what_mlflow_saved(release: str, name: str, theirs: dict):
    made, read = theirs[release]

    assert len(made[name]) >= 20
    for door, predicted in read[name].items():
        assert predicted == pytest.approx(made[name], abs=1e-5), door
