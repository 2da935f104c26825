"""Scripts that were written for MLflow run with `import millrace as mlflow`, unchanged.

They are those that drive the stock client in `tests/e2e/mlflow_client`; here `mlflow` is ours.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.services import ROOT, clean_environment, private_millrace

FLOWS = ROOT / "tests" / "e2e" / "mlflow_client" / "flows"
SCRIPTS = (
    "artifacts",
    "experiments",
    "metrics",
    "paging",
    "parity_lifecycle",
    "parity_search",
    "retries",
    "runs",
    "search",
)

AS_MLFLOW = """
import runpy, sys
import millrace
import millrace.config, millrace.data, millrace.entities, millrace.exceptions, millrace.tracking
sys.modules["mlflow"] = millrace
import millrace.artifacts
for name in ("artifacts", "config", "data", "entities", "exceptions", "tracking"):
    sys.modules["mlflow." + name] = getattr(millrace, name)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the scripts say of their scenarios."""
    folder = tmp_path_factory.mktemp("scripts")
    with private_millrace(folder / "server") as url:
        done = subprocess.run(
            [sys.executable, "-c", AS_MLFLOW, FLOWS, *SCRIPTS],
            env=clean_environment(MLFLOW_TRACKING_URI=url, MLFLOW_HTTP_REQUEST_MAX_RETRIES="1"),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_runs(reports: dict[str, dict[str, Any]], script: str):
    errors = {name: told["error"] for name, told in reports[script].items() if told["error"]}

    assert reports[script]
    assert not errors, "\n".join(errors.values())


def test_the_scripts_are_there():
    assert all((Path(FLOWS) / f"{name}.py").exists() for name in SCRIPTS)


def test_what_they_saw_is_right(reports: dict[str, dict[str, Any]]):
    runs = {name: told["result"] for name, told in reports["runs"].items()}
    metrics = {name: told["result"] for name, told in reports["metrics"].items()}

    files = {name: told["result"] for name, told in reports["artifacts"].items()}

    assert all(files["files_and_folders"][what] is True for what in ("folder", "part", "root"))
    assert files["tables"]["rows"] == [[1, "x"], [2, "ü"], [3, "z"]]
    assert files["large"]["same"] is True
    assert runs["body_that_raises"]["status"] == "FAILED"
    assert runs["resume"]["status"] == "FINISHED"
    assert runs["params"]["clash"] == "INVALID_PARAMETER_VALUE"
    assert runs["params"]["many"] is True
    assert runs["tags"]["missing"] == "RESOURCE_DOES_NOT_EXIST"
    assert runs["nested"]["statuses"] == ["FINISHED"]
    assert metrics["asynchronous_refusal"]["code"] == "INVALID_PARAMETER_VALUE"
