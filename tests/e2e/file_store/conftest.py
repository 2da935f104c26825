"""MLflow's own clients on the folders that they share with our file store."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.services import clean_environment, mlflow_python, mlflow_release, unavailable

HERE = Path(__file__).parent
# Making an environment of MLflow counts towards the test that is first to ask for it.
LIMIT_S = 600

Probe = Callable[..., Any]


CLIENTS: dict[str, Callable[[], Path]] = {
    "3": mlflow_python,
    "2": lambda: mlflow_release("2.22"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(LIMIT_S))


@pytest.fixture
def probe(request: pytest.FixtureRequest) -> Probe:
    """Runs a verb of `probe.py` with the MLflow that the test is parametrized with, else the
    newest: `probe(verb, folder, run_id)`."""
    version = getattr(request, "param", "3")
    try:
        python = CLIENTS[version]()
    except LookupError as error:
        unavailable(f"mlflow {version}", str(error))

    def run(verb: str, folder: str, *arguments: str) -> Any:
        done = subprocess.run(
            [python, HERE / "probe.py", verb, folder, *arguments],
            capture_output=True,
            text=True,
            env=clean_environment(MLFLOW_ALLOW_FILE_STORE="true"),
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run
